"""Putting a submission's cells back to the release: what is mended, what stays, and what is said about it."""

import copy

import nbformat
import pytest
from autoencoder_grader.nbgrader_steps.repair import Released, repaired
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

RELEASED = [
    Released("write-a", "code", "# your a", "1", False, True, None),
    Released("test-a", "code", "check('a', a)", "2", True, False, 2.0),
    Released("write-b", "code", "# your b", "3", False, True, None),
    Released("help-b", "code", "def help(): ...", "4", True, False, None),
    Released("test-b", "code", "check('b', b)", "5", True, False, 1.0),
    Released("test-b-too", "code", "check('b2', b)", "6", True, False, 1.0),
    Released("written", "markdown", "YOUR ANSWER HERE", "7", False, True, 3.0),
]


def released_as(name, source=None, **changes):
    """A cell as a learner has it: released, perhaps with another text or other marks."""
    cell = next(cell for cell in RELEASED if cell.name == name)
    make = new_code_cell if cell.cell_type == "code" else new_markdown_cell
    return make(source or cell.source, id=name, metadata={"nbgrader": cell.marks() | changes})


def handed_in(**sources):
    """All the cells, answered: (name with _, source) pairs replace sources."""
    answers = {"write-a": "a = 1", "write-b": "b = 2", "written": "Because."}
    answers |= {name.replace("_", "-"): source for name, source in sources.items()}
    return [released_as(cell.name, answers.get(cell.name)) for cell in RELEASED]


def named(cells):
    """The ids of the cells that nbgrader knows, in order."""
    return [cell.metadata["nbgrader"]["grade_id"] for cell in cells if "nbgrader" in cell.metadata]


def sources(cells):
    return [cell.source for cell in cells]


ORDER = [cell.name for cell in RELEASED]


def only(cells, name):
    (cell,) = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name]
    return cell


def test_a_notebook_as_it_should_be_stays_as_it_is():
    cells = handed_in()
    own = new_code_cell("x = 1", id="own", metadata={"tags": ["mine"]})
    cells.insert(1, own)
    before = copy.deepcopy(cells)
    found, notes = repaired(cells, RELEASED)
    assert notes == []
    assert [(cell.id, cell.source, cell.cell_type) for cell in found] == [
        (cell.id, cell.source, cell.cell_type) for cell in before
    ]
    assert only(found, "test-a").metadata["nbgrader"] == RELEASED[1].marks()
    assert found[1].metadata == {"tags": ["mine"]}


def test_a_changed_test_cell_gets_its_text_back_and_it_is_said():
    found, notes = repaired(handed_in(test_a="check('a', 7)"), RELEASED)
    assert only(found, "test-a").source == "check('a', a)"
    assert notes == ["test-a: the test cell was changed; it was restored from the release"]


def test_blanks_at_the_ends_are_no_change():
    _, notes = repaired(handed_in(test_a="check('a',  a)\n"), RELEASED)
    assert notes == []


def test_a_given_cell_that_is_no_test_gets_its_text_back_too():
    found, _ = repaired(handed_in(help_b="def help(): return 1"), RELEASED)
    assert only(found, "help-b").source == "def help(): ..."


@pytest.mark.parametrize("name", ["test-a", "test-b", "test-b-too", "written"])
def test_a_missing_graded_cell_is_put_back_at_its_place(name):
    cells = [cell for cell in handed_in() if cell.id != name]
    found, notes = repaired(cells, RELEASED)
    assert named(found) == ORDER
    what = "answer" if name == "written" else "test cell"
    assert notes == [f"{name}: the {what} was missing; it was put back from the release"]


def test_all_test_cells_may_be_missing():
    cells = [cell for cell in handed_in() if not cell.id.startswith("test")]
    found, notes = repaired(cells, RELEASED)
    assert named(found) == ORDER and len(notes) == 3


def test_a_missing_test_comes_behind_the_learners_own_cells_of_that_exercise():
    cells = [cell for cell in handed_in() if cell.id != "test-a"]
    cells.insert(1, new_code_cell("a = a + 1", id="own"))
    found, _ = repaired(cells, RELEASED)
    assert [cell.id for cell in found][:4] == ["write-a", "own", "test-a", "write-b"]


def test_of_doubled_test_cells_the_last_counts_and_the_others_are_the_learners():
    cells = handed_in()
    cells.insert(1, released_as("test-a", "print('mine')") | {"id": "copy"})
    cells.insert(0, released_as("test-a") | {"id": "early"})
    found, notes = repaired(cells, RELEASED)
    assert named(found) == ORDER
    assert [cell.id for cell in found][:4] == ["early", "write-a", "copy", "test-a"]
    assert only(found, "test-a").id == "test-a" and "nbgrader" not in found[2].metadata
    assert notes == ["test-a: the test cell was there 3 times; the last one counts"]


def test_a_mark_that_is_lost_is_found_again_by_the_cells_id():
    cells = handed_in(test_a="check('a', 7)")
    for cell in cells:
        cell.metadata = nbformat.NotebookNode()
    found, notes = repaired(cells, RELEASED)
    assert named(found) == ORDER
    assert "test-a: the test cell had lost its mark; it was put back" in notes
    assert only(found, "test-a").source == "check('a', a)"


def test_ids_that_are_lost_are_no_loss():
    cells = handed_in()
    for cell in cells:
        del cell["id"]
    found, notes = repaired(cells, RELEASED)
    assert [cell.id for cell in found] == named(found) == ORDER and notes == []


@pytest.mark.parametrize(
    "changes",
    [
        {"points": 100},
        {"solution": True},
        {"locked": False},
        {"checksum": "0"},
        {"grade": False},
        {"task": True},
    ],
)
def test_marks_are_those_of_the_release_whatever_the_notebook_says(changes):
    cells = handed_in()
    cells[1] = released_as("test-a", **changes)
    found, _ = repaired(cells, RELEASED)
    assert only(found, "test-a").metadata["nbgrader"] == RELEASED[1].marks()


def test_marks_of_the_learners_own_making_are_taken_off():
    forged = {"grade_id": "mine", "grade": True, "points": 5}
    for marks in (forged, {"grade_id": ["test-a"]}, ["test-a"], "test-a", 1):
        own = new_code_cell("1", id="own", metadata={"nbgrader": marks})
        found, notes = repaired([own, *handed_in()], RELEASED)
        assert named(found) == ORDER and "nbgrader" not in found[0].metadata and notes == []


def test_a_tag_on_a_test_cell_does_not_keep_it_from_running():
    cells = handed_in()
    cells[1].metadata["tags"] = ["skip-execution"]
    found, _ = repaired(cells, RELEASED)
    assert "tags" not in only(found, "test-a").metadata


def test_cells_of_another_type_become_what_they_were():
    cells = handed_in()
    cells[0] = new_markdown_cell("a = 1", id="write-a", metadata=cells[0].metadata)
    cells[1] = new_raw_cell(cells[1].source, id="test-a", metadata=cells[1].metadata)
    found, notes = repaired(cells, RELEASED)
    assert [cell.cell_type for cell in found] == [cell.cell_type for cell in RELEASED]
    assert found[0].source == "a = 1" and found[0].outputs == []
    assert notes == ["test-a: the test cell was of another type; it was restored from the release"]


# --------------------------------------------------------------------------------------------- order of cells


def test_a_test_that_stands_before_its_answer_is_moved_behind_it():
    cells = handed_in()
    cells[0], cells[1] = cells[1], cells[0]
    found, notes = repaired(cells, RELEASED)
    assert named(found) == ORDER
    assert notes == ["test-a: the test cell stood before its answer; it was moved behind it"]


def test_two_tests_of_one_answer_are_both_moved_behind_it():
    cells = handed_in()
    cells.insert(5, cells.pop(2))  # write-b behind test-b-too
    assert named(cells) == ["write-a", "test-a", "help-b", "test-b", "test-b-too", "write-b", "written"]
    found, notes = repaired(cells, RELEASED)
    order = named(found)
    assert order.index("write-b") < min(order.index("test-b"), order.index("test-b-too"))
    assert len(notes) == 2


def test_a_test_of_two_answers_is_moved_behind_both():
    more = Released("write-more", "code", "# more", "8", False, True, None)
    released = [RELEASED[0], more, *RELEASED[1:]]
    cells = handed_in()
    cells.insert(2, new_code_cell("more = 1", id="write-more"))  # behind the test
    found, notes = repaired(cells, released)
    assert named(found)[:3] == ["write-a", "write-more", "test-a"] and len(notes) == 1
    cells = handed_in()
    cells.insert(1, cells.pop(0))
    cells.insert(0, new_code_cell("more = 1", id="write-more"))
    found, notes = repaired(cells, released)
    assert named(found)[:3] == ["write-more", "write-a", "test-a"] and len(notes) == 1


def test_exercises_in_another_order_stay_in_it():
    a, b, rest = handed_in()[:2], handed_in()[2:6], handed_in()[6:]
    found, notes = repaired([*b, *a, *rest], RELEASED)
    assert named(found) == [*ORDER[2:6], *ORDER[:2], "written"] and notes == []


def test_a_written_answer_at_the_end_draws_no_test_behind_it():
    released = [RELEASED[-1], *RELEASED[:-1]]  # the written answer comes first in the release
    found, notes = repaired(handed_in(), released)
    assert named(found) == ORDER and notes == []


def test_a_copy_of_an_answer_further_below_draws_no_test_behind_it():
    """Copied in JupyterLab, a cell keeps its marks; many begin an answer with a copy of an earlier one."""
    cells = handed_in()
    cells.insert(3, released_as("write-a", "b = 2  # begun as a copy") | {"id": "copy"})
    found, notes = repaired(cells, RELEASED)
    assert [cell.id for cell in found] == ["write-a", "test-a", "write-b", "copy", *ORDER[3:]]
    assert only(found, "write-a").source == "a = 1" and notes == []


def test_an_old_version_of_an_answer_above_the_new_one_stays_where_it_is():
    cells = handed_in()
    cells.insert(0, released_as("write-a", "a = 'a first try'") | {"id": "old"})
    found, notes = repaired(cells, RELEASED)
    assert sources(found)[:3] == ["a = 'a first try'", "a = 1", "check('a', a)"] and notes == []


# -------------------------------------------------------------------------------------------------- odd cells


def test_ids_become_unique_and_printable():
    names = ("test-a", "x" * 64, "own", "own", "\x1b[2J", "a b", "", 7)
    own = [new_code_cell("1") | {"id": name} for name in names]
    found, _ = repaired([*handed_in(), *own], RELEASED)
    ids = [cell.id for cell in found]
    assert len(set(ids)) == len(ids) and "own" in ids and "x" * 64 in ids
    notebook = nbformat.v4.new_notebook(cells=found)
    nbformat.validate(notebook)


@pytest.mark.parametrize(
    "odd",
    [
        {"cell_type": "heading", "source": "x", "metadata": {}},
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": None, "outputs": []},
        {"cell_type": "code", "source": None, "outputs": []},
        {"cell_type": "code", "source": {"a": 1}, "metadata": [], "outputs": []},
        {"cell_type": "markdown", "source": [1, 2], "metadata": {"nbgrader": None}},
    ],
)
def test_a_malformed_cell_does_no_harm(odd):
    found, notes = repaired([nbformat.from_dict(odd), *handed_in()], RELEASED)
    assert named(found) == ORDER and notes == []
    assert isinstance(found[0].source, str) and isinstance(found[0].metadata, dict)
    assert found[0].cell_type in ("code", "markdown", "raw")


def test_an_empty_notebook_gets_all_graded_cells():
    found, notes = repaired([], RELEASED)
    assert named(found) == ["test-a", "test-b", "test-b-too", "written"] and len(notes) == 4


@pytest.mark.parametrize(
    "odd", [{"id": None}, {"outputs": "x"}, {"attachments": 3}, {"cell_type": 7}, {"metadata": {"tags": 1}}]
)
def test_an_odd_cell_is_made_whole(odd):
    own = nbformat.from_dict({**new_code_cell("1", id="own"), **odd})
    found, notes = repaired([own, *handed_in()], RELEASED)
    nbformat.validate(nbformat.v4.new_notebook(cells=found))
    assert len(found) == len(RELEASED) + 1 and notes == []


def test_changed_points_are_said():
    cells = handed_in()
    cells[1] = released_as("test-a", points=100)
    _, notes = repaired(cells, RELEASED)
    assert notes == ["test-a: the points of the test cell were changed; those of the release count"]


def test_pictures_in_a_written_answer_stay():
    cells = handed_in()
    cells[-1].attachments = {"a.png": {"image/png": "iVBO"}}
    found, _ = repaired(cells, RELEASED)
    assert found[-1].attachments == {"a.png": {"image/png": "iVBO"}}
