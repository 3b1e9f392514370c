"""Small networks that train in no time, and `train` with what most tests ask of it."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers.training.running import train

L = keras.layers
IMAGES = np.random.default_rng(0).random((48, 12)).astype(np.float32)


def network(width=5, activation="relu", loss="binary_crossentropy", optimizer=None, name=None, eagerly=True):
    encoder = keras.Sequential([L.Input((12,)), L.Dense(width, activation=activation), L.Dense(2)], name=name)
    decoder = keras.Sequential([L.Input((2,)), L.Dense(12, activation="sigmoid")])
    model = keras.Sequential([L.Input((12,)), encoder, decoder])
    # Eagerly, because tracing a graph costs more than these trainings; some tests below do without.
    model.compile(loss=loss, optimizer=optimizer or keras.optimizers.Adam(0.01), run_eagerly=eagerly)
    return model


def variational(weight=0.5, scale=1.0, exact=True):
    prior = tfp.distributions.Independent(tfp.distributions.Normal(tf.zeros(2), scale), 1)
    model = keras.Sequential(
        [
            L.Input((12,)),
            L.Dense(4),
            tfp.layers.IndependentNormal(
                2, activity_regularizer=tfp.layers.KLDivergenceRegularizer(prior, use_exact_kl=exact, weight=weight)
            ),
            L.Dense(12, activation="sigmoid"),
        ]
    )
    model.compile(loss=lambda x, p: 12 * keras.losses.binary_crossentropy(x, p), optimizer="adamax", run_eagerly=True)
    return model


def run(model=None, epochs=2, **options):
    options = {"x": IMAGES, "batch_size": 16, "name": "net", **options}
    return train(model or network(), options.pop("x"), epochs=epochs, **options)


def weights_equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
