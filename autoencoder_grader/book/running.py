"""Runs the pages of the book, each once: its outputs are kept until its code, or what that depends on, changes."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import nbformat
from autoencoder_grader.files import temporary
from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_helpers.checks.result import RESULT_MIME_TYPE
from autoencoder_helpers.errors import CourseError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

_CELL_SECONDS = 1800  # as in grading
_SLOW = 180  # seconds: a busy machine takes its time to start a kernel, and to hand over what a cell showed
#: Kinds of output that are for programs; each stands beside a card or a picture for people.
_NOT_SHOWN = (RESULT_MIME_TYPE, "application/vnd.jupyter.widget-view+json")


def kept_outputs(page: NotebookNode, folder: Path) -> Path:
    """Return the file in `folder` that has, or will have, the outputs of this page's code; its text does not matter."""
    code = [cell.source for cell in page.cells if cell.cell_type == "code"]
    return folder / f"{hashlib.sha256(json.dumps(code).encode()).hexdigest()[:32]}.json"


def run_page(page: NotebookNode, where: str, kept: Path, on_cell: Callable[[int, int], None]) -> None:
    """Run a page from top to bottom in a new kernel, in a folder of its own that is gone afterwards.

    The outputs are written to the file `kept`. where: names the chapter in messages; on_cell: called before each cell
    with (cells done, cells in all).
    Raises CourseError when a cell fails, takes too long or writes to stderr, and keeps nothing then.
    """
    client = NotebookClient(page, timeout=_CELL_SECONDS, startup_timeout=_SLOW, iopub_timeout=_SLOW)
    client.reset_execution_trackers()
    # Cell by cell: in `client.execute` a Ctrl-C would come out as the error of a kernel that died.
    # What a chapter prints comes as messages; what the kernel itself prints is for nobody.
    silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with temporary.folder() as home, client.setup_kernel(cwd=home, **silence):
        for done, cell in enumerate(page.cells):
            on_cell(done, len(page.cells))
            try:
                client.execute_cell(cell, done)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                why = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
                raise CourseError(f"{where}, cell {cell.id!r} could not be run: {why[:500]}") from error
            for output in cell.get("outputs", ()):
                if output.get("name") == "stderr":
                    raise CourseError(f"{where}, cell {cell.id!r} writes to stderr: {output.text[:500]}")
    outputs = [cell.outputs for cell in page.cells if cell.cell_type == "code"]
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole_text(kept, json.dumps(outputs))


def show_outputs(page: NotebookNode, kept: Path) -> None:
    """Give the page's cells the outputs in the file `kept`, without what is for programs."""
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    for cell, outputs in zip(code, json.loads(kept.read_text(encoding="utf-8")), strict=True):
        cell.outputs = nbformat.from_dict(outputs)
        for output in cell.outputs:
            for kind in _NOT_SHOWN:
                output.get("data", {}).pop(kind, None)
