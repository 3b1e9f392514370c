"""Cells that only show are left out in grading, and nobody's points change by it."""

import nbformat
import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps import execution
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_grader.nbgrader_steps.needed_cells import Plan
from autoencoder_grader.nbgrader_steps.only_shows import TAG
from autoencoder_grader.nbgrader_steps.outcome import KEY, NOT_DRAWN
from autoencoder_grader.nbgrader_steps.repair import released_cells
from nbformat.v4 import new_code_cell
from tiny_class import points, quiet

CHAPTER = "01_tiny"
PICTURE = "picture = [0.0012]\nprint('drawn:', picture)"
ALL = {"conv.sides": 1, "flowers.beta": 1}
RIGHT = "beta = 0.0012"
SAYS = "beta = picture[0]"
REACHES = "beta = globals()['pic' + 'ture'][0]"
#: Would begin a training, and catches everything.
TRAINS = """\
from autoencoder_helpers.training.grading import expect_whole
try:
    expect_whole()
    beta = 0.0012
except BaseException:
    beta = None"""


def with_picture(notebook, source=PICTURE, **metadata):
    """The notebook with a cell behind its first one, as the release has it or otherwise."""
    place = next(place for place, cell in enumerate(notebook.cells) if cell.id == "setup")
    notebook.cells.insert(place + 1, new_code_cell(source, id="picture", metadata=metadata))
    return notebook


@pytest.fixture(scope="module")
def ran(tmp_path_factory, tiny_course, notebook, empty_gradebook):
    """A class whose chapter has a cell that only shows, graded once: (course, report)."""
    course = tiny_course(tmp_path_factory.mktemp("course"), empty_gradebook)
    course.solve(CHAPTER, with_picture(notebook("tiny"), tags=[TAG]))
    for student, answer in (("honest", RIGHT), ("says", SAYS), ("reaches", REACHES), ("trains", TRAINS)):
        course.hand_in(student, CHAPTER, with_picture(notebook("tiny", train_net=answer)))
    for student, answer in (("overlooked", SAYS), ("again", RIGHT)):  # each for a test of its own
        course.hand_in(student, CHAPTER, with_picture(notebook("tiny", train_net=answer)))
    changed = PICTURE + "\nprint('changed')"
    course.hand_in("changes", CHAPTER, with_picture(notebook("tiny", train_net=RIGHT), changed, tags=[TAG]))
    own = with_picture(notebook("tiny", train_net="beta = mine"))
    own.cells.insert(2, new_code_cell("mine = 0.0012", id="own", metadata={"tags": [TAG]}))
    course.hand_in("tags", CHAPTER, own)
    fails = with_picture(notebook("tiny", train_net="beta = 0.0012 / 0"))
    course.hand_in("fails", CHAPTER, fails)
    return course, grade(course.folder, console=quiet(), trusted=True)


def graded(course, student):
    path = course.folder / "autograded" / student / CHAPTER / f"{CHAPTER}.ipynb"
    return nbformat.read(path, as_version=4)


def shown(course, student):
    """What a student's picture has printed."""
    cell = next(cell for cell in graded(course, student).cells if cell.id == "picture")
    return "".join(output.get("text", "") for output in cell.outputs)


def test_everybody_has_the_points_of_a_whole_run(ran):
    course, report = ran
    assert not report.problems and not report.faults
    for student in ("honest", "says", "reaches", "trains", "changes", "tags", "overlooked", "again"):
        assert points(course, student) == ALL, student
    assert points(course, "fails") == {**ALL, "flowers.beta": 0}


def test_what_only_shows_is_not_drawn_and_the_page_says_so(ran):
    course, _ = ran
    assert shown(course, "honest") == NOT_DRAWN
    assert graded(course, "honest").metadata[KEY]["left_out"] == ["picture"]
    page = course.folder / "feedback" / "honest" / CHAPTER / f"{CHAPTER}.html"
    assert NOT_DRAWN.strip() in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("student", "why"),
    [
        ("says", ""),
        ("reaches", "cell train-net uses globals"),
        ("trains", "it trains something (cell train-net)"),
        ("fails", "a cell ended in “ZeroDivisionError” (cell train-net)"),
        ("changes", ""),
    ],
)
def test_where_it_is_needed_or_in_doubt_it_is_drawn(ran, student, why):
    course, _ = ran
    assert "drawn: [0.0012]" in shown(course, student)
    told = graded(course, student).metadata[KEY]
    assert told["left_out"] == [] and told["whole"] == why


def test_a_tag_of_a_submission_says_nothing(ran):
    course, _ = ran
    assert graded(course, "tags").metadata[KEY]["left_out"] == ["picture"]


def test_what_the_plan_overlooks_is_an_error_and_all_runs(ran, monkeypatch):
    course, _ = ran
    monkeypatch.setattr(execution, "plan", lambda cells, *_: Plan(frozenset([2]), frozenset(["picture"])))
    report = grade(course.folder, students=["overlooked"], again=True, console=quiet(), trusted=True)
    assert not report.problems and points(course, "overlooked") == ALL
    assert graded(course, "overlooked").metadata[KEY]["whole"] == "a cell ended in “NameError” (cell train-net)"


def test_every_cell_is_drawn_where_that_is_wanted_and_none_by_nbgrader_itself(ran):
    course, _ = ran
    wanted = {"students": ["again"], "again": True, "settings": {"every_cell": True}}
    grade(course.folder, console=quiet(), trusted=True, **wanted)
    assert "drawn: [0.0012]" in shown(course, "again") and points(course, "again") == ALL
    api = open_api(course.folder, SealedExecute={"trust_submissions": True})
    assert api.autograde(CHAPTER, "again", force=True)["success"]
    assert shown(course, "again") == NOT_DRAWN


def test_cells_are_tagged_and_untagged_while_submissions_are_there(graded_course, notebook):
    """nbgrader refuses to take cells of its own along then, because grades hang on them."""
    api = open_api(graded_course.folder)

    def registered(*tagged):
        chapter = notebook("tiny")
        for name in ("picture", "another"):
            metadata = {"tags": [TAG]} if name in tagged else {}
            chapter.cells.append(new_code_cell(f"print({name!r})", id=name, metadata=metadata))
        graded_course.solve(CHAPTER, chapter)
        assert api.generate_assignment(CHAPTER, force=True)["success"]
        with api.gradebook as gradebook:
            gradebook.update_or_create_student("ada")
            gradebook.update_or_create_submission(CHAPTER, "ada")
            found = released_cells(gradebook.find_notebook(CHAPTER, CHAPTER))
        assert {"train-net", "write-sides"} <= {cell.name for cell in found}
        return {cell.name: cell.source for cell in found if cell.only_shows}

    assert registered() == {}
    assert registered("picture") == {"picture": "print('picture')"}
    assert registered("another") == {"another": "print('another')"}
    assert registered("picture", "another").keys() == {"picture", "another"}
