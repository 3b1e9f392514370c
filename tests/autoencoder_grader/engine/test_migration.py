"""Cells that come and go in a chapter's solution after submissions came in: the gradebook is taken along, and nothing is lost."""

import contextlib
import csv
import sqlite3

import pytest
from autoencoder_grader.cli import main
from autoencoder_grader.engine.bundle import contents, pack
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.orders import Graded
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from click.testing import CliRunner
from tiny_class import quiet

CHAPTER = "01_tiny"
pytestmark = pytest.mark.usefixtures("rules")


@pytest.fixture
def worker(tmp_path):
    """Stands in for a worker: full points for every check that the release has."""

    def graded(order, report):
        folder = tmp_path / "work" / f"{order.student}-{len(list(tmp_path.glob('work/*')))}"
        for step, name in (("autograded", f"{CHAPTER}.ipynb"), ("feedback", f"{CHAPTER}.html")):
            (folder / step).mkdir(parents=True)
            data = contents(order.files)[name] if step == "autograded" else b"<html></html>"
            (folder / step / name).write_bytes(data)
        (folder / "released.db").write_bytes(order.course.gradebook)
        with contextlib.closing(sqlite3.connect(folder / "released.db")) as file:
            names = [name for (name,) in file.execute("SELECT name FROM base_cell WHERE type = 'GradeCell'")]
        return Graded(
            order.student,
            order.assignment,
            order.sha256,
            "graded",
            grades={name: (None, True) if name == "tiny-written" else (0.75, False) for name in names},
            autograded=pack(folder / "autograded"),
            feedback=pack(folder / "feedback"),
        )

    return graded


@pytest.fixture
def course(graded_course, notebook, worker, tmp_path_factory):
    """Two are graded, people have added grades by hand, and then the solution gets another set of cells."""
    for student in ("ada", "ben"):
        graded_course.hand_in(student, CHAPTER, notebook("tiny"))
    assert len(run(graded_course, worker).graded) == 2
    with open_api(graded_course.folder).gradebook as gradebook:
        found = gradebook.find_submission_notebook(CHAPTER, CHAPTER, "ada")
        by_name = {grade.name: grade for grade in found.grades}
        by_name["tiny-written"].manual_score, by_name["conv-sides"].extra_credit = 1.5, 0.25
        by_name["flowers-beta"].manual_score = 0.5
        for comment in found.comments:
            comment.manual_comment = f"about {comment.name}"
        gradebook.db.commit()
    made, other = notebook("tiny"), notebook("small")
    cells = [cell for cell in made.cells if cell.id not in ("train-net", "flowers-beta")]
    made.cells = [
        *cells[:4],
        *(cell for cell in other.cells if cell.id in ("write-bce", "dense-bce_per_image")),
        *cells[4:],
    ]
    graded_course.solve(CHAPTER, made)
    return graded_course


def run(course, worker, **choice):
    return grade(course.folder, console=quiet(), trusted=True, grade_one=worker, **choice)


def rows(course, student):
    with open_api(course.folder).gradebook as gradebook:
        found = gradebook.find_submission_notebook(CHAPTER, CHAPTER, student)
        return (
            {grade.name: (grade.auto_score, grade.manual_score, grade.extra_credit) for grade in found.grades},
            {comment.name: comment.manual_comment for comment in found.comments},
        )


def command(course, *options):
    return CliRunner().invoke(main, ["--course", str(course.folder), "migrate", *options])


def test_cells_that_stay_keep_everything_and_those_that_go_are_written_down(course, worker):
    before = rows(course, "ada"), rows(course, "ben")
    (line,) = run(course, worker).problems
    assert f"`autoencoder-course migrate {CHAPTER}` takes the gradebook along" in line and "Cannot add" not in line
    # Nor is it said, untruly, that nothing was handed in that holds a check.
    assert run(course, worker, check="dense.bce_per_image").problems == [line]

    told = command(course, "--dry-run")
    assert told.exit_code == 0 and "new: dense-bce_per_image, write-bce; gone: flowers-beta, train-net" in told.output
    assert (rows(course, "ada"), rows(course, "ben")) == before and not (
        course.folder / ".grading" / "backups"
    ).exists()

    told = command(course, CHAPTER)
    assert told.exit_code == 0 and "2 grades or comments by hand were for what is gone" in told.output, told.output
    grades, comments = rows(course, "ada")
    assert grades == {
        "conv-sides": (0.75, None, 0.25),
        "tiny-written": (None, 1.5, None),
        "dense-bce_per_image": (None, None, None),
    }
    assert comments == {"write-sides": "about write-sides", "tiny-written": "about tiny-written", "write-bce": None}
    (copy,) = (course.folder / ".grading" / "backups").glob("gradebook-*.db")
    with contextlib.closing(sqlite3.connect(copy)) as file:
        assert file.execute("SELECT count(*) FROM base_cell WHERE name = 'flowers-beta'").fetchone() == (1,)
    (lost,) = (course.folder / ".grading" / "backups").glob("by-hand-*.csv")
    assert sorted(csv.reader(lost.read_text().splitlines()[1:])) == [
        [CHAPTER, "ada", "flowers-beta", "0.5", "", ""],
        [CHAPTER, "ada", "train-net", "", "", "about train-net"],
    ]

    report = run(course, worker)
    assert report.exit_code == 0 and len(report.graded) == 2
    grades, again = rows(course, "ada")
    assert (
        grades["dense-bce_per_image"] == (0.75, None, None) and grades["tiny-written"][1] == 1.5 and again == comments
    )
    assert rows(course, "ben")[0]["conv-sides"] == (0.75, None, None)
    assert not run(course, worker).graded
    assert "has the cells of solutions/ already" in command(course).output


def test_what_goes_wrong_on_the_way_changes_nothing(course, monkeypatch):
    before = rows(course, "ada")
    monkeypatch.setattr("autoencoder_grader.engine.migration._keep", lambda *_: 1 / 0)
    assert isinstance(command(course).exception, ZeroDivisionError)
    assert rows(course, "ada") == before
