"""Submissions that use up whatever a machine has: each ends in time, and costs nobody else a point."""

import time

import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.workplace import Workplace
from autoencoder_grader.nbgrader_steps.execution import SealedExecute
from tiny_class import points, quiet

MEGABYTE = 1 << 20
CELL_SECONDS, OUTPUT_SECONDS, PATIENCE = 6, 3, 3
#: A cell runs so long, then its last outputs are waited for, then an answer to the interrupt.
WALL_SECONDS = CELL_SECONDS + OUTPUT_SECONDS + PATIENCE
#: What a busy machine may need beside, and far less than a bomb that nobody ends.
MORE = 30
#: Small ones, where limits of a whole submission can be set.
LIMITS = {
    "memory": 1500 * MEGABYTE,
    "processor_seconds": 60,
    "processes": 40,
    "disk": 200 * MEGABYTE,
    "files": 5000,
    "temporary": 64 * MEGABYTE,
}
HAS_LIMITS = "limits" in SealedExecute.class_traits()
pytestmark = pytest.mark.skipif(
    not sandbox.available(), reason="no sandbox here would hold them (Debian: apt-get install bubblewrap)"
)

BOMBS = {
    "forks": """
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.5)""",
    "memory": "hoard = bytearray(100 << 30)",
    "memory of many": """
for _ in range(16):
    if os.fork() == 0:
        hoard = b"x" * (300 << 20)
        time.sleep(600)
time.sleep(600)""",
    "disk": """
for number in range(10_000):
    with open(f"file-{number}", "wb") as file:
        file.write(bytes(16 << 20))""",
    "temporary files": """
with open("/tmp/file", "wb") as file:
    while True:
        file.write(bytes(1 << 20))""",
    "shared memory": """
with open("/dev/shm/file", "wb") as file:
    while True:
        file.write(bytes(1 << 20))""",
    "many files": """
os.mkdir("many")
for number in range(10_000_000):
    open(f"many/{number}", "w").close()""",
    "endless output": """
while True:
    print("x" * 1000)""",
    "endless cell": """
while True:
    try:
        while True:
            pass
    except BaseException:
        pass""",
    "threads": """
import threading
while True:
    threading.Thread(target=time.sleep, args=(600,)).start()""",
    "open files": """
hoard = []
while True:
    hoard.append(open("/dev/null"))""",
    "evidence": """
import io, zipfile
bomb = io.BytesIO()
with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
    for name in ("message.json", "0.npy"):
        archive.writestr(name, bytes(300 << 20))
for number in range(20):
    with open(os.path.join(os.environ["AUTOENCODER_EVIDENCE"], "answers", f"{number}-evidence"), "wb") as file:
        file.write(bomb.getvalue())""",
    "recursion": """
sys.setrecursionlimit(10**9)
def deeper(n):
    return [deeper(n + 1)].sort(key=deeper)
deeper(0)""",
    "kernel": "os.kill(os.getpid(), 9)",
}
#: Nothing but the time limit holds these without limits of a whole submission.
NEED_LIMITS = {
    "memory of many": "5 GB of memory",
    "disk": "a disk that fills until the time is over",
}
START = "# a bomb\nimport os, sys, time\nbeta = 0.0006\n"


@pytest.fixture(scope="module")
def exploded(tmp_path_factory, tiny_course, notebook, empty_gradebook):
    """(course, report, seconds that each bomb had) of a class of bombs, with a neighbour before and one after."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    for neighbour in ("a-neighbour", "z-neighbour"):
        course.hand_in(neighbour, "01_tiny", notebook("tiny"))
    bombs = [name for name in BOMBS if HAS_LIMITS or name not in NEED_LIMITS]
    for name in bombs:
        course.hand_in(f"bomb-{name}", "01_tiny", notebook("tiny", train_net=START + BOMBS[name]))
    seconds: dict[str, float] = {}
    run, leave = SealedExecute._run, Workplace.__exit__
    last = []

    def timed_run(self, cell, resources, index):
        began = time.monotonic()
        run(self, cell, resources, index)
        if "# a bomb" in cell.source:
            name = resources["nbgrader"]["student"].removeprefix("bomb-")
            last[:] = [name]
            seconds[name] = time.monotonic() - began

    def timed_leave(self, *arguments):
        began = time.monotonic()
        leave(self, *arguments)
        if last:
            seconds[last.pop()] += time.monotonic() - began

    settings = {
        "timeout_func": lambda cell: CELL_SECONDS if "# a bomb" in cell.source else 120,
        "patience": PATIENCE,
        "iopub_timeout": OUTPUT_SECONDS,
        "most_output": MEGABYTE,
        **({"limits": LIMITS} if HAS_LIMITS else {}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SealedExecute, "_run", timed_run)
        patch.setattr(Workplace, "__exit__", timed_leave)
        report = grade(course.folder, console=quiet(), settings=settings)
    return course, report, seconds


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_in_time_and_gets_what_it_earned_before(exploded, bomb):
    if not HAS_LIMITS and bomb in NEED_LIMITS:
        pytest.skip(f"needs limits of a whole submission, or it is {NEED_LIMITS[bomb]}")
    course, report, seconds = exploded
    assert not report.faults and not report.problems
    assert seconds[bomb] < WALL_SECONDS + MORE
    assert points(course, f"bomb-{bomb}") == {"conv.sides": 1, "flowers.beta": 0}


def test_neighbours_notice_nothing(exploded):
    course, _, _ = exploded
    for neighbour in ("a-neighbour", "z-neighbour"):
        assert points(course, neighbour) == {"conv.sides": 1, "flowers.beta": 1}
