"""A filter for system calls that no notebook needs: what is left of the kernel's surface is what Python uses.

The namespaces already hide files, processes and the network. Most holes that were found in them had to do with the
calls below, so those fail here with "operation not permitted". Run as a program, this file puts the filter on itself
and becomes the command that follows:

    python -I -S system_calls.py COMMAND [ARGUMENT ...]

Sources: seccomp(2); the tables of system calls of Linux for x86-64 and for 64-bit ARM.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# name: (number on x86-64, number on 64-bit ARM); None where there is none
_REFUSED = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),  # memory that belongs to no process: no limit would count it
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "mq_open": (240, 180),  # as memfd_create; so are the next two of System V's
    "msgget": (68, 186),
    "semget": (64, 190),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),  # as memfd_create
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
# Where no namespaces stand around a process ("alone"), these would reach what others of its user own.
_REFUSED_ALONE = {
    "connect": (42, 203),
    "fanotify_mark": (301, 263),
    "inotify_add_watch": (254, 27),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "semctl": (66, 191),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "shmat": (30, 196),
    "shmctl": (31, 195),
}
# Landlock does not watch over these. They do nothing and say that they did, because much honest code calls them,
# as the library that kernels talk with does for its threads.
_PRETENDED_ALONE = {
    "chmod": (90, None),
    "chown": (92, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "file_setattr": (469, 469),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "futimesat": (261, None),
    "ioprio_set": (251, 30),
    "lchown": (94, None),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "setpriority": (141, 140),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "utime": (132, None),
    "utimes": (235, None),
}
_CLONE, _CLONE3, _IOCTL = (56, 220), (435, 435), (16, 29)
_SOCKET, _SOCKETPAIR, _PRLIMIT, _UTIMENSAT = (41, 198), (53, 199), (302, 261), (280, 88)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # name: (column above, AUDIT_ARCH_...)

_NEW_NAMESPACES = 0x7E020080  # all CLONE_NEW... flags
_TYPE_INTO_TERMINAL, _PASTE_INTO_CONSOLE = 0x5412, 0x541C  # TIOCSTI, TIOCLINUX
_UNIX, _STREAM, _TYPE = 1, 1, 0xF
_FAMILIES = (1, 2, 10, 16)  # sockets: Unix, IPv4, IPv6, netlink; vsock, for one, knows no namespaces

# Of the machine that runs filters: load, compare, return; and where the data of a call lie.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD, _THIRD_ABOVE = 0, 4, 16, 24, 32, 36
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32 = 0x40000000

_NO_NEW_RIGHTS, _SET_FILTER, _MODE_FILTER = 38, 22, 2


def program(machine: str, *, alone: bool = False) -> bytes:
    """The filter as the kernel takes it: struct sock_filter, one after the other.

    machine: as platform.machine() says. alone: there are no namespaces, so there is no network but this filter's
    refusal: of sockets, streams between the processes that share one from birth are left. Raises OSError for one whose system calls are not known here.
    """
    if machine not in MACHINES:
        raise OSError(errno.ENOSYS, f"no filter of system calls is known for {machine}")
    column, architecture = MACHINES[machine]
    refuse, lines = _FAIL | errno.EPERM, []

    def add(code, value, then=0, otherwise=0):
        lines.append(struct.pack("HBBI", code, then, otherwise, value))

    add(_LOAD, _ARCHITECTURE)
    add(_EQUAL, architecture, 1, 0)
    add(_RETURN, _KILL)
    add(_LOAD, _NUMBER)
    if machine == "x86_64":
        add(_AT_LEAST, _X32, 0, 1)
        add(_RETURN, refuse)
    answers = {refuse: [*_REFUSED.values(), *(_REFUSED_ALONE.values() if alone else ())]}
    if alone:
        answers[_FAIL] = list(_PRETENDED_ALONE.values())  # fails with error 0: succeeds
    for answer, calls in answers.items():
        for number in sorted(numbers[column] for numbers in calls if numbers[column] is not None):
            add(_EQUAL, number, 0, 1)
            add(_RETURN, answer)
    add(_EQUAL, _CLONE3[column], 0, 1)  # its flags lie in memory, out of sight; glibc then takes clone
    add(_RETURN, _FAIL | errno.ENOSYS)
    add(_EQUAL, _CLONE[column], 0, 4)
    add(_LOAD, _FIRST)
    add(_ANY_BIT, _NEW_NAMESPACES, 0, 1)
    add(_RETURN, refuse)
    add(_RETURN, _ALLOW)
    add(_EQUAL, _IOCTL[column], 0, 5)
    add(_LOAD, _SECOND)
    add(_EQUAL, _TYPE_INTO_TERMINAL, 1, 0)
    add(_EQUAL, _PASTE_INTO_CONSOLE, 0, 1)
    add(_RETURN, refuse)
    add(_RETURN, _ALLOW)
    if alone:
        for sockets in (_SOCKET, _SOCKETPAIR):
            # A datagram socket needs no connection: it can name whom it writes to in memory, out of sight.
            add(_EQUAL, sockets[column], 0, 7)
            add(_LOAD, _FIRST)
            add(_EQUAL, _UNIX, 0, 3)
            add(_LOAD, _SECOND)
            add(_AND, _TYPE)
            add(_EQUAL, _STREAM, 1, 0)
            add(_RETURN, _FAIL | errno.EOPNOTSUPP)  # for any other, the library that kernels talk with aborts
            add(_RETURN, _ALLOW)
        # Pretended, too. But who sets a file's time to now, by its name, makes the file if it is not there, as
        # pathlib's `touch` does, and must not be told that it was.
        add(_EQUAL, _UTIMENSAT[column], 0, 8)
        add(_LOAD, _THIRD)
        add(_EQUAL, 0, 0, 5)
        add(_LOAD, _THIRD_ABOVE)
        add(_EQUAL, 0, 0, 3)
        add(_LOAD, _SECOND)
        add(_EQUAL, 0, 1, 0)
        add(_RETURN, _FAIL | errno.ENOENT)
        add(_RETURN, _FAIL)
        add(_EQUAL, _PRLIMIT[column], 0, 4)  # of other processes
        add(_LOAD, _FIRST)
        add(_EQUAL, 0, 1, 0)
        add(_RETURN, refuse)
        add(_RETURN, _ALLOW)
    add(_EQUAL, _SOCKET[column], 0, 2 + len(_FAMILIES))
    add(_LOAD, _FIRST)
    for place, family in enumerate(_FAMILIES):
        add(_EQUAL, family, len(_FAMILIES) - place, 0)
    add(_RETURN, refuse)
    add(_RETURN, _ALLOW)
    return b"".join(lines)


def refuse_system_calls(*, alone: bool = False) -> None:
    """Put the filter on this process and all that it starts, for good; see program.

    Raises OSError where the kernel refuses.
    """
    code = program(platform.machine(), alone=alone)
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    whole = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    for arguments in ((_NO_NEW_RIGHTS, 1, 0, 0, 0), (_SET_FILTER, _MODE_FILTER, whole, 0, 0)):
        if libc.prctl(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"filter of system calls: {os.strerror(number)}")


if __name__ == "__main__":
    refuse_system_calls()
    os.execvp(sys.argv[1], sys.argv[1:])
