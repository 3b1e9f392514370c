"""`cells.counts`: right answers of any construction pass, each usual mistake is named."""

import numpy as np
import pytest
from autoencoder_helpers import load_cells
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.cells.made_up import compositions, counts_from, expression_of
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.images.cells import counts_of


def scaled(x):
    return np.expm1(np.asarray(x, np.float64))


def smallest(values, **axis):
    return np.where(values > 0, values, np.inf).min(**axis)


def row_by_row(x):
    rows = []
    for row in scaled(x):
        rows.append([round(value / min(v for v in row if v > 0)) for value in row])
    return rows


def in_place(x):
    for row in x:
        row[:] = np.expm1(row)
        row /= row[row > 0].min()
    return np.rint(x)


@pytest.mark.parametrize("function", [counts_of, row_by_row, lambda x: counts_of(x).astype("uint16")])
def test_right_counts_get_the_point(points, function):
    assert points("cells.counts", function) == 1


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (lambda x: x, "nothing-undone", 0),
        (np.rint, "nothing-undone", 0),
        (scaled, "not-divided", 0),
        (lambda x: np.rint(scaled(x)), "not-divided", 0),
        (lambda x: np.rint(scaled(x) / smallest(scaled(x))), "one-for-all-cells", 0),
        (lambda x: np.rint(x / smallest(x, axis=1, keepdims=True)), "logarithm-not-undone", 0),
        (lambda x: np.rint(np.exp(x) / np.exp(smallest(x, axis=1, keepdims=True))), "one-not-subtracted", 0),
        (lambda x: np.rint(scaled(x) / smallest(scaled(x), axis=0)), "wrong-axis", 0),
        (lambda x: np.rint(scaled(x) / scaled(x).min(axis=1, keepdims=True)), "divided-by-zero", 0),
        (lambda x: scaled(x) / smallest(scaled(x), axis=1, keepdims=True), "not-rounded", 0.5),
        (lambda x: counts_of(x) + 1, "wrong-value", 0),
        (lambda x: counts_of(x).sum(axis=1), "wrong-shape", 0),
        (lambda x: counts_of(x).astype("uint8"), "too-few-bits", 0),
        (in_place, "changes-its-input", 0.5),
        (lambda x: np.rint(np.sqrt(np.expm1(x, out=x))), "changes-its-input", 0),
        (lambda x: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)
def test_mistakes_in_the_counts_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("cells.counts", function, mistake=mistake, kept=kept)


@pytest.mark.parametrize("seed", range(5))
def test_a_byte_is_too_small_in_any_draw(seed):
    def run(function):
        return run_rule(catalogue()["cells.counts"], (function,), {}, seed=seed).points

    assert (run(counts_of), run(lambda x: counts_of(x).astype("uint8"))) == (1, 0)


def test_made_up_cells_are_like_the_published_ones():
    rng = np.random.default_rng(1)
    for _ in range(50):
        counts = counts_from(rng, compositions(rng, 9, 70), 60, 400)
        assert (counts.sum(axis=0) > 0).all() and (np.where(counts > 0, counts, np.inf).min(axis=1) == 1).all()
        assert np.array_equal(counts_of(expression_of(counts, rng.integers(1000, 5000, 9))), counts)
    assert (counts_of(load_cells().x_test) % 1 == 0).all()
