"""Unusual precisions and operations are as right as the usual ones."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.checks import check
from autoencoder_helpers.checks.answers import as_array
from autoencoder_helpers.checks.models import precision, predict


def test_half_and_more_than_double_precision_become_usual_numbers():
    found = as_array(tf.constant([1.5, 2.5], tf.bfloat16))
    assert found.dtype == np.float32 and found.tolist() == [1.5, 2.5]
    assert as_array(np.ones(2, np.longdouble) / 3).dtype == np.float64


def test_codes_in_mixed_precision_are_right_to_their_own_precision():
    from autoencoder_helpers import load_mnist

    digits = load_mnist(flatten=True)[1][0] / np.float32(255)
    layers = [keras.layers.Dense(width, dtype="mixed_bfloat16") for width in (100, 20, 2)]
    encoder = keras.Sequential([keras.Input((784,)), *layers])
    assert precision(encoder) == 2.0**-7 and predict(encoder, digits[:3]).dtype == np.float32
    codes = encoder.predict(digits, batch_size=1000, verbose=0)
    assert check("dense.codes", codes, encoder).passed
    assert not check("dense.codes", codes[::-1], encoder).passed


def _decoder(end):
    codes = keras.Input((2,))
    hidden = tf.maximum(keras.layers.Dense(20)(codes), 0.0)
    hidden = tf.nn.gelu(keras.layers.Dense(100)(hidden))
    return keras.Model(codes, end(keras.layers.Dense(784)(hidden)))


@pytest.mark.parametrize(
    "end",
    [
        tf.nn.sigmoid,
        lambda x: 1 / (1 + tf.exp(-x)),
        lambda x: 0.5 * (tf.tanh(x) + 1),
        lambda x: tf.minimum(tf.maximum(x, 0.0), 1.0),
        lambda x: tf.clip_by_value(x, 0.0, 1.0),
        keras.activations.hard_sigmoid,
    ],
)
def test_any_operations_that_end_between_0_and_1_give_grey_values(end):
    result = check("dense.decoder", _decoder(end))
    assert result.passed, str(result)


@pytest.mark.parametrize("end", [tf.nn.relu, tf.tanh, tf.identity, lambda x: 2 * tf.nn.sigmoid(x)])
def test_operations_that_end_elsewhere_do_not(end):
    assert check("dense.decoder", _decoder(end)).points == 0.75


def test_a_depthwise_convolution_is_a_layer_like_others():
    layers = keras.layers
    parts = [
        layers.Dense(1600),
        layers.Reshape((20, 20, 4)),
        layers.UpSampling2D(4),
        layers.DepthwiseConv2D(3, padding="same"),
    ]
    decoder = keras.Sequential([keras.Input((10,)), *parts, layers.Conv2D(3, 1, activation="sigmoid")])
    result = check("flowers.decoder", decoder)
    assert result.passed, str(result)
