"""One student's way through nbgrader's exchange: release, fetch, submit, collect, grade, feedback."""

import io
import os
import re

import nbformat
import numpy as np
import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.results.graded_notebooks import read_results
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError
from rich.console import Console
from traitlets.config import Config

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nbgrader has no exchange on Windows")

RIGHT = """\
def after_conv(side, kernel, padding):
    return side if padding == "same" else side - kernel + 1

def after_pool(side):
    return (side + 1) // 2"""
ROUNDS_DOWN = RIGHT.replace("(side + 1)", "side")
LOADS = 'with np.load("weights/net.npz") as kept:\n    beta = float(kept["beta"])'
CHAPTER = "01_tiny"


class Student:
    """A student with a home folder, and nothing of the course's but the exchange."""

    def __init__(self, home, exchange, name):
        self.home, self.name = home, name
        self.folder = home / CHAPTER
        config = Config(
            {
                "CourseDirectory": {"root": str(home), "course_id": "autoencoders", "student_id": name},
                "Exchange": {
                    "root": str(exchange),
                    "cache": str(home / "cache"),
                    "assignment_dir": str(home),
                },
            }
        )
        self._api = NbGraderAPI(config=config, coursedir=CourseDirectory(config=config))
        self._api.coursedir.assignment_id = CHAPTER

    def _do(self, step):
        api = self._api
        step(coursedir=api.coursedir, authenticator=api.authenticator, parent=api).start()

    def fetch(self):
        self._do(self._api.exchange.FetchAssignment)

    def submit(self):
        self._do(self._api.exchange.Submit)

    def fetch_feedback(self):
        """Fetch the feedback; return the pages, the oldest first."""
        self._do(self._api.exchange.FetchFeedback)
        pages = sorted((self.folder / "feedback").rglob("*.html"))
        return [page.read_text(encoding="utf-8") for page in pages]

    def answer(self, **sources):
        """Write answers into the cells of the notebook that was fetched, by id (dashes as underscores)."""
        path = self.folder / f"{CHAPTER}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            cell.source = sources.get(cell.id.replace("-", "_"), cell.source)
        nbformat.write(notebook, path)


@pytest.fixture
def exchange(tmp_path):
    folder = tmp_path / "exchange"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture
def course(tmp_path, tiny_course, empty_gradebook, exchange):
    """A course whose nbgrader_config.py names the exchange."""
    folder = tmp_path / "course"
    folder.mkdir()
    made = tiny_course(folder, empty_gradebook)
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write(f"c.Exchange.root = {str(exchange)!r}\n")
    make_release(folder)
    return made


@pytest.fixture
def ada(tmp_path, exchange):
    home = tmp_path / "home"
    home.mkdir()
    return Student(home, exchange, "ada")


def done(result):
    assert result["success"], result
    return result


def grade_it(course):
    return grade(course.folder, console=Console(file=io.StringIO(), width=200), trusted=True)


def points_of(course):
    rows = [row for row in read_results(course.folder) if row.student == "ada" and not row.written]
    return {row.check: row.points for row in rows}


def score_on(page):
    """The score in the heading of a feedback page."""
    return re.search(r"01_tiny \(Score: ([\d.]+ / [\d.]+)\)", page).group(1)


def test_a_chapter_goes_to_a_student_and_comes_back_graded(course, ada, exchange):
    with pytest.raises(ExchangeError):
        ada.fetch()  # nothing is released yet

    instructor = open_api(course.folder)
    done(instructor.release_assignment(CHAPTER))
    ada.fetch()
    fetched = ada.folder / f"{CHAPTER}.ipynb"
    assert fetched.read_bytes() == course.release(CHAPTER).read_bytes()
    assert "the whole trick" not in fetched.read_text()  # a comment of the solution

    ada.answer(write_sides=ROUNDS_DOWN, train_net=LOADS)
    (ada.folder / "weights").mkdir()
    np.savez(ada.folder / "weights" / "net.npz", beta=0.0012)
    ada.submit()
    submitted = course.folder / "submitted" / "ada" / CHAPTER
    assert not submitted.exists()
    done(instructor.collect(CHAPTER))
    assert (submitted / f"{CHAPTER}.ipynb").read_bytes() == fetched.read_bytes()
    assert (submitted / "weights" / "net.npz").is_file() and (submitted / "timestamp.txt").is_file()

    report = grade_it(course)
    assert [str(entry) for entry in report.graded] == [f"ada/{CHAPTER}"] and not report.problems
    assert points_of(course) == {"conv.sides": 0.5, "flowers.beta": 1}
    with instructor.gradebook as gradebook:
        assert gradebook.find_submission(CHAPTER, "ada").timestamp is not None

    done(instructor.release_feedback(CHAPTER, "ada"))
    (page,) = ada.fetch_feedback()
    assert score_on(page) == "1.5 / 4.0"
    assert "rounded down" in page and "Pooling by 2 halves the side" in page
    assert page == (course.folder / "feedback" / "ada" / CHAPTER / f"{CHAPTER}.html").read_text(encoding="utf-8")

    # She hands in again: the newer submission is graded, and its page lies beside the first.
    ada.answer(write_sides=RIGHT)
    ada.submit()
    done(instructor.collect(CHAPTER))
    assert [str(entry) for entry in grade_it(course).graded] == [f"ada/{CHAPTER}"]
    assert points_of(course) == {"conv.sides": 1, "flowers.beta": 1}
    done(instructor.release_feedback(CHAPTER, "ada"))
    assert [score_on(page) for page in ada.fetch_feedback()] == ["1.5 / 4.0", "2.0 / 4.0"]


def test_nobody_else_gets_the_feedback(course, ada, exchange, tmp_path):
    instructor = open_api(course.folder)
    done(instructor.release_assignment(CHAPTER))
    ada.fetch()
    ada.answer(write_sides=RIGHT)
    ada.submit()
    done(instructor.collect(CHAPTER))
    grade_it(course)
    other = tmp_path / "other"
    other.mkdir()
    ben = Student(other, exchange, "ben")
    ben.fetch()
    ben.submit()
    done(instructor.release_feedback(CHAPTER))
    assert ben.fetch_feedback() == []
    assert len(ada.fetch_feedback()) == 1
