"""Grading by workers: on this machine, and on a cluster that somebody else has started."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from autoencoder_grader import cli
from autoencoder_grader.engine import cluster
from autoencoder_grader.engine.cluster import InThisProcess
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.progress import GradingProgress
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner
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
def test_two_workers_give_the_same_though_one_is_killed(handed_in, graded_course, notebook, monkeypatch):
    """The worker is replaced, what it had is graded, and nobody waits for the one that is not there any more."""
    # Longer than workers keep silent about the cell that runs: the one that is killed has to be in the middle of it.
    slow = "import time\ntime.sleep(4)\nbeta = 0.0012"
    graded_course.hand_in("ada", "01_tiny", notebook("tiny", train_net=slow))
    event, workers, killed = GradingProgress.event, {}, []

    def heard(self, label, told):
        workers[label] = told.get("worker", workers.get(label))
        if "cell" in told and not killed:  # in the middle of a notebook
            killed.append(int(workers[label]))
            os.kill(killed[0], signal.SIGKILL)
        event(self, label, told)

    monkeypatch.setattr(GradingProgress, "event", heard)
    report = grade(handed_in, console=quiet(), trusted=True, workers=2)
    assert killed
    assert report.exit_code == 0 and len(report.graded) == 4
    assert scores(handed_in) == EXPECTED
    assert not [
        process for process in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(process.cmdline())
    ]


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


def test_a_scheduler_that_dies_costs_nobody_anything(handed_in, dask, tmp_path):
    """The whole command, as it is typed; test_scheduler_goes.py has all moments and signals, without the grading."""
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
            scheduler.send_signal(signal.SIGTERM)
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
