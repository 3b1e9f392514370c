"""Grading through nbgrader: points, reasons, feedback, what is skipped, what a bad submission costs."""

import csv
import io
import shutil

import pytest
from autoencoder_grader import submissions
from autoencoder_grader.grading import grade
from autoencoder_grader.release import make_release
from autoencoder_grader.results import read_results
from autoencoder_grader.table import print_table
from autoencoder_helpers.errors import CourseError
from nbgrader.converters import Autograde
from rich.console import Console

WRONG = "def double(x):\n    return x + 1 if x else 0"
RAISES = "trained = undefined_name"
DIES = "import os\nos._exit(1)"
SHOUTS = 'import sys\ndef double(x):\n    print("a warning", file=sys.stderr)\n    return 2 * x'


@pytest.fixture(scope="module", autouse=True)
def rules(tmp_path_factory):
    """A folder in place of autoencoder_helpers, so that editing a rule meanwhile does not change a test."""
    folder = tmp_path_factory.mktemp("rules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submissions, "HELPERS", folder)
        yield folder


def quiet():
    return Console(file=io.StringIO(), width=200)


@pytest.fixture(scope="module")
def story(tmp_path_factory, tiny_course, notebook, empty_gradebook):
    """A class that hands in all kinds of things, graded once; (course, report, what the console said)."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    beside = course.folder / "solutions" / "01_tiny" / "weights"
    beside.mkdir()
    (beside / "net.txt").write_text("trained by the author")
    release = make_release(course.folder)[0]

    course.hand_in("ada", "01_tiny", notebook("tiny"))
    course.hand_in("ada", "02_small", notebook("small"))
    course.hand_in("ben", "01_tiny", notebook("tiny", write_double=WRONG, train_net=RAISES))
    cy = course.hand_in("cy", "01_tiny", notebook("tiny"))
    shutil.copy(release, cy)
    dora = course.hand_in("dora", "01_tiny", notebook("tiny", write_double=SHOUTS))
    (dora.parent / "weights").mkdir()
    (dora.parent / "weights" / "net.txt").write_text("trained at home")
    course.hand_in("eve", "01_tiny", notebook("tiny")).rename(
        course.folder / "submitted" / "eve" / "01_tiny" / "final.ipynb"
    )
    (course.folder / "submitted" / "fay" / "01_tiny").mkdir(parents=True)
    course.hand_in("gus", "01_tiny", notebook("tiny")).write_text('{"cells": [')
    course.hand_in("hal", "09_none", notebook("tiny"))
    course.hand_in("ivy", "01_tiny", notebook("small"))
    course.hand_in("jo", "01_tiny", notebook("tiny", train_net=DIES))
    (course.folder / "submitted" / "loose.ipynb").write_text("{}")
    console = quiet()
    report = grade(course.folder, console=console)
    return course, report, console.file.getvalue()


def rows_of(course, student):
    return {row.check: row for row in read_results(course.folder) if row.student == student}


def graded(report):
    return [str(submission) for submission in report.graded]


def test_what_can_be_graded_is_graded(story):
    _, report, _ = story
    assert graded(report) == ["ada/01_tiny", "ben/01_tiny", "cy/01_tiny", "dora/01_tiny", "ada/02_small"]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eve/01_tiny/01_tiny.ipynb", "there is final.ipynb: rename the right one to 01_tiny.ipynb"),
        ("fay/01_tiny/01_tiny.ipynb", "is missing: ask fay to hand it in"),
        ("gus/01_tiny/01_tiny.ipynb", "is not a readable notebook"),
        ("hal/09_none", "no assignment has this name; rename it to one of: 01_tiny, 02_small"),
        ("ivy/01_tiny/01_tiny.ipynb", "holds none of the checks of 01_tiny"),
        ("jo/01_tiny/01_tiny.ipynb", "was not graded (autograde: DeadKernelError: Kernel died)"),
        ("loose.ipynb", "a file where a student's folder is expected"),
    ],
)
def test_each_bad_submission_is_one_line_that_names_the_file_and_what_to_do(story, name, words):
    course, report, said = story
    lines = [line for line in report.problems if str(course.folder / "submitted" / name) in line]
    assert len(lines) == 1
    assert words in lines[0]
    assert "\n" not in lines[0]
    assert lines[0] in said


def test_there_are_no_other_problems(story):
    assert len(story[1].problems) == 7


def test_a_right_submission_gets_all_points(story):
    rows = rows_of(story[0], "ada")
    points = {check: (row.points, row.max_points) for check, row in rows.items()}
    assert points == {
        "tiny.double": (2, 2),
        "tiny.trained": (1, 1),
        "tiny-written": (None, 2),
        "small.double": (2, 2),
        "small.trained": (1, 1),
        "small-written": (None, 2),
    }
    assert not any(row.reasons or row.mistakes for row in rows.values())


def test_an_untouched_release_gets_none(story):
    rows = rows_of(story[0], "cy")
    assert {check: row.points for check, row in rows.items()} == {
        "tiny.double": 0,
        "tiny.trained": 0,
        "tiny-written": 0,
    }
    assert rows["tiny.double"].reasons == ("NotImplementedError: Return twice the number x",)
    assert rows["tiny-written"].reasons == ("no answer",)


def test_a_lost_point_has_the_reason_that_the_check_gave(story):
    rows = rows_of(story[0], "ben")
    assert rows["tiny.double"].points == 0
    assert rows["tiny.double"].reasons == ("It is right: expected 4, found 3",)
    assert rows["tiny.double"].mistakes == ("wrong-factor",)
    assert rows["tiny.trained"].reasons == ("NameError: name 'trained' is not defined",)


def test_a_warning_on_stderr_is_named_as_the_reason(story):
    row = rows_of(story[0], "dora")["tiny.double"]
    assert row.points == 0
    assert "stderr" in row.reasons[0]
    assert "a warning" in row.reasons[0]


def test_weights_travel_with_the_submission_and_the_authors_never_replace_them(story):
    course, _, _ = story

    def weights(student):
        path = course.folder / "autograded" / student / "01_tiny" / "weights" / "net.txt"
        return path.read_text() if path.exists() else None

    assert weights("dora") == "trained at home"
    assert weights("ada") == "trained by ada"
    assert weights("cy") is None


def test_the_feedback_page_shows_the_card_and_carries_no_weights(story):
    course, report, _ = story
    assert report.feedback == course.folder / "feedback"
    page = (course.folder / "feedback" / "ben" / "01_tiny" / "01_tiny.html").read_text(encoding="utf-8")
    assert "The answer is right" in page
    assert not (course.folder / "feedback" / "ada" / "01_tiny" / "weights").exists()


def test_grades_csv_has_a_line_for_each_student_and_assignment(story):
    course, report, _ = story
    assert report.grades == course.folder / "grades.csv"
    with report.grades.open(newline="") as file:
        scores = {(line["student_id"], line["assignment"]): line["score"] for line in csv.DictReader(file)}
    assert scores["ada", "01_tiny"] == "3.0"
    assert scores["ben", "01_tiny"] == "0.0"


def test_nbgraders_log_goes_to_a_file_and_not_to_people(story):
    course, _, said = story
    assert "autograde ada/01_tiny" in (course.folder / ".grading" / "nbgrader.log").read_text(
        encoding="utf-8"
    )
    assert "INFO" not in said


def test_the_table_shows_points_written_answers_and_reasons(story):
    console = quiet()
    print_table(read_results(story[0].folder), console)
    said = console.file.getvalue()
    assert "3 / 3 + w" in said
    assert "0 / 3 + 0 / 2" in said
    assert "tiny.double: 0 of 2. It is right: expected 4, found 3" in said


def test_what_has_not_changed_is_not_graded_again_and_what_has_is(story, notebook):
    course, first, _ = story
    again = grade(course.folder, console=quiet())
    assert not again.graded
    assert [str(submission) for submission in again.unchanged] == graded(first)
    assert sorted(again.problems) == sorted(first.problems)  # what failed was tried again

    course.hand_in("ben", "01_tiny", notebook("tiny", train_net=RAISES))
    record = course.folder / ".grading" / "01_tiny" / "cy.json"
    record.unlink()  # as after a kill in the middle: nbgrader's folder is there, ours says not finished
    third = grade(course.folder, console=quiet())
    assert graded(third) == ["ben/01_tiny", "cy/01_tiny"]
    assert rows_of(course, "ben")["tiny.double"].points == 2


def test_a_changed_rule_means_grading_again(story, rules):
    course, _, _ = story
    (rules / "dense.py").write_text("a new rule")
    report = grade(course.folder, ["02_small"], console=quiet())
    assert graded(report) == ["ada/02_small"]


def test_assignments_and_students_can_be_named(story):
    course, _, _ = story
    report = grade(course.folder, ["02_small", "03_nothing"], ["ada", "nobody"], console=quiet())
    assert [str(submission) for submission in report.unchanged] == ["ada/02_small"]
    assert len(report.problems) == 2
    assert "no assignment is named '03_nothing'; there are: 01_tiny, 02_small" in report.problems[0]
    assert report.problems[1].endswith("nobody: no submission of this student")


def test_ctrl_c_ends_the_grading_though_nbgrader_would_go_on(graded_course, notebook, monkeypatch):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Autograde, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade(graded_course.folder, console=quiet())


def test_no_submissions_at_all_is_one_line(graded_course):
    with pytest.raises(CourseError) as error:
        grade(graded_course.folder, console=quiet())
    assert str(error.value) == (
        f"{graded_course.folder / 'submitted'}: no submissions; "
        "a submission is submitted/<student>/<assignment>/<assignment>.ipynb"
    )


def test_a_chapter_that_cannot_be_registered_is_named(graded_course, notebook):
    graded_course.solve("01_tiny", notebook("tiny", write_double="double = None"))
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    report = grade(graded_course.folder, console=quiet())
    assert len(report.problems) == 1
    assert "01_tiny cannot be graded" in report.problems[0]
    assert "cell 'write-double'" in report.problems[0]
