"""Settings of layers that come back: activations, regularizers, and the types that a layer computes in."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.evidence.settings import ACTIVATIONS
from comparing_networks import again, expect_same, randomized

layers = keras.layers


def test_the_activation_may_be_a_layer(rng):
    shared = layers.LeakyReLU(0.1)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, activation=shared),
            layers.Dense(3, activation=layers.PReLU()),
            layers.Dense(3, activation=layers.ReLU(max_value=0.5)),
            layers.Activation(layers.ELU(0.3)),
            layers.Dense(4, activation=shared),
        ]
    )
    randomized(rng, model)
    rebuilt = expect_same({"m": model}, rng)["m"]
    assert rebuilt.layers[0].activation is rebuilt.layers[-1].activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_comes_back_as_the_very_function(name):
    function = ACTIVATIONS[name]
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation=function)])
    assert again({"m": model})["m"].layers[0].activation is function


@pytest.mark.parametrize("policy", ["float32", "float64"])
def test_dtype_policies_come_back(policy, rng):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1), dtype="float64" if policy == "float64" else None),
            layers.Conv2D(3, 2, activation="relu", dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.Flatten(dtype=policy),
            layers.Dense(2, dtype=policy),
        ]
    )
    rebuilt = expect_same({"m": model}, rng)["m"]
    assert [w.dtype for w in rebuilt.weights] == [w.dtype for w in model.weights]
    assert rebuilt.output.dtype == model.output.dtype


HALVES = {"mixed_float16": ("float16", 2.0**-8), "mixed_bfloat16": ("bfloat16", 2.0**-5)}


@pytest.mark.parametrize("policy", HALVES)
def test_half_precision_is_rebuilt_in_float32(policy, rng):
    """Some processors take a hundred times as long in float16, and whoever scores must not wait for that."""
    dtype, near = HALVES[policy]
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        x = keras.Input((4, 4, 1), dtype="float16")
        y = layers.Conv2D(3, 2, activation="relu")(x)
        y = tf.nn.tanh(tf.maximum(layers.Flatten()(layers.BatchNormalization()(y)), 0.0) * 0.5)
        inner = keras.Model(x, layers.Dense(2)(y))
        model = keras.Sequential([keras.Input((4, 4, 1)), inner, layers.Dense(3, "sigmoid", dtype="float32")])
    finally:
        keras.mixed_precision.set_global_policy(before)
    randomized(rng, model)
    rebuilt = again({"m": model})["m"]
    inside = rebuilt.layers[0]
    for layer in [*inside.layers, *rebuilt.layers]:
        assert layer.compute_dtype == "float32"
    assert all(layer.described_dtype == dtype for layer in inside.layers if hasattr(layer, "described_dtype"))
    assert [layer.described_dtype for layer in (inside.layers[-1], rebuilt.layers[1])] == [dtype, "float32"]
    images = rng.random((5, 4, 4, 1))
    assert inside(images).dtype == rebuilt(images).dtype == "float32"
    np.testing.assert_allclose(rebuilt(images), model(images), atol=near)


def test_regularizers_come_back(rng):
    l1, l2, both = keras.regularizers.L1(0.1), keras.regularizers.L2(0.2), keras.regularizers.L1L2(0.1, 0.3)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.SeparableConv2D(2, 2, depthwise_regularizer=l1, pointwise_regularizer=l2, bias_regularizer=both),
            layers.DepthwiseConv2D(2, depthwise_regularizer=both),
            layers.Conv2D(2, 2, kernel_regularizer="l2", activity_regularizer=l1, kernel_constraint="unit_norm"),
            layers.BatchNormalization(gamma_regularizer=l1, beta_regularizer=l2),
            layers.PReLU(alpha_regularizer=l2),
            layers.Flatten(),
            layers.Dense(2, kernel_regularizer=both, bias_regularizer=l1, use_bias=False),
            layers.Dense(2, kernel_constraint="non_neg"),
        ]
    )
    randomized(rng, model)
    expect_same({"m": model}, rng)
