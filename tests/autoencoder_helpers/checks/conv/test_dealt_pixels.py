"""`conv.dealt_pixels`: right ways to deal out and networks that know such images pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.images.mnist import load_mnist

layers = keras.layers
NAME = "conv.dealt_pixels"
PERMUTATION = np.random.default_rng(321).permutation(784)


def right(images, permutation):
    return images.reshape(len(images), -1)[:, permutation].reshape(images.shape)


def by_tensorflow(images, permutation):
    return tf.reshape(tf.gather(tf.reshape(images, (len(images), -1)), permutation, axis=1), images.shape)


def by_loop(images, permutation):
    new = np.empty((len(images), len(permutation)), images.dtype)
    for i, place in enumerate(permutation):
        new[:, i] = images.reshape(len(images), -1)[:, place]
    return new.reshape(images.shape)


def painting(image, moved=None, shape=(784,), convolution=False):
    """A network that paints this image, or, without one, its input with the pixels moved; without any training."""
    weights = np.zeros((784, 784)) if image is not None else 8 * np.eye(784)[:, moved]
    biases = np.full(784, -4.0) if image is None else np.log(image.clip(1e-4) / (1 - image))
    parts = [layers.Conv2D(1, 1)] if convolution else []
    flat = [layers.Flatten()] if len(shape) > 1 else []
    end = [layers.Reshape(shape)] if len(shape) > 1 else []
    model = keras.Sequential([keras.Input(shape), *parts, *flat, layers.Dense(784, "sigmoid"), *end])
    dense = next(layer for layer in model.layers if isinstance(layer, layers.Dense))
    dense.set_weights([weights, biases])
    return model


def convolutional(image, moved=None):
    return painting(image, moved, (28, 28, 1), convolution=True)


@pytest.fixture(scope="module")
def mean_image():
    return load_mnist()[0][0][:5000].reshape(-1, 784).mean(axis=0) / 255


@pytest.fixture(scope="module")
def dense():
    return painting(None, np.arange(784))


@pytest.fixture(scope="module")
def conv(mean_image):
    return convolutional(mean_image[PERMUTATION])


@pytest.mark.parametrize("deal_out", [right, by_tensorflow, by_loop])
def test_right_ways_pass(expect_full, deal_out, dense, conv):
    expect_full(NAME, deal_out, PERMUTATION, dense, conv)


def in_place(images, permutation):
    images[:] = right(images, permutation)
    return images


@pytest.mark.parametrize(
    ("deal_out", "mistake"),
    [
        (lambda x, p: x, "not-dealt-out"),
        (lambda x, p: right(x, np.argsort(p)), "backwards"),
        (lambda x, p: x.reshape(len(x), -1)[:, p], "wrong-shape"),
        (lambda x, p: np.stack([right(one[None], np.roll(p, k))[0] for k, one in enumerate(x)]), "wrong-places"),
        (lambda x, p: 1 - right(x, p), "other-values"),
        (in_place, "changes-its-input"),
        (lambda x, p: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_in_the_dealing_are_named(expect_mistake, deal_out, mistake, dense, conv):
    expect_mistake(NAME, deal_out, PERMUTATION, dense, conv, mistake=mistake)


def test_mistakes_in_the_training_are_named(expect_mistake, dense, conv, mean_image):
    fresh = keras.Sequential([keras.Input((784,)), layers.Dense(2), layers.Dense(784, "sigmoid")])
    narrow = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    for network, mistake in (
        (fresh, "untrained"),
        (narrow, "wrong-output-shape"),
        (painting(None, np.argsort(PERMUTATION)), "drawn-target"),
        (painting(mean_image[PERMUTATION]), "trained-too-little"),
    ):
        expect_mistake(NAME, right, PERMUTATION, network, conv, mistake=mistake)
    for network, mistake in (
        (convolutional(mean_image), "trained-as-drawn"),
        (painting(mean_image[PERMUTATION], shape=(28, 28, 1)), "no-convolution"),
    ):
        expect_mistake(NAME, right, PERMUTATION, dense, network, mistake=mistake)


def test_what_is_no_permutation_is_named(expect_mistake, dense, conv):
    expect_mistake(NAME, right, np.zeros(784, int), dense, conv, mistake="no-permutation")
