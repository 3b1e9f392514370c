"""`cells.genes`: the genes that grow by the largest factor, and what is often taken for them."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule


def shares(decoder, z, axis, length=1.0):
    further = np.array(z, "float32")
    further[axis] += length
    return np.asarray(decoder(np.stack([z, further]).astype("float32")))


def right(decoder, z, axis, count):
    before, after = shares(decoder, z, axis)
    return np.argsort(-np.log(after / before))[:count]


def by_tensorflow(decoder, z, axis, count):
    before = decoder(z[None])[0]
    after = decoder(z[None] + tf.one_hot([axis], 2))[0]
    return tf.math.top_k(after / before, k=count).indices


def by_predict(decoder, z, axis, count):
    before, after = (decoder.predict(row[None], verbose=0)[0] for row in (z, z + np.eye(2, dtype="float32")[axis]))
    return sorted(range(len(before)), key=lambda gene: before[gene] / after[gene])[:count]


@pytest.mark.parametrize("function", [right, by_tensorflow, by_predict])
def test_right_genes_get_the_point(points, function):
    assert points("cells.genes", function) == 1


def in_place(decoder, z, axis, count):
    further = z
    further[axis] += 1
    return np.argsort(-decoder(np.stack([further]))[0] / decoder(np.stack([z]))[0])[:count]


def by(measure):
    return lambda decoder, z, axis, count: np.argsort(-measure(*shares(decoder, z, axis)))[:count]


def of_a_step(length):
    def pulled(decoder, z, axis, count):
        before, after = shares(decoder, z, axis, length)
        return np.argsort(-np.log(after / before))[:count]

    return pulled


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (by(lambda before, after: after - before), "difference-not-factor"),
        (by(lambda before, after: before / after), "falling-genes"),
        (by(lambda before, after: after), "share-not-growth"),
        (lambda d, z, axis, count: right(d, z, 1 - axis, count), "other-axis"),
        (lambda d, z, axis, count: right(d, 0 * z, axis, count), "from-the-origin"),
        (lambda d, z, axis, count: right(d, z, axis, count)[::-1], "wrong-order"),
        (in_place, "changes-its-input"),
        (lambda d, z, axis, count: right(d, z, 0, count), "other-axis"),
        (lambda d, z, axis, count: right(d, z, 1, count), "other-axis"),
        *((of_a_step(length), "other-step") for length in (1e-3, 0.5, 0.9, 1.5, 2)),
        (of_a_step(-1), "backwards"),
        (lambda d, z, axis, count: right(d, z, axis, 5), "wrong-shape"),
        (lambda d, z, axis, count: right(d, z, axis, 8), "wrong-shape"),
        (lambda d, z, axis, count: np.arange(count), "wrong-genes"),
        (lambda d, z, axis, count: right(d, z, axis, count + 1), "wrong-shape"),
        (lambda d, z, axis, count: shares(d, z, axis)[1][:count], "values-not-places"),
        (lambda d, z, axis, count: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, function, mistake):
    expect_mistake("cells.genes", function, mistake=mistake)


@pytest.mark.parametrize("function", [right, by_tensorflow])
def test_right_genes_get_the_point_of_any_draw(function):
    found = [run_rule(catalogue()["cells.genes"], (function,), {}, seed=seed).points for seed in range(10)]
    assert found == 10 * [1]


@pytest.mark.parametrize("wrong", [of_a_step(0.9), of_a_step(1.5), lambda d, z, axis, count: right(d, z, 0, count)])
def test_wrong_genes_get_no_point_of_any_draw(wrong):
    found = [run_rule(catalogue()["cells.genes"], (wrong,), {}, seed=seed).points for seed in range(10)]
    assert found == 10 * [0]
