"""A test that hangs is ended, with all that it has started, and the stack of every thread is shown.

How long a test may take stands in pyproject.toml, or in its own mark: pytest.mark.timeout(seconds). pytest-timeout
reads both, and asks here for what is to happen then. Its own ways raise an error in the test, which nbgrader would
catch, or end the process and leave its children alone.
"""

import contextlib
import faulthandler
import os
import threading

import psutil
import pytest
from order import LONGEST, name_of

#: Seconds after which a process is ended whose threads cannot run any more, because one holds Python's lock.
_LAST_RESORT = 60
#: Seconds for a test of the longest files, each of which takes minutes on a quiet machine.
_LONG = 3600
#: And for one that was asked to take hours: CONTRIBUTING.md names these variables.
_HOURS, _ASKED = 24 * 3600, ("AUTOENCODER_FAULTS", "FAULTS_")
_errors = pytest.StashKey[int]()


def pytest_configure(config):
    """Keep the place for errors, before pytest puts its own there."""
    config.stash[_errors] = os.dup(2)


def pytest_unconfigure(config):
    """Give it back."""
    if _errors in config.stash:
        os.close(config.stash[_errors])
        del config.stash[_errors]


def pytest_collection_modifyitems(config, items):
    """Give the longest files the time that they need."""
    seconds = _HOURS if any(name.startswith(_ASKED) for name in os.environ) else _LONG
    for item in items:
        if name_of(item.path, config) in LONGEST or "faults" in item.path.parts:
            item.add_marker(pytest.mark.timeout(seconds))


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item, settings):
    """Called by pytest-timeout before a test; it calls cancel_timeout after it."""
    errors = item.config.stash[_errors]
    timer = threading.Timer(settings.timeout, _end, (item.nodeid, settings.timeout, errors))
    timer.daemon = True

    def cancel():
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()

    item.cancel_timeout = cancel
    faulthandler.dump_traceback_later(settings.timeout + _LAST_RESORT, exit=True, file=errors)
    timer.start()
    return True


def _end(name, seconds, errors):
    with contextlib.suppress(OSError):
        os.write(
            errors, f"\n{name} has not ended after {seconds:.0f} s; its threads, and what it waits for:\n".encode()
        )
        faulthandler.dump_traceback(file=errors)
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = " ".join(process.cmdline())
                os.write(errors, f"  child {process.pid} ({process.status()}): {words[:300]}\n".encode())
                process.kill()
    os._exit(1)
