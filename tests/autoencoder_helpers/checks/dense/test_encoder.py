"""`dense.encoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


def functional_encoder():
    image = keras.Input((784,), name="picture")
    hidden = layers.Dense(100, name="first")(image)
    hidden = layers.Activation("relu")(hidden)
    hidden = layers.Dense(20, activation=tf.nn.relu)(hidden)
    return keras.Model(image, layers.Dense(2, activation="linear")(hidden))


def tf_keras_encoder():
    return tf.keras.Sequential(
        [tf.keras.layers.Dense(100, "relu", input_shape=(784,)), tf.keras.layers.Dense(20), tf.keras.layers.ReLU(),
         tf.keras.layers.Dense(2)]
    )  # fmt: skip


@pytest.mark.parametrize(
    "build",
    [
        lambda make: make.encoder(),
        lambda make: functional_encoder(),
        lambda make: tf_keras_encoder(),
        lambda make: make.dense(784, 100, 20, 2, inputs=False),
        lambda make: make.dense(784, 100, 20, 2, activations=["tanh", "elu", "linear"]),
        lambda make: keras.Sequential(
            [keras.Input((784,)), make.dense(784, 100, 20, activations=["relu", "relu"]), layers.Dense(2)]
        ),
    ],
)
def test_right_encoders_of_any_construction_get_all_points(points, make, build):
    assert points("dense.encoder", build(make)) == 2


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.dense(784, 20, 100, 2), "swapped-widths", 1.5),
        (lambda make: make.dense(784, 128, 20, 2), "wrong-widths", 1.5),
        (lambda make: make.dense(784, 100, 2), "wrong-widths", 1.5),
        (lambda make: make.dense(784, 2), "wrong-widths", 0.5),
        (lambda make: make.dense(784, 100, 20), "wrong-output-shape", 0),
        (lambda make: make.dense(784, 100, 20, 784), "wrong-output-shape", 0),
        (lambda make: make.dense(28, 100, 20, 2), "wrong-input-shape", 0),
        (lambda make: make.dense(784, 100, 20, 2, activations=[None, "relu", None]), "missing-activation", 1.5),
        (lambda make: make.dense(784, 100, 20, 2, activations=["relu", "relu", "relu"]), "bottleneck-activation", 1.5),
        (lambda make: make.encoder, "no-model", 0),
        (lambda make: layers.Dense(2), "no-model", 0),
        (lambda make: keras.Sequential, "class-not-object", 0),
        (lambda make: None, "missing", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("dense.encoder", build(make), mistake=mistake, kept=kept)


def test_a_subclassed_model_is_told_that_it_cannot_be_rebuilt():
    class Own(keras.Model):
        def call(self, x):
            return x

    result = check("dense.encoder", Own())
    assert result.failures[0].mistake == "subclassed-model" and "Sequential" in result.failures[0].look


def test_a_model_of_keras_3_is_told_which_keras_to_use():
    import keras as keras_3

    model = keras_3.Sequential([keras_3.Input((784,)), keras_3.layers.Dense(2)])
    assert "tf_keras" in check("dense.encoder", model).failures[0].look
