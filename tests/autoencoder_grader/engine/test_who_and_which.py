"""Whose a folder is, and which of its notebooks counts: where that is in doubt, a person is asked before anything is graded."""

import json
import shutil
import unicodedata

import nbformat
import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.roster import told_apart
from autoencoder_grader.engine.submissions import MOST_NOTEBOOK, Submission, find_submissions, problem_with
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.recognition import Chapters
from autoencoder_grader.nbgrader_steps.release import make_release
from tiny_class import quiet

pytestmark = pytest.mark.usefixtures("rules")
TINY = "01_tiny"


@pytest.fixture(scope="module")
def with_release(tmp_path_factory, empty_gradebook, tiny_course):
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    make_release(course.folder, [TINY])
    return course


@pytest.fixture
def released(with_release):
    """A course with a release, into which nobody has handed anything in."""
    for name in ("submitted", "autograded", "feedback"):
        shutil.rmtree(with_release.folder / name, ignore_errors=True)
    return with_release


def untouched(course):
    return nbformat.read(course.folder / "notebooks" / TINY / f"{TINY}.ipynb", as_version=4)


def told(course, student="ada"):
    chapters = Chapters(course.folder)
    submission = Submission(student, TINY, course.folder / "submitted" / student / TINY)
    return problem_with(submission, chapters.graded(TINY), chapters)


@pytest.mark.parametrize("name", ["01_tiny-Copy1.ipynb", "01_tiny (1).ipynb", "homework/mine.ipynb"])
def test_an_untouched_notebook_beside_a_worked_one_waits_for_a_person(released, notebook, name):
    path = released.hand_in("ada", TINY, untouched(released))
    assert told(released) is None  # alone, it is what it is
    copy = path.parent / name
    copy.parent.mkdir(exist_ok=True)
    nbformat.write(notebook("tiny"), copy)
    line = told(released)
    assert name in line and "rename the one that counts" in line and "\n" not in line
    copy.rename(path)
    assert told(released) is None


@pytest.mark.parametrize(
    "name", ["01_tiny.ipynb.txt", "01_tiny.IPYNB", "01_tiny.ipynb.json", "deep/01_tiny.ipynb.download"]
)
def test_a_notebook_with_another_ending_is_named(released, notebook, name):
    path = released.hand_in("ada", TINY, notebook("tiny"))
    (path.parent / "deep").mkdir()
    path.rename(path.parent / name)
    assert told(released).endswith(f"is missing, but there is {name}: rename the right one to 01_tiny.ipynb")


def test_of_notebooks_beside_it_no_more_is_read_than_of_one_notebook(released, notebook):
    path = released.hand_in("ada", TINY, untouched(released))
    for number in range(8):
        with path.with_name(f"empty-{number}.ipynb").open("wb") as file:
            file.truncate(MOST_NOTEBOOK // 7)
    assert "empty-7.ipynb is not: rename the one that counts" in told(released)
    for number in range(8):
        nbformat.write(notebook("tiny"), path.with_name(f"empty-{number}.ipynb"))
    assert "empty-4.ipynb" in told(released) and "empty-5.ipynb" not in told(released)


@pytest.mark.parametrize("change", ["whitespace", "outputs", "cells of the release deleted", "old release"])
def test_untouched_is_what_nobody_wrote_anything_into(released, notebook, change):
    first = untouched(released)
    if change == "whitespace":
        for cell in first.cells:
            cell.source = cell.source + "\n\n"
    elif change == "outputs":
        first.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    elif change == "cells of the release deleted":
        del first.cells[2]
    else:
        first = nbformat.from_dict(json.loads(json.dumps(first)))
        first.cells.append(nbformat.v4.new_code_cell(""))
    path = released.hand_in("ada", TINY, first)
    nbformat.write(notebook("tiny"), path.with_name("x.ipynb"))
    assert "is as it was released" in told(released)


@pytest.mark.parametrize("change", ["code", "words", "own cell"])
def test_where_something_was_done_the_notebook_of_the_right_name_counts(released, notebook, change):
    first = untouched(released)
    if change == "own cell":
        first.cells.append(nbformat.v4.new_code_cell("print(beta)"))
    else:
        cell = next(cell for cell in first.cells if cell.id == {"code": "train-net", "words": "tiny-written"}[change])
        cell.source = "beta = 2"
    path = released.hand_in("ada", TINY, first)
    nbformat.write(notebook("tiny"), path.with_name("x.ipynb"))
    assert told(released) is None


@pytest.mark.parametrize("other", ["untouched too", "another chapter", "no notebook", "a checkpoint"])
def test_a_sibling_that_is_no_work_on_the_chapter_is_no_reason_to_wait(released, notebook, other):
    path = released.hand_in("ada", TINY, untouched(released))
    sibling = path.with_name("x.ipynb")
    if other == "untouched too":
        shutil.copy(path, sibling)
    elif other == "another chapter":
        nbformat.write(notebook("small"), sibling)
    elif other == "no notebook":
        sibling.write_bytes(b"[" * 100_000)
    else:
        (path.parent / ".ipynb_checkpoints").mkdir()
        nbformat.write(notebook("tiny"), path.parent / ".ipynb_checkpoints" / f"{TINY}-checkpoint.ipynb")
    assert told(released) is None


def test_nothing_is_graded_until_a_person_has_chosen(released, notebook):
    path = released.hand_in("ada", TINY, untouched(released))
    nbformat.write(notebook("tiny"), path.with_name("x.ipynb"))
    report = grade(released.folder, console=quiet(), trusted=True, grade_one=lambda *_: pytest.fail("graded"))
    assert not report.graded and report.exit_code == 1 and "x.ipynb is not" in report.problems[0]
    assert grade(released.folder, console=quiet(), trusted=True, dry_run=True).problems == report.problems


def test_a_notebook_copied_cell_by_cell_is_known_by_its_checks(released, notebook):
    copied = json.loads(nbformat.writes(notebook("tiny")))
    for cell in copied["cells"]:
        del cell["id"]
        cell["metadata"] = {}
    path = released.hand_in("ada", TINY, notebook("tiny"))
    path.write_text(json.dumps({**copied, "nbformat_minor": 4}))
    assert told(released) is None
    for cell in copied["cells"]:
        cell["source"] = "".join(cell["source"]).replace("check(", "chec(")
    path.write_text(json.dumps({**copied, "nbformat_minor": 4}))
    assert "none of the checks" in told(released)


# ------------------------------------------------------------------------------------------------------ who is who


def apart(course, roster):
    found, _ = find_submissions(course.folder / "submitted", [TINY])
    left, lines, notes = told_apart(found, course.folder / "submitted", roster)
    return [submission.student for submission in left], lines, notes


@pytest.mark.parametrize(
    "folder, roster",
    [
        ("colab", "Colab"),
        ("Ada  Lovelace", "ada lovelace"),
        (unicodedata.normalize("NFD", "zoé"), "zoé"),
        ("STRAßE", "strasse"),
    ],
)
def test_a_folder_that_is_somebody_of_the_roster_but_for_its_form_is_named_and_waits(
    released, notebook, folder, roster
):
    released.hand_in(folder, TINY, notebook("tiny"))
    released.hand_in("ben", TINY, notebook("tiny"))
    students, lines, notes = apart(released, [roster, "cy"])
    assert students == ["ben"] and not notes
    assert len(lines) == 1 and repr(roster) in lines[0] and "rename the folder" in lines[0]
    assert apart(released, [])[0] == sorted([folder, "ben"])  # without a roster, the folder says who it is


def test_who_is_in_the_gradebook_under_both_names_is_graded_and_named(released, notebook):
    released.hand_in("colab", TINY, notebook("tiny"))
    students, lines, notes = apart(released, ["Colab", "colab"])
    assert students == ["colab"] and not lines and "two students" in notes[0]


def test_two_folders_that_differ_in_nothing_one_hears_are_named(released, notebook):
    for name in ("Ada", "ada"):
        released.hand_in(name, TINY, notebook("tiny"))
    students, lines, notes = apart(released, [])
    assert students == ["Ada", "ada"] and not lines and len(notes) == 1 and "'Ada' and 'ada'" in notes[0]
    assert apart(released, ["ada", "Ada"]) == (students, lines, notes)


def test_grading_makes_no_second_student_of_one(released, notebook):
    with open_api(released.folder).gradebook as gradebook:
        gradebook.add_student("Colab")
    released.hand_in("colab", TINY, notebook("tiny"))
    report = grade(released.folder, console=quiet(), trusted=True, grade_one=lambda *_: pytest.fail("graded"))
    assert report.exit_code == 1 and "'Colab'" in report.problems[0]
    with open_api(released.folder).gradebook as gradebook:
        assert [student.id for student in gradebook.students] == ["Colab"]
