"""Cells that no spreadsheet runs."""

import csv
import io

import pytest
from autoencoder_grader.nbgrader_steps.spreadsheet import csv_text, harmless_cell


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "＝1+1",
        "  =1+1",
        "\t=1+1",
        "\r=1+1",
        "\n@SUM(A1)",
        "\x00=1",
    ],
)
def test_a_text_that_would_be_run_gets_an_apostrophe(text):
    cell = harmless_cell(text)
    assert cell.startswith("'") and cell[1:] == "".join(text.split("\x00")).strip()
    assert harmless_cell(cell) == cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [("Ada;=1+1", "Ada;'=1+1"), ("x, =1", "x, '=1"), ("a|@b", "a|'@b"), ('x;"=1', "x;\"'=1"), ('x; ""+1', 'x; ""\'+1')],
)
def test_a_separator_of_another_setting_does_not_free_a_formula(text, cell):
    assert harmless_cell(text) == cell


@pytest.mark.parametrize(
    "text", ["", "Ada Lovelace", "ada@example.org", "Müller-Lüdenscheidt", "O'Hara", "01_a", "a=b"]
)
def test_other_texts_stay(text):
    assert harmless_cell(text) == text


@pytest.mark.parametrize("number", ["0", "7.5", "-0.25", "+3"])
def test_numbers_stay(number):
    assert harmless_cell(number) == number


def test_line_breaks_do_not_break_rows():
    assert harmless_cell("a\r\nb\u2028c\x1b[2J") == "a  b c [2J"


def test_csv_quotes_what_must_be_quoted():
    rows = [["a,b", 'c"d'], ["é", ""]]
    text = csv_text(rows)
    assert list(csv.reader(io.StringIO(text))) == rows
    assert "\r" not in text
