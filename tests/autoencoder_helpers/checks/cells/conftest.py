"""Networks of chapter 5, as one right answer to each exercise, and their parts with one thing wrong."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


@pytest.fixture(scope="session")
def cell_encoder():
    """cell_encoder(...): a small encoder; width: of the Dense layer before the cloud; end: what makes the cloud."""

    def make(width=4, latent=2, weight=0.5, exact=True, activation=None, genes=765, end=None, before=()):
        prior = tfd.Independent(tfd.Normal(tf.zeros(latent), 1.0), reinterpreted_batch_ndims=1)
        regularizer = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=exact, weight=weight) if weight else None
        cloud = tfpl.IndependentNormal(latent, activity_regularizer=regularizer) if end is None else end
        last = layers.Dense(width, activation=activation)
        parts = [layers.Input((genes,)), *before, layers.Dense(8, "relu"), last]
        return keras.Sequential([*parts, *([cloud] if cloud != "none" else [])])

    return make


@pytest.fixture(scope="session")
def cell_decoder():
    """cell_decoder(...): a small decoder with this activation at its end."""

    def make(activation="softmax", genes=765, latent=2, behind=()):
        return keras.Sequential(
            [layers.Input((latent,)), layers.Dense(8, "relu"), layers.Dense(genes, activation), *behind]
        )

    return make
