"""A course folder of before the packages had wings goes on with today's code; tests/old_course/make.py tells of it."""

import csv
import html
import io
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from autoencoder_grader.engine import journal
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.results.graded_notebooks import read_results
from rich.console import Console

STORED = Path(__file__).parents[1] / "old_course" / "course"
CHAPTER = "01_tiny"
pytestmark = pytest.mark.usefixtures("rules")
WEIGHTS = Path(CHAPTER, "weights", "tiny_vae.npz")


def scores(course):
    """(points, what they were lost for) of each graded cell, by student and check."""
    return {(row.student, row.check): (row.points, row.reasons, row.mistakes) for row in read_results(course)}


def page(course, student):
    """The words of a feedback page, but for the steps of cards, which say what today's checks look at.

    And without the sign that was a link to a heading: a page holds no such links any more.
    """
    text = (course / "feedback" / student / CHAPTER / f"{CHAPTER}.html").read_text(encoding="utf-8")
    body = re.sub(r"<(style|script)\b.*?</\1>", "", text[text.index("<body") :], flags=re.DOTALL)
    lines = html.unescape(re.sub(r"<[^>]+>", " ", body)).splitlines()
    said = [re.split(r"(?<=\S) +[✓✗] ", line, maxsplit=1)[0] for line in lines]
    return [word for word in " ".join(said).split() if word != "¶"]


def grades(course):
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def outputs(course, student, cell):
    path = course / "autograded" / student / CHAPTER / f"{CHAPTER}.ipynb"
    (found,) = (one for one in nbformat.read(path, as_version=4).cells if one.id == cell)
    return "".join(output.get("text", "") for output in found.outputs)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """A copy of the stored course that nothing is done to."""
    return shutil.copytree(STORED, tmp_path_factory.mktemp("before") / "course")


@pytest.fixture(scope="module")
def course(tmp_path_factory, rules):
    """(a copy of the stored course, graded once with today's code, the report of that)."""
    folder = shutil.copytree(STORED, tmp_path_factory.mktemp("old") / "course")
    (folder / ".grading" / "secret").write_text("0123456789abcdef" * 2)  # its own is nobody's business
    return folder, grade(folder, console=Console(file=io.StringIO()), trusted=True)


def test_what_is_stored_is_as_it_was_before():
    settings = (STORED / "nbgrader_config.py").read_text(encoding="utf-8")
    assert "from autoencoder_grader.execution import SealedExecute" in settings and "nbgrader_steps" not in settings
    for path in STORED.rglob("*"):
        assert path.is_dir() or not re.search(rb"/(home|root|tmp|work)/", path.read_bytes()), path
    assert not (STORED / ".grading" / "secret").exists()


def test_both_are_graded(course):
    _, report = course
    assert report.exit_code == 0 and not report.notes
    assert [str(one) for one in [*report.unchanged, *report.graded]] == [f"ada/{CHAPTER}", f"ben/{CHAPTER}"]


def test_old_scores_stay_and_a_persons_too(before, course):
    before, now = scores(before), scores(course[0])
    assert before["ada", "conv.sides"][0] == 0.5 and before["ada", "tiny-written"][0] == 1.5
    assert {key: now[key] for key in before} == before


def test_the_new_one_gets_its_points(course):
    found = {check: points for (student, check), (points, *_) in scores(course[0]).items() if student == "ben"}
    assert found == {"conv.sides": 1, "dense.bce_per_image": 1, "tiny-written": None}


@pytest.mark.parametrize("student", ["ada", "ben"])
def test_nothing_is_trained_again(course, student):
    folder, _ = course
    assert "epochs trained here: 0" in outputs(folder, student, "train-net")
    handed_in = STORED / "submitted" / student / WEIGHTS
    assert (folder / "autograded" / student / WEIGHTS).read_bytes() == handed_in.read_bytes()


def test_feedback_and_grades_are_as_before(course):
    folder, _ = course
    assert page(folder, "ada") == page(STORED, "ada")
    before, now = grades(STORED), grades(folder)
    assert now["ada"] == before["ada"] and list(before) == ["ada"] and list(now) == ["ada", "ben"]
    assert (now["ben"]["raw_score"], now["ben"]["max_score"]) == ("2.0", "4.0")


def entries(course):
    with open_api(course).gradebook as gradebook:
        return journal.entries(gradebook)


def test_the_journal_goes_on(before, course):
    folder, _ = course
    before, now = entries(before), entries(folder)
    assert set(before) == {("ada", CHAPTER)} and set(now) == {("ada", CHAPTER), ("ben", CHAPTER)}
    assert {entry.status for entry in now.values()} == {"graded"}
    assert now["ada", CHAPTER].handed_in == before["ada", CHAPTER].handed_in
    report = grade(folder, console=Console(file=io.StringIO()), trusted=True)
    assert len(report.unchanged) == 2 and not report.graded
