"""`flowers.loss`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check, measures
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule


def right_loss(x, p):
    return 80 * 80 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


def by_hand(x, p, edge=1e-7):
    p = tf.clip_by_value(p, edge, 1 - edge)
    return 6400 * tf.reduce_mean(-x * tf.math.log(p) - (1 - x) * tf.math.log(1 - p), axis=(1, 2, 3))


@pytest.mark.parametrize(
    "function",
    [
        right_loss,
        by_hand,
        lambda x, p: tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=[1, 2]),
        lambda x, p: (
            6400
            * keras.losses.BinaryCrossentropy(reduction="none")(*(tf.reshape(part, (-1, 19_200)) for part in (x, p)))
        ),
    ],
)
def test_right_losses_get_the_point(points, function):
    assert points("flowers.loss", function) == 1


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (lambda x, p: 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p)), "mean-over-images", 0.5),
        (lambda x, p: 6400 * keras.losses.BinaryCrossentropy()(x, p), "mean-over-images", 0.5),
        (lambda x, p: measures.bce_per_image(np.asarray(x), np.asarray(p)) / 3, "not-for-training", 0.5),
        # The squares stand for a KL, which grows like them: at first it is small beside the cross-entropy.
        (lambda x, p: right_loss(x, p) + 1e-5 * tf.reduce_sum(tf.square(x), axis=(1, 2, 3)), "something-added", 0.5),
        (lambda x, p: 3 * right_loss(x, p), "times-19200", 0.5),
        (lambda x, p: right_loss(x, p) / 6400, "not-scaled", 0.5),
        (lambda x, p: right_loss(x, p) * 784 / 6400, "times-784", 0.5),
        (lambda x, p: -right_loss(x, p), "wrong-sign", 0.5),
        (lambda x, p: 6400 * keras.losses.binary_crossentropy(x, p), "not-averaged", 0.5),
        (lambda x, p: 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(0, 1)), "wrong-axis", 0.5),
        (lambda x, p: right_loss(p, x), "swapped-arguments", 0.5),
        (lambda x, p: by_hand(p, x), "swapped-arguments", 0.5),
        (lambda x, p: by_hand(p, x, 1e-6), "swapped-arguments", 0.5),
        (lambda x, p: 6400 * tf.reduce_mean((x - p) ** 2, axis=(1, 2, 3)), "squared-error", 0.5),
        (lambda x, p: 1.3 * right_loss(x, p), "wrong-value", 0.5),
        (lambda x, p: right_loss(x, p) / tf.cast(tf.shape(x)[0], "float32"), "divided-by-batch", 0.5),
        (lambda x, p: tf.reduce_sum(right_loss(x, p)), "summed-over-images", 0.5),
        (lambda x, p: 6400 * tf.reduce_mean(tf.abs(x - p) ** 3, axis=(1, 2, 3)), "wrong-value", 0),
        (lambda x, p: None, "no-return", 0),
        (lambda x: x, "raises", 0),
        (None, "no-function", 0),
        (3, "no-function", 0),
    ],
)
def test_mistakes_in_the_loss_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("flowers.loss", function, mistake=mistake, kept=kept)


def smoothed(amount):
    def loss(x, p):
        return 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p, label_smoothing=amount), axis=(1, 2))

    return loss


@pytest.mark.parametrize("seed", range(5))
def test_smoothed_labels_are_another_loss_in_any_draw(seed):
    def run(function):
        return run_rule(catalogue()["flowers.loss"], (function,), {}, seed=seed).points

    assert run(right_loss) == 1
    assert [run(smoothed(amount)) for amount in (0.02, 0.05, 0.1, 0.2)] == 4 * [0]


def test_what_is_shown_of_a_batch_is_where_it_differs():
    def others_doubled(x, p):
        each = 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2))
        return each * tf.concat([tf.ones(2), 2 * tf.ones(tf.shape(each)[0] - 2)], 0) if x.shape[0] > 1 else each

    (step,) = check("flowers.loss", others_doubled).failures
    assert step.mistake == "wrong-batch" and "image 2" in step.expected, step
    assert step.expected.split()[0] != step.found.split()[0]
