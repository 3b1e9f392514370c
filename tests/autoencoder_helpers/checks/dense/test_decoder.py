"""`dense.decoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.decoder(None), "missing-sigmoid", 0.75),
        (lambda make: make.decoder("relu"), "wrong-output-activation", 0.75),
        (lambda make: make.decoder("tanh"), "wrong-output-activation", 0.75),
        (lambda make: make.decoder("softmax"), "softmax-output", 0.75),
        (lambda make: make.dense(2, 100, 20, 784, activations=["relu", "relu", "sigmoid"]), "swapped-widths", 0.75),
        (lambda make: make.dense(2, 784, activations=["sigmoid"]), "wrong-widths", 0),
        (lambda make: make.dense(2, 20, 100, 784, activations=[None, "relu", "sigmoid"]), "missing-activation", 0.75),
        (lambda make: make.dense(784, 20, 100, 2), "wrong-input-shape", 0),
    ],
)
def test_mistakes_in_the_decoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("dense.decoder", build(make), mistake=mistake, kept=kept)


def test_a_decoder_that_ignores_its_code_is_named(mistakes, make):
    model = make.decoder()
    model.layers[0].set_weights([np.zeros((2, 20)), np.zeros(20)])
    assert mistakes("dense.decoder", model) == ["ignores-code"]


def test_operations_called_on_a_layers_output_count_as_its_activation(expect_full):
    code = keras.Input((2,))
    hidden = tf.nn.relu(layers.Dense(100)(tf.nn.relu(layers.Dense(20)(code))))
    expect_full("dense.decoder", keras.Model(code, tf.sigmoid(layers.Dense(784)(hidden))))


@pytest.mark.parametrize("last", [layers.ReLU(), layers.PReLU(), layers.Activation("tanh")])
def test_a_wrong_activation_is_found_even_if_fresh_weights_keep_it_silent(make, last):
    decoder = make.dense(2, 20, 100, activations=["relu", "relu"])
    silent = layers.Dense(784, kernel_initializer="zeros")
    result = check("dense.decoder", keras.Sequential([decoder, silent, last]))
    assert "wrong-output-activation" in [step.mistake for step in result.failures], str(result)


def test_right_decoders_pass(points, make):
    assert points("dense.decoder", make.decoder()) == 1
    split = make.dense(2, 20, 100, 784)
    assert points("dense.decoder", keras.Sequential([split, layers.Activation("sigmoid")])) == 1


def test_weights_beyond_what_float32_holds_are_no_matter_of_the_sigmoid(mistakes, make):
    d = make.decoder()
    d.set_weights([np.float32(1e30) * array for array in d.get_weights()])
    assert "not-finite" in mistakes("dense.decoder", d) and "wrong-output-activation" not in mistakes(
        "dense.decoder", d
    )
