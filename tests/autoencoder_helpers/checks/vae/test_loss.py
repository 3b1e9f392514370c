"""`vae.loss`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

layers, tfd = keras.layers, tfp.distributions


def summed(x, p):
    return tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


def test_right_losses(expect_full):
    bernoulli = lambda x, p: -tf.reduce_sum(x * tf.math.log(p) + (1 - x) * tf.math.log(1 - p), axis=[1, 2, 3])  # noqa: E731
    for right in (
        summed,
        bernoulli,
        lambda x, p: 784 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2)),
        lambda x, p: 28 * 28 * keras.losses.binary_crossentropy(x, p),  # Keras averages what is left
        lambda x, p: keras.losses.BinaryCrossentropy()(x, p) * 784,
        lambda x, p: keras.losses.binary_crossentropy(layers.Flatten()(x), layers.Flatten()(p)) * 784.0,
        lambda x, p: -tfd.Independent(tfd.Bernoulli(probs=p, dtype=tf.float32), 3).log_prob(x),
    ):
        expect_full("vae.loss", right)


@pytest.mark.parametrize(
    ("wrong", "mistake", "kept"),
    [
        ("binary_crossentropy", "no-function", 0),
        (keras.losses.binary_crossentropy, "mean-over-pixels", 0.5),
        (
            lambda x, p: tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2)),
            "mean-over-pixels",
            0.5,
        ),
        (
            lambda x, p: tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=1),
            "summed-over-one-axis",
            0.5,
        ),
        (lambda x, p: 784 * summed(x, p), "scaled-twice", 0.5),
        (lambda x, p: np.sum(-x * np.log(p) - (1 - x) * np.log(1 - p), axis=(1, 2, 3)), "not-for-training", 0.5),
        (lambda x, p: summed(x, p).numpy(), "not-for-training", 0.5),
        (
            lambda x, p: tf.numpy_function(lambda *both: summed(*both).numpy(), (x, p), tf.float32),
            "not-for-training",
            0.5,
        ),
        # The squares stand for a KL, which grows like them: at first it is small beside the cross-entropy.
        (lambda x, p: summed(x, p) + 1e-4 * tf.reduce_sum(tf.square(x), axis=(1, 2, 3)), "something-added", 0.5),
        (lambda x, p: 256 * keras.losses.binary_crossentropy(x, p), "wrong-scale", 0.5),
        (lambda x, p: -summed(x, p), "wrong-sign", 0.5),
        (lambda x, p: summed(x, p) / np.log(2), "bits", 0.5),
        (lambda x, p: tf.reduce_sum(summed(x, p)), "summed-over-images", 0.5),
        (lambda x, p: summed(x[:1], p[:1]), "wrong-batch", 0.5),
        (lambda x, p: summed(p, x), "swapped-arguments", 0.5),
        (lambda x, p: 784 * keras.losses.mean_squared_error(x, p), "wrong-loss", 0.5),
        (lambda x, p: tf.reduce_sum(tf.abs(x - p), axis=(1, 2, 3)), "wrong-loss", 0.5),
        (lambda x, p: -tf.reduce_sum(x * tf.math.log(p), axis=(1, 2, 3)), "half-of-the-formula", 0.5),
        (lambda x, p: -tf.reduce_sum(x * tf.math.log(p - p), axis=(1, 2, 3)), "not-finite", 0),
        (lambda x, p: 784 * keras.losses.BinaryCrossentropy(from_logits=True)(x, p), "from-logits", 0.5),
        (lambda x, p: summed(x, p) / tf.cast(tf.shape(x)[0], "float32"), "divided-by-batch", 0.5),
        (lambda x, p: -tfd.Independent(tfd.Bernoulli(probs=p), 3).log_prob(np.asarray(x)), "greys-cut-off", 0.5),
        (lambda x, p: tf.reduce_sum(tf.abs(x - p) ** 3, axis=(1, 2, 3)), "wrong-loss", 0),
        (lambda x, p: None, "no-return", 0),
        (lambda x: x, "raises", 0),
    ],
)
def test_mistakes_in_the_loss_are_named(expect_mistake, wrong, mistake, kept):
    expect_mistake("vae.loss", wrong, mistake=mistake, kept=kept)


@pytest.mark.parametrize(("clip", "mistake"), [(1e-7, None), (1e-4, None), (0.02, "wrong-loss"), (0.1, "wrong-loss")])
def test_reconstructions_are_not_clipped_to_greys(mistakes, clip, mistake):
    def loss(x, p):
        p = tf.clip_by_value(p, clip, 1 - clip)
        return tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2))

    assert mistakes("vae.loss", loss)[:1] == ([mistake] if mistake else [])
