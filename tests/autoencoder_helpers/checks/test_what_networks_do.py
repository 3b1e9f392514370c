"""Activations and bottlenecks are judged by what they do, whatever their layers are called."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks.models import answers_to_scaling, stages
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models

layers, tfpl = keras.layers, tfp.layers


def encoder(*hidden, end=()):
    """Chapter 1's encoder: what stands behind its first hidden layer, and behind its last layer."""
    parts = [keras.Input((784,)), layers.Dense(100), *hidden, layers.Dense(20, "relu"), layers.Dense(2), *end]
    return keras.Sequential(parts)


def by_operation(operation):
    """Chapter 1's encoder with an operation of TensorFlow behind its first hidden layer."""
    image = keras.Input((784,))
    hidden = layers.Dense(20, "relu")(operation(layers.Dense(100)(image)))
    return keras.Model(image, layers.Dense(2)(hidden))


def prelu(slope):
    return layers.PReLU(alpha_initializer=keras.initializers.Constant(slope))


def scaled(activation, factor):
    return layers.Rescaling(factor), layers.Activation(activation), layers.Rescaling(1 / factor)


def also_rebuilt(model):
    """The model, and the same as grading makes it again."""
    return model, rebuild_models(*describe_models({"model": model}))["model"]


BENDS_NOTHING = {
    "no activation": lambda: encoder(),
    "linear": lambda: encoder(layers.Activation("linear")),
    "leaky relu of slope 1": lambda: encoder(layers.LeakyReLU(1.0)),
    "nearly of slope 1": lambda: encoder(layers.LeakyReLU(0.995)),
    "relu of slope 1": lambda: encoder(layers.ReLU(negative_slope=1.0)),
    "prelu of slope 1": lambda: encoder(prelu(1.0)),
    "a tanh of next to nothing": lambda: encoder(*scaled("tanh", 1e-4)),
    "a relu far away": lambda: encoder(layers.Rescaling(1, 1e3), layers.ReLU(), layers.Rescaling(1, -1e3)),
    "tf.identity": lambda: by_operation(tf.identity),
    "tf.nn.leaky_relu of slope 1": lambda: by_operation(lambda x: tf.nn.leaky_relu(x, alpha=1.0)),
    "the larger of x and little": lambda: by_operation(lambda x: tf.maximum(x, -1e6)),
    "clipped far away": lambda: by_operation(lambda x: tf.clip_by_value(x, -1e6, 1e6)),
    "minus": lambda: by_operation(lambda x: 1.0 - x),
}
BENDS = {
    "relu": lambda: encoder(layers.ReLU()),
    "leaky relu": lambda: encoder(layers.LeakyReLU()),
    "leaky relu of slope 0.9": lambda: encoder(layers.LeakyReLU(0.9)),
    "leaky relu of slope -1": lambda: encoder(layers.LeakyReLU(-1.0)),
    "elu": lambda: encoder(layers.ELU(0.3)),
    "prelu": lambda: encoder(prelu(0.25)),
    "prelu, one value of it": lambda: encoder(layers.PReLU(alpha_initializer=one_of(100))),
    "relu6": lambda: encoder(layers.ReLU(6)),
    "hard sigmoid": lambda: encoder(layers.Activation("hard_sigmoid")),
    "softsign": lambda: encoder(layers.Activation("softsign")),
    "softplus": lambda: encoder(layers.Activation("softplus")),
    "exponential": lambda: encoder(layers.Activation("exponential")),
    "softmax": lambda: encoder(layers.Softmax()),
    "normalized, then relu": lambda: encoder(layers.BatchNormalization(), layers.ReLU()),
    "scaled tanh": lambda: encoder(*scaled("tanh", 0.5)),
    "dropped out": lambda: encoder(layers.Dropout(0.1), layers.Activation("gelu")),
    "tf.maximum": lambda: by_operation(lambda x: tf.maximum(x, 0.0)),
    "tf.nn.silu": lambda: by_operation(tf.nn.silu),
    "a square": lambda: by_operation(tf.square),
    "a sigmoid written out": lambda: by_operation(lambda x: 1.0 / (1.0 + tf.exp(-x))),
}


def one_of(count):
    def make(shape, dtype=None):
        return tf.constant(np.where(np.arange(count) == 3, 0.0, 1.0), dtype)

    return make


def missing(model):
    return "missing-activation" in [step.mistake for step in check("dense.encoder", model).failures]


@pytest.mark.parametrize("name", BENDS_NOTHING)
def test_an_activation_that_bends_nothing_is_none(name):
    assert all(missing(model) for model in also_rebuilt(BENDS_NOTHING[name]()))


@pytest.mark.parametrize("name", BENDS)
def test_whatever_bends_is_an_activation(name):
    assert not any(missing(model) for model in also_rebuilt(BENDS[name]()))


def test_the_message_names_what_bends_nothing():
    (failure,) = check("dense.encoder", encoder(layers.LeakyReLU(1.0))).failures
    assert failure.found == "one that bends nothing, leaky_relu"
    (failure,) = check("dense.encoder", encoder()).failures
    assert failure.found == "none"


def test_an_activation_behind_a_pooling_counts_and_one_of_slope_1_does_not():
    for part, bends in ((layers.ReLU(), True), (layers.LeakyReLU(1.0), False), (prelu(0.1), True), (prelu(1.0), False)):
        model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(4, 3),
                layers.MaxPooling2D(),
                part,
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
        assert (stages(model)[0].activation != "linear") is bends


def free(*end):
    model = encoder(layers.ReLU(), end=end)
    return [
        "bottleneck-activation" not in [step.mistake for step in check("dense.encoder", again).failures]
        for again in also_rebuilt(model)
    ]


@pytest.mark.parametrize(
    "end",
    [
        lambda: layers.LayerNormalization(center=False, scale=False),
        lambda: layers.LayerNormalization(),
        lambda: layers.GroupNormalization(1, center=False, scale=False),
        lambda: layers.Softmax(),
        lambda: layers.ReLU(),
        lambda: layers.ELU(0.01),
        lambda: layers.Activation("tanh"),
        lambda: layers.Rescaling(0.0),
        lambda: keras.Sequential([keras.Input((2,)), layers.LayerNormalization(center=False, scale=False)]),
    ],
)
def test_what_holds_a_code_within_bounds_is_found_whatever_it_is_called(end):
    assert free(end()) == [False, False]


@pytest.mark.parametrize(
    "end",
    [
        lambda: layers.Activation("linear"),
        lambda: layers.LeakyReLU(1.0),
        lambda: layers.Rescaling(0.1, 3.0),
        lambda: layers.BatchNormalization(center=False, scale=False),
        lambda: layers.GaussianNoise(0.1),
        lambda: layers.Reshape((2,)),
    ],
)
def test_a_code_that_may_be_any_number_is_free_whatever_stands_behind_it(end):
    assert free(end()) == [True, True]


def test_a_side_way_that_is_held_within_bounds_is_found():
    image = keras.Input((784,))
    code = layers.Dense(2)(layers.Dense(20, "relu")(layers.Dense(100, "relu")(image)))
    model = keras.Model(image, layers.Add()([code, layers.LayerNormalization(center=False, scale=False)(code)]))
    before = [array.copy() for array in model.get_weights()]
    assert [step.mistake for step in check("dense.encoder", model).failures] == ["bottleneck-activation"]
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


def test_an_encoder_of_chapter_2_is_judged_alike():
    def conv_encoder(*end):
        parts = [layers.Input((28, 28, 1))]
        for filters in (16, 8, 8):
            parts += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D(padding="same")]
        return keras.Sequential([*parts, layers.Flatten(), layers.Dense(2), *end])

    assert check("conv.encoder", conv_encoder()).passed
    held = check("conv.encoder", conv_encoder(layers.LayerNormalization(center=False, scale=False)))
    assert [step.mistake for step in held.failures] == ["bottleneck-activation"]


def test_means_of_clouds_that_are_held_within_bounds_are_found():
    def clouds(*end):
        parts = [layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(20, "relu"), layers.Dense(4), *end]
        return keras.Sequential([*parts, tfpl.IndependentNormal(2)])

    for end, held in ((), False), ((layers.LayerNormalization(center=False, scale=False),), True):
        mistakes = [step.mistake for step in check("vae.encoder", clouds(*end)).failures]
        assert ("activation-on-parameters" in mistakes) is held


def test_scaling_leaves_the_weights_as_they_were_even_if_the_network_fails():
    model = encoder(layers.ReLU())
    before = [array.copy() for array in model.get_weights()]

    def fails(model):
        raise ValueError

    with pytest.raises(ValueError):
        answers_to_scaling(model, model.layers[-1], fails)
    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("end", ["hard_sigmoid", "sigmoid"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_float16"])
def test_what_stands_at_a_decoders_end_is_asked_with_tensors_as_training_does(end, dtype):
    def last(kind, *settings):
        return kind(*settings, activation=end, dtype=dtype)

    dense = [layers.Input((2,)), layers.Dense(20, "relu"), layers.Dense(100, "relu"), last(layers.Dense, 784)]
    assert check("dense.decoder", keras.Sequential(dense)).passed
    grid = [layers.Input((2,)), layers.Dense(784, "relu"), layers.Reshape((28, 28, 1)), last(layers.Conv2D, 1, 3)]
    assert "raises" not in [step.mistake for step in check("conv.decoder", keras.Sequential(grid)).failures]
    flower = [layers.Input((10,)), layers.Dense(6_400), layers.Reshape((80, 80, 1)), last(layers.Conv2D, 3, 1)]
    assert check("flowers.decoder", keras.Sequential(flower)).passed
