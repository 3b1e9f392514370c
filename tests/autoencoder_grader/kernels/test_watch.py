"""The watch over all processes of a submission: what each limit catches, what it says, and whom it leaves alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.sandbox import Limits
from autoencoder_grader.kernels.watch import TooDeep, Watch, deleted_bytes, disk_usage
from sandboxes import needs_sandbox

MEGABYTE = 1 << 20
posix_only = pytest.mark.skipif(os.name != "posix", reason="forks, or makes links")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: So often the watch looks before it sees what has exceeded a limit: what costs more it counts once a second.
MOST_LOOKS = 20
# Each runs until it is ended; the file tells since when it has exceeded its limit.
NOW = "open('since', 'w').close()"
MEMORY = """
import os, time
for _ in range({processes} - 1):
    if os.fork() == 0:
        break
held = bytearray(os.urandom(1 << 20)) * {megabytes}
{now}
time.sleep(60)"""
PROCESSOR = """
import os
for _ in range(2):  # grandchildren
    if os.fork():
        os.wait()
        os._exit(0)
while True:
    pass"""
SHORT_LIVED = """
import os, time
while True:
    if os.fork() == 0:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        os._exit(0)
    os.wait()"""
PROCESSES = """
import os, time
for _ in range({processes} - 1):
    if os.fork() == 0:
        break
{now}
time.sleep(60)"""
SMALL_FILES = """
import time
for number in range({files}):
    open(f"{{number}}", "w").close()
{now}
time.sleep(60)"""
LARGE_FILES = """
import os, time
for number in range(5):
    file = open(f"{{number}}", "wb")
    os.{how}
    file.write(os.urandom(4 << 20)), file.flush()
    globals()[f"keep{{number}}"] = file
{now}
time.sleep(60)"""


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A function: (code, limits) -> the watch over a process that ran it until the end."""

    def run(code, limits, seconds=120):
        ended, looks = [], []
        look = Watch._look

        def counted(self, processes):
            if (tmp_path / "since").exists():
                looks.append(1)
            return look(self, processes)

        monkeypatch.setattr(Watch, "_look", counted)
        with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as process:

            def end():
                ended.append(1)
                process.kill()

            family = [psutil.Process(process.pid)]
            watch = Watch(process.pid, tmp_path, limits, end).start()
            try:
                limit = time.monotonic() + seconds
                while process.poll() is None and time.monotonic() < limit:
                    family = [family[0], *family[0].children(recursive=True)]
                    time.sleep(0.1)
            except psutil.NoSuchProcess:
                pass
            finally:
                process.kill()
                watch.stop()
        assert not watch.failure and len(ended) == bool(watch.exceeded)
        assert not watch.exceeded or len(looks) < MOST_LOOKS
        if not watch.exceeded:
            for process in family[1:]:
                process.kill()
        _, alive = psutil.wait_procs(family, 30)
        assert not alive
        return watch

    return run


@posix_only
def test_memory_is_that_of_all_processes_together(watched):
    code = MEMORY.format(now=NOW, processes=4, megabytes=60)
    watch = watched(code, Limits(memory=150 * MEGABYTE))
    assert "MB of memory of all its processes, more than the limit of 150 MB" in watch.exceeded
    assert watch.memory > 150 * MEGABYTE


@linux_only
def test_shared_memory_counts_once(watched):
    shared = "held = bytearray(os.urandom(1 << 20)) * 100\n"
    code = f"import os\n{shared}" + PROCESSES.format(now=NOW, processes=5)
    watch = watched(code, Limits(memory=250 * MEGABYTE), seconds=4)
    assert not watch.exceeded and 100 * MEGABYTE < watch.memory < 200 * MEGABYTE


@posix_only
@pytest.mark.parametrize("code", [PROCESSOR, SHORT_LIVED], ids=["grandchildren", "short-lived"])
def test_processor_time_is_that_of_all_processes_together(watched, code):
    watch = watched(code, Limits(processor_seconds=1), seconds=60)
    assert "s of processor time of all its processes, more than the limit of 1 s" in watch.exceeded
    assert 1 < watch.processor_seconds < 6


@posix_only
def test_processor_time_of_what_has_ended_stays_counted_though_nobody_waited(watched):
    code = f"import signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n{SHORT_LIVED}"
    code = code.replace("0.05", "0.6").replace("os.wait()", "time.sleep(0.8)")
    assert "processor time" in watched(code, Limits(processor_seconds=2), seconds=60).exceeded


@posix_only
def test_processes_are_counted_all(watched):
    watch = watched(PROCESSES.format(now=NOW, processes=30), Limits(processes=20))
    assert watch.exceeded.endswith("processes, more than the limit of 20")


def test_small_files_are_counted(watched):
    watch = watched(SMALL_FILES.format(now=NOW, files=300), Limits(files=200))
    assert watch.exceeded == "more than 200 files, which is the limit"


@linux_only
@pytest.mark.parametrize("how", ["getpid()", "unlink(file.name)"], ids=["kept", "deleted"])
def test_large_files_are_counted_also_when_deleted_but_open(watched, how):
    watch = watched(LARGE_FILES.format(now=NOW, how=how), Limits(disk=10 * MEGABYTE))
    assert "MB of files, more than the limit of 10 MB" in watch.exceeded


def test_what_stays_within_its_limits_is_left_alone_and_measured(watched):
    code = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\ntime.sleep(1)"
    watch = watched(code, Limits())
    assert not watch.exceeded
    assert 0.3 < watch.processor_seconds < 5 and MEGABYTE < watch.memory < 500 * MEGABYTE


def test_a_watch_that_fails_ends_what_it_cannot_watch(watched, monkeypatch, tmp_path):
    monkeypatch.setattr("autoencoder_grader.kernels.watch.disk_usage", lambda *_: 1 / 0)
    ended = []
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        watch = Watch(process.pid, tmp_path, Limits(), lambda: ended.append(process.kill())).start()
        process.wait(10)
        watch.stop()
    assert ended and "ZeroDivisionError" in watch.failure and not watch.exceeded


# ---------------------------------------------------------------------------------------------------- the disk


@posix_only
def test_no_link_is_followed_and_each_file_counts_once(tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    for folder in (home / "a", other):
        folder.mkdir(parents=True)
    (other / "large").write_bytes(os.urandom(8 * MEGABYTE))
    (home / "a" / "file").write_bytes(os.urandom(MEGABYTE))
    for number in range(10):
        os.link(home / "a" / "file", home / f"same-{number}")
    (home / "link").symlink_to(other)
    (home / "a" / "large").symlink_to(other / "large")
    os.mkfifo(home / "pipe")
    size, files = disk_usage(home, 100)
    assert MEGABYTE <= size < 2 * MEGABYTE and files == 15


@posix_only
def test_folders_in_folders_without_end_are_a_limit_of_their_own(tmp_path):
    top = tmp_path
    for _ in range(120):
        top = top / "d"
    top.mkdir(parents=True)
    with pytest.raises(TooDeep, match="limit"):
        disk_usage(tmp_path, 1000)


def test_counting_ends_soon_after_the_limit(tmp_path):
    for number in range(50):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "file").touch()
    assert 10 < disk_usage(tmp_path, 10)[1] < 70


@linux_only
def test_deleted_files_elsewhere_do_not_count(tmp_path):
    assert deleted_bytes([psutil.Process()], Path("/proc")) == 0


# ------------------------------------------------------------------------------------------------- the sandbox


@needs_sandbox
def test_one_fork_is_ended_and_its_neighbour_goes_on(tmp_path, kernel):
    server = ForkServer([], {}, {}, tmp_path / "kernels.log")
    homes = [server.places / name for name in ("first", "second")]
    for home in homes:
        home.mkdir()
        sandbox.give_to(sandbox.sandbox_user(), home)
    try:
        with (
            kernel(server, homes[0], Limits()) as (loud, ask_loud),
            kernel(server, homes[1], Limits()) as (quiet, ask),
        ):
            assert psutil.Process(loud.pid).ppid() == psutil.Process(quiet.pid).ppid()
            watches = [
                Watch(fork.pid, home, limits, fork.kill).start()
                for fork, home, limits in (
                    (loud, homes[0], Limits(processes=12)),
                    (quiet, homes[1], Limits()),
                )
            ]
            ask_loud(f"import os\nif os.fork() == 0:\n    exec({PROCESSES.format(now='', processes=20)!r})")
            assert loud.wait(10) is not None
            assert ask("print('here')") == "here\n" and quiet.poll() is None
            for watch in watches:
                watch.stop()
            assert "more than the limit of 12" in watches[0].exceeded and not watches[1].exceeded
            assert watches[1].memory > MEGABYTE and watches[1].processor_seconds > 0
    finally:
        server.close()
