"""Which submissions can be graded, and the line that is said of those that cannot."""

import json

import pytest
from autoencoder_grader.engine.submissions import Submission, problem_with


def code(name, source="", **marks):
    metadata = {"nbgrader": marks} if marks else {}
    return {
        "cell_type": "code",
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
        "source": source,
    }


@pytest.fixture
def submission(tmp_path):
    folder = tmp_path / "ann" / "ch1"
    folder.mkdir(parents=True)
    return Submission("ann", "ch1", folder)


def hand_in(submission, *cells):
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    submission.notebook.write_text(json.dumps(notebook), encoding="utf-8")


def test_a_notebook_whose_marks_alone_are_lost_can_be_graded(submission):
    hand_in(submission, code("test", "check(1)"))
    assert problem_with(submission, {"test"}) is None
    hand_in(submission, code("other", "check(1)"))
    assert "none of the checks" in problem_with(submission, {"test"})


def test_a_folder_or_a_notebook_elsewhere_is_named(submission):
    submission.notebook.mkdir()
    assert "is a folder" in problem_with(submission, {"test"})
    submission.notebook.rmdir()
    for name in ("homework/ch1.ipynb", ".ipynb_checkpoints/ch1-checkpoint.ipynb"):
        (submission.folder / name).parent.mkdir()
        (submission.folder / name).write_text("{}", encoding="utf-8")
    line = problem_with(submission, {"test"})
    assert "there is homework/ch1.ipynb: rename" in line and "checkpoint" not in line


def test_a_time_of_submission_that_is_none_is_named(submission):
    hand_in(submission, code("test", "check(1)"))
    stamp = submission.folder / "timestamp.txt"
    stamp.write_text("yesterday", encoding="utf-8")
    assert "timestamp.txt holds no time" in problem_with(submission, {"test"})
    stamp.write_text("2026-02-01 12:00:00 UTC\n", encoding="utf-8")
    assert problem_with(submission, {"test"}) is None
