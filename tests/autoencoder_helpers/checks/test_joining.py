"""One network is made of two if it is one behind the other whatever their weights are, now and after any training."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check

layers, tfpl = keras.layers, tfp.layers
SHAPES = {"dense": (784,), "conv": (28, 28, 1)}


def encoder(chapter, *before, between=(), training=None):
    image = value = keras.Input(SHAPES[chapter])
    for layer in (*before, layers.Flatten(), layers.Dense(100, "relu")):
        value = layer(value)
    for layer in between:
        value = layer(value, training=training)
    return keras.Model(image, layers.Dense(2)(layers.Dense(20, "relu")(value)))


def decoder(chapter, between=(), training=None, last="sigmoid", **settings):
    code = keras.Input((2,))
    value = layers.Dense(100, "relu")(layers.Dense(20, "relu", **settings)(code))
    for layer in between:
        value = layer(value, training=training)
    return keras.Model(code, layers.Reshape(SHAPES[chapter])(layers.Dense(784, last)(value)))


def joined(e, d, before=(), between=(), behind=()):
    image = value = keras.Input(e.input_shape[1:])
    for part in (*before, e, *between, d, *behind):
        value = part(value)
    return keras.Model(image, value)


def mistakes_of(chapter, whole, e, d):
    return [step.mistake for step in check(f"{chapter}.autoencoder", whole, e, d).failures]


BETWEEN = {
    "a normalization between": lambda e, d: joined(e, d, between=[layers.BatchNormalization()]),
    "one that only moves": lambda e, d: joined(e, d, between=[layers.BatchNormalization(scale=False, epsilon=1e-9)]),
    "a normalization in front": lambda e, d: joined(e, d, before=[layers.BatchNormalization()]),
    "a normalization behind": lambda e, d: joined(e, d, behind=[layers.BatchNormalization()]),
    "a layer that hands on as yet": lambda e, d: joined(e, d, between=[layers.Dense(2, kernel_initializer="identity")]),
    "a leaky relu of slope 1 as yet": lambda e, d: joined(e, d, between=[layers.PReLU(alpha_initializer="ones")]),
}


@pytest.mark.parametrize("chapter", SHAPES)
@pytest.mark.parametrize("name", BETWEEN)
def test_what_stands_between_is_found_before_it_is_trained(chapter, name):
    for _ in range(3):
        e, d = encoder(chapter), decoder(chapter)
        assert mistakes_of(chapter, BETWEEN[name](e, d), e, d) == ["not-joined"]


@pytest.mark.parametrize("chapter", SHAPES)
@pytest.mark.parametrize(
    "part", [lambda: layers.ReLU(), lambda: layers.Activation("tanh"), lambda: layers.Rescaling(2.0)]
)
def test_weights_that_let_nothing_through_hide_nothing(chapter, part):
    for _ in range(5):
        e, d = encoder(chapter), decoder(chapter, kernel_initializer="zeros")
        assert mistakes_of(chapter, joined(e, d, between=[part()]), e, d) == ["not-joined"]


RIGHT = {
    "plain": lambda c: (encoder(c), decoder(c)),
    "of logits": lambda c: (encoder(c), decoder(c, last=None)),
    "normalized inside": lambda c: (
        encoder(c, layers.BatchNormalization(), between=[layers.BatchNormalization()]),
        decoder(c, between=[layers.BatchNormalization(), layers.LayerNormalization()]),
    ),
    "dropped out in training": lambda c: (
        encoder(c, layers.GaussianNoise(0.1), between=[layers.Dropout(0.3)]),
        decoder(c, between=[layers.Dropout(0.3)]),
    ),
    "of weights 0": lambda c: (encoder(c), decoder(c, kernel_initializer="zeros")),
    "bent otherwise": lambda c: (encoder(c, between=[layers.Activation("exponential")]), decoder(c)),
}


@pytest.mark.parametrize("chapter", SHAPES)
@pytest.mark.parametrize("name", RIGHT)
def test_whatever_stands_inside_the_two_is_theirs(chapter, name):
    for _ in range(5):
        e, d = RIGHT[name](chapter)
        for whole in (joined(e, d), keras.Sequential([e, d]), keras.Model(e.input, d(e.output))):
            before = [array.copy() for array in whole.get_weights()]
            assert mistakes_of(chapter, whole, e, d) == []
            assert all(np.array_equal(*pair) for pair in zip(before, whole.get_weights(), strict=True))


@pytest.mark.parametrize("chapter", SHAPES)
def test_a_network_in_half_precision_is_joined_as_well(chapter):
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.mixed_precision.set_global_policy(policy)
        try:
            e, d = encoder(chapter), decoder(chapter)
            whole = joined(e, d)
        finally:
            keras.mixed_precision.set_global_policy("float32")
        for _ in range(3):
            assert mistakes_of(chapter, whole, e, d) == []


@pytest.mark.parametrize("chapter", SHAPES)
def test_a_network_that_is_random_when_used_is_told_so(chapter):
    e, d = encoder(chapter, between=[layers.Dropout(0.5)], training=True), decoder(chapter)
    assert mistakes_of(chapter, joined(e, d), e, d) == ["random-when-used"]
    e, d = encoder(chapter), decoder(chapter, between=[layers.GaussianNoise(1.0)], training=True)
    assert mistakes_of(chapter, joined(e, d), e, d) == ["random-when-used"]


def test_an_encoder_that_is_random_when_used_is_told_so(mistakes):
    value = image = keras.Input((784,))
    value = layers.Dropout(0.3)(layers.Dense(100, "relu")(value), training=True)
    assert mistakes("dense.encoder", keras.Model(image, layers.Dense(2)(layers.Dense(20, "relu")(value)))) == [
        "random-when-used"
    ]
    value = image = keras.Input((28, 28, 1))
    for filters in (16, 8, 8):
        value = layers.Conv2D(filters, 3, padding="same", activation="relu")(value)
        value = layers.MaxPooling2D(padding="same")(value)
    value = layers.GaussianDropout(0.3)(layers.Flatten()(value), training=True)
    assert mistakes("conv.encoder", keras.Model(image, layers.Dense(2)(value))) == ["random-when-used"]


@pytest.mark.parametrize(("training", "named"), [(True, ["random-when-used"]), (None, [])])
def test_clouds_whose_means_are_random_are_told_so(mistakes, training, named):
    prior = tfp.distributions.Independent(tfp.distributions.Normal([0.0, 0.0], 1.0), 1)
    cloud = tfpl.IndependentNormal(2, activity_regularizer=tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True))
    image = keras.Input((28, 28, 1))
    value = layers.Dropout(0.5)(layers.Flatten()(image), training=training)
    assert mistakes("vae.encoder", keras.Model(image, cloud(layers.Dense(4)(value)))) == named
