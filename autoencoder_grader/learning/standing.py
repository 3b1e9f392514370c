"""How far a learner is: the checks' results that a saved notebook holds, or those of running it anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import nbformat
from autoencoder_grader.learning.lab import chapter_notebooks
from autoencoder_helpers.checks import catalogue, practice
from autoencoder_helpers.checks.result import RESULT_MIME_TYPE, CheckResult
from autoencoder_helpers.checks.standing import Standing
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.guesses.tally import tally

_CELL_SECONDS = 3600  # a cell may train
_SLOW = 180  # seconds: a busy machine takes its time to start a kernel, and to hand over what a cell showed


def notebooks_of(folder: Path, chapters: Sequence[str] = ()) -> list[Path]:
    """The notebooks of these chapters in a learner's folder; of all chapters there if none is named.

    Raises CourseError when there is none, or one that is named is missing.
    """
    there = {path.stem: path for path in chapter_notebooks(folder)}
    missing = [name for name in chapters if name not in there]
    if missing:
        names = ", ".join(there) or "no chapters"
        raise CourseError(f"{folder} has no chapter {missing[0]!r}; there are: {names}")
    if not there:
        raise CourseError(f"no chapters in {folder}; copy them there with: autoencoder-course lab")
    return [there[name] for name in (chapters or there)]


def saved_standing(path: Path) -> Standing:
    """What the outputs of a saved notebook say: each check as it was run last before saving.

    Raises CourseError for a file that is no notebook.
    """
    when = datetime.fromtimestamp(path.stat().st_mtime)
    return _standing(path, _read(path), f"{path.stem}, as saved on {when:%d %B at %H:%M}")


def run_standing(path: Path, on_cell: Callable[[int, int], None] = lambda done, cells: None) -> Standing:
    """What all checks say when the saved notebook is run from top to bottom in a new kernel, as grading does.

    The notebook itself stays as it is; weights that it trains are kept beside it. on_cell: called before each cell
    with (cells done, cells in all).
    Raises CourseError for a file that is no notebook, or when its kernel ends or a cell runs for more than an hour.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook = _read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        startup_timeout=_SLOW,
        iopub_timeout=_SLOW,
        allow_errors=True,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: on_cell(cell_index, len(notebook.cells)),
    )
    try:
        client.execute()
    except (CellTimeoutError, DeadKernelError) as error:
        raise CourseError(f"{path}: it could not be run to its end ({' '.join(str(error).split())[:200]})") from error
    return _standing(path, notebook, f"{path.stem}, run just now")


def _read(path: Path):
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        raise CourseError(f"{path} cannot be read as a notebook ({type(error).__name__}); save it again") from error


def _standing(path: Path, notebook, title: str) -> Standing:
    by_cell, aside = (
        {name.replace(".", "-"): rule for name, rule in found.items()} for found in (catalogue(), practice())
    )
    rules, exercises, results = [], [], {}
    for cell in notebook.cells:
        facts = cell.metadata.get("nbgrader", {})
        # A check without points stands in a cell that nbgrader knows nothing of: the cell's own name tells.
        rule = by_cell.get(facts.get("grade_id", "")) if facts.get("grade") else aside.get(cell.get("id", ""))
        if rule is None:
            continue
        (rules if rule.points else exercises).append(rule)
        for output in cell.get("outputs", ()):
            data = output.get("data", {}).get(RESULT_MIME_TYPE)
            if data:
                results[rule.name] = CheckResult.from_dict(data)
    chapter = rules[0].name.split(".")[0] if rules else ""
    return Standing(
        title, tuple(rules), results, guesses=tally(chapter, path.resolve().parent), practice=tuple(exercises)
    )
