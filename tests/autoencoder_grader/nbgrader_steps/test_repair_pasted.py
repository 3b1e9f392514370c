"""A notebook that was copied cell by cell: no mark and no id, but each test cell still calls its check."""

import time

import pytest
from autoencoder_grader.nbgrader_steps.recognition import called_checks, is_nothing_but_checks
from autoencoder_grader.nbgrader_steps.repair import Released, repaired
from nbformat.v4 import new_code_cell, new_markdown_cell

TEST_A, TEST_B = '"""About a."""\ncheck("a.one", a)', '"""About b."""\ncheck("a.two", b)'
RELEASED = [
    Released("write-a", "code", "a = None", "1", False, True, None),
    Released("a-one", "code", TEST_A, "2", True, False, 2.0),
    Released("write-b", "code", "b = None", "3", False, True, None),
    Released("a-two", "code", TEST_B, "4", True, False, 1.0),
    Released("written", "markdown", "YOUR ANSWER HERE", "5", False, True, 3.0),
]
QUESTION = "## In your own words (optional, 2 points, read by a person)\n\nWhy?"


def pasted(*sources):
    """Cells as after pasting; a text begins with #."""
    return [(new_markdown_cell if source[0] in "#W" else new_code_cell)(source) for source in sources]


def order(cells):
    """The sources in order, released cells by their names."""
    return [cell.metadata["nbgrader"]["grade_id"] if "nbgrader" in cell.metadata else cell.source for cell in cells]


def test_each_test_cell_is_known_by_its_check_and_stays_where_it_is():
    found, notes = repaired(pasted("a = 1", TEST_A, "x = 3", "b = 2", TEST_B, QUESTION, "Why not."), RELEASED)
    assert order(found) == ["a = 1", "a-one", "x = 3", "b = 2", "a-two", QUESTION, "written"]
    assert found[-1].source == "Why not." and [cell.source for cell in found[1:5:3]] == [TEST_A, TEST_B]
    assert "a-one: the test cell had lost its mark; it was known by its check and put back" in notes
    assert len(notes) == 3


def test_a_changed_call_gets_the_releases_text_and_the_last_of_several_counts():
    found, notes = repaired(pasted("check('a.one', 0)", "a = 1", "check('a.one', 1)", "b = 2", TEST_B), RELEASED)
    assert order(found) == ["check('a.one', 0)", "a = 1", "a-one", "b = 2", "a-two", "written"]
    assert found[2].source == TEST_A and any("2 times; the last one counts" in note for note in notes)


def test_an_answer_that_shares_a_cell_with_its_check_stays_and_the_test_follows_it():
    both = 'a = 1\ncheck("a.one", a)'
    found, notes = repaired(pasted("#", both, "b = 2", TEST_B), RELEASED)
    assert order(found) == ["#", both, "a-one", "b = 2", "a-two", "written"]
    assert any("a part of another one" in note for note in notes)


def test_two_checks_in_one_cell_are_both_put_back():
    found, _ = repaired(pasted("a = 1", "b = 2", f"{TEST_A}\n{TEST_B}"), RELEASED)
    assert order(found) == ["a = 1", "b = 2", "a-one", "a-two", "written"]


def test_calls_of_the_learners_own_draw_no_test_while_the_marked_ones_are_there():
    cells = pasted("a = 1", TEST_A, "b = 2", TEST_B)
    marked = new_code_cell(TEST_A, id="a-one", metadata={"nbgrader": RELEASED[1].marks()})
    found, notes = repaired([cells[0], marked, *cells[1:]], RELEASED)
    assert order(found)[:4] == ["a = 1", "a-one", TEST_A, "b = 2"]


def test_texts_of_any_length_are_told_apart_in_no_time():
    begun = time.process_time()
    long = 'check("a.one", a)\n' * 20_000
    assert not is_nothing_but_checks(long)  # nor is it read as Python, which takes a thousand times its memory
    found, _ = repaired(pasted("# " + "(" * 50_000, "W", "a = 1", long, TEST_B, QUESTION, "Why not."), RELEASED)
    assert order(found)[-3:] == ["a-two", QUESTION, "written"] and order(found)[3:5] == [long, "a-one"]
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("text", ["## What I learned", ""])
def test_a_heading_or_nothing_behind_the_question_is_no_answer(text):
    cells = [*pasted("a = 1", TEST_A, QUESTION), new_markdown_cell(text)]
    found, notes = repaired(cells, RELEASED)
    written = next(cell for cell in found if cell.metadata.get("nbgrader", {}).get("grade_id") == "written")
    assert written.source in ("YOUR ANSWER HERE", "")


@pytest.mark.parametrize(
    "source, names, nothing_else",
    [
        ('check("a.one", a)', ["a-one"], True),
        ("'''Words.'''\n# more\ncheck( 'a.one',\n  a,\n)\n", ["a-one"], True),
        ('a = 1\ncheck("a.one", a)', ["a-one"], False),
        ('result = check("a.one", a)', [], False),
        ('check("a.one", a := 3)', ["a-one"], False),
        ('if True:\n    check("a.one", a)', [], False),
        ('# check("a.one", a)', [], True),
        ('check("a.one", a', ["a-one"], False),
        ("%time\ncheck('a.one', a)", ["a-one"], False),
        ("check(name, a)", [], True),
        ('other("a.one", a)', [], False),
    ],
)
def test_what_calls_a_check_is_told_from_what_also_answers(source, names, nothing_else):
    assert called_checks(source) == names and is_nothing_but_checks(source) == nothing_else
