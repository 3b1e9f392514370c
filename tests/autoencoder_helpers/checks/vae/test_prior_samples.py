"""`vae.prior_samples`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import load_mnist

tfd = tfp.distributions


def draws(count):
    return tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1).sample(count)


def test_right_prior_samples(expect_full):
    for right in (
        lambda count, d: d(draws(count)),
        lambda count, d: d.predict(np.random.default_rng().normal(size=(count, 2)), verbose=0),
        lambda count, d: d(tf.random.normal((count, 2))).numpy(),
        lambda count, d: d(tfd.MultivariateNormalDiag(loc=tf.zeros(2)).sample(count)),
    ):
        expect_full("vae.prior_samples", right)


def one_size(z):
    """z2 as large as z1, with a sign of its own."""
    return tf.stack([z[:, 0], tf.abs(z[:, 0]) * tf.sign(z[:, 1])], axis=1)


FIXED = np.random.default_rng(1).normal(size=(2000, 2)).astype("float32")


@pytest.mark.parametrize(
    ("wrong", "mistake", "kept"),
    [
        (lambda count, d: draws(count), "codes-not-images", 0),
        (lambda count, d: d(draws(10)), "wrong-count", 0),
        (lambda count, d: d(draws(1))[0], "wrong-shape", 0),
        (lambda count, d: tf.repeat(d(draws(1)), count, axis=0), "one-draw-for-all", 0),
        (lambda count, d: d(tf.tile(draws(10), (count // 10, 1))), "one-draw-for-all", 0),
        (lambda count, d: d(tfd.TruncatedNormal(tf.zeros(2), 1.0, -2.0, 2.0).sample(count)), "stddev-not-one", 0),
        (lambda count, d: d(0.5 * draws(count)), "stddev-not-one", 0),
        (lambda count, d: d(np.random.uniform(-1, 1, (count, 2))), "stddev-not-one", 0),
        (lambda count, d: d(np.random.uniform(-(3**0.5), 3**0.5, (count, 2))), "not-normal", 0),
        (lambda count, d: d(1 + draws(count)), "mean-not-zero", 0),
        (lambda count, d: d(tf.repeat(tf.random.normal((count, 1)), 2, axis=1)), "correlated", 0),
        (lambda count, d: d(one_size(draws(count))), "correlated", 0),
        (lambda count, d: d(draws(2000)), "wrong-count", 0.5),
        (lambda count, d: keras.models.clone_model(d)(draws(count)), "other-decoder", 0),
        (lambda count, d: d(FIXED), "same-each-time", 0.5),
        (lambda count, d: d(np.random.default_rng(0).normal(size=(count, 2))), "same-each-time", 0.5),
        (lambda count, d: None, "no-return", 0),
        (lambda count: None, "raises", 0),
        (None, "no-function", 0),
    ],
)
def test_mistakes_in_the_prior_samples_are_named(expect_mistake, wrong, mistake, kept):
    expect_mistake("vae.prior_samples", wrong, mistake=mistake, kept=kept)


def test_draws_that_spread_too_far_are_told_so_and_not_that_their_mean_is_off(expect_mistake):
    for _ in range(12):  # whose mean is off by chance, the more the further they spread
        expect_mistake("vae.prior_samples", lambda count, d: d(8 * draws(count)), mistake="stddev-not-one", kept=0)


def test_samples_that_come_from_images_are_named(mistakes, make):
    (x_train, _), _ = load_mnist()
    images = x_train[:2000, ..., None] / np.float32(255)
    e = make.encoder()
    found = mistakes("vae.prior_samples", lambda count, d: d(e(images[:count]).sample()))
    assert found in (["mean-not-zero"], ["stddev-not-one"])
