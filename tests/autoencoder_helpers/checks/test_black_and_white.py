"""A decoder that ends between 0 and 1 can paint paper and ink, whatever its last layers are called."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


def dense(last, *ends, **settings):
    """Chapter 1's decoder."""
    body = [layers.Input((2,)), layers.Dense(20, "relu"), layers.Dense(100, "relu")]
    return keras.Sequential([*body, layers.Dense(784, last, **settings), *ends])


def conv(last, *ends, **settings):
    """Chapter 2's decoder."""
    parts = [layers.Input((2,)), layers.Dense(128, "relu"), layers.Reshape((4, 4, 8))]
    for width, padding in ((8, "same"), (8, "same"), (16, "valid")):
        parts += [layers.Conv2D(width, 3, padding=padding, activation="relu"), layers.UpSampling2D()]
    return keras.Sequential([*parts, layers.Conv2D(1, 3, padding="same", activation=last, **settings), *ends])


def flowers(last, *ends, **settings):
    """One for chapter 4."""
    parts = [layers.Input((10,)), layers.Dense(400), layers.Reshape((10, 10, 4))]
    return keras.Sequential([*parts, layers.Conv2DTranspose(3, 8, strides=8, activation=last, **settings), *ends])


BUILDERS = {"dense": dense, "conv": conv, "flowers": flowers}


def by_operation(operation):
    code = layers.Input((2,))
    hidden = layers.Dense(100, "relu")(layers.Dense(20, "relu")(code))
    return keras.Model(code, operation(layers.Dense(784)(hidden)))


def of_two(join):
    """A network that branches before its end."""
    code = layers.Input((10,))
    values = layers.Reshape((80, 80, 3))
    one, other = (values(layers.Dense(19_200)(layers.Dense(10, "relu")(code))) for _ in range(2))
    return keras.Model(code, join(one, other))


RIGHT = {
    "sigmoid": lambda build: build("sigmoid"),
    "sigmoid as a layer": lambda build: build(None, layers.Activation("sigmoid")),
    "hard sigmoid": lambda build: build("hard_sigmoid"),
    "relu up to 1": lambda build: build(None, layers.ReLU(max_value=1.0)),
    "tanh, rescaled": lambda build: build("tanh", layers.Rescaling(0.5, 0.5)),
    "softsign, rescaled": lambda build: build("softsign", layers.Rescaling(0.5, 0.5)),
    "sigmoid, black and white swapped": lambda build: build("sigmoid", layers.Rescaling(-1.0, 1.0)),
    "a faint sigmoid": lambda build: build(None, layers.Rescaling(0.1), layers.Activation("sigmoid")),
    "normalized in batches first": lambda build: build(None, layers.BatchNormalization(), layers.Activation("sigmoid")),
    "normalized behind": lambda build: build("sigmoid", layers.BatchNormalization(center=False, scale=False)),
    "dropped out": lambda build: build("sigmoid", layers.Dropout(0.5)),
    "of weights 0": lambda build: build("sigmoid", kernel_initializer="zeros"),
}
WRONG = {
    "relu, then sigmoid": lambda build: build("relu", layers.Activation("sigmoid")),
    "softplus, then sigmoid": lambda build: build("softplus", layers.Activation("sigmoid")),
    "sigmoid twice": lambda build: build("sigmoid", layers.Activation("sigmoid")),
    "tanh, then sigmoid": lambda build: build("tanh", layers.Activation("sigmoid")),
    "sigmoid, scaled down": lambda build: build("sigmoid", layers.Rescaling(1 / 255)),
    "half a sigmoid": lambda build: build("sigmoid", layers.Rescaling(0.5)),
    "tanh, without its negative half": lambda build: build("tanh", layers.Rescaling(0.25, 0.5)),
}


def named(chapter, model):
    return [step.mistake for step in check(f"{chapter}.decoder", model).failures if step.mistake != "ignores-code"]


@pytest.mark.parametrize("chapter", BUILDERS)
@pytest.mark.parametrize("name", RIGHT)
def test_whatever_reaches_black_and_white_is_an_end(chapter, name):
    for _ in range(3):
        # Chapter 2's layers are counted, and a normalization has parameters.
        assert set(named(chapter, RIGHT[name](BUILDERS[chapter]))) <= {"wrong-parameter-count"}


@pytest.mark.parametrize("chapter", BUILDERS)
@pytest.mark.parametrize("name", WRONG)
def test_an_end_that_leaves_black_or_white_out_of_reach_is_named(chapter, name):
    assert named(chapter, WRONG[name](BUILDERS[chapter])) == ["never-black-or-white"]


@pytest.mark.parametrize(
    "operation",
    [
        tf.sigmoid,
        lambda x: tf.clip_by_value(x, 0.0, 1.0),
        lambda x: 1.0 / (1.0 + tf.exp(-x)),
        lambda x: tf.sigmoid(layers.LayerNormalization()(x)),
        lambda x: (tf.tanh(x) + 1.0) / 2.0,
        lambda x: 1.0 - tf.sigmoid(x),
    ],
)
def test_operations_that_reach_both_are_ends_too(operation):
    for _ in range(3):
        assert named("dense", by_operation(operation)) == []


@pytest.mark.parametrize(
    "join",
    [
        lambda one, other: layers.Average()([tf.sigmoid(one), tf.sigmoid(other)]),
        lambda one, other: tf.sigmoid(one) * tf.sigmoid(other),
        lambda one, other: 0.5 * tf.sigmoid(one) + 0.5 * tf.sigmoid(other),
        lambda one, other: tf.sigmoid(one + other),
    ],
)
def test_a_network_that_branches_before_its_end_is_judged_as_a_whole(join):
    for _ in range(3):
        assert named("flowers", of_two(join)) == []
