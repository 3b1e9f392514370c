"""Grading through nbgrader: points, reasons, feedback, what is skipped, what a bad submission costs."""

import copy
import csv
import json
import os
import shutil
import sys

import nbformat
import numpy as np
import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.outcome import KEY
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_grader.results.table import print_table
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.result import CheckResult
from autoencoder_helpers.errors import CourseError
from nbgrader.converters import Autograde
from sqlalchemy import text
from tiny_class import DIES, ROUNDS_DOWN, points, quiet

RAISES = "beta = undefined_name"
SHOUTS = """\
import sys, warnings
def after_conv(side, kernel, padding):
    print("a warning", file=sys.stderr)
    return side if padding == "same" else side - kernel + 1

def after_pool(side):
    print("more words")
    warnings.warn("watch out")
    return (side + 1) // 2"""
OVERWRITES = "import numpy as np\nfrom pathlib import Path\ncheck = lambda name, *answers: 1.0"
WRONG_BETA = "beta = 0.0006"
pytestmark = pytest.mark.usefixtures("rules")


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name)


def tampered(notebook):
    """A notebook with one test cell gone, and the other changed and there twice."""
    notebook.cells.remove(cell_of(notebook, "conv-sides"))
    test = cell_of(notebook, "flowers-beta")
    test.source = 'check("flowers.beta", 0.0012)'
    double = copy.deepcopy(test)
    double.id = "a-copy"
    notebook.cells.insert(2, double)
    return notebook


def forged(notebook):
    """A notebook that says of itself that it has all points."""
    full = {
        test: CheckResult(name, "full marks", 9.0, 9.0)
        for test, name in (("conv-sides", "conv.sides"), ("flowers-beta", "flowers.beta"))
    }
    told = {name: result.to_dict() for name, result in full.items()}
    notebook.metadata[KEY] = {"status": "graded", "notes": ["all is well"], "results": told}
    for name, result in full.items():
        cell = cell_of(notebook, name)
        cell.outputs = [nbformat.v4.new_output("execute_result", data=result._repr_mimebundle_())]
        cell.metadata["nbgrader"] |= {"points": 9, "solution": True, "checksum": "0", "locked": False}
        cell.metadata["tags"] = ["skip-execution"]
    return notebook


def from_elsewhere(path):
    """Make a notebook what old programs and other systems make of one."""
    notebook = json.loads(path.read_text())
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        del cell["id"]
    notebook["cells"][0]["source"] = "half a character: \ud83d"
    notebook["cells"][1]["source"] += "\n# \udfff"
    path.write_text(json.dumps(notebook))
    if sys.platform == "linux":  # elsewhere file names are text
        (path.parent / os.fsdecode("Lösung.txt".encode("latin-1"))).write_text("from an old archive")


@pytest.fixture(scope="module")
def story(tmp_path_factory, tiny_course, notebook, empty_gradebook):
    """A class that hands in all kinds of things, graded once; (course, report, what the console said)."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    submitted = course.folder / "submitted"
    beside = _folder(course.folder / "solutions" / "01_tiny" / "weights")
    np.savez(beside / "net.npz", beta=0.0012, where="at the author's")
    release = make_release(course.folder)[0]

    course.hand_in("ada", "01_tiny", notebook("tiny"))
    course.hand_in("ada", "02_small", notebook("small"))
    course.hand_in("ben", "01_tiny", notebook("tiny", write_sides=ROUNDS_DOWN, train_net=RAISES))
    cy = course.hand_in("cy", "01_tiny", notebook("tiny"))
    shutil.copy(release, cy)
    dora = course.hand_in("dora", "01_tiny", notebook("tiny", write_sides=SHOUTS))
    np.savez(_folder(dora.parent / "weights") / "net.npz", beta=0.0012, where="at home")
    course.hand_in("eve", "01_tiny", notebook("tiny")).rename(submitted / "eve" / "01_tiny" / "final.ipynb")
    _folder(submitted / "fay" / "01_tiny")
    course.hand_in("gus", "01_tiny", notebook("tiny")).write_text('{"cells": [')
    course.hand_in("hal", "09_none", notebook("tiny"))
    course.hand_in("ivy", "01_tiny", notebook("small"))
    course.hand_in("jo", "01_tiny", notebook("tiny", train_net=DIES))
    course.hand_in("kim", "01_tiny", notebook("tiny", setup=OVERWRITES))
    course.hand_in("lou", "01_tiny", tampered(notebook("tiny", train_net=WRONG_BETA)))
    course.hand_in("mia", "01_tiny", forged(notebook("tiny", write_sides=ROUNDS_DOWN, train_net=WRONG_BETA)))
    from_elsewhere(course.hand_in("nat", "01_tiny", notebook("tiny")))
    (submitted / "loose.ipynb").write_text("{}")
    console = quiet()
    report = grade(course.folder, console=console, trusted=True)
    return course, report, console.file.getvalue()


def _folder(path):
    path.mkdir(parents=True)
    return path


def rows_of(course, student):
    return {row.check: row for row in read_results(course.folder) if row.student == student}


def graded(report):
    return [str(submission) for submission in report.graded]


def graded_notebook(course, student):
    path = course.folder / "autograded" / student / "01_tiny" / "01_tiny.ipynb"
    return nbformat.read(path, as_version=4)


def feedback_page(course, student):
    return (course.folder / "feedback" / student / "01_tiny" / "01_tiny.html").read_text(encoding="utf-8")


def test_what_can_be_graded_is_graded(story):
    _, report, _ = story
    first = [f"{name}/01_tiny" for name in ["ada", "ben", "cy", "dora", "jo", "kim", "lou", "mia", "nat"]]
    assert graded(report) == [*first, "ada/02_small"]
    assert report.exit_code == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eve/01_tiny/01_tiny.ipynb", "there is final.ipynb: rename the right one to 01_tiny.ipynb"),
        ("fay/01_tiny/01_tiny.ipynb", "is missing: ask fay to hand it in"),
        ("gus/01_tiny/01_tiny.ipynb", "is not a readable notebook"),
        ("hal/09_none", "no assignment has this name; rename it to one of: 01_tiny, 02_small"),
        ("ivy/01_tiny/01_tiny.ipynb", "holds none of the checks of 01_tiny"),
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
    assert len(story[1].problems) == 6


def test_a_right_submission_gets_all_points(story):
    rows = rows_of(story[0], "ada")
    assert {check: (row.points, row.max_points) for check, row in rows.items()} == {
        "conv.sides": (1, 1),
        "flowers.beta": (1, 1),
        "tiny-written": (None, 2),
        "dense.bce_per_image": (1, 1),
        "dense.floor_and_baseline": (1, 1),
        "small-written": (None, 2),
    }
    assert not any(row.reasons or row.mistakes for row in rows.values())


def test_an_untouched_release_gets_none(story):
    rows = rows_of(story[0], "cy")
    assert {check: row.points for check, row in rows.items()} == {
        "conv.sides": 0,
        "flowers.beta": 0,
        "tiny-written": 0,
    }
    assert rows["conv.sides"].reasons[1] == "`after_pool` still has its raise line."
    assert rows["tiny-written"].reasons == ("No answer.",)
    assert not rows["conv.sides"].begun and not rows["tiny-written"].begun


def test_a_lost_point_has_the_reason_that_the_check_gave(story):
    rows = rows_of(story[0], "ben")
    assert rows["conv.sides"].points == 0.5
    assert len(rows["conv.sides"].reasons) == 1 and "rounded down" in rows["conv.sides"].reasons[0]
    assert rows["conv.sides"].mistakes == ("rounded-down",)


def test_a_test_cell_that_raises_before_the_check_says_so(story):
    row = rows_of(story[0], "ben")["flowers.beta"]
    assert row.points == 0 and row.mistakes == ("no-evidence",)
    assert "NameError: name 'beta' is not defined" in row.reasons[0]


def test_what_a_cell_prints_costs_nothing_on_stderr_neither(story):
    course, _, _ = story
    assert points(course, "dora") == {"conv.sides": 1, "flowers.beta": 1}
    outputs = cell_of(graded_notebook(course, "dora"), "conv-sides").outputs
    assert any("a warning" in output.get("text", "") for output in outputs)  # it is shown all the same


def test_a_kernel_that_dies_keeps_the_points_from_before(story):
    course, report, said = story
    assert points(course, "jo") == {"conv.sides": 1, "flowers.beta": 0}
    assert rows_of(course, "jo")["flowers.beta"].reasons[0].endswith("the notebook ended before this cell.")
    assert graded_notebook(course, "jo").metadata[KEY]["status"] == "student error"
    note = "jo/01_tiny: the kernel ended while this cell ran (cell train-net)"
    assert note in report.notes
    assert "jo/01_tiny student error; the kernel ended" in said


def test_an_overwritten_check_gets_nothing_and_is_named(story):
    course, _, _ = story
    assert points(course, "kim") == {"conv.sides": 0, "flowers.beta": 0}
    assert "is `check` overwritten in the notebook?" in rows_of(course, "kim")["conv.sides"].reasons[0]


def test_test_cells_are_put_back_and_it_is_said(story):
    course, report, _ = story
    assert points(course, "lou") == {"conv.sides": 1, "flowers.beta": 0}
    notes = [note for note in report.notes if note.startswith("lou/01_tiny: ")]
    assert notes == [
        "lou/01_tiny: flowers-beta: the test cell was there 2 times; the last one counts",
        "lou/01_tiny: flowers-beta: the test cell was changed; it was restored from the release",
        "lou/01_tiny: conv-sides: the test cell was missing; it was put back from the release",
    ]
    page = feedback_page(course, "lou")
    assert all(note.removeprefix("lou/01_tiny: ") in page for note in notes)
    assert graded_notebook(course, "lou").metadata[KEY]["status"] == "graded"


def test_who_did_nothing_odd_gets_no_notes(story):
    assert not [note for note in story[1].notes if note.startswith(("ada", "ben", "cy", "dora"))]
    assert "From grading" not in feedback_page(story[0], "ada")


def test_what_a_notebook_says_of_itself_changes_nothing(story):
    course, report, _ = story
    rows = rows_of(course, "mia")
    assert {check: (row.points, row.max_points) for check, row in rows.items() if not row.written} == {
        "conv.sides": (0.5, 1),
        "flowers.beta": (0, 1),
    }
    assert not any("all is well" in note for note in report.notes)
    assert "full marks" not in feedback_page(course, "mia")
    assert "counted once" in rows["flowers.beta"].reasons[0]


def test_an_old_notebook_with_odd_signs_and_names_beside_it_is_graded(story):
    course, report, _ = story
    assert points(course, "nat") == {"conv.sides": 1, "flowers.beta": 1}
    assert not [note for note in report.notes if note.startswith("nat")]
    nbformat.validate(graded_notebook(course, "nat"))


def test_the_graded_notebook_holds_the_whole_outcome(story):
    told = graded_notebook(story[0], "ada").metadata[KEY]
    assert told["status"] == "graded" and told["notes"] == []
    assert told["sandbox"] == (sandbox.best_tier() or "none (trusted)")
    assert {name: result["points"] for name, result in told["results"].items()} == {
        "conv-sides": 1,
        "flowers-beta": 1,
    }


def test_weights_travel_with_the_submission_and_the_authors_never_replace_them(story):
    course, _, _ = story

    def weights(student):
        path = course.folder / "autograded" / student / "01_tiny" / "weights" / "net.npz"
        return str(np.load(path)["where"]) if path.exists() else None

    assert weights("dora") == "at home"
    assert weights("ada") == "in grading"
    assert weights("cy") is None


def test_the_feedback_page_shows_the_card_and_carries_no_weights(story):
    course, report, _ = story
    assert report.feedback == course.folder / "feedback"
    assert catalogue()["conv.sides"].title in feedback_page(course, "ben")
    assert not (course.folder / "feedback" / "ada" / "01_tiny" / "weights").exists()


def test_grades_csv_has_a_line_for_each_student_and_assignment(story):
    course, report, _ = story
    assert report.grades == course.folder / "grades.csv"
    with report.grades.open(newline="") as file:
        scores = {(line["student_id"], line["assignment"]): line["score"] for line in csv.DictReader(file)}
    assert scores["ada", "01_tiny"] == "2.0"
    assert scores["ben", "01_tiny"] == "0.5"


def test_nbgraders_log_goes_to_a_file_and_not_to_people(story):
    course, _, said = story
    assert "autograde ada/01_tiny" in (course.folder / ".grading" / "nbgrader.log").read_text(encoding="utf-8")
    assert "INFO" not in said


def test_the_table_shows_points_written_answers_and_reasons(story):
    console = quiet()
    print_table(read_results(story[0].folder), console)
    said = console.file.getvalue()
    assert "2 + w" in said and "0 + 0" in said
    assert "  ✗ conv.sides, 0.5 of 1: Expected: 4 for side 7. Found: 3: rounded down." in said


def test_what_has_not_changed_is_not_graded_again_and_what_has_is(story, notebook):
    course, first, _ = story
    again = grade(course.folder, console=quiet(), trusted=True)
    assert not again.graded
    assert [str(submission) for submission in again.unchanged] == graded(first)
    assert sorted(again.problems) == sorted(first.problems)  # what failed was tried again

    course.hand_in("ben", "01_tiny", notebook("tiny", train_net=RAISES))
    with open_api(course.folder).gradebook as gradebook:  # as after a kill: the folder is there, the entry is not
        gradebook.db.execute(text("DELETE FROM autoencoder_course_graded WHERE student = 'cy'"))
        gradebook.db.commit()
    third = grade(course.folder, console=quiet(), trusted=True)
    assert graded(third) == ["ben/01_tiny", "cy/01_tiny"]
    assert rows_of(course, "ben")["conv.sides"].points == 1


def test_a_changed_rule_means_grading_again(story, rules):
    course, _, _ = story
    (rules / "dense.py").write_text("a new rule")
    report = grade(course.folder, ["02_small"], console=quiet(), trusted=True)
    assert graded(report) == ["ada/02_small"]


def test_assignments_and_students_can_be_named(story):
    course, _, _ = story
    assignments, students = ["02_small", "03_nothing"], ["ada", "nobody"]
    report = grade(course.folder, assignments, students, console=quiet(), trusted=True)
    assert [str(submission) for submission in report.unchanged] == ["ada/02_small"]
    assert len(report.problems) == 2
    assert "no assignment is named '03_nothing'; there are: 01_tiny, 02_small" in report.problems[0]
    assert report.problems[1].endswith("nobody: no submission of this student")


# --------------------------------------------------------------------------------- what ends a whole grading


def test_without_a_sandbox_strangers_code_does_not_run(graded_course, notebook, monkeypatch):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    monkeypatch.setattr(sandbox, "tiers", lambda: iter(()))
    with pytest.raises(CourseError) as error:
        grade(graded_course.folder, console=quiet())
    assert str(error.value) == sandbox.NO_SANDBOX
    assert not (graded_course.folder / "autograded").exists()


def test_without_a_sandbox_nbgrader_itself_runs_nothing_neither(graded_course, notebook, monkeypatch):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    monkeypatch.setattr(sandbox, "tiers", lambda: iter(()))
    api = open_api(graded_course.folder)
    assert api.generate_assignment("01_tiny")["success"]
    result = api.autograde("01_tiny", "ada")
    assert not result["success"] and sandbox.NO_SANDBOX in result["log"]


def test_who_trusts_the_submissions_needs_no_sandbox(graded_course, notebook, monkeypatch):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    monkeypatch.setattr(sandbox, "tiers", lambda: iter(()))
    report = grade(graded_course.folder, console=quiet(), trusted=True)
    assert graded(report) == ["ada/01_tiny"] and not report.notes
    assert points(graded_course, "ada") == {"conv.sides": 1, "flowers.beta": 1}
    assert graded_notebook(graded_course, "ada").metadata[KEY]["sandbox"] == "none (trusted)"


def test_ctrl_c_ends_the_grading_though_nbgrader_would_go_on(graded_course, notebook, monkeypatch, ctrl_c):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))

    monkeypatch.setattr(Autograde, "start", lambda self: ctrl_c())
    with pytest.raises(KeyboardInterrupt):
        grade(graded_course.folder, console=quiet(), trusted=True)


def test_no_submissions_at_all_is_one_line(graded_course):
    with pytest.raises(CourseError) as error:
        grade(graded_course.folder, console=quiet(), trusted=True)
    assert str(error.value) == (
        f"{graded_course.folder / 'submitted'}: no submissions; "
        "a submission is submitted/<student>/<assignment>/<assignment>.ipynb"
    )


def test_a_chapter_that_cannot_be_registered_is_named(graded_course, notebook):
    graded_course.solve("01_tiny", notebook("tiny", write_sides="after_conv = after_pool = None"))
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    report = grade(graded_course.folder, console=quiet(), trusted=True)
    assert len(report.problems) == 1
    assert "01_tiny cannot be graded" in report.problems[0]
    assert "cell 'write-sides'" in report.problems[0]


# ----------------------------------------------------------------------------------------- one check again


def test_one_check_again_keeps_all_other_scores(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    grade(graded_course.folder, console=quiet(), trusted=True)
    with open_api(graded_course.folder).gradebook as gradebook:  # as if other rules had scored then
        for entry in gradebook.find_submission_notebook("01_tiny", "01_tiny", "ada").grades:
            entry.auto_score = 0.25
        gradebook.db.commit()
    report = grade(graded_course.folder, check="conv.sides", console=quiet(), trusted=True)
    assert graded(report) == ["ada/01_tiny"]
    assert points(graded_course, "ada") == {"conv.sides": 1, "flowers.beta": 0.25}


def test_one_check_again_of_what_was_handed_in_anew_is_a_whole_grading(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny", train_net=WRONG_BETA))
    grade(graded_course.folder, console=quiet(), trusted=True)
    assert points(graded_course, "ada")["flowers.beta"] == 0
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    grade(graded_course.folder, check="conv.sides", console=quiet(), trusted=True)
    assert points(graded_course, "ada") == {"conv.sides": 1, "flowers.beta": 1}


def test_a_check_that_no_chapter_has_is_one_line(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    with pytest.raises(CourseError, match="no graded cell belongs to the check 'dense.nothing'"):
        grade(graded_course.folder, check="dense.nothing", console=quiet(), trusted=True)
