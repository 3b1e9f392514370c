"""For all tests: what pytest itself needs."""

import signal

import pytest

# tests/support/, one job each; pyproject.toml says where they lie.
pytest_plugins = ("hangs",)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Names of files need not be text; reports that travel between processes have to be."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode("utf-8")) for name, text in report.sections
    ]
    return report


#: Of these files each takes minutes, so they come first: of two processes none has to wait for the other at the end.
_LONGEST = (
    "test_plain_nbgrader",
    "test_guide",
    "test_graded_chapters",
    "test_bombs",
    "test_corpus",
    "test_learner",
    "test_instructor",
    "test_kill",
    "test_interrupt",
)


def pytest_collection_modifyitems(items):
    """The longest files first, all else in its order."""
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))


@pytest.fixture
def ctrl_c():
    """A function that does what Ctrl-C does, also where tests run in a process that is told to leave it alone."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
