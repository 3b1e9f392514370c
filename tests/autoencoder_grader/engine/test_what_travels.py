"""What goes to workers and what comes back: files that nobody changed stay where they are."""

import io
from dataclasses import replace

import pytest
from autoencoder_grader.engine.bundle import contents, pack, unpack
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.orders import CourseCopy, Graded, Order, digest
from autoencoder_grader.engine.small_gradebook import small_gradebook
from autoencoder_grader.engine.worker import _compared
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.release import make_release
from nbgrader.api import Gradebook
from rich.console import Console


def folder_with(folder, **files):
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def order(tmp_path):
    files = pack(folder_with(tmp_path / "handed in", notebook=b"{}", weights__net=b"trained"))
    return Order("ada", "01_tiny", files, digest(files), CourseCopy("01_tiny", "", b"", 1))


def test_files_that_are_as_handed_in_do_not_come_back(order, tmp_path):
    graded = folder_with(tmp_path / "graded", notebook=b"{1}", weights__net=b"trained", page=b"x")
    changed, unchanged = _compared(graded, contents(order.files))
    assert unchanged == ("weights/net",)
    assert set(contents(pack(graded, changed))) == {"notebook", "page"}


def test_weights_that_grading_trained_anew_come_back(order, tmp_path):
    graded = folder_with(tmp_path / "graded", weights__net=b"Trained", weights__more=b"trained")
    changed, unchanged = _compared(graded, contents(order.files))
    assert not unchanged and len(changed) == 2


def test_only_the_named_files_of_a_bundle_are_written(order, tmp_path):
    unpack(order.files, tmp_path / "some", ["weights/net"])
    assert [path.name for path in (tmp_path / "some").rglob("*") if path.is_file()] == ["net"]
    unpack(order.files, tmp_path / "none", [])
    assert not (tmp_path / "none").exists()


def send_back(order, report):
    """Stand in for grading: what was handed in is what was graded."""
    assert digest(order.files) == order.sha256
    report({"cell": 1, "cells": 1, "id": "only"})
    return Graded(order.student, order.assignment, order.sha256, "graded", autograded=order.files, feedback=b"page")


def test_another_grading_can_stand_in_and_its_unchanged_weights_are_kept(graded_course, notebook, tmp_path):
    path = graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    folder_with(path.parent, weights__net=b"trained")
    feedback = pack(folder_with(tmp_path / "page", **{"01_tiny.html": b"page"}))

    def stand_in(order, report):
        only_the_notebook = pack(path.parent, [path])
        return replace(
            send_back(order, report), autograded=only_the_notebook, feedback=feedback, unchanged=("weights/net",)
        )

    report = grade(graded_course.folder, console=Console(file=io.StringIO()), trusted=True, grade_one=stand_in)
    assert [str(submission) for submission in report.graded] == ["ada/01_tiny"]
    kept = graded_course.folder / "autograded" / "ada" / "01_tiny"
    assert (kept / "weights" / "net").read_bytes() == b"trained"
    assert (kept / "01_tiny.ipynb").is_file()


def test_the_gradebook_that_travels_needs_no_other_program(graded_course, notebook, monkeypatch, tmp_path):
    make_release(graded_course.folder)
    api = open_api(graded_course.folder)
    assert api.generate_assignment("01_tiny")["success"]
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: pytest.fail("alembic was asked"))
    with api.gradebook as gradebook:
        data = small_gradebook(gradebook, "01_tiny")
    path = tmp_path / "small.db"
    path.write_bytes(data)
    with Gradebook(f"sqlite:///{path}", "autoencoders") as small:
        assert {cell.name for cell in small.find_notebook("01_tiny", "01_tiny").grade_cells} >= {"conv-sides"}
