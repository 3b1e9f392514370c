"""TensorFlow's functions between the layers come back."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf
import tf_keras as keras
from comparing_networks import expect_same

layers = keras.layers


def test_tensorflow_functions_between_the_layers(rng):
    x = keras.Input((4, 4, 2))
    y = tf.nn.sigmoid(x) + x * 2.0
    y = 1.0 - tf.nn.leaky_relu(y - 1.0, alpha=0.1)
    y = tf.reshape(y, (-1, 8, 4))
    y = tf.nn.softmax(keras.activations.relu(y / 3.0), axis=1) - np.arange(32).reshape(8, 4)
    y = tf.maximum(tf.clip_by_value(-y, -1.0, 5.0), y - np.ones((1, 8, 1)))
    y = tf.nn.silu(tf.math.softplus(tf.nn.gelu(tf.nn.elu(tf.exp(tf.tanh(y))), approximate=True)))
    y = tf.square(layers.Dense(3)(tf.reshape(y, shape=[-1, 32])))
    inner = keras.Model(x, y)
    z = keras.Input((4, 4, 2))
    expect_same({"inner": inner, "outer": keras.Model(z, inner(z) + inner(z * 0.5))}, rng)
