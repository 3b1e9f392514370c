"""`flowers.yardsticks`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule


def scored(x, p):
    p = np.clip(p, 1e-7, 1 - 1e-7).astype("float64")
    return 6400 * np.mean(-x * np.log(p) - (1 - x) * np.log(1 - p))


def right_yardsticks(x_train, x):
    return scored(x, x), scored(x, x_train.mean(axis=0, keepdims=True))


def keras_yardsticks(x_train, x):
    return np.array([keras_loss(x, p) for p in (x, np.broadcast_to(x_train.mean(0), x.shape))])


def by_xlogy(x_train, x):
    def loss(p):
        p = tf.constant(p, tf.float64)
        return 6400 * tf.reduce_mean(-tf.math.xlogy(x, p) - tf.math.xlog1py(1 - x, -p))

    x = x.astype("float64")
    return [loss(x), loss(np.broadcast_to(x_train.mean(0), x.shape))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("function", [right_yardsticks, keras_yardsticks, by_xlogy])
def test_right_yardsticks_get_the_point_of_any_draw(function, seed):
    assert run_rule(catalogue()["flowers.yardsticks"], (function,), {}, seed=seed).passed


@pytest.mark.parametrize("function", [right_yardsticks, keras_yardsticks])
def test_right_yardsticks_get_the_point(points, function):
    assert points("flowers.yardsticks", function) == 1


def scaled(factor):
    return lambda x_train, x: tuple(factor * value for value in right_yardsticks(x_train, x))


def without_clip(x_train, x, edge=0.0):
    def loss(p):
        p = np.clip(p, np.float32(edge), np.float32(1 - edge))
        return 6400 * np.mean(-x * np.log(p) - (1 - x) * np.log(1 - p), dtype="float64")

    return loss(x), loss(x_train.mean(0, keepdims=True))


def centred_in_place(x_train, x):
    numbers = right_yardsticks(x_train, x)
    x -= x_train.mean(0)
    return numbers


def scaled_in_place(x_train, x):
    numbers = right_yardsticks(x_train, x)
    x_train *= 255
    return numbers


def keras_loss(x, p):
    return 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p))


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (scaled(3), "nats-per-image", 0.5),
        (scaled(1 / 6400), "not-scaled", 0.5),
        (scaled(-1), "wrong-sign", 0.5),
        (scaled(1 / np.log(2)), "bits", 0.5),
        (scaled(1 / 3), "divided-twice", 0.5),
        (scaled(784 / 6400), "times-784", 0.5),
        (lambda a, x: scaled(len(x))(a, x), "summed-over-images", 0.5),
        (lambda a, x: scaled(1 / len(x))(a, x), "divided-by-batch", 0.5),
        (lambda a, x: scaled(3)(a, x)[::-1], "swapped-results", 0),
        (lambda a, x: (right_yardsticks(a, x)[0], 6400 * np.square(x - a.mean(0)).mean()), "squared-error", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], scored(np.broadcast_to(a.mean(0), x.shape), x)), "swapped-arguments", 0.5),
        (scaled(2), "wrong-scale", 0.5),
        (lambda a, x: right_yardsticks(a, x)[::-1], "swapped-results", 0),
        (lambda a, x: (0.0, right_yardsticks(a, x)[1]), "floor-zero", 0.5),
        (lambda a, x: (1.1 * right_yardsticks(a, x)[0], right_yardsticks(a, x)[1]), "wrong-floor", 0.5),
        (lambda a, x: right_yardsticks(x, x), "mean-of-test-images", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], right_yardsticks(a.mean((1, 2), keepdims=True), x)[1]),
         "one-colour", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], right_yardsticks(a.mean(keepdims=True), x)[1]), "one-grey", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], 4200.0), "wrong-baseline", 0.5),
        (lambda a, x: right_yardsticks(a, x)[0], "wrong-shape", 0),
        (lambda a, x: (np.nan, 1.0), "not-finite", 0),
        (without_clip, "floor-not-finite", 0.5),
        (lambda a, x: without_clip(a, x, 1e-8), "floor-not-finite", 0.5),
        (centred_in_place, "changes-its-input", 0.5),
        (scaled_in_place, "changes-its-input", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], float(keras_loss(np.broadcast_to(a.mean(0), x.shape), x))),
         "swapped-arguments", 0.5),
        (lambda a, x: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)  # fmt: skip
def test_mistakes_in_the_yardsticks_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("flowers.yardsticks", function, mistake=mistake, kept=kept)
