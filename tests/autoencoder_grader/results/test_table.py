"""The table of a class, as it stands on a terminal and in a log, for three students and for a hundred."""

import io
import re
from collections import Counter
from types import SimpleNamespace

import pytest
from autoencoder_grader.results.graded_notebooks import NO_ANSWER, CheckRow, _read_result
from autoencoder_grader.results.table import print_notices, print_table
from autoencoder_helpers.checks.raised import texts_of
from rich.console import Console

CHAPTERS = {
    "01_dense_autoencoder": "dense",
    "02_convolutional_autoencoder": "conv",
    "03_variational_autoencoder": "vae",
    "04_flower_vae": "flowers",
}
WHY = "Expected: the sum over 784 pixels. Found: the mean over them: 784 times smaller."


def printed(rows, width=80, terminal=True, now=()):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_table(rows, console, now)
    return console.file.getvalue()


def notebook(student, assignment, missing=0, wrong=0, written=None, checks=9):
    """Rows of a notebook: so many checks without an answer, so many with a mistake. written: points, or None."""
    short = CHAPTERS.get(assignment, "x")
    rows = []
    for number in range(checks):
        name, most = f"{short}.check_{number}", 2.0 if not number else 1.0
        if number < missing:
            rows.append(
                CheckRow(student, assignment, name, 0.0, most, False, ("`f` has its raise line.",), ("missing",))
            )
        elif number < missing + wrong:
            rows.append(CheckRow(student, assignment, name, 0.5, most, False, (WHY,), ("mean-over-pixels",)))
        else:
            rows.append(CheckRow(student, assignment, name, most, most))
    answered = () if written != 0 else (NO_ANSWER,)
    return [*rows, CheckRow(student, assignment, f"{short}-written", written, 2.0, True, answered)]


def demo_class():
    rows = []
    for place, chapter in enumerate(CHAPTERS):
        rows += notebook("ada", chapter)
        rows += notebook("ben", chapter, wrong=1 + (place == 0), written=0)
        rows += notebook("cleo", chapter, missing=9, written=0)
    return rows


def test_a_small_class_fits_a_screen():
    said = printed(demo_class()).splitlines()
    assert len(said) <= 28 and max(map(len, said)) <= 80
    wide = printed(demo_class(), width=120).splitlines()
    assert len(wide) <= 24 and max(map(len, wide)) <= 120


def test_points_stand_in_one_line_a_student_and_what_they_are_of_below():
    said = printed(demo_class())
    assert re.search(r"^ ada +10 \+ w +10 \+ w +10 \+ w +10 \+ w +40 *$", said, re.M)
    assert re.search(r"^ ben +8 \+ 0 +8.5 \+ 0 +8.5 \+ 0 +8.5 \+ 0 +33.5 *$", said, re.M)
    assert re.search(r"^ of +10 \+ 2 +10 \+ 2 +10 \+ 2 +10 \+ 2 +40 *$", said, re.M)
    assert "formgrader (4 in all)" in said
    one = printed([*notebook("ada", "01_dense_autoencoder"), *notebook("ben", "04_flower_vae", written=1.5)])
    assert re.search(r"^ ada +10 \+ w +– +10 *$", one, re.M) and re.search(r"^ ben +– +10 \+ 1.5 +10 *$", one, re.M)


def test_an_untouched_notebook_is_one_line():
    said = printed(demo_class())
    assert "cleo · 01 dense autoencoder: 9 checks not begun, no written answer.\n" in said
    assert said.count("cleo") == 5  # once in the table
    assert "raise line" not in said


def test_what_was_not_begun_in_a_begun_notebook_is_named_in_one_line():
    said = printed(notebook("ben", "01_dense_autoencoder", missing=2, wrong=1, written=0))
    assert "  ✗ Not begun: dense.check_0, dense.check_1, dense-written.\n" in said
    assert "not begun" not in said
    partly = printed(notebook("ben", "01_dense_autoencoder", missing=9, written=None))
    assert "ben · 01 dense autoencoder: 9 checks not begun.\n" in partly
    given = [CheckRow("ben", "01_x", "x.a", 0.5, 1.0, False, (WHY,), ("missing",))]
    assert "x.a, 0.5 of 1" in printed(given)  # an instructor has given points


def test_reasons_are_broken_between_words_on_a_terminal_and_whole_in_a_log():
    rows = notebook("ben", "01_dense_autoencoder", wrong=1)
    line = f"  ✗ dense.check_0, 0.5 of 2: {WHY}\n"
    assert line in printed(rows, terminal=False)
    narrow = printed(rows, width=60)
    assert line not in narrow and " ".join(line.split()) in " ".join(narrow.split())
    assert "\n    " in narrow and max(map(len, narrow.splitlines())) <= 60


def test_text_of_learners_is_no_markup():
    row = CheckRow("[bold]eve", "01_x", "x.a", 0.0, 1.0, False, ("Found: [/] and [red].",), ("other",))
    assert "Found: [/] and [red]." in printed([row], width=120) and "[bold]eve" in printed([row])


def test_no_name_of_a_folder_is_markup_or_writes_a_line_of_its_own():
    name = "[red]eve\n✓ ben graded\x1b[2J\u202e"
    said = printed([CheckRow(name, "01_x", "x.a", 0.0, 1.0, False, ("No.",), ("other",))], width=120)
    table, reasons = said.split("of ", 1)
    assert all(part.count("[red]eve ✓ ben graded\ufffd[2J\ufffd") == 1 for part in (table, reasons))


def a_hundred():
    return [row for n in range(100) for row in notebook(f"student{n:03}", "01_dense_autoencoder", wrong=3 - n % 2)]


def test_a_large_class_is_told_which_checks_cost_most():
    said = printed(a_hundred())
    assert "student099" in said and WHY[:20] not in said
    after = said[said.index("Which checks cost most") :].splitlines()
    assert after[1].startswith("  ✗ dense.check_0: 100 of 100 lost 150 points, 100 by mean-over-pixels.")
    assert len(after) <= 13 and "`autoencoder-course report` writes" in after[-2]


def test_in_a_large_class_those_graded_now_have_their_reasons():
    said = printed(a_hundred(), now=[("student007", "01_dense_autoencoder")])
    assert "what was graded now\nstudent007\n  ✗ dense.check_0, 0.5 of 2: Expected:" in said
    assert "cost most" not in said and "student006\n" not in said
    everybody = [(row.student, row.assignment) for row in a_hundred()]
    assert "Which checks cost most" in printed(a_hundred(), now=everybody)


@pytest.mark.parametrize("count, words", [(12, "All 12 ran without"), (5, "5 of 12 ran without")])
def test_a_notice_is_said_once_with_how_many_it_holds_for(count, words):
    console = Console(file=io.StringIO(), width=80)
    report = SimpleNamespace(graded=[None] * 12, notices=Counter({"ran without a network": count}))
    print_notices(report, console)
    assert console.file.getvalue() == f"\n{words} a network.\n"


def reason(error=None, **texts):
    step = {"title": "It ends", "passed": False, "mistake": "other", "expected": "", "found": ""} | texts
    if error:
        step |= texts_of(error)
    (text,) = _read_result({"name": "x.a", "steps": [step]})[1]
    return text


def test_reasons_are_sentences_whatever_the_check_said():
    assert reason() == "It ends."
    assert reason(expected="4") == "It ends. Expected: 4."
    assert reason(expected="4 for side 7", found="3: rounded down") == "Expected: 4 for side 7. Found: 3: rounded down."
    asked = reason(expected="Treat 'same' and 'valid'.", found="is `check` overwritten?")
    assert asked == "Expected: Treat 'same' and 'valid'. Found: is `check` overwritten?"
    assert reason(ValueError("no\nthing")) == "Expected: your answer runs without an error. Found: ValueError: “no”."
    assert reason(found="x" * 300).endswith("…")


def after_pool(side):
    raise NotImplementedError("Return the side after pooling")


def test_an_unwritten_function_is_named_and_not_its_task():
    with pytest.raises(NotImplementedError) as raised:
        after_pool(3)
    assert reason(raised.value) == "`after_pool` still has its raise line."
