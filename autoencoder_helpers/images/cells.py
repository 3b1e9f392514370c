"""The cells of chapter 5: gene expression of 700 blood cells, carried inside the package, split in the same way everywhere.

The cells are a choice of those that Zheng et al. measured, "Massively parallel digital transcriptional profiling of
single cells", Nature Communications 8:14049 (2017), CC BY 4.0: one donor, ten types by the authors' own naming.
"""

from __future__ import annotations

import functools
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from autoencoder_helpers.errors import DataUnavailable

PACKED = Path(__file__).parent / "data" / "pbmc68k_reduced.npz"
SHA256 = "1a1fda8b0ed475d87f0fa65ee189a713e8c371673d37a6e088886cb67914602a"  # of the file
TEST_EVERY = 5
PER_CELL = 10_000  # counts to which the published numbers scale each cell, over all of its genes
_SEED = 321


@dataclass(frozen=True, eq=False, repr=False)
class Cells:
    """Cells by genes, split into training and test. The arrays are read-only."""

    x_train: np.ndarray  # float32 (560, 765), ln(1 + counts per 10,000 of the cell), as published
    y_train: np.ndarray  # uint8 (560,), indices into class_names
    x_test: np.ndarray  # float32 (140, 765)
    y_test: np.ndarray  # uint8 (140,)
    genes: tuple[str, ...]  # 765 names, those of the columns
    class_names: tuple[str, ...]  # 10 types of cells

    def __repr__(self) -> str:
        return (
            f"Cells({len(self.x_train)} training and {len(self.x_test)} test cells by {len(self.genes)} genes, "
            f"{len(self.class_names)} types)"
        )


def load_cells() -> Cells:
    """Return 700 blood cells by 765 genes, of one donor, as ``Cells``.

    ``x_train`` is float32 of shape (560, 765), ``x_test`` of shape (140, 765): ln(1 + counts per 10,000), that is each
    cell's counts, multiplied by 10,000, divided by the sum of its counts over *all* of its genes (of which these are
    765). ``y_train`` and ``y_test`` are uint8, indices into ``class_names``: the types that the cells' authors
    gave them. ``genes`` are the names of the columns.

    The cells are permuted once and for all; every fifth of them, from the first on, goes to the test set. The arrays
    are read-only. The file is 276 kB and lies in the package: nothing is downloaded or cached.
    Raises DataUnavailable, one line, when that file is missing or damaged.
    """
    return _loaded()


@functools.cache
def _loaded() -> Cells:
    arrays = _packed_arrays()
    # RandomState and not default_rng: NumPy promises that its numbers stay the same in every later version.
    order = np.random.RandomState(_SEED).permutation(len(arrays["label"]))
    in_test = np.arange(len(order)) % TEST_EVERY == 0
    parts = {}
    for part, rows in (("train", order[~in_test]), ("test", order[in_test])):
        parts[f"x_{part}"] = arrays["expression"][rows]
        parts[f"y_{part}"] = arrays["label"][rows]
    for array in parts.values():
        array.flags.writeable = False  # as the digits: a cell run twice starts from the same data
    return Cells(**parts, genes=_texts(arrays["genes"]), class_names=_texts(arrays["label_names"]))


def _texts(names: np.ndarray) -> tuple[str, ...]:
    return tuple(str(name) for name in names)


def _packed_arrays() -> dict[str, np.ndarray]:
    repair = "install the course again (pip install --force-reinstall, or fetch the repository anew)."
    try:
        content = PACKED.read_bytes()
        if hashlib.sha256(content).hexdigest() != SHA256:
            raise DataUnavailable(f"The course's file of cells {PACKED} is damaged (another SHA-256): {repair}")
        with np.load(PACKED, allow_pickle=False) as archive:
            return {name: archive[name] for name in ("expression", "label", "genes", "label_names")}
    except FileNotFoundError:
        raise DataUnavailable(f"The course's file of cells {PACKED} is missing: {repair}") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataUnavailable(f"The course's file of cells {PACKED} cannot be read ({error}): {repair}") from error


def counts_of(expression: np.ndarray) -> np.ndarray:
    """The whole counts behind ln(1 + counts per 10,000), float32 of the same shape (cells, genes).

    A cell's smallest value above 0 is taken for a count of 1, which holds for every cell of this set.
    """
    scaled = np.expm1(np.asarray(expression, np.float64))
    one = np.where(scaled > 0, scaled, np.inf).min(axis=1, keepdims=True)
    return np.rint(scaled / one).astype(np.float32)
