"""What the demo class hands in, and a demo of a tiny course from end to end."""

import io
import json
import os
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.demo import demo_class
from autoencoder_grader.demo import run as demo_module
from autoencoder_grader.demo.demo_class import MISTAKES, Mistake, answer, hand_in
from autoencoder_grader.demo.run import run_demo
from autoencoder_grader.engine import submissions
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_helpers.errors import CourseError
from rich.console import Console

REPOSITORY = Path(__file__).resolve().parents[3]
WRONG = (Mistake("write-sides", "rounded down", "return (side + 1) // 2", "return side // 2"),)


def test_an_answer_has_neither_marks_nor_stubs_nor_the_marking_scheme():
    assert (
        answer("a = 1\n### BEGIN SOLUTION\na = 2\n### STUB\n# # set a\n### END SOLUTION\nb = 3")
        == "a = 1\na = 2\nb = 3"
    )
    assert answer("Because.\n### BEGIN MARK SCHEME\n2: all\n### END MARK SCHEME") == "Because."


def test_each_student_hands_in_what_the_name_says(course):
    released = make_release(course.folder)[0]
    solution = course.folder / "solutions" / "01_tiny" / "01_tiny.ipynb"
    sources = {}
    for student in demo_class.STUDENTS:
        path = course.folder / "submitted" / student / "01_tiny" / "01_tiny.ipynb"
        assert hand_in(student, released, solution, path, WRONG)
        assert not hand_in(student, released, solution, path, WRONG)  # the same again
        nbformat.validate(nbformat.read(path, as_version=4))
        sources[student] = {cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]}
    assert "return (side + 1) // 2  # the whole trick" in sources["ada"]["write-sides"]
    assert "return side // 2  # the whole trick" in sources["ben"]["write-sides"]
    assert "NotImplementedError" in sources["cleo"]["write-sides"]
    assert sources["ada"]["tiny-written"] == "Because it must pass through two numbers."
    assert sources["ben"]["tiny-written"] == sources["cleo"]["tiny-written"] == "YOUR ANSWER HERE"
    assert not any("###" in source for cells in sources.values() for source in cells.values())


@pytest.mark.parametrize(
    ("cell", "right"), [("no-such-cell", "return (side + 1) // 2"), ("write-sides", "return 3 * side")]
)
def test_a_mistake_that_no_longer_fits_its_solution_is_named(course, cell, right):
    released = make_release(course.folder)[0]
    solution = course.folder / "solutions" / "01_tiny" / "01_tiny.ipynb"
    with pytest.raises(CourseError, match=f"cell '{cell}' no longer has"):
        mistake = Mistake(cell, "", right, "return side")
        hand_in("ben", released, solution, course.folder / "x.ipynb", (mistake,))


def test_the_mistakes_of_the_demo_class_fit_the_chapters(tmp_path):
    assert sorted(MISTAKES) == sorted(path.name for path in (REPOSITORY / "solutions").glob("0*"))
    for chapter, mistakes in MISTAKES.items():
        assert mistakes
        notebook = f"{chapter}/{chapter}.ipynb"
        solution = REPOSITORY / "solutions" / notebook
        hand_in("ben", solution, solution, tmp_path / notebook, mistakes)


@pytest.fixture
def tiny_demo(graded_course, tmp_path, monkeypatch):
    """Runs the demo of the tiny course; returns (report, rows, output, whose networks grading trained)."""
    monkeypatch.setattr(demo_module, "MISTAKES", {"01_tiny": WRONG})
    for package in ("HELPERS", "GRADER"):  # that are edited meanwhile, perhaps
        monkeypatch.setattr(submissions, package, tmp_path / "no-rules")
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    folder = tmp_path / "demo"
    folder.mkdir()
    os.replace(graded_course.folder / "gradebook.db", folder / "gradebook.db")

    def run():
        console = Console(file=io.StringIO(), width=200)
        report = run_demo(folder, graded_course.folder, console)
        return report, read_results(folder), console.file.getvalue(), _who_trained(folder)

    return run


def _who_trained(folder):
    """The students whose training cell said in grading that it trains."""
    students = []
    for path in sorted(folder.glob("autograded/*/*/*.ipynb")):
        outputs = [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", ())]
        if any(output.get("text") == "training\n" for output in outputs):
            students.append(path.parents[1].name)
    return students


def test_a_demo_trains_and_grades_once_and_says_who_lost_what(tiny_demo, tmp_path):
    report, rows, said, trained = tiny_demo()
    assert report.exit_code == 0
    assert len(report.graded) == 6 and not report.notes
    points = {(row.student, row.check): row.points for row in rows if not row.written}
    assert points["ada", "conv.sides"] == 1 and points["ada", "dense.floor_and_baseline"] == 1
    assert points["ben", "conv.sides"] == 0.5 and points["ben", "dense.bce_per_image"] == 1
    assert {points[name] for name in points if name[0] == "cleo"} == {0}
    assert "ben\n  ✗ conv.sides, 0.5 of 1: Expected:" in said
    assert str(tmp_path / "demo" / "grades.csv") in said and str(tmp_path / "demo" / "feedback") in said
    assert "not AUTOENCODER_EPOCHS=full" in said
    assert os.environ["AUTOENCODER_EPOCHS"] == "full"
    assert trained == ["ada"]  # ben got the weights, cleo has no solution

    again, rows_again, _, _ = tiny_demo()
    assert not again.graded and len(again.unchanged) == 6
    assert rows_again == rows
