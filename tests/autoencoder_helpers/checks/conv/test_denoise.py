"""`conv.denoise`: right noise and right networks of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.images.mnist import load_mnist

layers = keras.layers


def right(images, stddev, rng):
    return np.clip(images + rng.normal(0, stddev, images.shape), 0, 1).astype("float32")


def fitted(target):
    """A linear network that makes of noisy digits what `target` makes of clean ones, by least squares: no training."""
    clean = load_mnist()[0][0][:3000].reshape(-1, 784) / np.float32(255)
    rng = np.random.default_rng(1)
    noisy, wanted = right(clean, 0.5, rng), target(clean, rng)
    centred = noisy - noisy.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + 30 * np.eye(784), centred.T @ (wanted - wanted.mean(axis=0)))
    model = keras.Sequential([keras.Input((784,)), layers.Dense(784)])
    model.set_weights([weights, wanted.mean(axis=0) - noisy.mean(axis=0) @ weights])
    return model


@pytest.fixture(scope="module")
def denoiser():
    return fitted(lambda clean, rng: clean)


@pytest.mark.parametrize(
    "noise",
    [
        right,
        lambda images, stddev, rng: tf.clip_by_value(images + tf.random.normal(images.shape, 0.0, stddev), 0, 1),
        lambda images, stddev, rng: np.minimum(1, np.maximum(0, images + stddev * rng.standard_normal(images.shape))),
    ],
)
def test_right_noise(expect_full, noise, denoiser):
    expect_full("conv.denoise", noise, denoiser)


def in_place(images, stddev, rng):
    images += rng.normal(0, stddev, images.shape)
    return np.clip(images, 0, 1)


@pytest.mark.parametrize(
    ("noise", "mistake"),
    [
        (lambda x, s, rng: x, "no-noise"),
        (lambda x, s, rng: np.clip(x + rng.normal(0, s, x.shape[1:]), 0, 1), "shared-noise"),
        (lambda x, s, rng: np.clip(x + rng.normal(0, s, (len(x), 1)), 0, 1), "shared-noise"),
        (lambda x, s, rng: np.clip(x + rng.normal(0, s), 0, 1), "shared-noise"),
        (lambda x, s, rng: np.clip(x + s * rng.random(x.shape), 0, 1), "not-centred"),
        (lambda x, s, rng: np.clip(x + rng.normal(0, s**2, x.shape), 0, 1), "variance"),
        (lambda x, s, rng: np.clip(x + rng.normal(0, 0.2, x.shape), 0, 1), "wrong-spread"),
        (lambda x, s, rng: np.clip(x * (1 + rng.normal(0, 2 * s, x.shape)), 0, 1), "noise-multiplied"),
        (lambda x, s, rng: x + rng.normal(0, s, x.shape), "not-clipped"),
        (lambda x, s, rng: right(x, s, rng)[:5], "wrong-shape"),
        (in_place, "changes-its-input"),
        (lambda x, s, rng: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_in_the_noise_are_named(expect_mistake, noise, mistake, denoiser):
    expect_mistake("conv.denoise", noise, denoiser, mistake=mistake)


def test_mistakes_in_the_training_are_named(expect_mistake):
    fresh = keras.Sequential([keras.Input((784,)), layers.Dense(128, "relu"), layers.Dense(784, "sigmoid")])
    expect_mistake("conv.denoise", right, fresh, mistake="untrained")
    expect_mistake("conv.denoise", right, fitted(lambda clean, rng: right(clean, 0.5, rng)), mistake="noisy-target")
    copies = keras.Sequential([keras.Input((784,)), layers.Activation("linear")])
    expect_mistake("conv.denoise", right, copies, mistake="noise-left")
    wide = keras.Sequential([keras.Input((784,)), layers.Dense(10)])
    expect_mistake("conv.denoise", right, wide, mistake="wrong-output-shape")
