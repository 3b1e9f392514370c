"""Whenever a scheduler goes, one line says so, the exit code is 3, and nothing is lost.

Grading is a stand-in here that takes no time. CLUSTER_SEED=7 tries other moments, CLUSTER_MOMENTS=50 more of them.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest
from autoencoder_grader.engine import cluster, pulse
from autoencoder_grader.engine.bundle import pack
from autoencoder_grader.engine.cluster import Cluster
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.orders import Graded
from autoencoder_grader.engine.writer import Writer
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from tiny_class import quiet

STUDENTS = 6
#: A scheduler and a worker of somebody else's, started as one process, which is quicker than `dask scheduler`.
OTHERS = """
import asyncio, json, os, signal, sys
import dask
from autoencoder_grader.kernels.namespaces import die_with_parent
from distributed import Scheduler, Worker

dask.config.set({"temporary-directory": sys.argv[2]})

async def main():
    ended = asyncio.Event()
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        async with Worker(scheduler.address, nthreads=1, local_directory=sys.argv[2]) as worker:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
            with open(sys.argv[1] + ".part", "w") as file:
                file.write(scheduler.address)
            os.replace(sys.argv[1] + ".part", sys.argv[1])
            await ended.wait()
            await scheduler.close()

if sys.platform == "linux":
    die_with_parent()  # also if the tests are killed
asyncio.run(main())
"""


def grader(seconds=0.0):
    """What takes the place of grading: full points for all. It can be sent to a worker."""
    files = {}
    for name, text in (("01_tiny.ipynb", '{"cells": []}'), ("01_tiny.html", "page")):
        path = Path(os.environ["PYTEST_SCRATCH"], Path(name).suffix[1:], name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        files[path.suffix] = pack(path.parent)

    def grade_quickly(order, report):
        time.sleep(seconds)
        return Graded(
            order.student, order.assignment, order.sha256, "graded", grades={"conv-sides": (1.0, False)},
            autograded=files[".ipynb"], feedback=files[".html"],
        )  # fmt: skip

    return grade_quickly


@pytest.fixture
def course(graded_course, notebook, monkeypatch, tmp_path):
    """A class that has handed in; whoever is silent is given up sooner than people would."""
    for number in range(STUDENTS):
        graded_course.hand_in(f"student{number}", "01_tiny", notebook("tiny"))
    monkeypatch.setenv("PYTEST_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 5)
    monkeypatch.setattr(pulse, "_SECONDS_BETWEEN_QUESTIONS", 0.2)
    return graded_course.folder


class Others:
    """A cluster of somebody else's."""

    def __init__(self, folder):
        place = folder / "address"
        self._log = (folder / "others.log").open("wb")
        command = [sys.executable, "-c", OTHERS, str(place), str(folder / "worker")]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        end = time.monotonic() + 120
        while not place.exists():
            assert time.monotonic() < end and self._process.poll() is None
            time.sleep(0.05)
        self.address = place.read_text()

    def go(self, how=signal.SIGKILL):
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(60)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._log.close()


@pytest.fixture
def others(tmp_path):
    """A cluster of others, ended with the test."""
    made = Others(tmp_path)
    yield made
    made.close()


def before(monkeypatch, owner, name, go, call=1):
    """Have the scheduler go before the call of a function with this number."""
    function, calls = getattr(owner, name), []

    def wrapped(*given, **options):
        calls.append(1)
        if len(calls) == call:
            go()
        return function(*given, **options)

    monkeypatch.setattr(owner, name, wrapped)


def after(monkeypatch, owner, name, go, call=1):
    """Have it go after that call."""
    function, calls = getattr(owner, name), []

    def wrapped(*given, **options):
        result = function(*given, **options)
        calls.append(1)
        if len(calls) == call:
            go()
        return result

    monkeypatch.setattr(owner, name, wrapped)


#: When the scheduler goes, and whether something is left then.
MOMENTS = {
    "before anybody asks": (lambda patch, go: go(), True),
    "before the client looks for workers": (lambda patch, go: before(patch, cluster.Pulse, "__init__", go), True),
    "when the client has just met it": (lambda patch, go: after(patch, cluster.Pulse, "__init__", go), True),
    "before the first order": (lambda patch, go: before(patch, Cluster, "_send", go), True),
    "between two orders": (lambda patch, go: before(patch, Cluster, "_send", go, 2), True),
    "when the first order is on its way": (lambda patch, go: after(patch, Cluster, "_send", go), True),
    "before the first result is fetched": (lambda patch, go: before(patch, cluster, "_reply", go), True),
    "before the third result is fetched": (lambda patch, go: before(patch, cluster, "_reply", go, 3), True),
    "while the first result is written": (lambda patch, go: before(patch, Writer, "commit", go), True),
    "when all results are back": (lambda patch, go: before(patch, Writer, "commit", go, STUDENTS), False),
    "at the end": (lambda patch, go: before(patch, Cluster, "close", go), False),
}


def expect_one_line(report, address, left=None):
    """What a run must come to whose scheduler went; left: whether something was left, if that is known."""
    done = len(report.graded)
    if left is not None:
        assert (done < STUDENTS) == left
    if done == STUDENTS:
        assert report.exit_code == 0 and not report.faults
    else:
        assert report.exit_code == 3 and len(report.faults) == 1, report.faults
        assert re.fullmatch(
            rf"{STUDENTS - done} of {STUDENTS} not graded: the Dask scheduler at {re.escape(address)} does not answer; "
            "nothing is lost, the same command tries again",
            report.faults[0],
        ), report.faults
    assert sum(report.statuses.values()) == STUDENTS and not report.problems


def expect_nothing_lost(course):
    """The same command grades the rest."""
    report = grade(course, console=quiet(), trusted=True, grade_one=grader())
    assert len(report.graded) + len(report.unchanged) == STUDENTS and report.exit_code == 0
    with open_api(course).gradebook as gradebook:
        found = {
            submission.student_id: [g.auto_score for g in submission.notebooks[0].grades if g.name == "conv-sides"]
            for submission in gradebook.assignment_submissions("01_tiny")
        }
    assert found == {f"student{number}": [1.0] for number in range(STUDENTS)}


#: Where a goodbye can be heard: whoever asks a scheduler that has gone hears nothing either way.
HEARD = ("when the client has just met it", "when the first order is on its way", "while the first result is written")


@pytest.mark.parametrize(
    ("moment", "how"),
    [(moment, signal.SIGKILL) for moment in MOMENTS] + [(moment, signal.SIGTERM) for moment in HEARD],
)
def test_a_scheduler_of_others_goes(course, others, monkeypatch, capfd, moment, how):
    arrange, left = MOMENTS[moment]
    with monkeypatch.context() as patch:
        arrange(patch, lambda: others.go(how))
        report = grade(course, console=quiet(), trusted=True, scheduler=others.address, grade_one=grader())
    expect_one_line(report, others.address, left)
    assert capfd.readouterr() == ("", "")
    expect_nothing_lost(course)


def test_a_scheduler_of_others_goes_at_any_time(course, tmp_path, capfd):
    chance = random.Random(int(os.environ.get("CLUSTER_SEED", 1)))
    for number in range(int(os.environ.get("CLUSTER_MOMENTS", 3))):
        folder = tmp_path / f"others-{number}"
        folder.mkdir()
        others, how = Others(folder), chance.choice([signal.SIGKILL, signal.SIGTERM])
        killer = threading.Timer(chance.uniform(0, 3), others.go, [how])
        killer.start()
        try:
            report = grade(
                course, console=quiet(), trusted=True, again=True, scheduler=others.address, grade_one=grader(0.4)
            )
        finally:
            killer.join()
            others.close()
        expect_one_line(report, others.address)
        assert capfd.readouterr() == ("", ""), number
    expect_nothing_lost(course)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "with a goodbye"])
def test_a_scheduler_of_others_goes_while_workers_get_ready(course, others, monkeypatch, capfd, how):
    def never_ready():
        import time

        return lambda course: time.sleep(200)

    monkeypatch.setattr(cluster, "_get_ready", never_ready())
    before(monkeypatch, Cluster, "get_ready", lambda: threading.Timer(1.0, others.go, [how]).start())
    began = time.monotonic()
    report = grade(course, console=quiet(), trusted=True, scheduler=others.address)
    assert time.monotonic() - began < 150
    expect_one_line(report, others.address, left=True)
    assert capfd.readouterr() == ("", "")


def test_another_scheduler_in_its_place_is_not_taken_for_it(course, others, monkeypatch):
    """It knows nothing of what was sent to the first."""
    identity = pulse.Pulse._ask
    asked = []

    async def ask(self):
        asked.append(1)
        return await identity(self) | ({"id": "another"} if len(asked) > 2 else {})

    monkeypatch.setattr(pulse.Pulse, "_ask", ask)
    report = grade(course, console=quiet(), trusted=True, scheduler=others.address, grade_one=grader(1.0))
    expect_one_line(report, others.address, left=True)


COMMAND = """
import sys, time
from autoencoder_grader.engine.pool import Pool
from autoencoder_grader.engine.orders import CourseCopy, Graded, Order

def slow():
    def grade_slowly(order, report):
        time.sleep(0.3)
        return Graded(order.student, order.assignment, order.sha256, "graded")
    return grade_slowly

if __name__ == "__main__":
    print("begins", flush=True)
    workers = Pool(lambda name, event: None, 2, grade_one=slow())
    print("started", flush=True)
    copy = CourseCopy("01_tiny", "", b"", 1)
    for reply in workers.run(Order(f"s{i}", "01_tiny", b"files", f"hash {i}", copy) for i in range(1000)):
        print("graded", flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("moment", ["begins", "started", "graded"])
def test_a_command_that_is_killed_leaves_no_worker(tmp_path, moment):
    chance = random.Random(f"{moment} {os.environ.get('CLUSTER_SEED', 1)}")
    mark = f"CLUSTER_MARK={uuid.uuid4()}"
    (tmp_path / "command.py").write_text(COMMAND)
    name, _, value = mark.partition("=")
    command = subprocess.Popen(
        [sys.executable, tmp_path / "command.py"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, name: value, "TMPDIR": str(tmp_path)},
    )
    with command:
        while command.stdout.readline().strip() != moment:
            assert command.poll() is None
        time.sleep(chance.uniform(0, 3))
        command.kill()
    end = time.monotonic() + 60
    while left := _marked(mark):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def _marked(mark):
    """The command lines of the processes that descend from a command, by what stands in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if mark in Path(f"/proc/{process.pid}/environ").read_text(errors="replace"):
                found.append(process.cmdline())
    return found


def test_whoever_is_busy_meanwhile_does_not_take_a_scheduler_for_gone(course, others, monkeypatch):
    """Writing a result, or fetching one from a worker that hangs, may take longer than anybody waits for an answer."""
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 2)
    calls = []
    before(monkeypatch, Writer, "commit", lambda: calls.append(time.sleep(6)))
    report = grade(course, console=quiet(), trusted=True, scheduler=others.address, grade_one=grader())
    assert calls and report.exit_code == 0 and len(report.graded) == STUDENTS


def test_a_scheduler_that_hangs_is_given_up(course, others, monkeypatch):
    before(monkeypatch, cluster, "_reply", lambda: os.kill(others._process.pid, signal.SIGSTOP))
    report = grade(course, console=quiet(), trusted=True, scheduler=others.address, grade_one=grader(0.1))
    expect_one_line(report, others.address, left=True)
