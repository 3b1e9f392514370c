"""The scores do not depend on how many grade, or on who is graded first.

AUTOENCODER_FAULTS=long also tries 8 workers, which takes 12 GB of memory.
"""

import io
import random
import shutil

import pytest
from autoencoder_grader.engine import grading
from autoencoder_grader.engine.grading import grade
from rich.console import Console

STUDENTS = 4


@pytest.mark.parametrize("workers", [1, 2, pytest.param(8, marks=pytest.mark.long)])
def test_any_number_of_workers_and_any_order_give_the_same(undisturbed, tmp_path, all_of, monkeypatch, workers):
    students = max(STUDENTS, workers)
    before, expected = undisturbed(students)
    course = tmp_path / "course"
    shutil.copytree(before, course)
    find = grading.find_submissions

    def shuffled(*arguments):
        found, problems = find(*arguments)
        random.Random(workers).shuffle(found)
        return found, problems

    monkeypatch.setattr(grading, "find_submissions", shuffled)
    console = Console(file=io.StringIO(), width=200)
    report = grade(course, console=console, trusted=True, workers=workers)
    assert report.exit_code == 0 and len(report.graded) == students
    assert all_of(course) == expected
