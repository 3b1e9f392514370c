"""Distributions come back: layers that make them, priors, and the KL towards these."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from comparing_networks import again, expect_same, expect_same_numbers, inputs_for, standard

layers = keras.layers
tfd, tfpl = tfp.distributions, tfp.layers

PRIORS = {
    "independent": lambda: standard(),
    "floats": lambda: tfd.Independent(tfd.Normal([0.0, 0.5], [1.0, 2.0]), 1),
    "diagonal": lambda: tfd.MultivariateNormalDiag(tf.constant([0.1, 0.2]), np.array([1, 2], "f4")),
    "diagonal without loc": lambda: tfd.MultivariateNormalDiag(scale_diag=[1.0, 0.3]),
    "diagonal without scale": lambda: tfd.MultivariateNormalDiag(tf.zeros(2)),
    "full": lambda: tfd.MultivariateNormalTriL([0.0, 1.0], [[1.0, 0.0], [0.4, 0.7]]),
    "sample": lambda: tfd.Sample(tfd.Normal(0.0, 1.0), 2),
    "sample of list": lambda: tfd.Independent(tfd.Sample(tfd.Normal(0.0, 1.5), sample_shape=[2]), 0),
}
EXACT = {"independent", "floats", "diagonal", "diagonal without loc", "diagonal without scale", "full"}
KL_SETTINGS = [
    {"weight": 0.5},
    {"weight": np.float32(2)},
    {"weight": tf.constant(0.1), "test_points_reduce_axis": 0},
    {"weight": tf.Variable(0.3, trainable=False), "test_points_reduce_axis": None},
    {"test_points_reduce_axis": [0]},
]


@pytest.mark.parametrize("number, prior", list(enumerate(PRIORS)))
def test_the_kl_towards_any_allowed_prior_comes_back(number, prior, rng):
    full = prior.startswith(("diagonal", "full"))
    layer = tfpl.MultivariateNormalTriL if full else tfpl.IndependentNormal
    for settings in ({"use_exact_kl": prior in EXACT, "weight": 0.7}, KL_SETTINGS[number % len(KL_SETTINGS)]):
        kl = tfpl.KLDivergenceRegularizer(PRIORS[prior](), **settings)
        model = keras.Sequential(
            [keras.Input((3,)), layers.Dense(layer.params_size(2)), layer(2, activity_regularizer=kl)]
        )
        rebuilt = again({"m": model})["m"]
        expect_same_numbers(model, rebuilt, rng)
        assert len(rebuilt.losses) == 2


@pytest.mark.parametrize("convert", [tfd.Distribution.sample, tfd.Distribution.mean, "mode"])
@pytest.mark.parametrize("kind", ["normal", "bernoulli", "full"])
def test_distribution_layers_come_back(kind, convert, rng):
    size, layer = {
        "normal": (12, lambda: tfpl.IndependentNormal((2, 3), convert)),
        "bernoulli": (6, lambda: tfpl.IndependentBernoulli([3, 2, 1], convert)),
        "full": (9, lambda: tfpl.MultivariateNormalTriL(np.int64(3), convert)),
    }[kind]
    model = keras.Sequential([keras.Input((3,)), layers.Dense(size), layer()], name="cloud")
    x = keras.Input((3,))
    after = keras.Model(x, layers.Dense(2)(layers.Flatten()(model(x))))
    expect_same({"cloud": model, "after": after}, rng)


def test_the_layer_that_adds_a_kl_comes_back(rng):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            tfpl.IndependentNormal(2),
            tfpl.KLDivergenceAddLoss(standard(), use_exact_kl=True, weight=0.5),
        ]
    )
    x = keras.Input((3,))
    whole = keras.Model(x, layers.Dense(3)(model(x)))
    rebuilt = expect_same({"m": model, "whole": whole}, rng)["m"]
    assert len(rebuilt.losses) == 1 and hasattr(rebuilt(inputs_for(rng, rebuilt)), "log_prob")
