"""Puts a submission's nbgrader cells back to what was released: an nbgrader preprocessor, the first of all.

What a learner wrote stays: the answers, cells of their own, the order of cells. What belongs to the course comes from
the gradebook: the test cells, their points and types, all of nbgrader's marks. Whatever was missing or changed is
said in one line each.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from autoencoder_grader.nbgrader_steps.outcome import KEY
from autoencoder_grader.nbgrader_steps.recognition import called_checks, is_nothing_but_checks
from nbformat import NotebookNode, ValidationError, from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

#: How the text begins that a written answer follows, and what its first line then holds.
_HEADING, _BY_A_PERSON = re.compile(r"#+ "), "read by a person)"


@dataclass(frozen=True)
class Released:
    """One cell that nbgrader knows, as it was released."""

    name: str
    cell_type: str
    source: str
    checksum: str
    locked: bool
    solution: bool
    points: float | None  # None: not graded

    @property
    def only_shows(self) -> bool:
        """Whether nothing in it is graded, answered or locked: see only_shows.py."""
        return self.cell_type == "code" and not (self.locked or self.solution) and self.points is None

    @property
    def is_test(self) -> bool:
        """Whether it is a test cell: graded, and not the learner's to change."""
        return self.points is not None and not self.solution

    def marks(self) -> dict:
        """nbgrader's metadata of the cell."""
        marks = {
            "grade": self.points is not None,
            "grade_id": self.name,
            "locked": self.locked,
            "solution": self.solution,
            "task": False,
            "cell_type": self.cell_type,
            "checksum": self.checksum,
            "schema_version": 3,
        }
        return marks if self.points is None else {**marks, "points": self.points}


class RepairFromRelease(NbGraderPreprocessor):
    """For Autograde: makes the cells that nbgrader knows the released ones again."""

    def preprocess(self, nb, resources):
        """Repair one notebook; its metadata tells what was repaired."""
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            released = released_cells(gradebook.find_notebook(names["notebook"], names["assignment"]))
        return put_right(nb, released), resources


def put_right(nb: NotebookNode, released: list[Released]) -> NotebookNode:
    """The notebook with repaired cells; its metadata tells what was repaired."""
    showing = {cell.source for cell in released if cell.only_shows}
    cells, notes = repaired(nb.cells, [cell for cell in released if not cell.only_shows])
    # By their text alone: whatever tags a submission has, and wherever it has moved them.
    unchanged = [
        cell.id
        for cell in cells
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata and cell.source in showing
    ]
    # Nothing else of it is the learner's: forged outcomes, widgets, titles.
    kernel = nb.metadata.get("kernelspec") if isinstance(nb.metadata, dict) else None
    kernel = kernel if isinstance(kernel, dict) else {}
    kernel = {key: kernel[key] for key in ("display_name", "language", "name") if isinstance(kernel.get(key), str)}
    metadata = {"kernelspec": kernel} if {"display_name", "name"} <= set(kernel) else {}
    # 4.5 is the first version whose cells have ids, which they have now.
    ours = {"notes": notes, "only_shows": unchanged}
    made = new_notebook(cells=cells, metadata={**metadata, KEY: ours}, nbformat_minor=5)
    # Halves of characters, in a cell's metadata for one, could not be written again.
    return from_dict(json.loads(json.dumps(made, ensure_ascii=False).encode("utf-8", "replace")))


def released_cells(notebook) -> list[Released]:
    """The cells of a gradebook's notebook, in the order of the release."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    return [
        Released(
            cell.name,
            cell.cell_type,
            cell.source or "",
            cell.checksum or "",
            bool(cell.locked),
            cell.name in solutions,
            points.get(cell.name),
        )
        for cell in notebook.source_cells
    ]


def repaired(cells: list[NotebookNode], released: list[Released]) -> tuple[list[NotebookNode], list[str]]:
    """Return the cells of a submission with those of the release put right, and a line for each thing mended."""
    notes: list[str] = []
    by_name = {cell.name: cell for cell in released}
    chosen = _chosen(cells, by_name, notes)
    result = []
    for index, cell in enumerate(cells):
        name = next((name for name, place in chosen.items() if place == index), None)
        if name:
            _tell_other_points(cell, by_name[name], notes)
        plain = _plain(cell)
        result.append(_restored(plain, by_name[name], notes) if name else plain)
    _insert_behind_calls(result, released, notes)
    _insert_missing(result, released, notes)
    _move_tests_after_answers(result, released, notes)
    _make_ids_unique(result)
    return result, notes


def _chosen(cells, by_name, notes) -> dict[str, int]:
    """Which cell stands for which released one: by nbgrader's mark, by the cell's id, else, for a test cell, by the check
    that it calls; of several the last.
    """
    marked: dict[str, list[int]] = {}
    for index, cell in enumerate(cells):
        name = _marks(cell).get("grade_id")
        if isinstance(name, str) and name in by_name:
            marked.setdefault(name, []).append(index)
    taken = {index for places in marked.values() for index in places}
    for index, cell in enumerate(cells):
        name = cell.get("id")
        if index not in taken and isinstance(name, str) and name in by_name and name not in marked:
            marked[name] = [index]
            if by_name[name].is_test:
                notes.append(f"{name}: the test cell had lost its mark; it was put back")
    taken |= {index for places in marked.values() for index in places}
    called: dict[str, list[int]] = {}
    for index, cell in enumerate(cells):  # a notebook that was copied cell by cell has neither marks nor ids
        if index not in taken and cell.get("cell_type") == "code":
            text = _text(cell)
            names = [name for name in called_checks(text) if name in by_name and by_name[name].is_test]
            if names and is_nothing_but_checks(text):
                for name in names:
                    if name not in marked:
                        called.setdefault(name, []).append(index)
    for name, places in called.items():
        # Two checks in one cell: it stands for the first of them, and the other is put back as if it had been missing.
        if not any(places[-1] in own for own in marked.values()):
            marked[name] = places
            notes.append(f"{name}: the test cell had lost its mark; it was known by its check and put back")
    if called:
        _choose_written(cells, by_name, marked, notes)
    for name, places in marked.items():
        if len(places) > 1 and by_name[name].is_test:
            notes.append(f"{name}: the test cell was there {len(places)} times; the last one counts")
    chosen = {name: places[-1] for name, places in marked.items()}
    # An answer may have been copied to begin a later one with. The copy must not draw the test behind it.
    test = None
    for name in reversed(by_name):
        if by_name[name].is_test:
            test = chosen.get(name)
        elif name in chosen and test is not None:
            chosen[name] = max((place for place in marked[name] if place < test), default=chosen[name])
    return chosen


def _choose_written(cells, by_name, marked, notes):
    """Find, in a notebook without marks and ids, the written answer: the text behind its question."""
    for name, released in by_name.items():
        if released.points is None or released.is_test or released.cell_type != "markdown" or name in marked:
            continue
        for index, cell in enumerate(cells[:-1]):
            texts = cell.get("cell_type"), cells[index + 1].get("cell_type")
            answer = _text(cells[index + 1]).lstrip()
            if texts == ("markdown", "markdown") and _is_question(_text(cell)) and not answer.startswith("#"):
                marked[name] = [index + 1]
                notes.append(f"{name}: the written answer had lost its mark; it was known by the question before it")
                break


def _is_question(text: str) -> bool:
    """Whether a text begins with the heading of a question that a person reads the answer to."""
    first = text.split("\n", 1)[0]
    return bool(_HEADING.match(first)) and -1 < first.find("(") < first.rfind(_BY_A_PERSON)


def _tell_other_points(cell, released, notes):
    marks = _marks(cell)
    if released.is_test and marks.get("points", released.points) != released.points:
        notes.append(f"{released.name}: the points of the test cell were changed; those of the release count")


def _marks(cell) -> dict:
    """What nbgrader wrote into a cell's metadata, if anything."""
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return marks if isinstance(marks, dict) else {}


def _plain(cell):
    """The cell without any mark of nbgrader, made whole; one of no known kind becomes a text."""
    metadata = cell.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    metadata.pop("nbgrader", None)
    make = {"code": new_code_cell, "raw": new_raw_cell}.get(str(cell.get("cell_type")), new_markdown_cell)
    try:
        plain = make(_text(cell), metadata=metadata)
    except ValidationError:  # such as tags that are no list
        plain = make(_text(cell))
    plain.id = cell.get("id")
    return _with_pictures(plain, cell)


def _with_pictures(new, old):
    """The new cell with what was attached to the old one: pictures in a text."""
    attached = old.get("attachments")
    if new.cell_type != "code" and isinstance(attached, dict) and all(isinstance(a, dict) for a in attached.values()):
        new.attachments = attached
    return new


def _text(cell) -> str:
    """A cell's text, which may have been a list of lines, or nothing that is a text."""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.encode("utf-8", "replace").decode("utf-8")  # halves of characters could not be written again


def _restored(cell, released, notes):
    source = cell.source
    if released.locked or released.is_test:
        if released.is_test and _words(source) != _words(released.source):
            notes.append(f"{released.name}: the test cell was changed; it was restored from the release")
        source = released.source
    if released.is_test and cell.cell_type != released.cell_type:
        notes.append(f"{released.name}: the test cell was of another type; it was restored from the release")
    if released.is_test:  # a tag would let it be skipped, or hidden
        return _new(released, source)
    return _with_pictures(_new(released, source, cell.metadata), cell)


def _new(released, source, metadata=None):
    make = new_code_cell if released.cell_type == "code" else new_markdown_cell
    return make(source, metadata={**(metadata or {}), "nbgrader": released.marks()}, id=released.name)


def _insert_behind_calls(cells, released, notes):
    """Put back a test cell behind the last cell of the learner's own that calls its check beside other things."""
    called = {
        id(own): called_checks(own.source)
        for own in cells
        if own.cell_type == "code" and "nbgrader" not in own.metadata
    }
    for cell in released:
        if not cell.is_test or _place(cells, cell.name) is not None:
            continue
        calls = [place for place, own in enumerate(cells) if cell.name in called.get(id(own), ())]
        if calls:
            cells.insert(calls[-1] + 1, _new(cell, cell.source))
            notes.append(f"{cell.name}: the test cell had become a part of another one; it was put back behind it")


def _insert_missing(cells, released, notes):
    """Put back graded cells that are gone, each before the next released cell that is there.

    Right before it, and not right after the one that it followed: an answer may have moved, too.
    """
    for position in range(len(released) - 1, -1, -1):
        cell = released[position]
        if cell.points is None or _place(cells, cell.name) is not None:
            continue
        later = (_place(cells, other.name) for other in released[position + 1 :])
        place = next((place for place in later if place is not None), len(cells))
        cells.insert(place, _new(cell, cell.source))
        what = "test cell" if cell.is_test else "answer"
        notes.append(f"{cell.name}: the {what} was missing; it was put back from the release")


def _move_tests_after_answers(cells, released, notes):
    """A test cell that stands before the answer that it tests is moved behind it."""
    answers: list[str] = []
    tested = False
    for cell in released:
        if cell.solution and cell.cell_type == "code":
            answers = [cell.name] if tested else [*answers, cell.name]
            tested = False
        if not cell.is_test:
            continue
        tested = True  # and the tests that follow it in the release have the same answers
        test = _place(cells, cell.name)
        last = max((place for place in (_place(cells, name) for name in answers) if place is not None), default=-1)
        if test < last:
            cells.insert(last, cells.pop(test))
            notes.append(f"{cell.name}: the test cell stood before its answer; it was moved behind it")


def _place(cells, name):
    return next((i for i, cell in enumerate(cells) if cell.metadata.get("nbgrader", {}).get("grade_id") == name), None)


def _make_ids_unique(cells):
    """Give a new id to cells whose id is missing, malformed or taken; the released cells keep theirs.

    An id is printed where cells are named, so it holds nothing but what nbformat allows.
    """
    seen = {cell.metadata["nbgrader"]["grade_id"] for cell in cells if "nbgrader" in cell.metadata}
    for number, cell in enumerate(cells):
        if "nbgrader" in cell.metadata:
            continue
        name = cell.get("id")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name in seen:
            name = f"cell-{number}"
            while name in seen:
                name += "-"
            cell.id = name
        seen.add(name)


def _words(text):
    return " ".join(text.split())
