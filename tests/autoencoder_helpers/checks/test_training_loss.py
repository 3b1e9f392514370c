"""The loss that a network was compiled with is the binary cross-entropy, told by its values alone."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.checks.rule import NotYet, Steps
from autoencoder_helpers.checks.training_loss import expect_bce_loss

BCE = keras.losses.BinaryCrossentropy
bce = keras.losses.binary_crossentropy
SHAPES = ((784,), (28, 28, 1))


def network(shape, last="sigmoid"):
    layers = keras.layers
    parts = [layers.Flatten(), layers.Dense(2), layers.Dense(784, last), layers.Reshape(shape)]
    return keras.Sequential([keras.Input(shape), *parts])


def is_right(loss, shape, seed, last="sigmoid"):
    model = network(shape, last)
    model.compile("adam", loss)
    try:
        expect_bce_loss(Steps(None, np.random.default_rng(seed)), model, shape)
    except NotYet as reason:
        assert reason.texts["mistake"] == "wrong-loss"
        return False
    return True


def written_out(y, p, epsilon=1e-7):
    return -(y * tf.math.log(p + epsilon) + (1 - y) * tf.math.log(1 - p + epsilon))


RIGHT = {
    "its name": "binary_crossentropy",
    "its short name": "bce",
    "its object": BCE(),
    "the function": bce,
    "summed over the batch": BCE(reduction="sum"),
    "one for each image": BCE(reduction="none"),
    "summed over pixels": lambda y, p: 784 * bce(y, p),
    "by the backend": lambda y, p: tf.reduce_sum(keras.backend.binary_crossentropy(y, p), axis=-1),
    "written out": written_out,
    "with a larger epsilon": lambda y, p: written_out(y, p, 1e-4),
    "clipped": lambda y, p: written_out(y, tf.clip_by_value(p, 1e-3, 1 - 1e-3)),
    "of logits, made of p": lambda y, p: tf.nn.sigmoid_cross_entropy_with_logits(y, tf.math.log(p / (1 - p))),
    "in float64": lambda y, p: bce(tf.cast(y, tf.float64), tf.cast(p, tf.float64)),
}
WRONG = {
    "mse": "mse",
    "labels smoothed a little": BCE(label_smoothing=0.1),
    "labels smoothed": BCE(label_smoothing=0.2),
    "labels smoothed by half": BCE(label_smoothing=0.5),
    "labels smoothed away": BCE(label_smoothing=1.0),
    "a squared error added": lambda y, p: bce(y, p) + 0.2 * keras.losses.mse(y, p),
    "an absolute error added": lambda y, p: bce(y, p) + 0.1 * keras.losses.mae(y, p),
    "blind": lambda y, p: bce(0.5 + 0 * y, p),
    "another image": lambda y, p: bce(y[::-1], p),
    "another pixel": lambda y, p: bce(tf.roll(y, 1, 1), p),
    "the mean grey": lambda y, p: bce(tf.reduce_mean(y, axis=[1], keepdims=True) + 0 * y, p),
    "swapped": lambda y, p: bce(p, y),
    "the negative": lambda y, p: bce(1 - y, p),
    "black and white": lambda y, p: bce(tf.cast(y > 0.5, tf.float32), p),
    "ink counts more": lambda y, p: -(1.2 * y * tf.math.log(p) + (1 - y) * tf.math.log(1 - p)),
    "logits behind a sigmoid": BCE(from_logits=True),
    "the wrong sign": lambda y, p: -bce(y, p),
    "focal": keras.losses.BinaryFocalCrossentropy(),
    "clipped far away": lambda y, p: bce(y, tf.clip_by_value(p, 0.02, 0.98)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", RIGHT)
def test_the_cross_entropy_is_right_however_it_is_written_and_put_together(name, shape):
    assert all(is_right(RIGHT[name], shape, seed) for seed in range(5))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WRONG)
def test_what_is_mixed_smoothed_or_blind_is_another_loss(name, shape):
    assert not any(is_right(WRONG[name], shape, seed) for seed in range(10))


def test_logits_are_right_where_nothing_follows_the_last_layer():
    for seed in range(5):
        assert is_right(BCE(from_logits=True), (784,), seed, None)
        assert is_right(BCE(), (784,), seed, None)  # of greys beyond 0 and 1: that is for the decoder's check
        assert not is_right(BCE(from_logits=True, label_smoothing=0.2), (784,), seed, None)
