"""`flowers.yardsticks`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras


def scored(x, p):
    p = np.clip(p, 1e-7, 1 - 1e-7).astype("float64")
    return 6400 * np.mean(-x * np.log(p) - (1 - x) * np.log(1 - p))


def right_yardsticks(x_train, x):
    return scored(x, x), scored(x, x_train.mean(axis=0, keepdims=True))


def keras_yardsticks(x_train, x):
    def loss(p):
        return 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p))

    return np.array([loss(x), loss(np.broadcast_to(x_train.mean(0), x.shape))])


@pytest.mark.parametrize("function", [right_yardsticks, keras_yardsticks])
def test_right_yardsticks_get_the_point(points, function):
    assert points("flowers.yardsticks", function) == 1


def scaled(factor):
    return lambda x_train, x: tuple(factor * value for value in right_yardsticks(x_train, x))


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
        (lambda a, x: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)  # fmt: skip
def test_mistakes_in_the_yardsticks_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("flowers.yardsticks", function, mistake=mistake, kept=kept)
