"""Kernels and what scores are forks of one process: an attack round, case by case, in both directions.

A learner's code is taken to run in the kernel, and, for the other direction, in what scores.
"""

import json
import socket

import pytest
from autoencoder_grader.kernels import fork_server, sandbox
from autoencoder_grader.kernels.fork_server import MAILBOX, SOCKETS
from autoencoder_grader.kernels.sandbox import HOME, Limits
from sandboxes import needs_sandbox

pytestmark = needs_sandbox
EMPTY = ["answers", "questions"]  # of a mailbox
MISSING = "No such file or directory"

#: A program in the place of what scores: runs each line that it is sent, and answers with what it finds.
LOOKS = """
import json, sys
def main():
    names = {}
    for line in sys.stdin:
        exec(json.loads(line), names)
        print(json.dumps(names.get("found")), flush=True)
"""
TRY = """
import json, os, signal, socket, subprocess, sys
def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror or str(error)
    return ""
"""


@pytest.fixture
def scorer(server, monkeypatch):
    """(its fork, a function: code -> what `found` is there), started as what scores is, with a program that does as told."""
    code = server.places / "code"
    code.mkdir(exist_ok=True)
    (code / "looking.py").write_text(LOOKS)
    fork_any = server._fork

    def fork_ours(folders, what, *rest, **more):
        return fork_any([*folders, (code, str(code), False)], {**what, "code": str(code)}, *rest, **more)

    ours, theirs = socket.socketpair()
    log = server.places / "log"
    with ours, theirs, log.open("ab") as said:
        monkeypatch.setattr(server, "_fork", fork_ours)
        fork = server.fork_program("looking", theirs.fileno(), said.fileno())
        monkeypatch.undo()
        theirs.close()
        answers = ours.makefile(encoding="utf-8")

        def found(source):
            ours.sendall(json.dumps(TRY + source).encode() + b"\n")
            return json.loads(answers.readline())

        yield fork, found
        answers.close()
    fork.kill()
    fork.wait(30)


@pytest.fixture
def attacker(server, kernel):
    """A kernel: a function, code -> what `found` is there."""
    home = server.places / "attacker"
    home.mkdir(exist_ok=True)
    sandbox.give_to(sandbox.sandbox_user(), home)
    with kernel(server, home, Limits()) as (_, printed):
        yield lambda source: json.loads(printed(f"{TRY}{source}\nprint(json.dumps(found))"))


SEES = """
found = {
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) > 2),
    "temporary": [name for name in os.listdir("/tmp") if name.startswith("mark")],
    "shared memory": os.listdir("/dev/shm"),
    "terminals": os.listdir("/dev/pts"),
}
"""


def test_neither_sees_processes_or_temporary_files_of_the_other(scorer, attacker):
    leave = "[open(f'{folder}/mark-{os.getpid()}', 'w') for folder in ('/tmp', '/dev/shm')]; found = os.openpty() and 1"
    _, found = scorer
    nothing = {"processes": [], "temporary": [], "shared memory": [], "terminals": ["ptmx"]}
    assert attacker(SEES) == found(SEES) == nothing
    attacker(leave)
    assert found(SEES) == nothing
    found(leave)
    assert len(attacker(SEES)["temporary"]) == len(found(SEES)["temporary"]) == 1


def test_neither_sees_a_folder_of_the_other_or_who_forks(server, scorer, attacker):
    """The one has its submission's folders, the other one none; neither may ask for forks with other rights."""
    _, found = scorer
    place = str(server.places)
    assert found(f"found = os.listdir({place!r})") == ["code"]  # which the test alone has put there
    assert found(f"found = [sorted(os.listdir(folder)) for folder in {[HOME, MAILBOX, SOCKETS]}]") == [[], EMPTY, []]
    assert found(f"found = refused(open, '{HOME}/left', 'w')") == "Read-only file system"
    assert attacker(f"found = refused(os.listdir, {place!r})")
    assert attacker(f"found = os.listdir({fork_server._PROGRAMS!r})") == []
    for attack in (attacker, found):
        assert attack(f"found = refused(socket.socket(socket.AF_UNIX).connect, '{place}/fork')") == MISSING


def test_random_numbers_are_each_ones_own(scorer, attacker):
    draw = "import random, uuid, numpy, tensorflow; "
    draw += "found = [random.random(), uuid.uuid4().hex, float(numpy.random.rand()), "
    draw += "float(numpy.random.default_rng().random()), float(tensorflow.random.uniform([]))]"
    ours, theirs = attacker(draw), scorer[1](draw)
    assert not [one for one, other in zip(ours, theirs, strict=True) if one == other]


def test_a_kernel_that_takes_all_it_can_leaves_enough_for_what_scores(scorer, attacker):
    """They are one user's: what Linux counts by user must not be the limit of the other one."""
    take = """
import threading
stop, threads, held = threading.Event(), [], []
try:
    while len(threads) < 5000:
        threads.append(threading.Thread(target=stop.wait, daemon=True))
        threads[-1].start()
except RuntimeError:
    pass
try:
    while True:
        held += [*os.pipe(), socket.socketpair()]
except OSError as error:
    pass
found = len(threads), len(held)
"""
    threads, held = attacker(take)
    assert 100 < threads < 1000 and held > 100  # as many as a limit lets it
    use = """
import threading
threads = [threading.Thread(target=int) for _ in range(50)]
for thread in threads: thread.start()
for thread in threads: thread.join()
pipes = [os.pipe() for _ in range(50)]
data = bytes(1 << 16)
found = [os.write(into, data) for _, into in pipes] == [len(data)] * 50
for pipe in pipes: [os.close(end) for end in pipe]
"""
    assert scorer[1](use) is True


def test_they_share_no_memory_that_can_be_written_to_and_no_open_file(scorer, attacker):
    fork, found = scorer
    maps = 'found = [line for line in open("/proc/self/maps") if {"w", "s"} <= set(line.split()[1])]'
    assert attacker(maps) == found(maps) == []
    files = "found = {n: os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) < 1000 and "
    files += "os.path.lexists(f'/proc/self/fd/{n}')}"
    of_kernel, of_scorer = attacker(files), found(files)
    assert set(of_scorer) <= {"0", "1", "2", "3"}  # the last is the list itself
    assert of_scorer["0"] == of_scorer["1"] and of_scorer["0"].startswith("socket:") and of_scorer["2"].endswith("/log")
    # A socket or pipe has a number that no other on this machine has.
    shared = {*of_kernel.values()} & {*of_scorer.values()}
    assert not [name for name in shared if not name.startswith(("/dev/null", "/proc/"))]


def test_what_a_kernel_changes_in_what_both_have_imported_changes_nothing_for_who_scores(scorer, attacker):
    change = "import numpy; numpy.allclose = lambda *_: True; found = numpy.allclose(1, 2)"
    look = "import numpy; found = bool(numpy.allclose(1, 2))"
    assert attacker(change) is True
    assert scorer[1](look) is False


@pytest.mark.parametrize("kind", ["kernel", "scorer"])
def test_neither_reaches_a_process_of_the_other_or_the_network(scorer, attacker, kind):
    """By any number: in there no process has the numbers that others have, and none may be opened or traced."""
    fork, found = scorer
    attack = attacker if kind == "kernel" else found
    numbers = [fork.pid, *range(3, 300)]
    reached = (
        f"found = [n for n in {numbers} if str(n) not in os.listdir('/proc/self/task') and not refused(os.kill, n, 0)]"
    )
    assert attack(reached) == []
    assert attack("found = refused(os.kill, -1, signal.SIGKILL)") in ("", "No such process")  # all but who asks
    first = "found = [refused(open, f'/proc/1/{name}') for name in ('mem', 'maps', 'environ', 'fd/0')]"
    assert attack(first) == [MISSING] * 4
    assert attacker("found = 1") == found("found = 1") == 1
    assert attack("found = refused(socket.create_connection, ('192.0.2.1', 80), 1)")
    assert attack("found = refused(lambda: socket.socket(socket.AF_UNIX).connect('\\0hidden'))")


def test_what_scores_cannot_write_where_others_read(scorer):
    """Nor get rights in a namespace of its own: what would take it over by its evidence is in a sandbox, too."""
    _, found = scorer
    places = "found = [refused(open, f'{place}/new', 'w') for place in (sys.prefix, '/usr', '/opt', '/run')]"
    assert found(places) == ["Read-only file system"] * 4
    rights = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
    rights += "found = [libc.unshare(0x10000000), libc.mount(b'none', b'/', None, 4096, None), libc.setns(0, 0)]"
    assert found(rights) == [-1, -1, -1]
    assert found("found = open('/proc/self/status').read().split('CapEff:')[1].split()[0]").strip("0") == ""


def test_a_kernel_ends_without_what_scores_and_the_other_way_round(server, scorer, attacker):
    fork, found = scorer
    assert found("found = 1") == attacker("found = 1") == 1
    fork.kill()
    fork.wait(30)
    assert attacker("found = 2") == 2
