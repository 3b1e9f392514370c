"""After the suite nothing of it is left: no process, no temporary folder, no socket. What is left fails the run.

The process that began the run sets a mark in its environment, which all that it starts inherits, and a folder for
temporary files, which is empty in the end. What runs in a sandbox has another environment, so whatever descends from
a marked process is remembered, too. Some folders lie in /tmp whatever the environment says: their names hold the
number of the process that made them.
"""

import contextlib
import os
import re
import shutil
import tempfile
import threading
import time
import uuid
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest
from _pytest.reports import TestReport

MARK = "AUTOENCODER_TESTS"
#: Seconds in which what is ending may end.
PATIENCE = 20.0
#: Folders of temporary files that do not depend on the environment.
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")
_MADE_BY = re.compile(r"grading-\d+-(\d+)-")
_PAUSE = 1.0
#: How the names begin of the files that TensorFlow writes the code of graphs to.
_GRAPHS = "__autograph_generated_file"


class Remembered:
    """The processes of a run, found again and again while it goes on."""

    def __init__(self, mark: str):
        self._mark = mark
        self._ours: dict[int, psutil.Process] = {}
        self._others: set[int] = set()
        self.numbers: set[int] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="leftovers", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def living(self) -> list[psutil.Process]:
        """Those that are there now; not this process."""
        self._look()
        return [process for process in self._ours.values() if process.pid != os.getpid() and _lives(process)]

    def _look_on(self):
        while not self._ended.wait(_PAUSE):
            self._look()

    def _look(self):
        there = set(psutil.pids())
        self._others &= there
        for pid in sorted(there - self._others - self._ours.keys()):  # parents first, as a rule
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if self._is_ours(process):
                    self._ours[pid] = process
                    self.numbers.add(pid)
                elif time.time() - process.create_time() > 2 * _PAUSE:
                    self._others.add(pid)  # what has just been forked may not be itself yet
        for pid in self._ours.keys() - there:
            del self._ours[pid]

    def _is_ours(self, process):
        if process.pid == os.getpid() or process.ppid() in self._ours:
            return True
        try:
            return process.environ().get(MARK) == self._mark
        except (psutil.Error, OSError):
            return False


def _lives(process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Watch:
    """What the process that began a run does about it."""

    def __init__(self, config):
        self._config = config
        self._before = {name: os.environ.get(name) for name in (MARK, "TMPDIR")}
        mark = os.environ[MARK] = str(uuid.uuid4())
        # Short: the path of a socket may have 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="t-"))
        self._folder.chmod(0o755)  # other users' processes, as that of a sandbox, have to get there
        os.environ["TMPDIR"] = str(self._folder)
        tempfile.tempdir = None
        self._there = {place: _names(place) for place in _SHARED}
        self._processes = Remembered(mark)
        self._processes.start()
        self._clean = True

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session):
        """When pytest, and all processes that it ran tests in, are done; before it says the verdict."""
        yield
        with contextlib.suppress(AttributeError):  # Python keeps it until this process ends
            resource_tracker._resource_tracker._stop()
        left = self._left()
        if left:
            session.testsfailed += 1
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            terminal = session.config.pluginmanager.get_plugin("terminalreporter")
            nodeid = f"what the tests left behind: {len(left)}, the first of them {left[0]}"
            report = TestReport(nodeid, ("", None, ""), {}, "failed", "\n".join(left), "teardown")
            terminal.stats.setdefault("error", []).append(report)
        self._clean = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)

    def pytest_terminal_summary(self, terminalreporter):
        """Where the folders of tests that failed are."""
        if not self._clean:
            terminalreporter.write_line(f"temporary files of what failed: {self._folder}")

    def pytest_unconfigure(self):
        """Leave the environment as it was."""
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        tempfile.tempdir = None
        if self._clean:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _left(self) -> list[str]:
        """What is left, in words; processes among it are killed, folders removed."""
        self._processes.stop()
        end = time.monotonic() + PATIENCE
        while (living := self._processes.living()) and time.monotonic() < end:
            time.sleep(0.2)
        left = []
        for process in living:
            with contextlib.suppress(psutil.Error):
                left.append(f"process {process.pid}: {' '.join(process.cmdline())[:300] or process.name()}")
                process.kill()
        psutil.wait_procs(living, timeout=10)
        for place in [*self._temporary(), *self._in_shared_places()]:
            left.append(f"{_kind(place)} {place}")
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)
        return left

    def _temporary(self) -> list[Path]:
        """What lies in the folder of this run, beside pytest's own, which keeps what belongs to a failed test.

        And beside TensorFlow's code of graphs, which it removes when Python ends: processes of xdist end without that.
        What Python keeps of such code, compiled, stays even then.
        """
        others = ("pytest-of-", _GRAPHS)
        found = [path for path in sorted(self._folder.iterdir()) if not path.name.startswith(others)]
        return [path for path in found if path.name != "__pycache__" or not _holds_graphs_only(path)]

    def _in_shared_places(self) -> list[Path]:
        """What the processes of this run have put where everybody's temporary files lie."""
        found = []
        for place, before in self._there.items():
            for name in sorted(_names(place) - before):
                made_by = _MADE_BY.match(name)
                if made_by and int(made_by[1]) in self._processes.numbers:
                    found.append(Path(place) / name)
        return found


def _holds_graphs_only(folder: Path) -> bool:
    return all(path.name.startswith(_GRAPHS) for path in folder.iterdir())


def _names(place: str) -> set[str]:
    try:
        return set(os.listdir(place))
    except OSError:
        return set()


def _kind(path: Path) -> str:
    return "socket" if path.is_socket() else "folder" if path.is_dir() else "file"


def pytest_configure(config):
    """Watch over the run, where it begins: not in the processes that it runs tests in."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Watch(config), "leftovers-watch")
