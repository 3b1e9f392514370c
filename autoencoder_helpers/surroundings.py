"""Has this Python what the course needs: a line says what was found, and the command that mends it.

Looked at whenever the package is imported, before TensorFlow can end in a traceback of its own. So nothing large is
imported here: what is installed stands in what pip and conda wrote down.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path
from typing import NamedTuple

from autoencoder_helpers.errors import UnfitEnvironment

OLDEST, NEWEST = (3, 11), (3, 13)
#: What the helpers and the chapters import -> what pip is asked for, as in pyproject.toml (a test compares).
NEEDED = {
    "numpy": "numpy>=2,<3",
    "tensorflow": "tensorflow>=2.18,<2.22",
    "tf_keras": "tf_keras>=2.18,<2.22",
    "tensorflow_probability": "tensorflow-probability==0.25.*",
    "matplotlib": "matplotlib>=3.10",
    "sklearn": "scikit-learn>=1.5",
    "PIL": "pillow>=10.1",
    "IPython": "ipython>=7.34",
    "filelock": "filelock>=3.13",
    "platformdirs": "platformdirs>=4",
    "requests": "requests>=2.31",
    "tqdm": "tqdm>=4.66",
}
#: How people call them, where that is not their module's name.
NAMES = {
    "numpy": "NumPy",
    "tensorflow": "TensorFlow",
    "tensorflow_probability": "TensorFlow Probability",
    "matplotlib": "Matplotlib",
    "sklearn": "scikit-learn",
    "PIL": "Pillow",
}
#: Those whose version is looked at.
_TOLD_BY_VERSION = ("tensorflow", "tensorflow_probability", "numpy", "tf_keras", "matplotlib")
#: Under which of these TensorFlow was installed, tells its version.
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-rocm")


class Installed(NamedTuple):
    """A module as it would be imported now. place: its file; None for what is left of one. version: "" if unknown."""

    place: str | None
    version: str


def trouble() -> str:
    """What is wrong with this Python, in a line with the command that mends it; "" if nothing is."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return (
            "This is Python {}.{}, {}; the course needs Python {}.{} to {}.{}: choose a kernel of one of these, or learn "
            "in the browser, with Colab or a JupyterHub."
        ).format(*sys.version_info[:2], sys.executable, *OLDEST, *NEWEST)
    there = {module: found(module) for module in NEEDED}
    return _replaced(there) or _missing(there) or _hidden(there) or _misfits(there)


def could_not_be_imported(error: Exception) -> UnfitEnvironment:
    """For a TensorFlow that is installed and fails: its reason, and how to install it anew."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    version = found("tensorflow").version or "of an unknown version"
    wanted = [
        f"{name}=={_minor(version)}.*" if _minor(version) else NEEDED[name] for name in ("tensorflow", "tf_keras")
    ]
    return UnfitEnvironment(
        f"TensorFlow {version} is installed in {sys.prefix} and cannot be imported ({reason[:300]}): install it anew, "
        f"with what it needs: {_pip('--force-reinstall', *wanted)}."
    )


def found(module: str) -> Installed | None:
    """What an import of `module` would find; None if nothing. Imports nothing."""
    try:
        spec = importlib.machinery.PathFinder.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is not None:
        return Installed(spec.origin, _version(module))
    held = sys.modules.get(module)
    return held and Installed(getattr(held, "__file__", None) or module, "")


def _version(module: str) -> str:
    for name in _TENSORFLOWS if module == "tensorflow" else (re.split("[<>=]", NEEDED[module])[0],):
        try:
            return importlib.metadata.version(name) or ""
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _replaced(there: dict[str, Installed | None]) -> str:
    """A kernel that was started before packages were installed anew, or by a Python that is no more."""
    for module in _TOLD_BY_VERSION:
        held, installed = getattr(sys.modules.get(module), "__version__", None), there[module]
        if isinstance(held, str) and installed and installed.version and _release(held) != _release(installed.version):
            return (
                f"This kernel holds {_name(module)} {held}, and {installed.version} is installed by now: "
                "restart the kernel."
            )
    return ""


def _missing(there: dict[str, Installed | None]) -> str:
    # A namespace without a file is what an installation that was cut short, or a removal, leaves behind.
    missing = [module for module, installed in there.items() if installed is None or installed.place is None]
    if not missing and _distutils_are_missing():
        return (
            f"setuptools is missing in {sys.prefix}, whose distutils TensorFlow Probability imports: "
            f"{_pip('setuptools<82')}."
        )
    if not missing:
        return ""
    names = ", ".join(map(_name, missing))
    line = f"{names} {'is' if len(missing) == 1 else 'are'} missing in the Python of {sys.prefix}"
    own = Path(__file__).parent.parent / ".venv"
    if (own / "pyvenv.cfg").is_file() and own.resolve() != Path(sys.prefix).resolve():
        return (
            f"{line}, which is not the course's own, {own}: begin with `make lab`, or choose that Python as the kernel."
        )
    return f"{line}: {_pip(*(_wanted(module, there) for module in missing))}."


def _distutils_are_missing() -> bool:
    return sys.version_info >= (3, 12) and "distutils" not in sys.modules and not _there("distutils", "setuptools")


def _there(*modules: str) -> bool:
    return any(importlib.machinery.PathFinder.find_spec(module) for module in modules)


def _hidden(there: dict[str, Installed | None]) -> str:
    """A file of the learner's own that bears a library's name, beside the notebook."""
    for module, installed in there.items():
        path = Path(installed.place)
        if path.name == f"{module}.py" and not installed.version:
            return f"{path} stands in the way of {_name(module)}: give this file another name, and restart the kernel."
    return ""


def _misfits(there: dict[str, Installed | None]) -> str:
    tensorflow, tf_keras = there["tensorflow"].version, there["tf_keras"].version
    for module in _TOLD_BY_VERSION:
        version = there[module].version
        if version and not _fits(version, NEEDED[module]):
            # With what stays as it is, so that pip finds what fits it.
            beside = [f"tensorflow=={_minor(tensorflow)}.*"] if module == "numpy" and tensorflow else []
            beside += [NEEDED["tf_keras"]] if module == "tensorflow" else []
            wanted = re.sub(r"^[\w-]+", "", NEEDED[module])
            return (
                f"{_name(module)} {version} is installed in {sys.prefix}, and the course needs {wanted}: "
                f"{_pip(_wanted(module, there), *beside)}."
            )
    if tensorflow and tf_keras and _minor(tensorflow) != _minor(tf_keras):
        return (
            f"tf_keras {tf_keras} does not fit TensorFlow {tensorflow} in {sys.prefix}: "
            f"{_pip(_wanted('tf_keras', there))}."
        )
    return ""


def _wanted(module: str, there: dict[str, Installed | None]) -> str:
    """What to ask pip for, so that the TensorFlow that is there stays."""
    tensorflow = there["tensorflow"]
    if module == "tf_keras" and tensorflow and tensorflow.version and _fits(tensorflow.version, NEEDED["tensorflow"]):
        return f"tf_keras=={_minor(tensorflow.version)}.*"
    return NEEDED[module]


def _fits(version: str, wanted: str) -> bool:
    """Whether a version is in a range of NEEDED; compares numbers only, as is enough for these."""
    have = _release(version)
    for sign, bound in re.findall(r"(>=|<|==)([\d.]+)", wanted):
        limit = _release(bound)
        if sign == "==" and have[: len(limit)] != limit:
            return False
        if sign != "==" and (have < limit) is (sign == ">="):
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()


def _minor(version: str) -> str:
    return ".".join(map(str, _release(version)[:2]))


def _name(module: str) -> str:
    return NAMES.get(module, module)


def _pip(*requirements: str) -> str:
    """The command that installs into this very Python, as it is typed here."""
    options = " ".join(one if one.startswith("--") else f'"{one}"' for one in requirements)
    if "ipykernel" in sys.modules:
        return f"%pip install {options} in a cell, then restart the kernel"
    python = sys.executable if " " not in sys.executable else f'"{sys.executable}"'
    return f"{python} -m pip install {options}"
