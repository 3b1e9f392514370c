"""What the demo class hands in, and a demo of a tiny course from end to end."""

import io
import json
import os
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader import demo as demo_module
from autoencoder_grader import demo_class, submissions
from autoencoder_grader.demo import run_demo
from autoencoder_grader.demo_class import MISTAKES, Mistake, answer, hand_in
from autoencoder_grader.release import make_release
from autoencoder_grader.results import read_results
from autoencoder_helpers.errors import CourseError
from rich.console import Console

REPOSITORY = Path(__file__).resolve().parents[2]
TRAIN = """\
from autoencoder_helpers.training_store import Stored, write
import numpy as np

trained = None
### BEGIN SOLUTION
path = Path("weights/net.npz")
if not path.exists():
    write(path, Stored([np.zeros(2)], [], {"loss": [3.0, 2.0]}, {}))
    Path(os.environ["TRAININGS"]).open("a").write(Path.cwd().parent.name + "\\n")
trained = path.exists()
### STUB
# raise NotImplementedError("Train the network")
### END SOLUTION
"""
WRONG = (Mistake("write-double", "no factor", "return x + x", "return x"),)


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
        sources[student] = {
            cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]
        }
    assert "return x + x  # the whole trick" in sources["ada"]["write-double"]
    assert "return x  # the whole trick" in sources["ben"]["write-double"]
    assert "NotImplementedError" in sources["cleo"]["write-double"]
    assert sources["ada"]["tiny-written"] == "Because it must pass through two numbers."
    assert sources["ben"]["tiny-written"] == sources["cleo"]["tiny-written"] == "YOUR ANSWER HERE"
    assert not any("###" in source for cells in sources.values() for source in cells.values())


@pytest.mark.parametrize(
    ("cell", "right"), [("no-such-cell", "return x + x"), ("write-double", "return 3 * x")]
)
def test_a_mistake_that_no_longer_fits_its_solution_is_named(course, cell, right):
    released = make_release(course.folder)[0]
    solution = course.folder / "solutions" / "01_tiny" / "01_tiny.ipynb"
    with pytest.raises(CourseError, match=f"cell '{cell}' no longer has"):
        hand_in("ben", released, solution, course.folder / "x.ipynb", (Mistake(cell, "", right, "return x"),))


def test_the_mistakes_of_the_demo_class_fit_the_chapters(tmp_path):
    assert sorted(MISTAKES) == sorted(path.name for path in (REPOSITORY / "solutions").glob("0*"))
    for chapter, mistakes in MISTAKES.items():
        assert len(mistakes) >= 2
        notebook = f"{chapter}/{chapter}.ipynb"
        solution = REPOSITORY / "solutions" / notebook
        hand_in("ben", solution, solution, tmp_path / notebook, mistakes)


@pytest.fixture
def tiny_demo(graded_course, notebook, tmp_path, monkeypatch):
    """Runs the demo of the tiny course; returns (report, rows, output, who trained so far)."""
    monkeypatch.setattr(demo_module, "MISTAKES", {"01_tiny": WRONG})
    monkeypatch.setattr(submissions, "HELPERS", tmp_path / "no-rules")
    monkeypatch.setenv("TRAININGS", str(tmp_path / "trainings"))
    monkeypatch.setenv("AUTOENCODER_EPOCHS", "full")
    for chapter, prefix in (("01_tiny", "tiny"), ("02_small", "small")):
        graded_course.solve(chapter, notebook(prefix, train_net="import os\n" + TRAIN))
    folder = tmp_path / "demo"
    folder.mkdir()
    os.replace(graded_course.folder / "gradebook.db", folder / "gradebook.db")

    def run():
        console = Console(file=io.StringIO(), width=200)
        report = run_demo(folder, graded_course.folder, console)
        trained = (tmp_path / "trainings").read_text().split()
        return report, read_results(folder), console.file.getvalue(), trained

    return run


def test_a_demo_trains_and_grades_once_and_says_who_lost_what(tiny_demo, tmp_path):
    report, rows, said, trained = tiny_demo()
    assert report.exit_code == 0
    assert len(report.graded) == 6
    points = {(row.student, row.check): row.points for row in rows if not row.written}
    assert points["ada", "tiny.double"] == 2 and points["ada", "small.trained"] == 1
    assert points["ben", "tiny.double"] == 0 and points["ben", "small.double"] == 2
    assert {points["cleo", check] for check in ("tiny.double", "tiny.trained", "small.double")} == {0}
    assert "ben · 01 tiny" in said and "tiny.double: 0 of 2. It is right: expected 4, found 3" in said
    assert str(tmp_path / "demo" / "grades.csv") in said and str(tmp_path / "demo" / "feedback") in said
    assert "not AUTOENCODER_EPOCHS=full" in said
    assert os.environ["AUTOENCODER_EPOCHS"] == "full"
    assert trained == ["ada", "ada"]  # ben got the weights, cleo has no solution

    again, rows_again, _, trained_in_all = tiny_demo()
    assert not again.graded and len(again.unchanged) == 6
    assert rows_again == rows
    assert trained_in_all == trained
