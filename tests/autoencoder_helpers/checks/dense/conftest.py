"""Networks for the tests of chapter 1."""

from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tf_keras as keras
from autoencoder_helpers import load_mnist

layers = keras.layers


@pytest.fixture(scope="module")
def mnist():
    (x_train, _), (x_test, _) = load_mnist(flatten=True)
    return x_train.astype("float32") / 255, x_test.astype("float32") / 255


def dense(*widths, activations=None, inputs=True):
    """A Sequential model of Dense layers; widths[0] is the input's."""
    activations = activations or ["relu"] * (len(widths) - 2) + [None]
    parts = [keras.Input((widths[0],))] if inputs else []
    return keras.Sequential(
        parts + [layers.Dense(w, activation=a) for w, a in zip(widths[1:], activations, strict=True)]
    )


def encoder():
    return dense(784, 100, 20, 2)


def decoder(last="sigmoid"):
    return dense(2, 20, 100, 784, activations=["relu", "relu", last])


def joined(e, d):
    image = keras.Input((784,))
    return keras.Model(image, d(e(image)))


@pytest.fixture(scope="session")
def make():
    """Functions that make networks and their parts."""
    return SimpleNamespace(dense=dense, encoder=encoder, decoder=decoder, joined=joined)
