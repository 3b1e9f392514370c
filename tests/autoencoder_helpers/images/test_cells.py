"""The cells: the published numbers, split once and for all, whole counts behind them, one line when the file is damaged."""

import hashlib

import numpy as np
import pytest
from autoencoder_helpers import CourseError, load_cells
from autoencoder_helpers.images import cells


@pytest.fixture
def another_file(tmp_path, monkeypatch):
    """another_file(bytes or None): what lies in the place of the cells' file."""

    def put(content):
        path = tmp_path / "pbmc68k_reduced.npz"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(cells, "PACKED", path)
        cells._loaded.cache_clear()

    yield put
    cells._loaded.cache_clear()


def test_there_are_700_cells_of_ten_types_split_four_to_one():
    found = load_cells()
    assert found.x_train.shape == (560, 765) and found.x_test.shape == (140, 765)
    assert found.x_train.dtype == found.x_test.dtype == np.float32
    assert found.y_train.shape == (560,) and found.y_test.shape == (140,) and found.y_train.dtype == np.uint8
    assert len(found.genes) == len(set(found.genes)) == 765 and "CD79A" in found.genes
    assert len(found.class_names) == 10
    kinds = np.bincount(np.concatenate([found.y_train, found.y_test]), minlength=10)
    assert kinds[found.class_names.index("Dendritic")] == 240 and kinds.sum() == 700
    assert (np.bincount(found.y_test, minlength=10) >= 2).all()
    assert repr(found) == "Cells(560 training and 140 test cells by 765 genes, 10 types)"


def test_every_cell_of_the_file_is_in_one_of_the_two_sets():
    found = load_cells()
    with np.load(cells.PACKED, allow_pickle=False) as archive:
        whole = archive["expression"]
    both = np.concatenate([found.x_train, found.x_test])
    assert {row.tobytes() for row in both} == {row.tobytes() for row in whole} and len(both) == len(whole)


def test_the_arrays_are_read_only_and_read_once():
    found = load_cells()
    assert found is load_cells()
    with pytest.raises(ValueError, match="read-only"):
        found.x_train[0, 0] = 1


def test_counts_are_whole_and_give_the_published_numbers_back():
    expression = load_cells().x_train
    counts = cells.counts_of(expression)
    assert counts.dtype == np.float32 and counts.shape == expression.shape
    assert (counts == np.rint(counts)).all() and counts.max() == 259
    assert (np.where(counts > 0, counts, np.inf).min(axis=1) == 1).all()
    one = np.where(expression > 0, expression, np.inf).min(axis=1, keepdims=True)
    assert np.abs(np.log1p(counts * np.expm1(one)) - expression).max() < 2e-3  # published with three decimals


def test_the_file_is_the_one_that_was_recorded():
    assert hashlib.sha256(cells.PACKED.read_bytes()).hexdigest() == cells.SHA256


@pytest.mark.parametrize(
    ("content", "said"), [(None, "is missing"), (b"", "another SHA-256"), (b"PK", "another SHA-256")]
)
def test_a_damaged_file_is_one_line_that_says_what_to_do(another_file, content, said):
    another_file(content)
    with pytest.raises(CourseError) as error:
        load_cells()
    assert said in str(error.value) and "install the course again" in str(error.value)


def test_a_file_with_other_contents_is_one_line_too(another_file, tmp_path, monkeypatch):
    np.savez(tmp_path / "other.npz", expression=np.zeros((2, 2)))
    content = (tmp_path / "other.npz").read_bytes()
    monkeypatch.setattr(cells, "SHA256", hashlib.sha256(content).hexdigest())
    another_file(content)
    with pytest.raises(CourseError, match="cannot be read"):
        load_cells()
