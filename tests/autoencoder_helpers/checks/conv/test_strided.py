"""`conv.strided`: encoders with strides pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tf_keras as keras

layers = keras.layers


def strided(filters=(16, 8, 8), strides=2, padding="same", pool=False, units=2, activation="relu"):
    parts = []
    for width in filters:
        parts += [layers.Conv2D(width, 3, strides=strides, padding=padding, activation=activation)]
        parts += [layers.MaxPooling2D(padding="same")] if pool else []
    return keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(units)])


def functional():
    image = keras.Input((28, 28, 1))
    return keras.Model(image, strided(activation="elu")(image))


@pytest.mark.parametrize("make", [strided, functional])
def test_right_encoders(expect_full, make):
    expect_full("conv.strided", make())


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"strides": 1, "pool": True}, "pooling-left"),
        ({"filters": (16, 8)}, "wrong-number-of-convolutions"),
        ({"strides": 1}, "no-stride"),
        ({"padding": "valid"}, "wrong-side"),
        ({"filters": (8, 8, 8)}, "wrong-parameter-count"),
        ({"units": 3}, "wrong-output-shape"),
    ],
)
def test_mistakes_are_named(expect_mistake, settings, mistake):
    expect_mistake("conv.strided", strided(**settings), mistake=mistake)


def test_what_is_no_network_is_named(expect_mistake):
    expect_mistake("conv.strided", None, mistake="missing")
