"""The filter of system calls answers as one that libseccomp makes of the same rules, on both machines."""

import ctypes
import ctypes.util
import errno
import os
import struct

import pytest
from autoencoder_grader.kernels import system_calls

LIBRARY = ctypes.util.find_library("seccomp")
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="no libseccomp on this machine (Debian: libseccomp2)")

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, NOT_THERE = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
UNKNOWN = -1  # what libseccomp makes of a name that it has never heard of
NEW_NAMESPACES = [1 << bit for bit in (7, 17, 25, 26, 27, 28, 29, 30)]  # time, mount, cgroup, uts, ipc, user, pid, net
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
EQUAL, AT_LEAST, MASKED = 4, 5, 7


class Compare(ctypes.Structure):
    """struct scmp_arg_cmp"""

    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


@pytest.fixture(scope="module")
def seccomp():
    library = ctypes.CDLL(LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    for name in ("seccomp_arch_add", "seccomp_arch_remove", "seccomp_export_bpf", "seccomp_release"):
        getattr(library, name).argtypes = [ctypes.c_void_p, *[ctypes.c_uint32] * (name not in ("seccomp_release",))]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    ]
    return library


def number(seccomp, name, architecture):
    return seccomp.seccomp_syscall_resolve_name_arch(ctypes.c_uint32(architecture), name.encode())


@pytest.mark.parametrize("machine", system_calls.MACHINES)
def test_every_call_has_the_number_that_libseccomp_knows(seccomp, machine):
    column, architecture = system_calls.MACHINES[machine]
    tables = system_calls._REFUSED, system_calls._REFUSED_ALONE, system_calls._PRETENDED_ALONE
    known = 0
    for name, numbers in {name: numbers for table in tables for name, numbers in table.items()}.items():
        theirs = number(seccomp, name, architecture)
        if theirs != UNKNOWN:
            known += 1
            assert numbers[column] == (theirs if theirs >= 0 else None), name
    assert known > 80


def made_by_libseccomp(seccomp, machine, path):
    """The same rules, in its words."""
    native = system_calls.MACHINES[os.uname().machine][1]
    filter_ = seccomp.seccomp_init(ALLOW)
    architecture = system_calls.MACHINES[machine][1]
    if architecture != native:
        assert (
            seccomp.seccomp_arch_add(filter_, architecture) == 0 and seccomp.seccomp_arch_remove(filter_, native) == 0
        )

    def rule(answer, name, *compared):
        array = (Compare * max(1, len(compared)))(*compared)
        call = number(seccomp, name, native)
        assert seccomp.seccomp_rule_add_array(filter_, answer, call, len(compared), array) == 0, name

    for name in system_calls._REFUSED:
        if number(seccomp, name, native) != UNKNOWN:
            rule(REFUSE, name)
    rule(NOT_THERE, "clone3")
    for flag in NEW_NAMESPACES:
        rule(REFUSE, "clone", Compare(0, MASKED, flag, flag))
    for request in (TIOCSTI, TIOCLINUX):
        rule(REFUSE, "ioctl", Compare(1, MASKED, 0xFFFFFFFF, request))
    for family in range(17):
        if family not in (1, 2, 10, 16):
            rule(REFUSE, "socket", Compare(0, EQUAL, family, 0))
    rule(REFUSE, "socket", Compare(0, AT_LEAST, 17, 0))
    with open(path, "wb") as file:
        assert seccomp.seccomp_export_bpf(filter_, file.fileno()) == 0
    seccomp.seccomp_release(filter_)
    return path.read_bytes()


def answer(program, architecture, call, first=0, second=0):
    """What the kernel would answer: the machine of seccomp(2), as far as filters use it."""
    data = struct.pack("iIQQQ", call, architecture, 0, first, second).ljust(64, b"\0")
    lines = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    held, place = 0, 0
    while True:
        code, then, otherwise, value = lines[place]
        place += 1
        if code == 0x20:
            (held,) = struct.unpack_from("I", data, value)
        elif code == 0x54:
            held &= value
        elif code == 0x05:
            place += value
        elif code == 0x06:
            return value
        else:
            true = {0x15: held == value, 0x25: held > value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            place += then if true else otherwise


@pytest.mark.parametrize("machine", system_calls.MACHINES)
def test_the_filter_answers_as_libseccomps_does(seccomp, machine, tmp_path):
    column, architecture = system_calls.MACHINES[machine]
    ours, theirs = system_calls.program(machine), made_by_libseccomp(seccomp, machine, tmp_path / "filter")
    unknown = {
        numbers[column]
        for name, numbers in system_calls._REFUSED.items()
        if number(seccomp, name, architecture) == UNKNOWN
    }
    asked = [(call, 0, 0) for call in range(600) if call not in unknown]
    clone, ioctl, socket = system_calls._CLONE[column], system_calls._IOCTL[column], system_calls._SOCKET[column]
    asked += [(clone, flag | extra, 0) for flag in (*NEW_NAMESPACES, 0) for extra in (0, 0x11, 0x50F00)]
    asked += [(ioctl, 0, request) for request in (0x5401, TIOCSTI, TIOCLINUX, TIOCSTI | 1 << 32)]
    asked += [(socket, family, kind) for family in range(50) for kind in (1, 2)]
    differ = [one for one in asked if answer(ours, architecture, *one) != answer(theirs, architecture, *one)]
    assert differ == []
    assert {answer(ours, architecture, *one) for one in asked} == {ALLOW, REFUSE, NOT_THERE}
    assert answer(ours, 0xDEAD, 0) == KILL == answer(theirs, 0xDEAD, 0) | KILL
