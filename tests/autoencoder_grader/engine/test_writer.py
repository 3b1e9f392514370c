"""The one place that writes scores: a submission's scores, status and folders come together, or not at all."""

import errno
import os
import sqlite3
import subprocess
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from autoencoder_grader.engine import journal, score_rows, writer
from autoencoder_grader.engine.bundle import pack
from autoencoder_grader.engine.orders import Given, Graded, InfrastructureFault
from autoencoder_grader.engine.writer import Writer
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from sqlalchemy import text

CHAPTER = "01_tiny"
CHECKS = ("conv-sides", "flowers-beta")
WRITTEN = "tiny-written"


def bundle(folder, **texts):
    """A folder's bytes, made of names and texts."""
    for name, content in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return pack(folder)


@pytest.fixture
def result(tmp_path):
    """What a worker sends back for ada."""
    return Graded(
        "ada",
        CHAPTER,
        "0" * 64,
        "graded",
        ("a note",),
        grades={"conv-sides": (0.5, False), "flowers-beta": (1.0, False), WRITTEN: (None, True)},
        comments={WRITTEN: "No response."},
        timestamp="2026-01-02T03:04:05",
        autograded=bundle(tmp_path / "1", notebook="graded", weights__net="numbers"),
        feedback=bundle(tmp_path / "2", page="feedback"),
        seconds=3.0,
    )


@pytest.fixture(scope="session")
def registered(tmp_path_factory, tiny_course, empty_gradebook):
    """A gradebook in which the tiny chapter is registered, made once: nbgrader takes seconds for it."""
    course = tiny_course(tmp_path_factory.mktemp("registered"), empty_gradebook)
    assert open_api(course.folder).generate_assignment(CHAPTER)["success"]
    return course.folder / "gradebook.db"


@pytest.fixture
def opened(tmp_path, tiny_course, registered):
    """(api, writer) of a course with a registered chapter."""
    folder = tmp_path / "course"
    folder.mkdir()
    tiny_course(folder, registered)
    api = open_api(folder)
    made = Writer(api, folder / ".grading" / "incoming")
    yield api, made
    made.close()


def scores(api, student="ada"):
    """By cell: (automatic, manual, extra credit, whether a person has to look)."""
    with api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook(CHAPTER, CHAPTER, student)
        return {
            grade.name: (grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade)
            for grade in notebook.grades
        }


def entry(api, student="ada"):
    with api.gradebook as gradebook:
        return journal.entries(gradebook).get((student, CHAPTER))


def texts(api):
    """All files of ada's folders by path."""
    root = Path(api.coursedir.root)
    folders = [root / step / "ada" / CHAPTER for step in ("autograded", "feedback")]
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def left_over(api):
    incoming = Path(api.coursedir.root) / ".grading" / "incoming"
    return [path for path in incoming.rglob("*") if path.is_file()]


def is_there(api, student="ada"):
    from nbgrader.api import MissingEntry

    with api.gradebook as gradebook:
        try:
            return bool(gradebook.find_submission(CHAPTER, student))
        except MissingEntry:
            return False


def test_scores_status_and_folders_are_written(opened, result):
    api, made = opened
    made.commit(result, "print")
    assert scores(api) == {
        "conv-sides": (0.5, None, None, False),
        "flowers-beta": (1.0, None, None, False),
        WRITTEN: (None, None, None, True),
    }
    assert entry(api) == journal.Entry("ada", CHAPTER, "print", "0" * 64, "graded", ("a note",), 3.0, None, None)
    prefix = f"ada/{CHAPTER}"
    assert texts(api) == {
        f"autograded/{prefix}/notebook": "graded",
        f"autograded/{prefix}/weights/net": "numbers",
        f"feedback/{prefix}/page": "feedback",
    }
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(CHAPTER, "ada")
        assert submission.timestamp.isoformat() == "2026-01-02T03:04:05"
        assert submission.score == 1.5 and submission.needs_manual_grade
        assert [comment.auto_comment for comment in submission.notebooks[0].comments if comment.name == WRITTEN] == [
            "No response."
        ]
    assert not left_over(api)


def test_a_result_that_comes_twice_counts_once(opened, result):
    api, made = opened
    made.commit(result, "print")
    first = scores(api), entry(api), texts(api)
    made.commit(result, "print")
    assert (scores(api), entry(api), texts(api)) == first
    with api.gradebook as gradebook:
        assert len(gradebook.assignment_submissions(CHAPTER)) == 1
        assert len(gradebook.students) == 1


@pytest.mark.parametrize("where", ["before the first score", "between scores and status", "at the end"])
def test_a_failure_anywhere_leaves_neither_scores_nor_status(opened, result, monkeypatch, where):
    api, made = opened

    def failing(*_):
        raise RuntimeError("as by a bug")

    if where == "before the first score":
        monkeypatch.setattr(score_rows, "_write_grades", failing)
    elif where == "between scores and status":
        monkeypatch.setattr(journal, "enter", failing)
    else:
        monkeypatch.setattr(made._gradebook.db, "commit", failing)
    with pytest.raises(RuntimeError):
        made.commit(result, "print")
    assert not is_there(api) and entry(api) is None
    with api.gradebook as gradebook:
        assert not gradebook.students
    monkeypatch.undo()
    made.commit(result, "print")  # it goes on with the same connection
    assert scores(api)["conv-sides"][0] == 0.5 and entry(api).status == "graded"


def test_a_failure_leaves_the_scores_from_before(opened, result, monkeypatch):
    api, made = opened
    made.commit(result, "print")
    before = scores(api), entry(api)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "enter", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made.commit(replace(result, grades={"conv-sides": (0.0, False)}, status="limit"), "other")
    assert (scores(api), entry(api)) == before


def test_what_people_entered_stays_when_it_is_graded_again(opened, result):
    api, made = opened
    made.commit(result, "print")
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(CHAPTER, "ada")
        submission.extension = timedelta(hours=5)
        for grade in submission.notebooks[0].grades:
            if grade.name == WRITTEN:
                grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 1.5, 0.25, False
        for comment in submission.notebooks[0].comments:
            comment.manual_comment = f"well done: {comment.name}"
        gradebook.update_or_create_assignment(CHAPTER, duedate="2026-01-01 00:00:00")
    given = made.given("ada", CHAPTER)
    assert given.grades == {WRITTEN: (1.5, 0.25)}
    assert given.comments[WRITTEN] == f"well done: {WRITTEN}" and given.extension == 5 * 3600
    assert given.due == "2026-01-01T00:00:00" and given.keep == {}

    changed = {"conv-sides": (1.0, False), "flowers-beta": (0.0, False), WRITTEN: (None, False)}
    made.commit(replace(result, grades=changed, penalty=0.5), "resubmitted")
    found = scores(api)
    assert found["conv-sides"][0] == 1.0 and found["flowers-beta"][0] == 0.0
    assert found[WRITTEN][:3] == (None, 1.5, 0.25)
    assert found[WRITTEN][3] is True  # the answer may be another one now: a person looks again
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(CHAPTER, "ada")
        assert submission.extension == timedelta(hours=5)
        assert {comment.manual_comment for comment in submission.notebooks[0].comments} == {
            f"well done: {comment.name}" for comment in submission.notebooks[0].comments
        }
        assert submission.notebooks[0].late_submission_penalty == 0.5
        assert submission.score == 1.0 + 1.5 + 0.25
    assert entry(api).fingerprint == "resubmitted"


def test_a_person_who_grades_meanwhile_is_heard(opened, result):
    api, made = opened
    made.commit(result, "print")
    assert made.given("ada", CHAPTER).grades == {}
    with api.gradebook as gradebook:
        gradebook.find_grade(WRITTEN, CHAPTER, CHAPTER, "ada").manual_score = 2
        gradebook.db.commit()
    assert made.given("ada", CHAPTER).grades == {WRITTEN: (2.0, None)}


def test_a_check_that_the_assignment_got_later_has_a_grade_entry(opened, result):
    api, made = opened
    made.commit(result, "print")
    with api.gradebook as gradebook:
        gradebook.add_grade_cell("new-check", CHAPTER, CHAPTER, max_score=3, cell_type="code")
        gradebook.add_solution_cell("new-answer", CHAPTER, CHAPTER)
    made.commit(replace(result, grades={**result.grades, "new-check": (2.5, False)}), "later")
    assert scores(api)["new-check"] == (2.5, None, None, False)
    with api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook(CHAPTER, CHAPTER, "ada")
        assert "new-answer" in {comment.name for comment in notebook.comments}
        assert len(notebook.grades) == 4


def test_kept_scores_are_those_of_all_other_checks(opened, result):
    api, made = opened
    assert made.given("ada", CHAPTER, "conv-sides") == Given()
    made.commit(result, "print")
    assert made.given("ada", CHAPTER, "conv-sides").keep == {"flowers-beta": 1.0, WRITTEN: None}


def test_one_that_cannot_be_graded_is_remembered_without_a_score(opened, result):
    api, made = opened
    made.commit_invalid("ben", CHAPTER, "it is no notebook")
    assert entry(api, "ben").status == "invalid" and entry(api, "ben").notes == ("it is no notebook",)
    assert not is_there(api, "ben")
    made.commit(result, "print")
    made.commit_invalid("ada", CHAPTER, "now it is no notebook either")
    assert scores(api)["conv-sides"][0] == 0.5  # what was graded stays


def test_a_folder_is_replaced_as_a_whole(opened, result, tmp_path):
    api, made = opened
    made.commit(result, "print")
    made.commit(replace(result, autograded=bundle(tmp_path / "3", other="second")), "print")
    assert set(texts(api)) == {f"autograded/ada/{CHAPTER}/other", f"feedback/ada/{CHAPTER}/page"}


# --------------------------------------------------------------------------------- a gradebook that is locked


def hold_lock(path):
    """Another program that writes into the gradebook."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_a_locked_gradebook_is_waited_for(opened, result):
    api, made = opened
    lock = hold_lock(Path(api.coursedir.root, "gradebook.db"))
    release = threading.Timer(1.0, lock.rollback)
    release.start()
    began = time.monotonic()
    made.commit(result, "print")
    assert time.monotonic() - began > 0.5
    release.join()
    lock.close()
    assert scores(api)["conv-sides"][0] == 0.5


def test_a_gradebook_that_stays_locked_is_the_machines_fault_and_nothing_is_lost(opened, result, monkeypatch):
    api, made = opened
    made.commit(result, "print")
    before = scores(api), entry(api)
    monkeypatch.setattr(writer, "_TRIES", 2)
    lock = hold_lock(Path(api.coursedir.root, "gradebook.db"))
    made._gradebook.db.execute(text("PRAGMA busy_timeout = 100"))
    other = replace(result, grades={"conv-sides": (0.0, False)})
    with pytest.raises(InfrastructureFault, match="locked"):
        made.commit(other, "other")
    lock.rollback()
    lock.close()
    assert (scores(api), entry(api)) == before
    made.commit(other, "other")
    assert scores(api)["conv-sides"][0] == 0.0


# ----------------------------------------------------------------------------------------------- a full disk


def test_a_full_disk_leaves_the_folders_from_before(opened, result, monkeypatch):
    api, made = opened
    made.commit(result, "print")
    before = scores(api), entry(api), texts(api)
    write_bytes, left = Path.write_bytes, [2]  # the disk is full at the third file: the feedback page

    def full(path, data):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InfrastructureFault, match="No space left"):
        made.commit(replace(result, grades={"conv-sides": (0.0, False)}), "other")
    monkeypatch.undo()
    assert (scores(api), entry(api), texts(api)) == before
    assert not left_over(api)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_on_a_disk_that_is_really_full_nothing_is_lost(
    small_disk, result, tiny_course, registered, tmp_path, monkeypatch
):
    tiny_course(small_disk, registered)
    api = open_api(small_disk)
    made = Writer(api, small_disk / ".grading" / "incoming")
    monkeypatch.setattr(writer, "_TRIES", 2)
    try:
        made.commit(result, "print")
        before = scores(api), entry(api), texts(api)
        fill(small_disk / "filler", leave=0)
        with pytest.raises(InfrastructureFault):  # neither folders
            made.commit(replace(result, grades={"conv-sides": (0.0, False)}), "other")
        assert (scores(api), entry(api), texts(api)) == before
        with pytest.raises(InfrastructureFault, match="disk is full"):  # nor gradebook
            made.commit_invalid("ben", CHAPTER, "x" * 200_000)
        assert (scores(api), entry(api), texts(api)) == before
        (small_disk / "filler").unlink()
        made.commit(replace(result, grades={"conv-sides": (0.0, False)}), "other")
        assert scores(api)["conv-sides"][0] == 0.0 and entry(api).fingerprint == "other"
    finally:
        made.close()


def fill(path, leave):
    """Write a file until the disk is full."""
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC


# ------------------------------------------------------------------------------------- what is damaged, or killed


@pytest.mark.parametrize("damage", [b"", b"\0" * 10_240 + b"x", "cut"])
def test_a_damaged_result_is_the_machines_fault(opened, result, damage):
    api, made = opened
    made.commit(result, "print")
    before = scores(api), entry(api), texts(api)
    feedback = result.feedback[:1000] if damage == "cut" else damage
    with pytest.raises(InfrastructureFault):
        made.commit(replace(result, feedback=feedback), "other")
    assert (scores(api), entry(api), texts(api)) == before
    assert not left_over(api)


@pytest.mark.parametrize("killed_at", range(6))
def test_a_kill_between_two_steps_loses_no_folder(opened, result, monkeypatch, killed_at, tmp_path):
    api, made = opened
    made.commit(result, "print")
    before = texts(api)

    class Killed(BaseException):
        pass

    rename, calls = os.rename, []

    def killing(*arguments):
        if len(calls) == killed_at:
            raise Killed
        calls.append(arguments)
        return rename(*arguments)

    monkeypatch.setattr(os, "rename", killing)
    monkeypatch.setattr(writer, "rmtree", lambda path: None)
    second = replace(result, feedback=bundle(tmp_path / "4", page="second"))
    try:
        made.commit(second, "other")
    except Killed:
        pass
    monkeypatch.undo()
    Writer(api, made._scratch).close()  # as the next run does
    assert set(texts(api)) == set(before)
    assert not left_over(api)
