"""`vae.gaussian_kl`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


PRIOR = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)


def terms(mean, stddev):
    return 0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev)


def test_right_kl_formulas(expect_full):
    for right in (
        lambda m, s: terms(m, s).sum(-1),
        lambda m, s: tf.reduce_sum(0.5 * (m**2 + s**2 - 1) - tf.math.log(s), axis=1),
        lambda m, s: -0.5 * np.sum(1 + np.log(s**2) - m**2 - s**2, axis=1),
        lambda m, s: tfd.kl_divergence(tfd.Independent(tfd.Normal(m, s), 1), PRIOR),
        lambda m, s: terms(m.numpy(), s.numpy()).astype("float64").sum(1),
        lambda m, s: [float(v) for v in terms(m[:, 0], s[:, 0]) + terms(m[:, 1], s[:, 1])],
    ):
        expect_full("vae.gaussian_kl", right)


@pytest.mark.parametrize(
    ("wrong", "mistake", "kept"),
    [
        (lambda m, s: terms(m, s).sum(), "reduced-over-images", 0.5),
        (lambda m, s: terms(m, s).mean(), "reduced-over-images", 0.5),
        (terms, "not-summed", 0.5),
        (lambda m, s: terms(m, s).sum(0), "wrong-axis", 0.5),
        (lambda m, s: -terms(m, s).sum(1), "wrong-sign", 0.5),
        (lambda m, s: terms(m, s).mean(1), "mean-over-latents", 0.5),
        (lambda m, s: (m**2 + s**2 - 1 - np.log(s)).sum(1), "half-missing", 0.5),
        (lambda m, s: (m**2 + s**2 - 1 - 2 * np.log(s)).sum(1), "half-missing", 0.5),
        (lambda m, s: (0.5 * (m**2 + s**2 - 1) + np.log(s)).sum(1), "log-sign", 0.5),
        (lambda m, s: (0.5 * (m**2 + s**2 - 1) - np.log(s**2)).sum(1), "log-of-variance", 0.5),
        (lambda m, s: (0.5 * (m**2 + s - 1) - np.log(s)).sum(1), "stddev-not-squared", 0.5),
        (lambda m, s: 0.5 * (m**2 + s - 1 - np.log(s)).sum(1), "variance-as-input", 0.5),
        (lambda m, s: 0.5 * (m**2 + np.exp(s) - 1 - s).sum(1), "log-variance", 0.5),
        (lambda m, s: 0.5 * (m**2 + s**2 - 1).sum(1), "log-missing", 0.5),
        (lambda m, s: (0.5 * (m + s**2 - 1) - np.log(s)).sum(1), "mean-not-squared", 0.5),
        (lambda m, s: (0.5 * (m**2 + s**2) - np.log(s)).sum(1), "one-missing", 0.5),
        (lambda m, s: tfd.kl_divergence(PRIOR, tfd.Independent(tfd.Normal(m, s), 1)), "wrong-direction", 0.5),
        (lambda m, s: terms(m, s).sum(1) / np.log(2), "bits", 0.5),
        (lambda m, s: 3 * terms(m, s).sum(1), "wrong-value", 0),
        (lambda m, s: (0.5 * (m**2 + s**2 - 1) - tf.math.log(s) / np.log(2)).numpy().sum(1), "bits", 0.5),
        (
            lambda m, s: tfd.Normal(m, s).log_prob(z := tfd.Normal(m, s).sample()) - tfd.Normal(0.0, 1.0).log_prob(z),
            "estimate-not-exact",
            0,
        ),
        (lambda m, s: None, "no-return", 0),
        (lambda m, s: 1 / 0, "raises", 0),
    ],
)
def test_mistakes_in_the_kl_are_named(expect_mistake, wrong, mistake, kept):
    expect_mistake("vae.gaussian_kl", wrong, mistake=mistake, kept=kept)
