"""`vae.sample_z`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from autoencoder_helpers import check


def test_right_samplers(expect_full):
    for right in (
        lambda mean, stddev, eps: mean + stddev * eps,
        lambda mean, stddev, eps: tf.add(mean, tf.multiply(stddev, eps)),
        lambda mean, stddev, eps: np.float64(mean) + np.float64(stddev) * eps,
        lambda mean, stddev, eps: eps.numpy() * stddev.numpy() + mean.numpy(),
    ):
        expect_full("vae.sample_z", right)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda m, s, e: m + s**2 * e, "variance"),
        (lambda m, s, e: m + s**0.5 * e, "root-of-stddev"),
        (lambda m, s, e: m + np.exp(s) * e, "exponential"),
        (lambda m, s, e: m + np.exp(s / 2) * e, "log-variance"),
        (lambda m, s, e: m + tf.math.softplus(s) * e, "softplus"),
        (lambda m, s, e: m - s * e, "wrong-sign"),
        (lambda m, s, e: m + s * e[:1], "shared-noise"),
        (lambda m, s, e: m + s * e[:, :1], "shared-noise"),
        (lambda m, s, e: m + e, "stddev-ignored"),
        (lambda m, s, e: m, "noise-ignored"),
        (lambda m, s, e: m + s, "noise-ignored"),
        (lambda m, s, e: s + m * e, "swapped"),
        (lambda m, s, e: (m + e) * s, "wrong-order"),
        (lambda m, s, e: s * e, "mean-ignored"),
        (lambda m, s, e: m + s * np.random.normal(size=m.shape), "own-noise"),
        (lambda m, s, e: 7 * m + s * e, "wrong-value"),
        (lambda m, s, e: (m + s * e).sum(-1), "wrong-shape"),
        (lambda m, s, e: None, "no-return"),
        (lambda m, s: m, "raises"),
        (None, "no-function"),
    ],
)
def test_mistakes_in_the_sampler_are_named(expect_mistake, wrong, mistake):
    expect_mistake("vae.sample_z", wrong, mistake=mistake)


def test_what_is_shown_is_where_the_two_differ():
    def wrong_from_image_3(m, s, e):
        z = np.array(m + s * e)
        z[3:, 1] += 1
        return z

    (step,) = check("vae.sample_z", wrong_from_image_3).failures
    assert step.mistake == "wrong-value" and "image 3, value 1" in step.expected, step
    assert float(step.found.split()[0]) - float(step.expected.split(": ")[1].split()[0]) == pytest.approx(1, abs=0.01)
