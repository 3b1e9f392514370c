"""`vae.log_p_by_draws`: right means of any construction pass, each usual mistake is named, and no points hang on it."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp


def whole(weights):
    return tf.reduce_logsumexp(weights, axis=0)


@pytest.mark.parametrize(
    "right",
    [
        lambda weights: whole(weights) - np.log(len(weights)),
        lambda weights: logsumexp(weights, axis=0) - np.log(weights.shape[0]),
        lambda weights: logsumexp(weights, axis=0, b=1 / len(weights)),
        lambda weights: np.log(np.exp(np.float64(weights)).mean(axis=0)),
    ],
)
def test_right_means(expect_full, right):
    expect_full("vae.log_p_by_draws", right)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda w: np.log(len(w)) - whole(w), "wrong-sign"),
        (lambda w: whole(w), "number-missing"),
        (lambda w: whole(w) - len(w), "number-not-logarithm"),
        (lambda w: whole(w) / len(w), "logarithm-divided"),
        (lambda w: w.mean(axis=0), "mean-of-logarithms"),
        (lambda w: w.sum(axis=0), "sum-of-logarithms"),
        (lambda w: w.max(axis=0), "maximum-not-sum"),
        (lambda w: whole(w) - np.log(w.shape[1]), "wrong-number"),
        (lambda w: np.log(np.exp(w).mean(axis=0)), "underflow"),
        (lambda w: np.exp(whole(w)), "probability-not-logarithm"),
        (lambda w: tf.reduce_logsumexp(w, axis=1), "wrong-axis"),
        (lambda w: tf.reduce_logsumexp(w), "reduced-over-images"),
        (lambda w: whole(w) + 3, "wrong-value"),
        (lambda w: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, wrong, mistake):
    expect_mistake("vae.log_p_by_draws", wrong, mistake=mistake)
