"""For all tests: what pytest itself needs."""

import signal

import pytest

# tests/support/, one job each; pyproject.toml says where they lie.
pytest_plugins = ("order", "draws", "hangs", "leftovers", "unchanged")


def pytest_configure():
    """Heed Ctrl-C, and so let all that tests start heed it, also where the run was started by a shell's `&`."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Names of files need not be text; reports that travel between processes have to be."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode("utf-8")) for name, text in report.sections
    ]
    return report


@pytest.fixture
def ctrl_c():
    """A function that does what Ctrl-C does, also where tests run in a process that is told to leave it alone."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def handlers_put_back():
    """For whoever runs a notebook whose kernel does not start: then nbclient leaves its handlers of signals behind."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number in numbers:
        signal.signal(number, before[number])
    signal.set_wakeup_fd(-1)
