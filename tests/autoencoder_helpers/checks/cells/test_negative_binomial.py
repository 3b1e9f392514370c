"""`cells.negative_binomial`: right losses pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

tfd = tfp.distributions


def means_of(counts, shares):
    return tf.reduce_sum(counts, axis=1, keepdims=True) * shares


def each(counts, means, r):
    return -tfd.NegativeBinomial(total_count=r, logits=tf.math.log(means / r)).log_prob(counts)


def right(counts, shares, r):
    return tf.reduce_sum(each(counts, means_of(counts, shares), r), axis=1)


def by_hand(counts, shares, r):
    m = means_of(counts, shares)
    logs = tf.math.lgamma(counts + r) - tf.math.lgamma(r) - tf.math.lgamma(counts + 1)
    logs += r * tf.math.log(r / (r + m)) + counts * tf.math.log(m / (r + m))
    return -tf.reduce_sum(logs, axis=1)


def upside_down(counts, shares, r):
    law = tfd.NegativeBinomial(total_count=r, logits=tf.math.log(r / means_of(counts, shares)))
    return -tf.reduce_sum(law.log_prob(counts), axis=1)


def without_r(counts, shares, r):
    law = tfd.NegativeBinomial(total_count=r, logits=tf.math.log(means_of(counts, shares)))
    return -tf.reduce_sum(law.log_prob(counts), axis=1)


first_r = []


def keeps_its_first_r(counts, shares, r):
    first_r.append(r)
    return right(counts, shares, first_r[0])


def poisson(counts, shares, r):
    return -tf.reduce_sum(tfd.Poisson(means_of(counts, shares)).log_prob(counts), axis=1)


@pytest.mark.parametrize("loss", [right, by_hand, lambda counts, shares, r: right(counts, shares, r).numpy()])
def test_right_losses(expect_full, loss):
    expect_full("cells.negative_binomial", loss)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda x, p, r: -right(x, p, r), "wrong-sign"),
        (lambda x, p, r: each(x, means_of(x, p), r), "not-summed"),
        (lambda x, p, r: tf.reduce_mean(each(x, means_of(x, p), r), axis=1), "mean-over-genes"),
        (lambda x, p, r: tf.reduce_sum(right(x, p, r)), "wrong-shape"),
        (poisson, "poisson"),
        (lambda x, p, r: tf.reduce_sum(each(x, p, r), axis=1), "total-missing"),
        (upside_down, "logits-upside-down"),
        (without_r, "r-missing-in-logits"),
        (lambda x, p, r: right(x, p, r) + 7, "wrong-value"),
        (keeps_its_first_r, "r-ignored"),
        (lambda x, p, r: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, wrong, mistake):
    expect_mistake("cells.negative_binomial", wrong, mistake=mistake)
