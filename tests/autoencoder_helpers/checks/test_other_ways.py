"""Unusual precisions and operations are as right as the usual ones."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.checks import catalogue, check
from autoencoder_helpers.checks.answers import as_array
from autoencoder_helpers.checks.models import precision, predict
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.training.running import load_weights


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


WEIGHTS = Path(__file__).parents[2] / "submissions" / "weights" / "right-1-mixed-float16"
#: Changes to the network whose weights lie there, and what they cost or do not cost.
CHANGES = {
    "right": lambda parts: None,
    "forgotten": lambda parts: parts["autoencoder"].set_weights(
        [array * 0 for array in parts["autoencoder"].get_weights()]
    ),
    "codes of another": lambda parts: parts.update(codes=parts["codes"][::-1]),
    "codes a little off": lambda parts: parts.update(codes=parts["codes"] + parts["codes"].std() / 10),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_network_in_half_precision_gets_rebuilt_what_it_gets_in_the_notebook(policy, change):
    """Whoever scores rebuilds it in float32, and gives what the learner saw."""
    from autoencoder_helpers import load_mnist

    L, digits = keras.layers, load_mnist(flatten=True)[1][0] / np.float32(255)
    layers = [L.Dense(100, "relu", dtype=policy), L.Dense(20, "relu", dtype=policy), L.Dense(2, dtype=policy)]
    encoder = keras.Sequential([keras.Input((784,)), *layers])
    layers = [L.Dense(20, "relu", dtype=policy), L.Dense(100, "relu", dtype=policy), L.Dense(784, dtype=policy)]
    decoder = keras.Sequential([keras.Input((2,)), *layers, L.Activation("sigmoid", dtype="float32")])
    image = keras.Input((784,))
    parts = {"encoder": encoder, "decoder": decoder, "autoencoder": keras.Model(image, decoder(encoder(image)))}
    assert load_weights(parts["autoencoder"], "dense_autoencoder", WEIGHTS)
    codes = encoder.predict(digits, batch_size=100, verbose=0)
    parts["codes"] = codes
    CHANGES[change](parts)
    rebuilt = rebuild_models(*describe_models({name: part for name, part in parts.items() if name != "codes"}))
    for found in (parts, rebuilt):
        found["autoencoder"].compile("adamax", "binary_crossentropy")
    rebuilt["codes"] = parts["codes"]
    assert all(precision(rebuilt[name]) == precision(parts[name]) for name in ("encoder", "decoder", "autoencoder"))
    for rule in ("encoder", "decoder", "autoencoder", "trained", "codes"):
        entry = catalogue()[f"dense.{rule}"]
        seen, given = (
            run_rule(entry, (), {name: found[name] for name in entry.answers}, seed=1) for found in (parts, rebuilt)
        )
        assert (given.points, [s.mistake for s in given.steps]) == (seen.points, [s.mistake for s in seen.steps]), rule
        if change == "right":
            assert given.passed, (rule, [s.mistake for s in given.steps])


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
