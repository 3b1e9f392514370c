"""What a forked process does to be alone: namespaces, mounts and rights of its own, by Linux's system calls.

bubblewrap does this for a program that it starts. A fork is no new program, so these few calls do it once more,
within a sandbox that bubblewrap has made: there is nothing in it but the system, Python, the public data, and the
folders of the submissions that are being graded, which each fork loses sight of here, its own excepted.

Source: the manual pages namespaces(7), user_namespaces(7), mount(2), capabilities(7), prctl(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import socket
import stat
import struct
from collections.abc import Mapping, Sequence

from .system_calls import refuse_system_calls

_libc = ctypes.CDLL(None, use_errno=True)

_NEW_MOUNTS, _NEW_UTS, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USER, _NEW_PIDS, _NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8
_REMOUNT, _BIND, _ALL_BELOW, _PRIVATE = 32, 4096, 16384, 1 << 18
_DIE_WITH_PARENT, _BE_CALLED, _DROP_FROM_BOUNDS, _NO_NEW_RIGHTS, _AMBIENT = 1, 15, 24, 38, 47
_CLEAR_ALL = 4
_CAPABILITIES_VERSION = 0x20080522
_MOST_CAPABILITIES = 64
_UP = 1


def leave(
    folders: Sequence[tuple[str, str, bool]],
    kept: Sequence[str],
    hidden: Sequence[str],
    temporary: int,
    shared_memory: int,
) -> None:
    """Enter namespaces of one's own, and see of the submissions' folders only those named.

    folders: (source, target, whether it can be written to) each. kept: places in /tmp and /dev/shm that stay to be
    seen, as they are. hidden: folders elsewhere whose content is not to be seen. temporary, shared_memory: bytes of /tmp and
    /dev/shm. The caller has one thread. Children, not the caller itself, get new process ids.
    Raises OSError where the kernel refuses.
    """
    user, group = os.getuid(), os.getgid()
    kinds = _NEW_USER | _NEW_MOUNTS | _NEW_PIDS | _NEW_IPC | _NEW_NETWORK | _NEW_UTS
    _call(_libc.unshare, kinds)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount("none", "/", None, _ALL_BELOW | _PRIVATE)
    # Open before the new /tmp hides them.
    opened = [os.open(source, os.O_PATH | os.O_DIRECTORY) for source, _, _ in folders]
    opened_kept = [os.open(place, os.O_PATH) for place in kept]
    quiet = _NO_SUID | _NO_DEVICES
    _mount("tmpfs", "/tmp", "tmpfs", quiet, f"size={temporary},mode=1777")
    _mount("tmpfs", "/dev/shm", "tmpfs", quiet, f"size={shared_memory},mode=1777")
    for place in hidden:
        _mount("tmpfs", place, "tmpfs", _READ_ONLY | quiet | _NO_PROGRAMS)
    _mount("devpts", "/dev/pts", "devpts", _NO_SUID | _NO_PROGRAMS, "newinstance,ptmxmode=0666,mode=620")
    for number, place in zip(opened_kept, kept, strict=True):
        _make_mount_point(number, place)
        # It can be read only, and stays so: a copy of a mount in a new namespace keeps what was denied.
        _mount(f"/proc/self/fd/{number}", place, None, _BIND | _ALL_BELOW)
        os.close(number)
    for number, (_, target, writable) in zip(opened, folders, strict=True):
        _make_mount_point(number, target)
        _mount(f"/proc/self/fd/{number}", target, None, _BIND)
        if not writable:
            # What is denied where it lies, as running programs on some machines' /tmp, cannot be allowed here.
            denied = os.fstatvfs(number).f_flag & (_NO_SUID | _NO_DEVICES | _NO_PROGRAMS)
            _mount("none", target, None, _REMOUNT | _BIND | _READ_ONLY | quiet | denied)
        os.close(number)
    _start_loopback()


def _make_mount_point(opened: int, target: str) -> None:
    """Make what is to be covered by something opened, where it is not there: that is in /tmp or /dev/shm."""
    if os.path.exists(target):
        return
    if stat.S_ISDIR(os.fstat(opened).st_mode):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def settle(limits: Mapping[str, int]) -> None:
    """As the first process of the new process ids: see only these, and give up all rights, for good.

    limits: by the names in the module resource, without RLIMIT_. Raises OSError where the kernel refuses.
    """
    die_with_parent()
    _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_PROGRAMS)
    # What the first process has open and in its memory is for nobody: not to be read, written, traced or dumped.
    _mount("tmpfs", "/proc/1", "tmpfs", _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_PROGRAMS)
    _write("/proc/sys/user/max_user_namespaces", "0")  # in another one it would have rights again
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    _call(_libc.prctl, _AMBIENT, _CLEAR_ALL, 0, 0, 0)
    for capability in range(_MOST_CAPABILITIES):
        if _libc.prctl(_DROP_FROM_BOUNDS, capability, 0, 0, 0) != 0:
            break  # this kernel has no more
    _call(_libc.prctl, _NO_NEW_RIGHTS, 1, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITIES_VERSION, 0)
    _call(_libc.capset, header, bytes(24))
    refuse_system_calls()


def die_with_parent() -> None:
    """Be killed when the thread ends that started this process, as when its process is killed. Raises OSError."""
    _call(_libc.prctl, _DIE_WITH_PARENT, 9, 0, 0, 0)


def be_called(name: str) -> None:
    """Give this process a name of its own in lists of processes: a fork has that of what it was forked from."""
    _call(_libc.prctl, _BE_CALLED, name.encode(), 0, 0, 0)


def _start_loopback() -> None:
    """Some programs expect to reach themselves at 127.0.0.1; nobody else is there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", _UP))  # SIOCSIFFLAGS


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    arguments = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _call(_libc.mount, *arguments, ctypes.c_ulong(flags), options.encode())


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _call(function, *arguments) -> None:
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function.__name__}: {os.strerror(number)}")
