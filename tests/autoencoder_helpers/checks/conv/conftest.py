"""Networks for the tests of chapter 2."""

from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tf_keras as keras
from autoencoder_helpers import load_mnist

layers = keras.layers


@pytest.fixture(scope="module")
def mnist():
    (x_train, _), (x_test, _) = load_mnist()
    return tuple(x[..., None].astype("float32") / 255 for x in (x_train, x_test))


def encoder(
    filters=(16, 8, 8),
    kernel=3,
    last=None,
    relu="relu",
    padding="same",
    pool=layers.MaxPooling2D,
    ends=None,
    pool_padding="same",
    inputs=True,
    first=(28, 28, 1),
):
    parts = [keras.Input(first)] if inputs else []
    for width in filters:
        parts += [layers.Conv2D(width, kernel, padding=padding, activation=relu), pool(padding=pool_padding)]
    return keras.Sequential(parts + ([layers.Flatten(), layers.Dense(2, activation=last)] if ends is None else ends))


def decoder(
    third="valid",
    last="sigmoid",
    relu="relu",
    grid=(4, 4, 8),
    widths=(8, 8, 16),
    start=128,
    second="same",
    channels=1,
    ups=3,
    kernel=3,
    fourth="same",
    ends=(),
):
    parts = [keras.Input((2,)), layers.Dense(start, activation=relu), layers.Reshape(grid)]
    for number, (width, padding) in enumerate(zip(widths, ("same", second, third), strict=True)):
        parts += [layers.Conv2D(width, kernel, padding=padding, activation=relu)]
        parts += [layers.UpSampling2D()] if number < ups else []
    return keras.Sequential([*parts, layers.Conv2D(channels, kernel, padding=fourth, activation=last), *ends])


def joined(e, d):
    image = keras.Input((28, 28, 1))
    return keras.Model(image, d(e(image)))


@pytest.fixture(scope="session")
def make():
    """Functions that make networks and their parts."""
    return SimpleNamespace(encoder=encoder, decoder=decoder, joined=joined)
