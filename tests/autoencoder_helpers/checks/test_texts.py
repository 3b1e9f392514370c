"""What learners read: numbers with their unit, the thing that is meant, and what was really looked at."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check, measures

layers = keras.layers


def failure(name, *answers):
    (step,) = check(name, *answers).failures
    return step


def dense(*widths, last=None):
    hidden = [layers.Dense(width, "relu") for width in widths[1:-1]]
    return keras.Sequential([keras.Input((widths[0],)), *hidden, layers.Dense(widths[-1], last)])


def test_the_input_of_a_decoder_is_not_called_an_image():
    assert failure("dense.decoder", dense(3, 20, 100, 784)).expected == "input shape (2,) for each image"


def test_as_many_codes_are_told_as_were_tried():
    decoder = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(19_200, "sigmoid", kernel_initializer="zeros"),
            layers.Reshape((80, 80, 3)),
        ]
    )
    assert "12 different codes" in failure("flowers.decoder", decoder).found


def test_a_cross_entropy_of_logits_behind_a_sigmoid_is_not_told_as_the_right_one():
    model = dense(784, 2, 784, last="sigmoid")
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    loss, _ = check("dense.trained", model).failures
    assert loss.mistake == "wrong-loss" and "other values" in loss.found and "from_logits" in loss.look
    model.compile("adam", "mse")
    loss, _ = check("dense.trained", model).failures
    assert loss.found == "mse" and "compile" in loss.look


def test_an_untrained_loss_is_per_pixel():
    model = dense(784, 2, 784, last="sigmoid")
    model.compile("adam", "binary_crossentropy")
    step = failure("dense.trained", model)
    assert "nats per pixel" in step.expected and "nats per pixel, close to ln 2" in step.found


def test_floor_and_baseline_per_pixel_are_named_with_both_units():
    def per_pixel(x_train, x):
        floor = measures.entropy_per_image(x).mean()
        return floor, measures.bce_per_image(x, np.broadcast_to(x_train.mean(0), x.shape)).mean() / 784

    step = failure("dense.floor_and_baseline", per_pixel)
    assert "baseline" in step.expected and "nats per image" in step.expected and "nats per pixel" in step.found


def test_the_scale_of_the_flowers_is_said_with_every_number():
    def yardsticks(x_train, x):
        return measures.entropy_per_image(x).mean() / 3, measures.bce_per_image(x, x_train.mean(0)[None]).mean()

    step = failure("flowers.yardsticks", yardsticks)
    assert "baseline" in step.expected and "6,400 x the mean" in step.expected and "nats per image" in step.found
    flower_loss = failure("flowers.loss", lambda x, p: tf.reduce_mean(keras.losses.binary_crossentropy(x, p), (1, 2)))
    assert "6,400 x the mean" in flower_loss.expected


@pytest.mark.parametrize(
    ("factor", "name"), [(1, "nats per pixel"), (-784, "wrong sign"), (784**2, "784 times the sum"), (28, "one axis")]
)
def test_the_wrong_scale_of_a_reconstruction_loss_is_said_beside_its_number(factor, name):
    def reconstruction_loss(images, reconstructions):
        return factor * tf.reduce_mean(keras.losses.binary_crossentropy(images, reconstructions), axis=(1, 2))

    step = failure("vae.loss", reconstruction_loss)
    assert name in step.found
    assert ("positive numbers" if factor < 0 else "nats for the first image") in step.expected


def test_the_first_value_of_a_wrong_formula_has_its_unit():
    step = failure("vae.gaussian_kl", lambda mean, stddev: (mean**2).sum(1) + 7)
    assert step.mistake == "wrong-value" and step.expected.endswith("nats for the first image")


def test_an_accuracy_is_called_one():
    step = failure("conv.neighbours", lambda *arguments: 0.123)
    assert step.expected.startswith("an accuracy of 0.")


def test_a_shape_is_told_without_the_batch_axis():
    encoder = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(3)])
    assert "(3,)" in check("conv.encoder", encoder).failures[0].found
