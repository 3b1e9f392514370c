"""The trained weights that the course carries: those that a learner has who ran a chapter's solution to its end.

The demo class and the corpus of made-up submissions hand them in, so that grading trains nothing. They are files of
`train`, with less in them: of each weight the eleven significant bits that half precision has, which changes the loss
by far less than another seed does, and no moments of the optimizer, which only a training that goes on would use. So
they take a fifth of the room.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
from autoencoder_grader.files import temporary
from autoencoder_helpers.errors import CourseError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

#: <chapter>/<training>.npz
FOLDER = Path(__file__).resolve().parent / "weights"
_CELL_SECONDS = 3600
_BITS = 10  # of a weight's 23 after the leading one, as float16 has


def trained_weights(chapter: str) -> list[Path]:
    """The files of weights that the course carries for a chapter, by its folder's name; none for a chapter of others."""
    return sorted((FOLDER / chapter).glob("*.npz"))


def make_trained_weights(solution: Path, folder: Path, on_cell: Callable[[int, int], None]) -> list[Path]:
    """Run a chapter's solution for its default epochs, and write the weights that it trains to `folder`.

    solution: the notebook. on_cell: called before each cell with (cells done, cells in all).
    What was in the folder and is not trained any more is deleted. Returns the files.
    Raises CourseError when the solution cannot be run, or trains nothing.
    """
    notebook = nbformat.read(solution, as_version=4)
    with temporary.folder() as home:
        client = NotebookClient(
            notebook,
            timeout=_CELL_SECONDS,
            resources={"metadata": {"path": home}},
            on_cell_start=lambda cell, cell_index: on_cell(cell_index, len(notebook.cells)),
        )
        try:
            client.execute(env={**os.environ, "AUTOENCODER_EPOCHS": "default"})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise CourseError(f"{solution} could not be run: {str(error)[-500:]}") from error
        trained = sorted(Path(home, "weights").glob("*.npz"))
        if not trained:
            raise CourseError(f"{solution} trains nothing that leaves weights")
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.npz"):
            old.unlink()
        return [make_small(path, folder / path.name) for path in trained]


def make_small(source: Path, target: Path) -> Path:
    """Write a file of `train` with rounded weights and without the optimizer's moments; return it."""
    with np.load(source, allow_pickle=False) as stored:
        arrays = dict(stored)
    for name, array in arrays.items():
        if name.startswith("weight_"):
            arrays[name] = rounded(array)
        elif name.startswith("optimizer_") and array.ndim:  # a number is its count of steps or its learning rate
            arrays[name] = np.zeros_like(array)
    np.savez_compressed(target, **arrays)
    return target


def rounded(array: np.ndarray) -> np.ndarray:
    """float32 numbers to the nearest that half precision's significant bits can hold; other kinds as they are."""
    if array.dtype != np.float32:
        return array
    dropped = 23 - _BITS
    bits = np.ascontiguousarray(array).view(np.uint32)
    nearest = (bits + np.uint32(1 << (dropped - 1))) >> np.uint32(dropped) << np.uint32(dropped)
    return nearest.view(np.float32).reshape(array.shape)
