"""`dense.linear`: networks that found PCA's plane pass, whatever their axes in it; each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tf_keras as keras
from autoencoder_helpers.images.mnist import load_mnist

layers = keras.layers


def parts(bias=True, last=None):
    encoder = keras.Sequential([keras.Input((784,)), layers.Dense(2, use_bias=bias)])
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(784, last, use_bias=bias)])
    return encoder, decoder


@pytest.fixture(scope="module")
def components():
    """(mean, two directions) of training digits, enough of them for the plane."""
    x = load_mnist()[0][0][:10_000].reshape(-1, 784) / 255.0
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh((x - mean).T @ (x - mean))
    return mean, vectors[:, -2:]


@pytest.mark.parametrize("mixing", [np.eye(2), [[2.0, 1.0], [-0.5, 3.0]]])
def test_any_axes_in_the_plane_are_right(expect_full, components, mixing):
    mean, directions = components
    encoder, decoder = parts()
    into, out_of = directions @ mixing, np.linalg.inv(mixing) @ directions.T
    encoder.set_weights([into, -mean @ into])
    decoder.set_weights([out_of, mean])
    expect_full("dense.linear", encoder, decoder)
    encoder.set_weights([1.3 * into, -mean @ into])
    assert not _passes(encoder, decoder)


def _passes(*answers):
    from autoencoder_helpers import check

    return check("dense.linear", *answers).passed


def test_mistakes_are_named(expect_mistake):
    encoder, decoder = parts()
    expect_mistake("dense.linear", encoder, decoder, mistake="untrained")
    expect_mistake("dense.linear", encoder, parts(last="sigmoid")[1], mistake="bends")
    expect_mistake("dense.linear", encoder, parts(bias=False)[1], mistake="no-bias")
    expect_mistake("dense.linear", decoder, encoder, mistake="wrong-input-shape")
    expect_mistake("dense.linear", None, decoder, mistake="missing")
