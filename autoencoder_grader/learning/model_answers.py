"""The model answer of a chapter's written question, for who learns alone, once something of their own is written."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import nbformat
from autoencoder_helpers.errors import CourseError
from nbgrader.utils import is_grade, is_solution

#: Of the answer cell in a solution, what only whoever marks needs is between these lines.
_MARKS = re.compile(r"^### BEGIN MARK SCHEME\n(.*?)^### END MARK SCHEME\s*", re.DOTALL | re.MULTILINE)
#: Fewer words are no answer to compare with.
ENOUGH_WORDS = 15


def model_answer(own: Path, release: Path, solution: Path) -> str:
    """The question, the model answer and what points are given for, as text to show.

    own, release, solution: the same chapter's notebook in the learner's folder, as it was released, and solved.
    Raises CourseError, one line, when nothing is written yet, or one of them is missing or cannot be read.
    """
    written, before, solved = (_answer_cell(_read(path), path) for path in (own, release, solution))
    text = written[1].source.strip()
    if text == before[1].source.strip() or len(text.split()) < ENOUGH_WORDS:
        raise CourseError(
            f"{own.stem}: write your own answer first, some sentences below {_heading(solved[0])!r}, save the notebook, "
            "and ask again: an answer that was read before one is written teaches little"
        )
    source = solved[1].source
    scheme = _MARKS.search(source)
    parts = [solved[0].source.strip(), "One good answer:\n\n" + _MARKS.sub("", source).strip()]
    if scheme:
        parts.append("What the points are for:\n\n" + scheme.group(1).strip())
    return "\n\n".join(parts)


def _heading(cell) -> str:
    return cell.source.strip().partition("\n")[0].partition(" (")[0].lstrip("#0123456789 ·")


def _answer_cell(notebook, path: Path):
    """(cell of the question, cell of the answer): a text that a person marks, and the text before it."""
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    for question, answer in itertools.pairwise(texts):
        if is_grade(answer) and is_solution(answer):
            return question, answer
    raise CourseError(f"{path} has no written question, or its answer cell is gone; get the chapter again to have it")


def _read(path: Path):
    if not path.is_file():
        raise CourseError(
            f"there is no {path}; a course that was handed out without its solutions has no model answers"
            if path.parent.parent.name == "solutions"
            else f"there is no {path}"
        )
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise CourseError(f"{path} cannot be read as a notebook ({type(error).__name__}); save it again") from error
