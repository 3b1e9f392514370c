"""A file of tests leaves its process as it found it; else what another file finds depends on which came before.

Compared are the folder, the environment, what is done about signals, where modules are looked for, the modules of the
course themselves and matplotlib's settings: before the first test of a file and when its last one is torn down.
"""

import importlib
import os
import signal
import sys
import sysconfig
from pathlib import Path

import pytest

_WATCHED = [
    signal.SIGINT,
    *(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE") if hasattr(signal, name)),
]
#: What pytest writes into the environment for each test, nbgrader when it grades, and TensorFlow and scikit-learn when
#: they are imported.
_NOT_OURS = {
    "PYTEST_CURRENT_TEST",
    "NBGRADER_EXECUTION",
    "ENABLE_RUNTIME_UPTIME_TELEMETRY",
    "HDF5_PLUGIN_PATH",
    "TF2_BEHAVIOR",
}
_NOT_OURS |= {"TPU_ML_PLATFORM", "TPU_ML_PLATFORM_VERSION", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}
_LIBRARIES = sysconfig.get_path("purelib")
_before = pytest.StashKey[tuple]()


def pytest_collection_modifyitems():
    """Import what is compared: else the first file to do it looks as if it changed the environment."""
    importlib.import_module("autoencoder_helpers")
    importlib.import_module("matplotlib")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before the first test of a file: see how things are."""
    if item.session.stash.get(_before, (None,))[0] != item.path:
        item.session.stash[_before] = item.path, _state()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    """After the last test of a file: see how they are now."""
    yield
    if nextitem is None or nextitem.path != item.path:
        _, before = item.session.stash[_before]
        changes = _changes(before, _state())
        if changes:
            pytest.fail(f"{item.path.name} leaves behind: {'; '.join(changes)}", pytrace=False)


def _state() -> dict:
    return {
        "current folder": {"": os.getcwd()},
        "environment": {name: _without_own(value) for name, value in os.environ.items() if name not in _NOT_OURS},
        "signal": {number.name: signal.getsignal(number) for number in _WATCHED},
        # Libraries look for parts of their own below themselves: setuptools, once TensorFlow Probability imports it.
        "sys.path": dict(enumerate(place for place in sys.path if not Path(place).is_relative_to(_LIBRARIES))),
        "sys.modules": {name: module for name, module in sys.modules.items() if name.startswith("autoencoder_")},
        "matplotlib": dict(sys.modules["matplotlib"].rcParams.items()),
    }


def _without_own(value: str) -> str:
    """A variable without the programs of this environment: the course puts them on PATH once, for nbgrader."""
    return value.removeprefix(f"{sysconfig.get_path('scripts')}{os.pathsep}")


def _changes(before: dict, now: dict) -> list[str]:
    return [
        f"{kind} {name} (was {old.get(name, 'not there')!r:.100}, is {new.get(name, 'not there')!r:.100})"
        for (kind, old), new in zip(before.items(), now.values(), strict=True)
        for name in sorted({*old, *new}, key=str)
        if old.get(name) != new.get(name) and not (kind == "sys.modules" and name not in old)
    ]
