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


@pytest.mark.parametrize(
    "formula, shown",
    [
        (r"\ln p", '<mo lspace="0" rspace="0.17em">ln</mo><mi>p</mi>'),
        (r"x\ln p", '<mi>x</mi><mo lspace="0.17em" rspace="0.17em">ln</mo>'),
        (r"\max(0, a)", '<mo lspace="0" rspace="0">max</mo><mo stretchy="false">'),
        (r"\ln\left(p\right)", '<mo lspace="0" rspace="0">ln</mo><mrow><mo'),
        (r"z \sim q", "<mi>z</mi><mo>&#x0223C;</mo><mi>q</mi>"),
    ],
)
def test_functions_and_relations_stand_off(formula, shown):
    assert shown in mathml(formula, "inline")


@pytest.mark.parametrize("formula", [r"\nosuchcommand x", r"x_", r"\left( x"])
def test_a_formula_that_is_not_understood_is_an_error(formula):
    with pytest.raises(ValueError, match="."):
        mathml(formula, "inline")
