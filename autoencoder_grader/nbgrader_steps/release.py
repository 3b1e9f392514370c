"""From solutions/ to notebooks/: our stubs, and a release that is the same byte for byte whenever it is made.

A solution cell in solutions/ reads

    encoder = None
    ### BEGIN SOLUTION
    encoder = keras.Sequential([...])
    ### STUB
    # raise NotImplementedError("Build the encoder: 784 -> 100 -> 20 -> 2")
    ### END SOLUTION

and is released as what stands outside the region, with the stub in its place, uncommented. nbgrader's own
ClearSolutions knows one stub for all cells; ours names the task of this one.
"""

import ast
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from autoencoder_grader.nbgrader_steps.nbgrader_api import call, folder_of, open_api, reason
from autoencoder_grader.nbgrader_steps.only_shows import SaveCellsThatShow
from autoencoder_helpers.errors import CourseError
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearSolutions, SaveCells
from nbgrader.utils import is_solution

_BEGIN, _STUB, _END = "### BEGIN SOLUTION", "### STUB", "### END SOLUTION"


class ReleaseStubs(ClearSolutions):
    """Replaces each solution region by the stub that stands in it; an nbgrader preprocessor."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Release one cell. Raises CourseError, in one line, when the cell has no usable stub."""
        names = resources["nbgrader"]
        where = f"{names['assignment']}/{names['notebook']}.ipynb, cell {cell.get('id', cell_index)!r}"
        marked = any(mark in cell.source for mark in (_BEGIN, _STUB, _END))
        if cell.cell_type == "code" and (is_solution(cell) or marked):
            if not is_solution(cell):
                raise CourseError(f"{where}: has a solution region but is not marked as solution; mark it in nbgrader")
            cell.source = release_source(cell.source, where)
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)


def release_source(source: str, where: str) -> str:
    """Return a solution cell's source as students get it.

    source: the cell with one or more regions BEGIN SOLUTION, STUB, END SOLUTION, each mark on its own line.
    where: names the file and the cell in messages.
    Raises CourseError when a region is not complete, its stub names no task, or the result is not valid
    Python.
    """
    released, stub, state = [], [], "outside"
    for line in source.split("\n"):
        mark = line.strip()
        if mark == _BEGIN and state == "outside":
            state, stub = "solution", []
        elif mark == _STUB and state == "solution":
            state = "stub"
        elif mark == _END and state == "stub":
            if not _names_a_task(stub):
                raise CourseError(
                    f"{where}: the stub names no task; "
                    'write one, as in # raise NotImplementedError("Build the encoder")'
                )
            released += stub
            state = "outside"
        elif mark in (_BEGIN, _STUB, _END):
            missing = {"outside": _BEGIN, "solution": _STUB, "stub": _END}[state]
            raise CourseError(
                f"{where}: found {mark!r} where {missing!r} must come first; put the three marks in order"
            )
        elif state == "stub":
            stub.append(_uncomment(line, where))
        elif state == "outside":
            released.append(line)
    if state != "outside":
        missing = _STUB if state == "solution" else _END
        raise CourseError(f"{where}: the solution region has no {missing!r}; add it after the solution")
    text = "\n".join(released)
    if text == source:
        raise CourseError(f"{where}: a solution cell without {_BEGIN!r}; mark what students must not get")
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise CourseError(f"{where}: the stub is not valid Python (line {error.lineno}: {error.msg})") from error
    return text


def solution_source(source: str) -> str:
    """Return a solution cell's source as it runs in solutions/, without the marks and the stub.

    source: a cell that `release_source` accepts.
    """
    kept, in_stub = [], False
    for line in source.split("\n"):
        mark = line.strip()
        if mark in (_STUB, _END):
            in_stub = mark == _STUB
        elif mark != _BEGIN and not in_stub:
            kept.append(line)
    return "\n".join(kept)


def _uncomment(line: str, where: str) -> str:
    """Return a stub's line without its comment sign, which keeps it from running in the solution."""
    match = re.fullmatch(r"(\s*)# ?(.*)", line)
    if match:
        return (match[1] + match[2]).rstrip()
    if line.strip():
        raise CourseError(f"{where}: the stub's line {line.strip()!r} would run in the solution; begin it with '# '")
    return ""


def _names_a_task(stub: list[str]) -> bool:
    """Say whether a stub tells what to do: an error with a message, or a comment of two words or more."""
    return any(
        re.search(r"raise NotImplementedError\(\s*[rf]?[\"'].*\w+\W+\w+", line) or re.search(r"#.*\w+\W+\w+", line)
        for line in stub
    )


def release_preprocessors() -> list[type]:
    """Return nbgrader's steps from source to release, with our stubs, and what we keep, in place of its own."""
    steps = GenerateAssignment.preprocessors.default()
    ours = {ClearSolutions: ReleaseStubs, SaveCells: SaveCellsThatShow}
    return [ours.get(step, step) for step in steps]


def chapters_of(course: Path) -> list[str]:
    """Return the names of the chapters that solutions/ holds, in order."""
    return sorted(
        path.parent.name for path in (course / "solutions").glob("*/*.ipynb") if path.stem == path.parent.name
    )


def make_release(course: Path, chapters: Iterable[str] = ()) -> list[Path]:
    """Make notebooks/ again from solutions/, and return the notebooks made.

    course: the folder with nbgrader_config.py and solutions/.
    chapters: which ones; all by default.

    The same solutions give the same bytes. nbgrader works in a scratch folder and without a gradebook (its
    --no-db), so that the instructor's is neither needed nor changed, and nothing replaces the old release
    until every chapter is made. Files beside a released notebook, such as a learner's weights, stay.
    Raises CourseError for a chapter that does not exist or cannot be released.
    """
    course = course.resolve()  # nbgrader takes a relative folder for one below its own
    chapters = known_chapters(course, chapters)
    with tempfile.TemporaryDirectory(prefix=".release-", dir=course) as scratch:  # noqa: TID251
        made = Path(scratch) / "made"
        api = open_api(
            course,
            CourseDirectory={"release_directory": str(made)},
            GenerateAssignment={"no_database": True},
            SaveCells={"enabled": False},
        )
        for chapter in chapters:
            result = call(api.generate_assignment, chapter)
            if not result["success"]:
                raise CourseError(f"{chapter} was not released: {reason(result)}")
        release = folder_of(open_api(course), "release")
        return [_put(made / chapter, release / chapter) for chapter in chapters]


def known_chapters(course: Path, chapters: Iterable[str] = ()) -> list[str]:
    """Return the named chapters, or all; raise CourseError when solutions/ lacks one or is empty."""
    existing = chapters_of(course)
    if not existing:
        raise CourseError(f"no chapters in {course / 'solutions'}: each is a folder with a notebook of the same name")
    chapters = list(chapters) or existing
    for chapter in chapters:
        if chapter not in existing:
            raise CourseError(f"no assignment is named {chapter!r}; there are: {', '.join(existing)}")
    return chapters


def _put(made: Path, release: Path) -> Path:
    """Put one made chapter into the release; return its notebook."""
    release.mkdir(parents=True, exist_ok=True)
    notebook = made / f"{made.name}.ipynb"
    # Text files are written with the platform's line ends; the release has the same bytes everywhere.
    notebook.write_bytes(notebook.read_bytes().replace(b"\r\n", b"\n"))
    os.replace(notebook, release / notebook.name)
    return release / notebook.name
