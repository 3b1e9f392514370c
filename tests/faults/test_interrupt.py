"""Ctrl-C: one line that says how to go on, exit code 130, nobody left behind, and the next run goes on."""

import shutil
import sys
import time

import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.kernels import sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
STUDENTS = 12


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    "moment", ["while submissions are graded", pytest.param("while it starts", marks=pytest.mark.long)]
)
def test_ctrl_c_stops_cleanly_and_the_next_run_goes_on(undisturbed, start, tmp_path, all_of, workers, moment):
    before, expected = undisturbed(STUDENTS)
    course = tmp_path / "course"
    shutil.copytree(before, course)
    run = start(course, "--workers", workers)
    wait_for = "✓ student" if moment == "while submissions are graded" else "left"
    while wait_for not in run.output() and run.ended() is None:
        run.processes()
        time.sleep(0.1)
    time.sleep(0.5)
    run.interrupt()
    assert run.wait(60) == 130, run.output()  # the rest of the class would take longer
    lines = [line for line in run.output().splitlines() if "Stopped" in line]
    done = run.output().count("✓ student")
    assert lines == [
        f"Stopped: {done} of {STUDENTS} are done and kept, {STUDENTS - done} are left. The same command goes on."
    ]
    assert "Traceback" not in run.output(), run.output()
    run.expect_nothing_left()
    if sandbox.available():
        run.expect_no_folder_left()
    report = grade(course, trusted=True)
    assert len(report.graded) == STUDENTS - done and len(report.unchanged) == done
    assert all_of(course) == expected
