"""SIGKILL at random moments: the command, run again, ends with what an undisturbed run gives. Nothing is left behind.

FAULTS_MOMENTS=100 kills so many processes; FAULTS_SEED=7 at other moments.
"""

import random
import shutil
import sys
import time

import pytest
from autoencoder_grader.kernels import sandbox

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
    pytest.mark.skipif(not sandbox.available(), reason="no sandbox here (Debian: apt-get install bubblewrap)"),
]
STUDENTS = 12
GOES_ON = ("sandbox", "fork server", "worker", "scoring")


def test_whatever_is_killed_nothing_is_lost_doubled_or_changed(undisturbed, start, tmp_path, all_of, number):
    before, expected = undisturbed(STUDENTS)
    chance = random.Random(number("FAULTS_SEED", 1))
    left, rounds = number("FAULTS_MOMENTS", 4), 0
    while left > 0:
        rounds += 1
        course = tmp_path / f"round-{rounds}"
        shutil.copytree(before, course)
        kinds = chance.sample(GOES_ON, k=min(left - 1, 3)) if left > 1 else []
        killed = disturb(start, course, [*kinds, "coordinator"], chance)
        left -= max(1, len(killed))
        found = all_of(course)
        for part, value in expected.items():
            assert found.get(part) == value, f"round {rounds}, after {killed}: {part}"
        assert set(found) == set(expected), f"round {rounds}, after {killed}"
        shutil.rmtree(course)


def disturb(start, course, kinds, chance):
    """Grade a class and kill a process of each kind while it goes on; then run the command until it ends well."""
    killed = []
    run = start(course, "--workers", "2")
    if chance.random() < 0.3 and len(kinds) == 1:
        time.sleep(chance.uniform(0, 20))  # while it starts
    for kind in kinds:
        if run.kill(kind, chance.choice):
            killed.append(kind)
        time.sleep(chance.uniform(0, 4))
    for _ in range(5):
        code = run.wait()
        run.expect_nothing_left()
        if code == 0:
            run.expect_no_folder_left()
            assert not [path.name for path in course.glob(".release-*")]
            assert not list((course / ".grading").glob("incoming/**/*"))
            return killed
        assert code in (-9, 3), run.output()
        run = start(course, "--workers", "2")
    raise AssertionError(run.output())
