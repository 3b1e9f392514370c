"""Measures a command with all processes that it starts: wall time, processor time, memory.

Processor time is counted in two ways that make up for each other's gaps. This process makes itself the one to which
orphans go (`PR_SET_CHILD_SUBREAPER`, see prctl(2)), waits for each, and so gets from Linux exactly what they and the
children that they waited for have used. What nobody waits for is missing there: a kernel that was forked in a
sandbox, everything that ends with its process-id namespace. So /proc is read as well, some twenty times a second:
what each process of the tree has used so far, and what children that it waited for. The sum over the tree takes
for the children of each process what was seen of them or what it got by waiting, whichever is more. Too little is
counted only of what nobody waited for: at most the time between two looks, for each such process.

Memory is the sum of PSS over the tree (pages that several processes share are counted once, in parts), read every
second or so; a shorter peak is not seen. Linux walks through all pages of a process for it and stops the process
meanwhile: a tenth of a core for a tree of fifteen processes. So it is read only where memory is what is asked for.

Linux only, and no other child processes may be started meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_BE_SUBREAPER = 36
_TICK = os.sysconf("SC_CLK_TCK")
_BETWEEN_LOOKS = 0.05
_BETWEEN_MEMORY = 1.0
_PATIENCE = 20.0  # seconds for what is left after the command has ended
#: What started a process is part of its name, for `by_program`.
_NAMES = (
    ("ipykernel_launcher", "kernel"),
    ("forking import main", "fork server and kernels"),
    ("scoring.worker", "scoring"),
    ("multiprocessing.spawn", "workers"),
    ("multiprocessing.resource_tracker", "workers"),
    ("alembic", "alembic"),
    ("autoencoder-course", "the command itself"),
    ("nbgrader", "the command itself"),
    ("benchmarks/", "the command itself"),
)


@dataclass
class Measured:
    """What a command took. Seconds, and bytes.

    processor: user and system time of the tree, as the head of this module says. waited, seen: of that, what Linux
    said of those waited for, and what was read in /proc. memory: peak of the sum of PSS. processes: how many were
    seen. by_program: processor time by what the processes were; together somewhat less than `processor`.
    memory_by_program: the parts of `memory` at its peak. first: wall and processor time when `moment` came; {} if it
    never did. code: the exit code of the command.
    """

    wall: float = 0.0
    processor: float = 0.0
    waited: float = 0.0
    seen: float = 0.0
    memory: int = 0
    processes: int = 0
    by_program: dict[str, float] = field(default_factory=dict)
    memory_by_program: dict[str, int] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    code: int = 0

    def __add__(self, other: Measured) -> Measured:
        """One command after the other."""
        names = {*self.by_program, *other.by_program}
        return Measured(
            self.wall + other.wall,
            self.processor + other.processor,
            self.waited + other.waited,
            self.seen + other.seen,
            max(self.memory, other.memory),
            self.processes + other.processes,
            {name: self.by_program.get(name, 0.0) + other.by_program.get(name, 0.0) for name in sorted(names)},
            max(self, other, key=lambda measured: measured.memory).memory_by_program,
            self.first,
            self.code or other.code,
        )


@dataclass(eq=False)
class _Process:
    """What was seen of one process.

    begun: when it began, in ticks; with its number that tells it from others. own, waited: seconds of processor time
    of its own, and of children that it waited for. look: the number of the last look at which it was there.
    """

    number: int
    begun: int
    name: str = ""
    own: float = 0.0
    waited: float = 0.0
    look: int = 0
    parent: _Process | None = None

    def total(self, below: Mapping[_Process, Sequence[_Process]]) -> float:
        """Seconds of this process and of all below it."""
        ended, later = 0.0, 0.0
        for child in below.get(self, ()):
            if child.look < self.look:
                ended += child.total(below)
            else:
                later += child.total(below)
        return self.own + later + max(ended, self.waited)


def measure(
    command: Sequence[str],
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    watch: Callable[[], None] = lambda: None,
    moment: Callable[[], bool] = lambda: False,
    memory: bool = True,
) -> Measured:
    """Run a command in `folder` to its end, and to the end of all that it started; return what it took.

    log: a file for what it prints. environment: variables, those of this process if None. watch: called at each
    look. moment: asked at each look until it is true. memory: whether to read it, which takes time from the command. When this is interrupted or fails, the command and all that it started are killed.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_BE_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this process cannot wait for orphans")
    tree = _Tree(memory)
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    measured = Measured()
    try:
        while child.returncode is None:
            tree.look()
            watch()
            _take_ended(child, measured)
            if not measured.first and moment():
                processor = max(measured.waited, tree.processor())
                measured.first = {"wall": time.monotonic() - started, "processor": processor}
            time.sleep(_BETWEEN_LOOKS)
        measured.wall = time.monotonic() - started
        patience = time.monotonic() + _PATIENCE
        while tree.alive() and time.monotonic() < patience:
            tree.look()
            _take_ended(child, measured)
            time.sleep(_BETWEEN_LOOKS)
    finally:
        for _ in range(50):
            if not tree.alive():
                break
            tree.kill()
            _take_ended(child, measured)
            time.sleep(_BETWEEN_LOOKS)
            tree.look()
    measured.code = child.returncode
    tree.sum_up(measured)
    return measured


def _take_ended(child: subprocess.Popen, measured: Measured) -> None:
    """Wait for all children of this process that have ended: the command itself, and orphans."""
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status, usage = os.wait4(-1, os.WNOHANG)
            if process == 0:
                return
            measured.waited += usage.ru_utime + usage.ru_stime
            if process == child.pid:
                child.returncode = os.waitstatus_to_exitcode(status)


class _Tree:
    """All processes below this one, as /proc shows them, but for those that were there before and what they start."""

    def __init__(self, memory: bool = True):
        self._reads_memory = memory
        self._own = _Process(os.getpid(), 0)
        self._all: list[_Process] = []
        self._there: dict[int, _Process] = {}
        self._foreign: set[int] = set()
        self._looks = 0
        self._last_memory = 0.0
        self._memory: dict[str, int] = {}
        self._earlier: dict[int, int] = {}  # processes that an earlier measurement, or this program itself, has left
        self.look()
        self._earlier = {number: process.begun for number, process in self._there.items()}
        self._all.clear()
        self.look()

    def look(self) -> None:
        """See what there is."""
        self._looks += 1
        numbers = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {self._own.number}
        self._foreign &= numbers
        facts = {number: found for number in numbers - self._foreign if (found := _facts(number))}
        facts = {number: found for number, found in facts.items() if self._earlier.get(number) != found.begun}
        before, self._there = self._there, {self._own.number: self._own}
        waiting = dict(facts)
        while ours := [number for number, found in waiting.items() if found.parent in self._there]:
            for number in ours:
                found = waiting.pop(number)
                process = before.get(number)
                if process is None or process.begun != found.begun:
                    process = _Process(number, found.begun)
                    self._all.append(process)
                self._there[number] = process
                # A fork has the name of its parent until it becomes another program.
                if not process.name or self._looks % 20 == 0:
                    process.name = _name(number) or process.name
                process.own, process.waited, process.look = found.own, found.waited, self._looks
                process.parent = self._there[found.parent]
        self._foreign |= set(waiting)
        if self._reads_memory and time.monotonic() - self._last_memory > _BETWEEN_MEMORY:
            parts: dict[str, int] = {}
            for number in self.alive():
                name = self._there[number].name or "other"
                parts[name] = parts.get(name, 0) + _memory(number)
            if sum(parts.values()) > sum(self._memory.values()):
                self._memory = parts
            self._last_memory = time.monotonic()

    def alive(self) -> list[int]:
        """The numbers of the processes that were there at the last look."""
        return [number for number in self._there if number != self._own.number]

    def kill(self) -> None:
        """Kill those."""
        for number in self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)

    def processor(self) -> float:
        """Seconds of processor time that were seen so far."""
        below: dict[_Process, list[_Process]] = {}
        for process in self._all:
            below.setdefault(process.parent, []).append(process)
        return sum(process.total(below) for process in below.get(self._own, ()))

    def sum_up(self, measured: Measured) -> None:
        """Write what was seen."""
        for process in self._all:
            names = measured.by_program
            names[process.name or "other"] = names.get(process.name or "other", 0.0) + process.own
        measured.seen = sum(process.own for process in self._all)
        measured.processor = max(measured.waited, self.processor())
        measured.memory_by_program = dict(sorted(self._memory.items()))
        measured.memory, measured.processes = sum(self._memory.values()), len(self._all)


@dataclass(frozen=True)
class _Facts:
    parent: int
    begun: int
    own: float
    waited: float


def _facts(number: int) -> _Facts | None:
    """What /proc says of a process; None if it has ended."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    values = text[text.rindex(")") + 2 :].split()
    user, system, children_user, children_system = map(int, values[11:15])
    own, waited = (user + system) / _TICK, (children_user + children_system) / _TICK
    return _Facts(int(values[1]), int(values[19]), own, waited)


def _name(number: int) -> str:
    """What a process is, for people; "" if it has ended."""
    try:
        # What scores is a fork, with the command of what it was forked from, but a name of its own.
        if Path(f"/proc/{number}/comm").read_text(encoding="utf-8", errors="replace") == "scoring\n":
            return "scoring"
        command = Path(f"/proc/{number}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    program = command.split("\0")[0].rpartition("/")[2]
    if program in ("bwrap", "setpriv"):
        return "sandboxes"
    return next((name for mark, name in _NAMES if mark in command), "other") if command else ""


def _memory(number: int) -> int:
    """PSS of a process in bytes; 0 if it cannot be read or has ended."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
