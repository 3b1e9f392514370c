"""`vae.log_p_by_grid`: right sums of any construction pass, each usual mistake is named, and no points hang on it."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logsumexp


def with_float64(likelihood, prior, area):
    return np.log((np.exp(likelihood.astype("float64") + prior) * area).sum(axis=1))


def loop(likelihood, prior, area):
    return [float(logsumexp(row + prior) + np.log(area)) for row in likelihood]


def whole(likelihood, prior):
    return tf.reduce_logsumexp(likelihood + prior, axis=1)


@pytest.mark.parametrize(
    "right",
    [
        lambda likelihood, prior, area: whole(likelihood, prior) + tf.math.log(area),
        lambda likelihood, prior, area: logsumexp(likelihood + prior + np.log(area), axis=1),
        lambda likelihood, prior, area: logsumexp(likelihood.numpy() + prior.numpy(), axis=1, b=float(area)),
        with_float64,
        loop,
    ],
)
def test_right_sums(expect_full, right):
    expect_full("vae.log_p_by_grid", right)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda like, prior, a: -whole(like, prior) - np.log(a), "wrong-sign"),
        (lambda like, prior, a: whole(like, prior), "area-missing"),
        (lambda like, prior, a: whole(like, prior) + a, "area-not-logarithm"),
        (lambda like, prior, a: whole(like, prior) * a, "area-times-logarithm"),
        (lambda like, prior, a: tf.reduce_logsumexp(like, axis=1) + np.log(a), "prior-missing"),
        (lambda like, prior, a: tf.reduce_logsumexp(like, axis=1), "prior-missing"),
        (lambda like, prior, a: whole(like, -prior) + np.log(a), "prior-divided"),
        (lambda like, prior, a: whole(like, prior) - np.log(like.shape[1]) + np.log(a), "mean-not-sum"),
        (lambda like, prior, a: (like + prior).max(axis=1) + np.log(a), "maximum-not-sum"),
        (lambda like, prior, a: (like + prior).sum(axis=1), "sum-of-logarithms"),
        (lambda like, prior, a: (like + prior).mean(axis=1), "mean-of-logarithms"),
        (lambda like, prior, a: np.log(np.exp(like + prior).sum(axis=1) * a), "underflow"),
        (lambda like, prior, a: np.exp(whole(like, prior) + np.log(a)), "probability-not-logarithm"),
        (lambda like, prior, a: tf.reduce_logsumexp(like + prior, axis=0), "wrong-axis"),
        (lambda like, prior, a: tf.reduce_logsumexp(like + prior), "reduced-over-images"),
        (lambda like, prior, a: whole(like, prior) + 3, "wrong-value"),
        (lambda like, prior, a: np.full(len(like), np.nan), "not-finite"),
        (lambda like, prior, a: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, wrong, mistake):
    expect_mistake("vae.log_p_by_grid", wrong, mistake=mistake)
