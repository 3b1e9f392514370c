"""`cells.floor_and_baseline`: right answers of any construction pass, each usual mistake is named."""

import numpy as np
import pytest
import tensorflow as tf
from autoencoder_helpers import measures


def scored(counts, shares):
    return float(measures.poisson_per_cell(counts, counts.sum(1, keepdims=True) * shares).mean())


def pooled(train):
    return train.sum(0) / train.sum()


def right(train, x):
    return measures.poisson_per_cell(x, x).mean(), scored(x, pooled(train))


def with_tensors(train, x):
    return tf.stack([tf.constant(value, tf.float32) for value in right(train, x)])


@pytest.mark.parametrize("function", [right, with_tensors])
def test_right_numbers_get_the_point(points, function):
    assert points("cells.floor_and_baseline", function) == 1


def scaled(factor):
    return lambda train, x: tuple(factor * value for value in right(train, x))


def pouring_in_place(train, x):
    train /= train.sum()
    return scored(x, x / x.sum(1, keepdims=True)), scored(x, train.sum(0))


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (scaled(1 / 60), "per-gene", 0.5),
        (scaled(30), "summed-over-cells", 0.5),
        (scaled(-1), "wrong-sign", 0.5),
        (lambda a, x: right(a, x)[::-1], "swapped-results", 0),
        (lambda a, x: (0.0, right(a, x)[1]), "floor-zero", 0.5),
        (lambda a, x: (1.1 * right(a, x)[0], right(a, x)[1]), "wrong-floor", 0.5),
        (lambda a, x: (right(a, x)[0], right(x, x)[1]), "composition-of-test-cells", 0.5),
        (lambda a, x: (right(a, x)[0], scored(x, (a / a.sum(1, keepdims=True)).mean(0))), "mean-of-shares", 0.5),
        (lambda a, x: (right(a, x)[0], scored(x, np.full(x.shape[1], 1 / x.shape[1]))), "one-share", 0.5),
        (lambda a, x: (right(a, x)[0], measures.poisson_per_cell(x, np.tile(a.mean(0), (len(x), 1))).mean()),
         "total-missing", 0.5),
        (lambda a, x: (right(a, x)[0], 870.0), "wrong-baseline", 0.5),
        (lambda a, x: right(a, x)[0], "wrong-shape", 0),
        (lambda a, x: (np.nan, 1.0), "not-finite", 0),
        (pouring_in_place, "changes-its-input", 0.5),
        (lambda a, x: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)  # fmt: skip
def test_mistakes_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("cells.floor_and_baseline", function, mistake=mistake, kept=kept)


def test_a_wrong_loss_has_cost_its_points_already(points):
    notebook = {"np": np}
    exec(
        "def poisson_loss(counts, shares):\n    return 7.0 * np.ones(len(counts))\n"
        "def floor_and_baseline(train, x):\n"
        "    shares = x / x.sum(1, keepdims=True), train.sum(0, keepdims=True) / train.sum()\n"
        "    return tuple(float(np.mean(poisson_loss(x, p))) for p in shares)",
        notebook,
    )
    assert points("cells.floor_and_baseline", notebook["floor_and_baseline"]) == 1


def test_counts_that_became_shares_are_named(mistakes):
    def in_place(train, x):
        numbers = right(train, x)
        x /= x.sum(1, keepdims=True)
        return numbers

    def first(train, x):
        x /= x.sum(1, keepdims=True)
        return 1.5, float(np.mean(x.sum(1) - (x * np.log(pooled(train))).sum(1)))

    assert mistakes("cells.floor_and_baseline", in_place) == ["changes-its-input"]
    assert mistakes("cells.floor_and_baseline", first) == ["changes-its-input", "wrong-baseline"]
