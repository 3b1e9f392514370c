"""Recognises a notebook by what it holds: which checks, so which chapter, and whether anything was done in it."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of, open_api
from autoencoder_grader.nbgrader_steps.release import chapters_of, release_source, solution_source
from autoencoder_helpers.errors import CourseError

#: A check where it is called for its result: at the start of a line, its name as it stands in the course.
_CALL = re.compile(r"""^check\(\s*(["'])([a-z_]\w*\.[a-z_]\w*)\1""", re.MULTILINE)
#: Brackets in a notebook's file, in its texts too: what is made of each takes the memory of a hundred letters.
MOST_BRACKETS = 5_000_000
_LONGEST_CALLS = 20_000  # characters of a cell with nothing but checks: to read more as Python may take all memory
_STUB = "YOUR ANSWER HERE"  # what nbgrader puts in the place of a written answer


def cells_in(data: bytes) -> list[dict]:
    """The cells of a notebook's file, also of old versions; ValueError where it is none."""
    if data.count(b"{") + data.count(b"[") > MOST_BRACKETS:
        raise ValueError("no notebook: too many parts")
    try:
        notebook = json.loads(data)
        cells = notebook.get("cells")
        if cells is None:
            cells = [cell for sheet in notebook.get("worksheets", ()) for cell in sheet["cells"]]
    except (AttributeError, KeyError, TypeError, RecursionError, ValueError) as error:
        raise ValueError(f"no notebook: {type(error).__name__}") from error
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError("no notebook: its cells are none")
    return cells


def without_outputs(data: bytes) -> bytes:
    """A notebook's file without its outputs, which grading makes anew; as it is where it is none.

    nbformat needs a thousand times as long for an output that is none as it takes to leave it out.
    """
    try:
        cells = cells_in(data)
        notebook = json.loads(data)
    except ValueError:
        return data
    if not any(cell.get("outputs") for cell in cells):
        return data
    for place in (notebook, *(notebook.get("worksheets") or ())):
        for cell in place.get("cells") or ():
            if "outputs" in cell:
                cell["outputs"] = []
    return json.dumps(notebook).encode()


def text_of(cell: dict) -> str:
    """A cell's text, whatever stands in its place."""
    source = cell.get("source", cell.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))


def called_checks(source: str) -> list[str]:
    """The names of the graded cells whose checks a code cell calls: "dense-encoder" for check("dense.encoder", ...)."""
    return [name.replace(".", "-") for _, name in _CALL.findall(source)] if "check(" in source else []


def is_nothing_but_checks(source: str) -> bool:
    """Whether a code cell holds calls of checks, with words about them, and no answer beside them."""
    if len(source) > _LONGEST_CALLS:
        return False
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    calls = [line.value for line in body if isinstance(line, ast.Expr) and not isinstance(line.value, ast.Constant)]
    plain = all(isinstance(line, ast.Expr) for line in body)
    return plain and all(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "check"
        and not any(isinstance(part, ast.NamedExpr) for part in ast.walk(call))
        for call in calls
    )


def names_in(cells: Iterable[dict]) -> set[str]:
    """By what the graded cells of some cells can be told: nbgrader's marks, ids, the checks that are called."""
    names = set()
    for cell in cells:
        metadata = cell.get("metadata")
        mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        names.update(str(name) for name in (mark.get("grade_id") if isinstance(mark, dict) else None, cell.get("id")))
        if cell.get("cell_type") == "code":
            names.update(called_checks(text_of(cell)))
    return names


def words(text: str) -> str:
    """A text without how it is spaced."""
    return " ".join(text.split())


class Chapters:
    """The chapters of a course: the graded cells of each, and the texts that its release has without any answer."""

    def __init__(self, course: Path):
        self._graded: dict[str, set[str]] = {}
        self._texts: dict[str, set[str]] = {}
        self._solved: dict[str, dict[str, str]] = {}
        release = folder_of(open_api(course), "release")
        for chapter in chapters_of(course):
            name = Path(chapter, f"{chapter}.ipynb")
            try:
                cells = cells_in((course / "solutions" / name).read_bytes())
            except ValueError:  # registering it says so
                continue
            marks = [cell.get("metadata", {}).get("nbgrader", {}) for cell in cells]
            self._graded[chapter] = {mark.get("grade_id") for mark in marks if mark.get("grade")}
            self._solved[chapter] = {
                mark["grade_id"]: solution_source(text_of(cell))
                for cell, mark in zip(cells, marks, strict=True)
                if mark.get("solution") and cell.get("cell_type") == "code"
            }
            texts = self._texts[chapter] = {"", _STUB}
            for cell, mark in zip(cells, marks, strict=True):
                if cell.get("cell_type") != "code":
                    continue
                texts.add(words(_released(text_of(cell)) if mark.get("solution") else text_of(cell)))
            if (release / name).is_file():  # which may be of another day
                with contextlib.suppress(ValueError):
                    texts.update(words(text_of(cell)) for cell in cells_in((release / name).read_bytes()))

    @property
    def names(self) -> list[str]:
        """The chapters, in order."""
        return list(self._graded)

    def graded(self, chapter: str) -> set[str]:
        """The names of a chapter's graded cells."""
        return self._graded[chapter]

    def solved(self, chapter: str) -> dict[str, str]:
        """The code of the chapter's own answers, by the names of their cells."""
        return self._solved[chapter]

    def chapter_of(self, cells: list[dict]) -> str | None:
        """The chapter whose graded cells some cells hold; None if that is none, or not one alone."""
        names = names_in(cells)
        found = [chapter for chapter, graded in self._graded.items() if names & graded]
        return found[0] if len(found) == 1 else None

    def own_code(self, chapter: str, cells: Iterable[dict]) -> list[str]:
        """The texts of the code cells that are not those of the release: what somebody wrote."""
        texts = [text_of(cell) for cell in cells if cell.get("cell_type") == "code"]
        return [text for text in texts if words(text) not in self._texts[chapter]]

    def own_words(self, chapter: str, cells: Iterable[dict]) -> list[str]:
        """The written answers, those that are not as released."""
        texts = [
            text_of(cell)
            for cell in cells
            if cell.get("cell_type") != "code" and names_in([cell]) & self._graded[chapter]
        ]
        return [text for text in texts if words(text) not in self._texts[chapter]]

    def is_untouched(self, chapter: str, cells: list[dict]) -> bool:
        """Whether nobody has written anything into a notebook: no code, and no answer in words."""
        return not (self.own_code(chapter, cells) or self.own_words(chapter, cells))


def _released(source: str) -> str:
    try:
        return release_source(source, "")
    except CourseError:  # what cannot be released cannot have been handed out
        return source
