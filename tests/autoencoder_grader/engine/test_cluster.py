"""Grading by workers: on this machine, and on a cluster that somebody else has started."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import distributed.scheduler
import psutil
import pytest
from autoencoder_grader import cli
from autoencoder_grader.engine import cluster
from autoencoder_grader.engine.cluster import Cluster, InThisProcess, NoCluster
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.orders import CourseCopy, Graded, Order
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner
from distributed.nanny import WorkerProcess
from tiny_class import quiet

STUDENTS = {
    "ada": {},
    "ben": {"train_net": "beta = undefined_name"},
    "cy": {"train_net": "beta = 0.0006"},
    "dora": {},
}
EXPECTED = {
    ("ada", "conv-sides"): 1.0,
    ("ada", "flowers-beta"): 1.0,
    ("ben", "conv-sides"): 1.0,
    ("ben", "flowers-beta"): 0.0,
    ("cy", "conv-sides"): 1.0,
    ("cy", "flowers-beta"): 0.0,
    ("dora", "conv-sides"): 1.0,
    ("dora", "flowers-beta"): 1.0,
}


@pytest.fixture
def handed_in(graded_course, notebook):
    """A class of four."""
    for student, sources in STUDENTS.items():
        graded_course.hand_in(student, "01_tiny", notebook("tiny", **sources))
    return graded_course.folder


def scores(course):
    with open_api(course).gradebook as gradebook:
        return {
            (submission.student_id, grade.name): grade.auto_score
            for submission in gradebook.assignment_submissions("01_tiny")
            for grade in submission.notebooks[0].grades
            if grade.name != "tiny-written"
        }


def test_in_this_process(handed_in):
    report = grade(handed_in, console=quiet(), trusted=True)
    assert report.exit_code == 0 and scores(handed_in) == EXPECTED
    assert report.statuses == {"graded": 4}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scheduler", [None, cluster.LOCAL])
def test_two_workers_give_the_same_though_one_is_killed(handed_in, monkeypatch, scheduler):
    """The worker is replaced, what it had is graded, and nobody waits for the one that is not there any more."""
    monkeypatch.setattr(cluster, "_READY_SECONDS", 3600)
    killed = []

    def kill_one():
        while not killed:
            for process in psutil.Process().children(recursive=True):
                try:
                    # A worker that grades has a scoring process, which other processes may stand above.
                    if process.name() == "scoring" or "scoring.worker" in " ".join(process.cmdline()):
                        above = [one for one in process.parents() if "spawn_main" in " ".join(one.cmdline())]
                        if above:
                            time.sleep(3)
                            above[0].kill()
                            killed.append(above[0].pid)
                            return
                except psutil.Error:
                    continue
            time.sleep(0.2)

    threading.Thread(target=kill_one, daemon=True).start()
    report = grade(handed_in, console=quiet(), trusted=True, workers=2, scheduler=scheduler)
    assert killed
    assert report.exit_code == 0 and len(report.graded) == 4
    assert scores(handed_in) == EXPECTED
    assert not [
        process for process in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(process.cmdline())
    ]


def orders_of(count):
    """So many orders that nothing real is in."""
    copy = CourseCopy("01_tiny", "", b"", 1)
    return [Order(f"student{number}", "01_tiny", b"files", f"hash {number}", copy) for number in range(count)]


def half_a_second_grader():
    """What a worker can be sent in place of the real grading: a function inside, which travels by value."""

    def grade_slowly(order, report):
        time.sleep(0.5)
        return Graded(order.student, order.assignment, order.sha256, "graded", autograded=b"n", feedback=b"p")

    return grade_slowly


@pytest.mark.skipif(sys.platform != "linux", reason="stops processes")
def test_workers_that_hang_are_replaced(monkeypatch):
    monkeypatch.setattr(cluster, "_SILENT", "4s")
    orders = orders_of(8)
    workers = Cluster(lambda name, event: None, 2, grade_one=half_a_second_grader())
    try:
        processes = list(workers._client.run(os.getpid).values())
        replies = workers.run(iter(orders))
        found = [next(replies)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        found += replies
        now = set(workers._client.run(os.getpid).values())
    finally:
        workers.close()
    assert sorted(reply.order.student for reply in found if reply.graded) == sorted(order.student for order in orders)
    assert now and now.isdisjoint(processes)
    assert not any(psutil.pid_exists(process) for process in processes)


@pytest.mark.parametrize("jump", [86400.0, -86400.0])
def test_a_clock_that_jumps_costs_nobody_anything(monkeypatch, jump):
    monkeypatch.setattr(cluster, "_SILENT", "4s")
    orders = orders_of(12)
    workers = Cluster(lambda name, event: None, 2, grade_one=half_a_second_grader())
    clock, ahead = distributed.scheduler.time, [0.0]
    monkeypatch.setattr(distributed.scheduler, "time", lambda: clock() + ahead[0])
    try:
        replies = workers.run(iter(orders))
        found = [next(replies)]
        ahead[0] = jump  # a laptop that slept, a clock that was set
        found += replies
    finally:
        workers.close()
    assert sorted(reply.order.student for reply in found if reply.graded) == sorted(order.student for order in orders)


@pytest.mark.skipif(sys.platform != "linux", reason="kills a process")
def test_a_worker_that_dies_while_it_starts_is_started_again(monkeypatch):
    start, killed = WorkerProcess.start, []

    async def start_and_kill(self):
        if killed:
            return await start(self)
        killed.append(self)
        starting = asyncio.ensure_future(start(self))
        while not (self.process and self.process.pid):
            await asyncio.sleep(0.01)
        os.kill(self.process.pid, signal.SIGKILL)
        return await starting

    monkeypatch.setattr(WorkerProcess, "start", start_and_kill)
    workers = Cluster(lambda name, event: None, 2)
    try:
        assert killed and workers.workers == 2
    finally:
        workers.close()


def test_workers_that_never_start_are_one_line(monkeypatch):
    tries = []

    def fail(**settings):
        tries.append(settings)
        raise RuntimeError("Cluster failed to start: no port")

    with pytest.raises(NoCluster, match="the workers do not start .*no port"):
        cluster._started(fail, n_workers=2)
    assert tries == [{"n_workers": 2}] * 3


def test_a_result_that_comes_twice_counts_once(handed_in, monkeypatch):
    run = InThisProcess.run
    monkeypatch.setattr(InThisProcess, "run", lambda self, orders: (o for o in run(self, orders) for _ in range(2)))
    report = grade(handed_in, console=quiet(), trusted=True)
    assert len(report.graded) == 4 and report.statuses == {"graded": 4}
    assert scores(handed_in) == EXPECTED


#: `python -m dask`, which ends with the tests even if these are killed.
DASK = """
import runpy, sys
if sys.platform == "linux":
    from autoencoder_grader.kernels.namespaces import die_with_parent
    die_with_parent()
runpy.run_module("dask", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def dask(tmp_path):
    """dask(word, ...): `dask word ...` as a person starts it, ended with the test."""
    running = []

    def begin(*words):
        command = [sys.executable, "-c", DASK, *words]
        environment = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(tmp_path)}
        with (tmp_path / f"{words[0]}-{len(running)}.log").open("wb") as log:
            # A group of its own: what descends from it is in it, too, whoever of them has ended before.
            running.append(
                subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, env=environment, process_group=0)
            )
        return running[-1]

    yield begin
    for process in reversed(running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    left = {process.pid for process in running}
    end = time.monotonic() + 20
    while any(_group_lives(group) for group in left):
        assert time.monotonic() < end, "a scheduler or a worker lives on"
        time.sleep(0.1)


def _group_lives(group):
    """Whether a process of a group is there that has not ended yet."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def wait_for_file(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_cluster_of_others_is_used_and_left_as_it_was(handed_in, dask, tmp_path):
    place = tmp_path / "scheduler.json"
    address = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place), "--no-dashboard"]
    scheduler = dask("scheduler", *address)
    wait_for_file(place)
    address = json.loads(place.read_text())["address"]
    worker = dask("worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / "w"))
    arguments = ["--course", str(handed_in), "grade", "--scheduler", address, "--i-trust-these-submissions"]
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    assert scores(handed_in) == EXPECTED
    assert scheduler.poll() is None and worker.poll() is None


@pytest.mark.parametrize("goes", [signal.SIGKILL, signal.SIGTERM])
def test_a_scheduler_that_dies_costs_nobody_anything(handed_in, dask, tmp_path, goes):
    place = tmp_path / "scheduler.json"
    scheduler = dask(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place), "--no-dashboard"
    )
    wait_for_file(place)
    address = json.loads(place.read_text())["address"]
    dask("worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(tmp_path / "w"))
    command = [sys.executable, "-m", "autoencoder_grader.cli", "--course", str(handed_in), "grade"]
    command += ["--scheduler", address, "--i-trust-these-submissions"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as grading:
        try:
            said = ""
            while "graded" not in said:
                said = grading.stdout.readline()
                assert said, "it ended before it had graded any"
            scheduler.send_signal(goes)
            said += grading.communicate(timeout=120)[0]
        finally:
            grading.kill()
    assert grading.returncode == 3, said
    (line,) = [line for line in said.splitlines() if "not graded" in line]
    assert f"of 4 not graded: the Dask scheduler at {address} does not answer; nothing is lost" in line
    for word in ("Traceback", "distributed", "tornado", "cluster lost"):
        assert word not in said, said
    done = scores(handed_in)
    assert 2 <= len(done) < len(EXPECTED) and done == {cell: EXPECTED[cell] for cell in done}
    report = grade(handed_in, console=quiet(), trusted=True)
    assert len(report.graded) + len(report.unchanged) == 4 and scores(handed_in) == EXPECTED


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tcp://no.such.host.invalid:8786"])
def test_an_address_that_does_not_answer_is_the_same_line(handed_in, monkeypatch, address):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    arguments = ["--course", str(handed_in), "grade", "--scheduler", address, "--i-trust-these-submissions"]
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 3, result.output
    (line,) = [line for line in result.output.splitlines() if "scheduler" in line]
    assert f"4 of 4 not graded: the Dask scheduler at {address} does not answer; nothing is lost" in line
    assert "None" not in result.output and not (handed_in / "autograded").exists()


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "http://127.0.0.1:9"])
def test_an_address_that_is_none_is_one_line(handed_in, monkeypatch, address):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    with pytest.raises(CourseError, match="is not the address of a Dask scheduler"):
        grade(handed_in, console=quiet(), trusted=True, scheduler=address)


def test_a_cluster_without_workers_is_said(handed_in, dask, monkeypatch, tmp_path):
    place = tmp_path / "scheduler.json"
    dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(place), "--no-dashboard")
    wait_for_file(place)
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 2)
    with pytest.raises(CourseError, match="has no workers"):
        grade(handed_in, console=quiet(), trusted=True, scheduler=json.loads(place.read_text())["address"])


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a process is to do when its parent ends")
def test_our_own_workers_leave_ctrl_c_alone_and_end_with_the_command():
    def what_a_worker_does():
        import ctypes
        import signal

        at_parents_end = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(at_parents_end), 0, 0, 0)  # PR_GET_PDEATHSIG
        return signal.getsignal(signal.SIGINT) is signal.SIG_IGN, at_parents_end.value

    cluster = Cluster(lambda name, event: None, workers=1)
    try:
        assert list(cluster._client.run(what_a_worker_does).values()) == [(True, signal.SIGKILL)]
    finally:
        cluster.close()
