"""The sandbox where bubblewrap cannot run: Landlock hides files, a filter of system calls the rest, no namespaces.

A process that runs nothing of a learner's starts the command, and outlives it: whatever the command starts becomes this
process's child when its own parent ends, so this process can kill all of it in the end. It ends with the process
that started it, and on SIGTERM; do not kill it by SIGKILL, which it could not pass on.

What this does not give, and namespaces do, is said to whoever runs a grading: LACKS.

Sources: landlock(7), prctl(2), seccomp(2), and the Linux documentation "Landlock: unprivileged access control".
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import stat
import struct
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from .system_calls import refuse_system_calls

LACKS = (
    "ran in the reduced sandbox (Landlock): out of reach were contents of other files, network and signals, but not "
    "names and sizes of files nor the machine's process ids, and there was no /tmp, /dev/shm or connection between "
    "processes of its own; `autoencoder-course doctor` says what the whole one needs"
)
#: With rights of root's, the command gets a user id of its own, which protects what older versions leave open.
LEAST_VERSION_ROOT, LEAST_VERSION = 2, 6  # Linux 5.19, 6.12

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same on all machines
_PATH_RULE = 1
_DIE_WITH_PARENT, _NO_NEW_RIGHTS, _ADOPT_ORPHANS = 1, 38, 36

_KEEP_RIGHTS, _AMBIENT, _RAISE = 8, 47, 2
_CAPABILITIES_VERSION, _READ_SEARCH = 0x20080522, 2  # CAP_DAC_READ_SEARCH

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
# All rights, by the first version that knows them.
_ALL = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_MAKE_DEVICES = 1 << 6 | 1 << 11  # character and block devices
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15  # what a rule for a plain file may name
_BIND_CONNECT_TCP, _ABSTRACT_SOCKETS_AND_SIGNALS = 3, 3

_READ = _EXECUTE | _READ_FILE | _READ_FOLDER


def version() -> int:
    """The version of Landlock that this kernel has; 0 for none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, libc.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1)))


def confine(readable: Iterable[str], writable: Iterable[str]) -> None:
    """Take from this process, and all that it starts, every other file, TCP, and signals to others, for good.

    Places that do not exist are left out. Raises OSError where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number, *arguments):
        result = libc.syscall(number, *arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
        return result

    have = version()
    every = _ALL[max(known for known in _ALL if known <= have)]
    ruleset = struct.pack("QQQ", every, _BIND_CONNECT_TCP, _ABSTRACT_SOCKETS_AND_SIGNALS)
    length = 24 if have >= 6 else 16 if have >= 4 else 8
    rules = call(_CREATE, ruleset, ctypes.c_size_t(length), ctypes.c_uint(0))
    write = every & ~_MAKE_DEVICES
    for paths, rights in ((readable, _READ), (writable, write)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(os.fstat(place).st_mode):
                rights_here = rights & _OF_FILES & every
            else:
                rights_here = rights & every
            call(_ADD_RULE, rules, _PATH_RULE, struct.pack("=Qi", rights_here, place), ctypes.c_uint(0))
            os.close(place)
    if libc.prctl(_NO_NEW_RIGHTS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    call(_RESTRICT, rules, ctypes.c_uint(0))
    os.close(rules)


def main() -> None:
    """Run a command confined: the first argument is JSON, see run, the others are the command."""
    os._exit(run(json.loads(sys.argv[1]), sys.argv[2:]))


def run(settings: Mapping, command: Sequence[str]) -> int:
    """Run `command` until it ends; then kill all that it has left behind. Returns its exit code, as a shell does.

    settings: readable, writable (places), environment, start_in, limits (as in the module resource, without
    RLIMIT_), user (None: stay the one that this is), reads_all: whether that user needs the right to read what others
    keep from it, as a Python in root's home folder; Landlock hides the rest as before.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    libc.prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    code = 128 + signal.SIGTERM
    try:
        if os.getppid() != parent:
            raise _Stop
        # Blocked until there is something to kill: else a signal in between would leave it alive.
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP))
        child = os.fork()
        if child == 0:
            _become(settings, command)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGHUP))
        # Linux forgets the files of /proc that nobody has open, and makes them anew, without Landlock's rules.
        for place in (*settings["readable"], f"/proc/{child}"):
            if place.startswith("/proc/"):
                with suppress(OSError):
                    os.open(place, os.O_PATH | os.O_CLOEXEC)
        while True:
            process, status = os.wait()  # also of what the command left behind
            if process == child:
                code = os.waitstatus_to_exitcode(status)
                break
    except _Stop:
        pass
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kill_descendants()
    return code if code >= 0 else 128 - code


class _Stop(Exception):
    """Somebody wants an end."""


def _stop(*_) -> None:
    raise _Stop


def _become(settings: Mapping, command: Sequence[str]) -> None:
    """Become the command, in the child."""
    import resource  # not there on Windows, where the rest of this module can be imported

    try:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        os.closerange(3, 1 << 16)
        user = settings["user"]
        for name, most in settings["limits"].items():
            if name == "NPROC" and user is None:
                most += _threads_of(os.getuid())  # Linux counts all of a user's
            _, highest = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
            if highest != resource.RLIM_INFINITY and user is None:
                most = min(most, highest)
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
        if user is not None:
            _change_user(user, settings["reads_all"])
        os.umask(0o022)
        os.chdir(settings["start_in"])
        # TensorFlow ends a process that cannot read its own command line.
        confine([*settings["readable"], "/proc/self"], settings["writable"])
        refuse_system_calls(alone=True)
        os.execve(command[0], command, settings["environment"])
    except BaseException as error:  # noqa: BLE001 - nothing of the parent's may go on in here
        with suppress(OSError):
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
    os._exit(126)


def _change_user(user: int, reads_all: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    os.setgroups([])
    os.setresgid(user, user, user)
    libc.prctl(_KEEP_RIGHTS, int(reads_all), 0, 0, 0)
    os.setresuid(user, user, user)
    if not reads_all:
        return
    header, right = struct.pack("Ii", _CAPABILITIES_VERSION, 0), 1 << _READ_SEARCH
    if libc.capset(header, struct.pack("6I", right, right, right, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "its user may not read the places that it needs")
    if libc.prctl(_AMBIENT, _RAISE, _READ_SEARCH, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "its user may not read the places that it needs")


def kill_descendants() -> None:
    """Kill all that descends from this process, which adopts orphans; returns when nothing is left."""
    while True:
        for process in _descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.005)  # what was born meanwhile is found in the next round
        except ChildProcessError:
            return


def _descendants(top: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
            # The name in brackets may hold anything, brackets too.
            parent = int(file.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [top]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _threads_of(user: int) -> int:
    threads = 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.stat(f"/proc/{name}").st_uid == user:
                threads += len(os.listdir(f"/proc/{name}/task"))
    return threads
