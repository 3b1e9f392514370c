"""`conv.decoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


def functional_decoder():
    code = keras.Input((2,))
    grid = layers.Activation("relu")(layers.Dense(128)(code))
    grid = layers.Reshape((4, 4, -1))(grid)
    for width, padding in ((8, "same"), (8, "same"), (16, "VALID")):
        grid = layers.ReLU()(layers.Conv2D(width, (3, 3), padding=padding)(grid))
        grid = layers.UpSampling2D((2, 2))(grid)
    return keras.Model(code, layers.Activation("sigmoid")(layers.Conv2D(1, [3, 3], padding="same")(grid)))


def border_by_hand():
    """Padding and cropping as layers of their own: the same sums."""
    kinds = [layers.Input((2,)), layers.Dense(128, "relu"), layers.Reshape((4, 4, 8))]
    for width, border in ((8, 0), (8, 0), (16, 1)):
        kinds += [
            layers.Conv2D(width, 3, padding="same", activation="relu"), layers.Cropping2D(border), layers.UpSampling2D()
        ]  # fmt: skip
    return keras.Sequential([*kinds, layers.ZeroPadding2D(1), layers.Conv2D(1, 3, activation="sigmoid")])


def doubled_first():
    """Each doubling in front of its convolution: the same layers and sides."""
    kinds = [layers.Input((2,)), layers.Dense(128, "relu"), layers.Reshape((4, 4, 8))]
    for width, padding in ((8, "same"), (8, "same"), (16, "valid")):
        convolution = layers.Conv2D(width, 3, padding=padding, activation="relu")
        kinds += [convolution, layers.UpSampling2D()] if width == 16 else [layers.UpSampling2D(), convolution]
    return keras.Sequential([*kinds, layers.Conv2D(1, 3, padding="same", activation="sigmoid")])


@pytest.mark.parametrize(
    "build",
    [
        lambda make: make.decoder(),
        lambda make: doubled_first(),
        lambda make: functional_decoder(),
        lambda make: make.decoder(relu=tf.nn.leaky_relu),
        lambda make: make.decoder(last=None, ends=[layers.Activation(tf.nn.sigmoid)]),
        lambda make: keras.Sequential([make.decoder(), layers.Reshape((28, 28, 1))]),
        lambda make: border_by_hand(),
    ],
)
def test_right_decoders_of_any_construction_get_all_points(points, make, build):
    assert points("conv.decoder", build(make)) == 2


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.decoder(third="same"), "no-border-lost", 1),
        (lambda make: make.decoder(second="valid", third="same"), "border-lost-elsewhere", 1),
        (lambda make: make.decoder(third="same", fourth="valid"), "border-lost-elsewhere", 1),
        (lambda make: keras.Sequential([make.decoder(third="same"), layers.Cropping2D(2)]), "cropped", 1.5),
        (lambda make: make.decoder(ups=2), "missing-upsampling", 1),
        (lambda make: make.decoder(grid=(8, 4, 4)), "wrong-reshape", 1),
        (lambda make: make.decoder(grid=(4, 8, 4)), "wrong-reshape", 1),
        (lambda make: make.decoder(grid=(8, 8, 2)), "wrong-reshape", 1),
        (lambda make: make.decoder(grid=(16, 2, 4)), "wrong-reshape", 1),
        (lambda make: make.decoder(channels=16), "wrong-channels", 1),
        (lambda make: make.decoder(ends=[layers.Reshape((28, 28))]), "missing-channel", 1),
        (lambda make: make.decoder(ends=[layers.Flatten()]), "flattened", 1),
        (
            lambda make: keras.Sequential([keras.Input((3,)), layers.Dense(784), layers.Reshape((28, 28, 1))]),
            "wrong-input-shape",
            0,
        ),
        (
            lambda make: keras.Sequential(
                [keras.Input((2,)), layers.Dense(784, "sigmoid"), layers.Reshape((28, 28, 1))]
            ),
            "no-convolution",
            0.5,
        ),
        (lambda make: make.decoder(widths=(16, 8, 8)), "swapped-widths", 1.5),
        (lambda make: make.decoder(widths=(8, 8, 8)), "wrong-filters", 1.5),
        (lambda make: make.decoder(start=64, grid=(4, 4, 4)), "wrong-widths", 1.5),
        (lambda make: make.decoder(relu=None), "missing-activation", 1.75),
        (lambda make: make.decoder(last=None), "missing-sigmoid", 1.5),
        (lambda make: make.decoder(last="relu"), "wrong-output-activation", 1.5),
        (lambda make: make.decoder(last="tanh"), "wrong-output-activation", 1.5),
    ],
)
def test_mistakes_in_the_decoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("conv.decoder", build(make), mistake=mistake, kept=kept)


def test_a_side_of_32_is_named_with_the_convolution_to_inspect(make):
    assert "Found 32, expected 28; inspect the third convolution" in str(
        check("conv.decoder", make.decoder(third="same"))
    )


def test_a_decoder_that_ignores_its_code_is_named(make):
    model = make.decoder()
    model.layers[0].set_weights([np.zeros((2, 128)), np.ones(128)])
    result = check("conv.decoder", model)
    assert [step.mistake for step in result.failures] == ["ignores-code"] and result.points == 1.75


def test_a_piece_that_was_laid_elsewhere_before_is_as_right(expect_full):
    """The same objects, tried in a wrong order first: the last piece then has two shapes."""
    conv = [layers.Conv2D(n, 3, padding=p, activation="relu") for n, p in ((8, "same"), (8, "same"), (16, "valid"))]
    last = layers.Conv2D(1, 3, padding="same", activation="sigmoid")
    layers.UpSampling2D()(last(layers.Input((16, 16, 16))))
    start = [layers.Input((2,)), layers.Dense(128, "relu"), layers.Reshape((4, 4, 8))]
    pieces = [part for layer in conv for part in (layer, layers.UpSampling2D())]
    expect_full("conv.decoder", keras.Sequential([*start, *pieces, last]))
