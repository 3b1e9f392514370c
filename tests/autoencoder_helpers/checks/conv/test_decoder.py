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


def on_the_way_up(*parts):
    """A decoder that begins with pieces D and G; a number stands for a convolution with so many filters."""
    parts = [conv(part) if isinstance(part, int) else part for part in parts]
    return keras.Sequential([keras.Input((2,)), layers.Dense(128, "relu"), layers.Reshape((4, 4, 8)), *parts])


def conv(width, padding="same", **settings):
    return layers.Conv2D(width, 3, padding=padding, activation="sigmoid" if width == 1 else "relu", **settings)


def doubled(size=2):
    return layers.UpSampling2D(size)


def with_one_doubling_thrice():
    double, code = doubled(), keras.Input((2,))
    grid = layers.Reshape((4, 4, 8))(layers.Dense(128, "relu")(code))
    for width, padding in ((8, "same"), (8, "same"), (16, "valid")):
        grid = double(conv(width, padding)(grid))
    return keras.Model(code, conv(1)(grid))


def transposed(width, **settings):
    return layers.Conv2DTranspose(width, 3, padding="same", activation="relu", **settings)


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
        lambda make: with_one_doubling_thrice(),
        lambda make: on_the_way_up(
            8,
            doubled(),
            8,
            doubled(),
            keras.Sequential([keras.Input((16, 16, 8)), conv(16)]),
            keras.Sequential([keras.Input((16, 16, 16)), layers.Cropping2D(1), doubled()]),
            1,
        ),
        lambda make: on_the_way_up(doubled(), doubled(), 8, 8, conv(16, "valid"), doubled(), 1),
        lambda make: on_the_way_up(8, 8, doubled(), doubled(), conv(16, "valid"), 1, doubled()),
        lambda make: on_the_way_up(8, 8, doubled(4), conv(16, "valid"), doubled(), 1),
        lambda make: on_the_way_up(transposed(8, strides=2), transposed(8, strides=2), conv(16, "valid"), doubled(), 1),
        lambda make: on_the_way_up(
            8,
            doubled(),
            8,
            doubled(),
            conv(16),
            layers.Dropout(0.1),
            layers.Cropping2D(1),
            doubled(),
            1,
        ),
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


WRONG_WAYS_UP = {
    "one doubling of 14": lambda: (8, 8, conv(16, "valid"), doubled(14), 1),
    "sevenfold": lambda: (8, 8, 16, doubled(7), 1),
    "sevenfold in front": lambda: (doubled(7), 8, 8, 16, 1),
    "14 without a border lost": lambda: (8, doubled(), 8, doubled(), layers.Resizing(14, 14), 16, doubled(), 1),
    "a border cut in front": lambda: (8, doubled(), 8, doubled(), layers.Cropping2D(1), 16, doubled(), 1),
    "a border lost by pooling": lambda: (8, doubled(), 8, doubled(), 16, layers.MaxPooling2D(3, 1), doubled(), 1),
    "a border lost first": lambda: (conv(8, "valid"), doubled(), 8, doubled(7), 16, 1),
    "a stride": lambda: (doubled(), conv(8, strides=2), doubled(), 8, doubled(), conv(16, "valid"), doubled(), 1),
}


@pytest.mark.parametrize("way", WRONG_WAYS_UP)
def test_each_convolution_stands_where_doublings_alone_lead_to(expect_mistake, way):
    expect_mistake("conv.decoder", on_the_way_up(*WRONG_WAYS_UP[way]()), mistake="wrong-side", kept=1.5)


def test_windows_with_gaps_are_named(expect_mistake):
    parts = (8, doubled(), conv(8, dilation_rate=3), doubled(), conv(16, "valid"), doubled(), 1)
    expect_mistake("conv.decoder", on_the_way_up(*parts), mistake="dilated", kept=1.5)


def test_the_card_says_which_convolution_sees_which_side():
    (step,) = check("conv.decoder", on_the_way_up(*WRONG_WAYS_UP["sevenfold"]())).failures
    assert step.expected.startswith("convolution 3 makes a side of 14 of 16") and step.found == "it makes 4 of 4"
