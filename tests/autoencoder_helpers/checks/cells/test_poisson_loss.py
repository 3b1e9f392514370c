"""`cells.poisson_loss`: right losses of any construction pass, each usual mistake is named."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import measures
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule

tfd = tfp.distributions


def means(counts, shares):
    return tf.reduce_sum(counts, axis=1, keepdims=True) * shares


def by_gene(counts, shares):
    m = means(counts, shares)
    return m - tf.math.xlogy(counts, m) + tf.math.lgamma(counts + 1)


def right(counts, shares):
    return tf.reduce_sum(by_gene(counts, shares), axis=1)


def by_distribution(counts, shares):
    return -tf.reduce_sum(tfd.Poisson(rate=means(counts, shares) + 1e-9).log_prob(counts), axis=-1)


@tf.function
def clipped(counts, shares, eps=1e-10):
    m = tf.maximum(means(counts, shares), eps)
    return tf.reduce_sum(m - counts * tf.math.log(m) + tf.math.lgamma(counts + 1.0), -1)


def by_tensorflow(counts, shares):
    return tf.reduce_sum(
        tf.nn.log_poisson_loss(counts, tf.math.log(means(counts, shares) + 1e-9)) + tf.math.lgamma(counts + 1), axis=1
    )


def by_stirling(counts, shares):
    logarithms = tf.math.log(means(counts, shares) + 1e-9)
    return tf.reduce_sum(tf.nn.log_poisson_loss(counts, logarithms, compute_full_loss=True), axis=1)


@pytest.mark.parametrize("function", [right, by_distribution, clipped, by_tensorflow])
def test_right_losses_get_the_point(points, function):
    assert points("cells.poisson_loss", function) == 1


def without_total(counts, shares):
    return tf.reduce_sum(shares - tf.math.xlogy(counts, shares) + tf.math.lgamma(counts + 1), axis=1)


def without_factorial(counts, shares):
    m = means(counts, shares)
    return tf.reduce_sum(m - tf.math.xlogy(counts, m), axis=1)


def naive(counts, shares):
    m = means(counts, shares)
    return tf.reduce_sum(m - counts * tf.math.log(m) + tf.math.lgamma(counts + 1), axis=1)


def of_the_mean_total(counts, shares):
    m = tf.reduce_mean(tf.reduce_sum(counts, axis=1)) * shares
    return tf.reduce_sum(m - tf.math.xlogy(counts, m) + tf.math.lgamma(counts + 1), axis=1)


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (lambda x, p: tf.reduce_mean(by_gene(x, p), axis=1), "mean-over-genes", 0.5),
        (by_gene, "not-summed", 0.5),
        (lambda x, p: tf.reduce_sum(by_gene(x, p)), "summed-over-cells", 0.5),
        (lambda x, p: tf.reduce_sum(by_gene(x, p), axis=0), "wrong-axis", 0.5),
        (lambda x, p: tf.reduce_mean(right(x, p)), "mean-over-cells", 0.5),
        (lambda x, p: right(x, p) / tf.cast(tf.shape(x)[0], tf.float32), "divided-by-batch", 0.5),
        (without_total, "total-missing", 0.5),
        (without_factorial, "factorial-missing", 0.5),
        (by_stirling, "stirling", 0.5),
        (lambda x, p: right(x, tf.maximum(p, 3e-4)), "coarse-clip", 0),
        (lambda x, p: clipped(x, p, 0.1), "coarse-clip", 0),
        (lambda x, p: clipped(x, p, 0.05), "coarse-clip", 0),
        (naive, "not-finite-at-zero", 0.5),
        (lambda x, p: -right(x, p), "wrong-sign", 0.5),
        (lambda x, p: right(x, p) / np.log(2), "bits", 0.5),
        (lambda x, p: -tf.reduce_sum(tf.math.xlogy(x, p), axis=1), "half-of-the-formula", 0.5),
        (lambda x, p: tf.reduce_sum(tf.square(x - means(x, p)), axis=1), "squared-error", 0.5),
        (lambda x, p: tf.reduce_sum(tf.abs(x - means(x, p)), axis=1), "wrong-value", 0),
        (lambda x, p: measures.poisson_per_cell(x, means(x, p)), "not-for-training", 0.5),
        (lambda x, p: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)
def test_mistakes_in_the_loss_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("cells.poisson_loss", function, mistake=mistake, kept=kept)


def points_of_draws(function):
    return [run_rule(catalogue()["cells.poisson_loss"], (function,), {}, seed=seed).points for seed in range(8)]


def test_the_points_do_not_depend_on_the_draw():
    assert points_of_draws(by_stirling) == 8 * [0.5]
    assert points_of_draws(lambda x, p: tf.reduce_mean(by_stirling(x, p))) == 8 * [0]
    assert points_of_draws(lambda x, p: clipped(x, p, 0.05)) == 8 * [0]


@pytest.mark.parametrize("function", [right, by_distribution, clipped, by_tensorflow])
def test_right_losses_get_the_point_of_any_draw(function):
    assert points_of_draws(function) == 8 * [1]


def test_two_mistakes_are_both_named_and_cost_all(mistakes, points):
    def both(counts, shares):
        return tf.reduce_mean(without_total(counts, shares))

    assert mistakes("cells.poisson_loss", both) == ["total-missing", "mean-over-cells"]
    assert points("cells.poisson_loss", both) == 0


def test_kerass_own_loss_is_told_what_it_lacks(mistakes):
    found = mistakes("cells.poisson_loss", lambda x, p: keras.losses.poisson(x, means(x, p)))
    assert found == ["factorial-missing", "mean-over-genes"]


def test_a_total_of_the_batch_is_no_total_of_a_cell(mistakes):
    assert "wrong-batch" in mistakes("cells.poisson_loss", of_the_mean_total)
