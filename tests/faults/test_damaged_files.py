"""Every file that `grade` reads, with every kind of bytes that it may find there: one line, or graded again.

What is graded comes from a stand-in for the worker, so that nothing runs: this is about what the engine reads.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import time

import nbformat
import pytest
from autoencoder_grader.engine import submissions, worker
from autoencoder_grader.engine.bundle import contents, pack
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.orders import Graded
from autoencoder_grader.results.class_results import read_class
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_grader.results.table import print_table
from autoencoder_helpers.errors import CourseError
from tiny_class import quiet

CHAPTER = "01_tiny"
HOSTILE = {
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(4096),
    "no UTF-8": lambda whole: b"\xff\xfe\xfa\x80" * 50,
    "cut short": lambda whole: whole[: len(whole) // 2],
    "huge": lambda whole: b"[" * 3_000_000,
    "another JSON": lambda whole: b'{"cells": 3, "metadata": [], "nbformat": 4}',
    "not there": None,
    "a folder": None,
}
#: What `grade` reads: whether it goes on without what the file held, and whether it must.
FILES = {
    "gradebook.db": "line",
    ".grading/secret": "line",
    ".grading/sandboxes": "goes on",
    ".grading/nbgrader.log": "goes on",
    ".grading/incoming": "goes on",
    "nbgrader_config.py": "line",
    f"solutions/{CHAPTER}/{CHAPTER}.ipynb": "line",
    f"submitted/ada/{CHAPTER}/{CHAPTER}.ipynb": "line",
    f"submitted/ada/{CHAPTER}/timestamp.txt": "either",
    f"autograded/ada/{CHAPTER}/{CHAPTER}.ipynb": "again",
    f"feedback/ada/{CHAPTER}/{CHAPTER}.html": "again",
    "grades.csv": "goes on",
}


def graded(order, report):
    """What a worker makes of an order, without running anything."""
    work = graded.folder / f"{time.monotonic_ns()}"
    for step, name, data in (
        ("autograded", f"{CHAPTER}.ipynb", contents(order.files)[f"{CHAPTER}.ipynb"]),
        ("feedback", f"{CHAPTER}.html", b"<html>well done</html>\n"),
    ):
        (work / step).mkdir(parents=True)
        (work / step / name).write_bytes(data)
    return Graded(
        order.student,
        order.assignment,
        order.sha256,
        "graded",
        grades={"conv-sides": (1.0, False), "flowers-beta": (0.5, False)},
        autograded=pack(work / "autograded"),
        feedback=pack(work / "feedback"),
        sandbox="bubblewrap",
    )


@pytest.fixture(scope="module", autouse=True)
def rules(tmp_path_factory):
    """A folder in place of both packages: whoever edits one of their files meanwhile has nothing graded again."""
    folder = tmp_path_factory.mktemp("rules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submissions, "HELPERS", folder)
        patch.setattr(submissions, "GRADER", folder)
        yield


@pytest.fixture(scope="module")
def done(rules, tmp_path_factory, tiny_course, empty_gradebook, notebook):
    """A course in which ada and ben are graded."""
    graded.folder = tmp_path_factory.mktemp("work")
    course = tiny_course(tmp_path_factory.mktemp("done"), empty_gradebook)
    for student in ("ada", "ben"):
        course.hand_in(student, CHAPTER, notebook("tiny"))
    (course.folder / "submitted" / "ada" / CHAPTER / "timestamp.txt").write_text("2026-01-01 00:00:00 UTC")
    report = run(course.folder)
    assert report.exit_code == 0 and len(report.graded) == 2
    return course.folder


@pytest.fixture
def course(done, tmp_path):
    """A copy of it."""
    shutil.copytree(done, tmp_path / "course")
    return tmp_path / "course"


def run(course):
    """Grade, and print and read what came of it, as the command does."""
    report = grade(course, console=quiet(), trusted=True, grade_one=graded)
    print_table(read_results(course), quiet())
    return report


def expect_line(text, course):
    """It is one line for a person: no traceback, no SQL, no address that leads elsewhere."""
    assert "\n" not in text and "Traceback" not in text and "SELECT" not in text and "sqlalche.me" not in text, text
    assert 20 < len(text) < 500 and str(course) in text, text


@pytest.mark.parametrize("name", FILES)
def test_whatever_a_file_holds_it_is_one_line_or_graded_again(course, name):
    for damage in HOSTILE:
        _try(course, name, damage)


def _try(course, name, damage):
    path = course / name
    whole = path.read_bytes() if path.is_file() else None
    path.unlink(missing_ok=True)
    if damage == "a folder":
        path.mkdir()
    elif damage != "not there":
        path.write_bytes(HOSTILE[damage](whole or b""))
    try:
        report = run(course)
    except CourseError as error:
        expect_line(str(error), course)
        assert FILES[name] in ("line", "either") or damage == "a folder", (damage, error)
    else:
        for line in (*report.problems, *report.faults, *report.notes):
            expect_line(line, course if "not graded" in line else "")
        again = [str(submission) for submission in report.graded]
        if FILES[name] == "again" and damage != "a folder":
            assert again == [f"ada/{CHAPTER}"], damage
        if FILES[name] == "goes on" and damage != "a folder":
            assert report.exit_code == 0 and not again, damage
        with contextlib.suppress(CourseError):  # nothing but a line, either
            read_class(course)
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)
    if whole is not None:
        path.write_bytes(whole)


# ------------------------------------------------------------------------------------------------- the gradebook


def change(course, *statements):
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "ALTER TABLE grade DROP COLUMN extra_credit",
            "lacks the column grade.extra_credit: put it back from a backup",
        ),
        ("ALTER TABLE autoencoder_course_graded DROP COLUMN notes", "lacks the column autoencoder_course_graded.notes"),
        ("DROP TABLE comment", "lacks the table comment"),
        ("UPDATE alembic_version SET version_num = 'other'", ""),
    ],
)
def test_a_gradebook_that_lacks_something_says_what(course, statement, words):
    change(course, statement)
    if not words:
        run(course)
        return
    for read in (run, read_class):
        with pytest.raises(CourseError, match=words) as caught:
            read(course)
        expect_line(str(caught.value), course)


@pytest.mark.parametrize(
    "note", ["no JSON", "3", '{"a": 1}', '["a", 3]', "[" * 100_000, "", b"\x00\x01"], ids=lambda note: repr(note)[:12]
)
def test_a_record_that_is_damaged_has_its_submission_graded_again_and_no_other(course, note):
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as file:
        file.execute("UPDATE autoencoder_course_graded SET notes = ? WHERE student = 'ada'", (note,))
        file.commit()
    assert read_class(course).submissions
    assert [str(submission) for submission in run(course).graded] == [f"ada/{CHAPTER}"]
    assert not run(course).graded


@pytest.mark.parametrize("column", ["seconds", "memory", "status", "fingerprint"])
def test_a_number_that_is_none_is_a_damaged_record_too(course, column):
    change(course, f"UPDATE autoencoder_course_graded SET {column} = X'00ff' WHERE student = 'ada'")
    assert [str(submission) for submission in run(course).graded] == [f"ada/{CHAPTER}"]


def test_a_locked_gradebook_is_one_line_soon(course, monkeypatch):
    monkeypatch.setattr("autoencoder_grader.nbgrader_steps.gradebook_state.LOCK_SECONDS", 0.5)
    with contextlib.closing(sqlite3.connect(course / "gradebook.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(
            CourseError, match="is locked by another program.*close it, and run the same command again"
        ) as caught:
            run(course)
        assert time.monotonic() - began < 10
        expect_line(str(caught.value), course)


def test_an_empty_gradebook_is_none_where_nothing_is_graded(course):
    (course / "gradebook.db").write_bytes(b"")
    with pytest.raises(CourseError, match="is empty, though there are graded notebooks"):
        run(course)
    for step in ("autograded", "feedback"):
        shutil.rmtree(course / step)
    assert len(run(course).graded) == 2


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everything")
def test_a_gradebook_that_may_not_be_written_says_so(course):
    (course / "gradebook.db").chmod(0o444)
    with pytest.raises(CourseError, match="cannot be written .*owner and the rights"):
        run(course)


def test_a_graded_notebook_of_odd_shapes_is_read_all_the_same(course):
    path = course / "autograded" / "ada" / CHAPTER / f"{CHAPTER}.ipynb"
    for odd in ([], "text", {"results": []}, {"results": {"conv-sides": {"steps": 3}}, "notes": 5, "status": []}):
        made = nbformat.read(path, as_version=4)
        made.metadata["autoencoder_course"] = odd
        made.cells[0].metadata["nbgrader"] = "none"
        path.chmod(0o644)
        path.write_text(json.dumps(made))
        print_table(read_results(course), quiet())
        assert read_class(course).submissions


# -------------------------------------------------------------------------------------------- what nbformat warns of


def doubled(path):
    """A notebook in which two cells have the same id."""
    made = json.loads(path.read_text())
    made["nbformat_minor"] = 5
    for cell in made["cells"]:
        cell["id"] = "the-same"
    path.chmod(0o644)
    path.write_text(json.dumps(made))
    return path


def test_what_nbformat_warns_of_goes_to_the_log_with_the_submissions_name(course, recwarn):
    doubled(course / "submitted" / "ada" / CHAPTER / f"{CHAPTER}.ipynb")
    run(course)
    log = (course / ".grading" / "nbgrader.log").read_text()
    assert f" ada/{CHAPTER}\nDuplicateCellId: " in log and "site-packages" not in log.split("DuplicateCellId")[1]
    assert not [warning for warning in recwarn if "nbformat" in str(warning.category)]


def test_a_worker_sends_it_with_the_log(course, recwarn, monkeypatch):
    path = doubled(course / "submitted" / "ada" / CHAPTER / f"{CHAPTER}.ipynb")

    def read(order, report):
        nbformat.read(path, as_version=4)
        return Graded("ada", CHAPTER, "", "graded", log="the rest")

    monkeypatch.setattr(worker, "_graded", read)
    log = worker.grade_order("ada/01_tiny").log
    assert "ada/01_tiny\nDuplicateCellId: " in log and log.endswith("the rest") and not len(recwarn)
