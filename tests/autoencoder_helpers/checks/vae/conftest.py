"""Networks for the tests of chapter 3."""

from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def standard():
    return tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)


def regularizer(weight=0.5, exact=True, prior=None):
    return tfpl.KLDivergenceRegularizer(prior or standard(), use_exact_kl=exact, weight=weight)


def cloud_layer(weight=0.5, exact=True, prior=None):
    return tfpl.IndependentNormal(2, activity_regularizer=regularizer(weight, exact, prior))


def encoder(*ending, hidden=(20,)):
    """A small encoder; its last layers are handed in, or are right."""
    ending = ending or (layers.Dense(4), cloud_layer())
    return keras.Sequential(
        [layers.Input((28, 28, 1)), layers.Flatten(), *[layers.Dense(n, "relu") for n in hidden], *ending]
    )


def decoder(last="sigmoid", hidden=(20,)):
    return keras.Sequential(
        [
            layers.Input((2,)),
            *[layers.Dense(n, "relu") for n in hidden],
            layers.Dense(784, last),
            layers.Reshape((28, 28, 1)),
        ]
    )


def joined(e, d):
    image = layers.Input((28, 28, 1))
    return keras.Model(image, d(e(image)))


@pytest.fixture(scope="session")
def make():
    """Functions that make networks and their parts."""
    return SimpleNamespace(
        standard=standard,
        regularizer=regularizer,
        cloud_layer=cloud_layer,
        encoder=encoder,
        decoder=decoder,
        joined=joined,
    )
