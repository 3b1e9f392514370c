"""Formulas: every one of the course is understood, and what is not is said."""

import re

import nbformat
import pytest
from autoencoder_grader.book.extension import mathml

from .conftest import REPOSITORY

_FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?=\S)([^$\n]+?)(?<=\S)\$(?!\d)", re.DOTALL)


def texts():
    """(place, text without code) of all that the book shows."""
    for path in sorted((REPOSITORY / "solutions").glob("*/*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                yield f"{path.stem}, {cell.id}", cell.source
    for path in sorted((REPOSITORY / "docs").glob("*.md")):
        yield path.name, path.read_text(encoding="utf-8")


def formulas():
    for place, text in texts():
        text = re.sub(r"^ *```.*?^ *```|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)
        for block, inline in _FORMULA.findall(text):
            yield place, block or inline, "block" if block else "inline"


def test_every_formula_of_the_course_is_understood():
    found = list(formulas())
    assert len(found) > 20 and {display for *_, display in found} == {"block", "inline"}
    for place, formula, display in found:
        try:
            assert mathml(formula, display).startswith("<math"), formula
        except ValueError as error:
            raise AssertionError(f"{place}: {formula}: {error}") from error


@pytest.mark.parametrize("formula", [r"\nosuchcommand x", r"x_", r"\left( x"])
def test_a_formula_that_is_not_understood_is_an_error(formula):
    with pytest.raises(ValueError, match="."):
        mathml(formula, "inline")
