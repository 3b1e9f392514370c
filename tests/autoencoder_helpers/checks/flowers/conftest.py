"""Networks for the tests of chapter 4."""

from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def prior():
    return tfd.MultivariateNormalDiag(tf.zeros(10), tf.ones(10))


def towards(prior, weight=0.0002, exact=True):
    return tfpl.KLDivergenceRegularizer(prior, use_exact_kl=exact, weight=weight)


def full(regularizer="chapter", width=10):
    return tfpl.MultivariateNormalTriL(
        width, activity_regularizer=towards(prior()) if regularizer == "chapter" else regularizer
    )


def encoder(*ending, shape=(80, 80, 3)):
    """A small network with the chapter's interface; `ending` is what follows the convolution."""
    ending = ending or (layers.Dense(65), full())
    return keras.Sequential(
        [layers.Input(shape), layers.Conv2D(4, 9, strides=8, activation="relu"), layers.Flatten(), *ending]
    )


def decoder(*ending, first=10):
    ending = ending or (layers.Conv2DTranspose(3, 8, strides=8, activation="sigmoid"),)
    return keras.Sequential([layers.Input((first,)), layers.Dense(400), layers.Reshape((10, 10, 4)), *ending])


def up(filters, **settings):
    return layers.Conv2DTranspose(filters, 8, strides=8, **settings)


def joined(e, d):
    image = layers.Input((80, 80, 3))
    return keras.Model(image, d(e(image)))


@pytest.fixture(scope="session")
def make():
    """Functions that make networks and their parts."""
    return SimpleNamespace(
        prior=prior, towards=towards, full=full, encoder=encoder, decoder=decoder, joined=joined, up=up
    )
