"""Watches all processes of one submission together, and ends them when they use up more than they may.

Linux limits single processes (setrlimit); limits of all together need a control group, which few graders may make.
So a thread of the grader looks a few times a second. What it counts:

    memory            resident and swapped. A page that several processes share counts once in all: each of them for
                      its part (the proportional set size of proc(5)); so the part that a forked kernel shares with
                      the process it was forked from counts for a part, too. Where Linux does not tell, or on another
                      system, shared pages count for each process. Files in /tmp and /dev/shm lie in memory as well,
                      and have limits of their own.
    processor time    of processes that live, or were seen to live, and of children that were waited for. What lives
                      shorter than two looks and is not waited for is not seen.
    processes         all, those that make up the sandbox included: five at most.
    disk              what the files in the submission's folders take up, each once however many links it has, and what
                      files take up that were deleted there and are still open.
    files             those in the submission's folders, and in the /tmp and /dev/shm of its sandbox: each takes up
                      memory of Linux's own, though it be empty.

Source: proc(5), credentials(7).
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
from autoencoder_grader.kernels import places
from autoencoder_grader.kernels.sandbox import Limits

_EVERY = 0.25  # seconds between looks
_EVERY_SLOW = 1.0  # between looks at what costs more: shared pages, files
_PATIENCE = 9  # a look that took a second is followed by so many seconds without one
_DEEPEST = 100  # folders in folders; each costs the grader an open file while it looks


class Watch:
    """Watches the process `pid` and all that descend from it, from `start` to `stop`.

    folder: where all lies that the submission can write. limits: what it may use. end: called once when that is exceeded, from
    another thread; after it, the processes that are left are killed.

    exceeded: one line that names the limit and the amount, once a limit is exceeded, else "".
    failure: why the watch itself could not go on, else ""; then, too, the submission is ended.
    memory: bytes, the most that was seen. processor_seconds: used so far.
    """

    def __init__(self, pid: int, folder: Path, limits: Limits, end: Callable[[], None]):
        self._pid, self._folder, self._limits, self._end = pid, folder, limits, end
        self._over = threading.Event()
        self._clock = ProcessorClock()
        self._next_slow = {"memory": 0.0, "disk": 0.0}
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.exceeded = self.failure = ""
        self.memory = 0

    @property
    def processor_seconds(self) -> float:
        """What all processes have used so far."""
        return self._clock.seconds

    def start(self) -> Watch:
        """Begin to look."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the watch; what it has seen stays."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            top = psutil.Process(self._pid)
            pause = 0.0
            while not self._over.wait(pause):
                began = time.thread_time()
                processes = [top, *top.children(recursive=True)]
                self.exceeded = self._look(processes)
                if self.exceeded:
                    self._kill(processes)
                    return
                pause = max(_EVERY, _PATIENCE * (time.thread_time() - began))
        except psutil.NoSuchProcess:
            return  # it has ended
        except Exception as error:  # noqa: BLE001 - whatever it is: nothing may run on unwatched
            self.failure = f"the watch over its limits failed ({type(error).__name__}: {error})"
            self._kill([])

    def _look(self, processes: list[psutil.Process]) -> str:
        limits = self._limits
        if len(processes) > limits.processes:
            return f"{len(processes)} processes, more than the limit of {limits.processes}"
        resident = self._clock.update(processes)
        if self._clock.seconds > limits.processor_seconds:
            return (
                f"{self._clock.seconds:.0f} s of processor time of all its processes, more than the limit of "
                f"{limits.processor_seconds} s"
            )
        # What is resident is never less than the measure below: most looks need no more than that.
        if resident > self.memory and (resident > limits.memory or self._due("memory")):
            with self._slowly("memory"):
                self.memory = max(self.memory, sum(map(_memory, processes)))
            if self.memory > limits.memory:
                return (
                    f"{_amount(self.memory)} of memory of all its processes, more than the limit of "
                    f"{_amount(limits.memory)}"
                )
        if self._due("disk"):
            with self._slowly("disk"):
                return self._look_at_files(processes)
        return ""

    def _look_at_files(self, processes: list[psutil.Process]) -> str:
        limits = self._limits
        try:
            size, files = disk_usage(self._folder, limits.files)
        except TooDeep as trouble:
            return str(trouble)
        if files + files_in_memory(processes) > limits.files:
            return f"more than {limits.files} files, which is the limit"
        size += deleted_bytes(processes, self._folder)
        if size > limits.disk:
            return f"{_amount(size)} of files, more than the limit of {_amount(limits.disk)}"
        return ""

    def _due(self, what: str) -> bool:
        return time.monotonic() >= self._next_slow[what]

    @contextlib.contextmanager
    def _slowly(self, what: str):
        began = time.thread_time()
        yield
        pause = max(_EVERY_SLOW, _PATIENCE * (time.thread_time() - began))
        self._next_slow[what] = time.monotonic() + pause

    def _kill(self, processes: Iterable[psutil.Process]) -> None:
        self._end()
        for process in list(processes)[1:]:  # without a sandbox, what it started does not end with it
            with contextlib.suppress(psutil.Error):
                process.kill()


class ProcessorClock:
    """Adds up the processor time of processes that come and go."""

    def __init__(self):
        self.seconds = 0.0
        self._ended = 0.0
        self._living: dict[tuple[int, float], float] = {}

    def update(self, processes: Iterable[psutil.Process]) -> int:
        """Take the processes as they are now; returns the bytes that are resident, shared pages counted for each."""
        own, with_children, resident = {}, 0.0, 0
        for process in processes:
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                resident += process.memory_info().rss
                own[process.pid, process.create_time()] = times.user + times.system
                with_children += times.user + times.system
                with_children += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        self._ended += sum(seconds for key, seconds in self._living.items() if key not in own)
        self._living = own
        # Neither sum counts anything twice. The first misses children that no look has met; the second, those that
        # nobody waited for.
        self.seconds = max(self.seconds, self._ended + sum(own.values()), with_children)
        return resident


class TooDeep(Exception):
    """A folder that cannot be looked through; the text says why."""


def disk_usage(folder: Path, most_files: int) -> tuple[int, int]:
    """(bytes that files take up, how many there are) below a stranger's folder; no link is followed.

    It stops counting soon after `most_files`. Raises TooDeep for folders in folders without end, and for such that may
    not be looked into. On Windows, where there is no sandbox either, nothing is counted.
    """
    if os.name != "posix":
        return 0, 0
    device = os.lstat(folder).st_dev
    size, files, seen = 0, 0, set()

    def look_into(name: str | Path, above: int | None, depth: int) -> None:
        nonlocal size, files
        if depth > _DEEPEST:
            raise TooDeep(f"folders in folders, deeper than the limit of {_DEEPEST}")
        try:
            opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        except PermissionError:
            raise TooDeep("a folder that nobody may look into, so its files cannot be counted") from None
        except OSError:  # it has gone, or has become something else
            return
        try:
            with os.scandir(opened) as entries:
                for entry in entries:
                    files += 1
                    if files > most_files:
                        return
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        if stat.S_ISDIR(status.st_mode):
                            look_into(entry.name, opened, depth + 1)
                        elif status.st_nlink > 1:
                            if (status.st_dev, status.st_ino) in seen:
                                continue
                            seen.add((status.st_dev, status.st_ino))
                        if status.st_dev == device:
                            size += status.st_blocks * 512
        finally:
            os.close(opened)

    look_into(folder, None, 0)
    return size, files


def files_in_memory(processes: Iterable[psutil.Process]) -> int:
    """How many files there are in folders that the processes' sandbox has in memory for itself. Linux only; else 0."""
    files, seen = 0, set()
    for process in processes:
        for folder in places.OWN:
            with contextlib.suppress(OSError):
                place = f"/proc/{process.pid}/root{folder}"
                device = os.stat(place).st_dev
                if device != os.stat(folder).st_dev and device not in seen:
                    seen.add(device)
                    found = os.statvfs(place)
                    files += found.f_files - found.f_ffree
    return files


def deleted_bytes(processes: Iterable[psutil.Process], folder: Path) -> int:
    """The bytes of files that are deleted but still open, on the disk where `folder` is. Linux only; else 0."""
    device = os.lstat(folder).st_dev
    size, seen = 0, set()
    for process in processes:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{process.pid}/fd") as opened:
            for entry in opened:
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    deleted = stat.S_ISREG(status.st_mode) and status.st_nlink == 0
                    if deleted and status.st_dev == device and status.st_ino not in seen:
                        seen.add(status.st_ino)
                        size += status.st_blocks * 512
    return size


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return full.pss + full.swap
    except (psutil.AccessDenied, AttributeError):
        with contextlib.suppress(psutil.Error):
            return process.memory_info().rss
    except psutil.Error:  # it has ended
        pass
    return 0


def _amount(size: int) -> str:
    """Bytes for people."""
    return f"{size / (1 << 30):.1f} GB" if size >= 1 << 30 else f"{size / (1 << 20):.0f} MB"
