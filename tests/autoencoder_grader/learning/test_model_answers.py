"""A model answer is there for who has written one, and for nobody before."""

import shutil
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader import cli
from autoencoder_grader.learning.model_answers import model_answer
from autoencoder_grader.validity.corpus import CHAPTERS
from autoencoder_helpers.errors import CourseError
from click.testing import CliRunner

REPOSITORY = Path(__file__).resolve().parents[3]
OWN = (
    "No pixel is right or wrong: the number is a mean cross-entropy in nats per pixel, above a floor, below a baseline."
)


@pytest.fixture(params=sorted({assignment for assignment, _ in CHAPTERS.values()}))
def chapter(request, tmp_path):
    """(name, course with the chapter in work/, a function that writes the answer)."""
    name, course = request.param, tmp_path / "course"
    for kind, where in (("notebooks", "notebooks"), ("solutions", "solutions"), ("notebooks", "work")):
        (course / where / name).mkdir(parents=True)
        shutil.copy(REPOSITORY / kind / name / f"{name}.ipynb", course / where / name)
    shutil.copy(REPOSITORY / "nbgrader_config.py", course)
    path = course / "work" / name / f"{name}.ipynb"

    def write(text):
        notebook = nbformat.read(path, as_version=4)
        (cell,) = [cell for cell in notebook.cells if cell.id.endswith("-written")]
        cell.source = text
        nbformat.write(notebook, path)

    return name, course, write


def ask(course, name):
    return CliRunner().invoke(cli.main, ["--course", str(course), "answer", name])


@pytest.mark.parametrize("text", ["YOUR ANSWER HERE", "", "No idea.\n\n\n"])
def test_nothing_is_told_before_something_is_written(chapter, text):
    name, course, write = chapter
    write(text)
    result = ask(course, name)
    assert result.exit_code != 0 and "write your own answer first" in result.output
    assert len(result.output.strip().splitlines()) == 1 and "good answer" not in result.output


def test_after_that_question_answer_and_points_are_told(chapter):
    name, course, write = chapter
    write(OWN)
    result = ask(course, name)
    assert result.exit_code == 0, result.output
    question, answer, points = (
        result.output.index(part) for part in ("In your own words", "One good answer:", "What the")
    )
    assert question < answer < points
    assert "MARK SCHEME" not in result.output and "###" not in result.output.replace("## In", "")


def test_a_course_without_solutions_says_so(chapter):
    name, course, write = chapter
    write(OWN)
    shutil.rmtree(course / "solutions")
    result = ask(course, name)
    assert result.exit_code != 0 and "without its solutions" in result.output and "Traceback" not in result.output


def test_a_chapter_without_its_answer_cell_is_one_line(chapter):
    name, course, _ = chapter
    path = course / "work" / name / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not cell.id.endswith("-written")]
    nbformat.write(notebook, path)
    with pytest.raises(CourseError, match="its answer cell is gone"):
        model_answer(path, *(course / kind / name / path.name for kind in ("notebooks", "solutions")))
