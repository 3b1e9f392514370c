"""`conv.encoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


def functional_encoder():
    image = keras.Input((28, 28, 1), name="picture")
    grid = image
    for width, kernel in ((16, (3, 3)), (8, 3), (8, [3, 3])):
        grid = layers.Conv2D(width, kernel, padding="SAME", name=f"look_{grid.shape[1]}")(grid)
        grid = layers.Activation("relu")(grid)
        grid = layers.MaxPool2D((2, 2), 2, "same")(grid)
    return keras.Model(image, layers.Dense(2, activation="linear")(layers.Reshape((128,))(grid)))


def strided_encoder():
    parts = [layers.Conv2D(width, 3, strides=2, padding="same", activation=tf.nn.relu) for width in (16, 8, 8)]
    return keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(2)])


def averaged_encoder():
    parts = []
    for width in (16, 8, 8):
        parts += [layers.Conv2D(width, 3, padding="same", activation="elu"), layers.AveragePooling2D(padding="same")]
    return keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(2)])


def tf_keras_encoder():
    tfl = tf.keras.layers
    parts = [
        tfl.Conv2D(16, 3, padding="same", input_shape=(28, 28, 1)),
        tfl.ReLU(),
        tfl.MaxPool2D(padding="same"),
    ]
    for _ in range(2):
        parts += [tfl.Conv2D(8, 3, padding="same"), tfl.LeakyReLU(), tfl.MaxPool2D(padding="same")]
    return tf.keras.Sequential([*parts, tfl.Flatten(), tfl.Dense(2)])


def on_the_way_down(*parts):
    """An encoder of these layers, three of them convolutions; a number stands for one with so many filters."""
    layer = {16: conv(16), 8: conv(8)}
    parts = [layer[part]() if isinstance(part, int) else part for part in parts]
    return keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(2)])


def conv(width, padding="same", **settings):
    return lambda: layers.Conv2D(width, 3, padding=padding, activation="relu", **settings)


def pool(size=2, **settings):
    return layers.MaxPooling2D(size, padding="same", **settings)


def padded_by_hand():
    parts = []
    for width in (16, 8, 8):
        parts += [layers.ZeroPadding2D(1), conv(width, "valid")(), pool()]
    return on_the_way_down(*parts)


def padded_and_cut_by_hand():
    frames = [layers.ZeroPadding2D(2), conv(16, "valid")(), layers.ReLU(), layers.Cropping2D(1), pool()]
    return on_the_way_down(*frames, 8, pool(), 8, layers.ZeroPadding2D(((0, 1), (0, 1))), layers.MaxPooling2D())


def with_one_pooling_thrice():
    half, first = pool(), keras.Input((28, 28, 1))
    grid = first
    for width in (16, 8, 8):
        grid = half(conv(width)()(grid))
    return keras.Model(first, layers.Dense(2)(layers.Flatten()(grid)))


def of_blocks():
    """Blocks of their own, one inside another."""
    second = keras.Sequential([keras.Input((14, 14, 16)), conv(8)(), pool()])
    third = keras.Sequential([keras.Input((7, 7, 8)), conv(8)(), pool()])
    first = keras.Sequential([conv(16)(), pool()])
    return on_the_way_down(keras.Sequential([keras.Input((28, 28, 1)), first]), second, third)


def tried_elsewhere_before():
    """The same objects, laid in a wrong order first."""
    one, two, three = conv(16)(), conv(8)(), conv(8)()
    three(layers.Conv2D(8, 3)(keras.Input((50, 50, 1))))
    two(one(keras.Input((14, 14, 1))))
    return on_the_way_down(one, pool(), two, pool(), three, pool())


@pytest.mark.parametrize(
    "build",
    [
        lambda make: make.encoder(),
        lambda make: functional_encoder(),
        lambda make: strided_encoder(),
        lambda make: averaged_encoder(),
        lambda make: tf_keras_encoder(),
        lambda make: padded_by_hand(),
        lambda make: padded_and_cut_by_hand(),
        lambda make: with_one_pooling_thrice(),
        lambda make: of_blocks(),
        lambda make: tried_elsewhere_before(),
        lambda make: on_the_way_down(conv(16, strides=2)(), 8, pool(), conv(8, strides=2)()),
        lambda make: on_the_way_down(16, pool(3, strides=2), 8, pool(), layers.Dropout(0.1), 8, pool()),
        lambda make: on_the_way_down(layers.Resizing(28, 28), 16, layers.Resizing(14, 14), 8, pool(), 8, pool()),
        lambda make: make.encoder(kernel=(3, 3), relu="elu"),
        lambda make: make.encoder(pool=layers.AveragePooling2D),
        lambda make: make.encoder(inputs=False),
        lambda make: keras.Sequential([make.encoder(ends=[layers.Flatten()]), layers.Dense(2)]),
    ],
)
def test_right_encoders_of_any_construction_get_all_points(points, make, build):
    assert points("conv.encoder", build(make)) == 1


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.encoder(filters=(8, 8, 16)), "swapped-widths", 0.75),
        (lambda make: make.encoder(filters=(8, 16, 8)), "swapped-widths", 0.75),
        (lambda make: make.encoder(filters=(32, 16, 8)), "wrong-filters", 0.75),
        (lambda make: make.encoder(filters=(16, 8)), "wrong-filters", 0.75),
        (lambda make: make.encoder(kernel=5), "wrong-kernel", 0.75),
        (lambda make: make.encoder(pool_padding="valid"), "pooling-valid", 0.75),
        (lambda make: make.encoder(padding="valid"), "wrong-grid", 0.75),
        (lambda make: make.encoder(pool=lambda padding: layers.Activation("linear")), "missing-pooling", 0.75),
        (
            lambda make: make.encoder(ends=[layers.Flatten(), layers.Dense(20, "relu"), layers.Dense(2)]),
            "wrong-widths",
            0.75,
        ),
        (
            lambda make: make.encoder(ends=[layers.Flatten(), layers.Dense(2, use_bias=False)]),
            "wrong-parameter-count",
            0.75,
        ),
        (lambda make: make.encoder(relu=None), "missing-activation", 0.75),
        (lambda make: make.encoder(last="relu"), "bottleneck-activation", 0.75),
        (lambda make: make.encoder(last="sigmoid"), "bottleneck-activation", 0.75),
        (lambda make: make.encoder(ends=[]), "missing-flatten", 0),
        (lambda make: make.encoder(ends=[layers.Dense(2)]), "missing-flatten", 0),
        (lambda make: make.encoder(ends=[layers.Flatten()]), "no-bottleneck", 0),
        (lambda make: make.encoder(ends=[layers.Flatten(), layers.Dense(128)]), "no-bottleneck", 0),
        (lambda make: make.encoder(first=(28, 28, 3)), "wrong-input-shape", 0),
        (
            lambda make: keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(2)]),
            "missing-channel",
            0,
        ),
        (lambda make: keras.Sequential([keras.Input((784,)), layers.Dense(2)]), "flattened", 0),
        (
            lambda make: keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)]),
            "no-convolution",
            0.25,
        ),
        (lambda make: keras.Sequential, "class-not-object", 0),
        (lambda make: make.encoder, "no-model", 0),
        (lambda make: layers.Conv2D(16, 3), "no-model", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("conv.encoder", build(make), mistake=mistake, kept=kept)


WRONG_WAYS_DOWN = {
    "each pooling in front": lambda: (pool(), 16, pool(), 8, pool(), 8),
    "one pooling by 7 behind": lambda: (16, 8, 8, pool(7)),
    "one pooling by 7 in front": lambda: (pool(7), 16, 8, 8),
    "all poolings behind": lambda: (16, 8, 8, pool(), pool(), pool()),
    "all in front": lambda: (layers.Resizing(4, 4), 16, 8, 8),
    "all behind": lambda: (16, 8, 8, layers.Resizing(4, 4)),
    "a part of the image": lambda: (layers.Cropping2D(12), 16, 8, 8),
    "a part of the last grid": lambda: (16, 8, 8, layers.Cropping2D(12)),
    "high and wide apart": lambda: (16, pool((2, 1)), 8, pool((2, 4)), 8, pool()),
    "padded behind": lambda: (conv(16, "valid")(), layers.ZeroPadding2D(1), pool(), 8, pool(), 8, pool()),
}


@pytest.mark.parametrize("way", WRONG_WAYS_DOWN)
def test_each_convolution_looks_at_the_side_of_the_table(expect_mistake, way):
    expect_mistake("conv.encoder", on_the_way_down(*WRONG_WAYS_DOWN[way]()), mistake="wrong-side", kept=0.75)


@pytest.mark.parametrize(
    "parts",
    [
        lambda: (16, pool(), 8, pool(), 8, layers.Cropping2D(((1, 2), (2, 1)))),
        lambda: (16, pool(), 8, pool(), 8, layers.Resizing(4, 4)),
        lambda: (16, layers.Cropping2D(7), 8, pool(), 8, pool()),
    ],
)
def test_a_side_is_halved_by_what_looks_at_all_of_it(expect_mistake, parts):
    expect_mistake("conv.encoder", on_the_way_down(*parts()), mistake="cropped", kept=0.75)


def test_windows_with_gaps_are_named(expect_mistake):
    apart = conv(16, dilation_rate=5)()
    expect_mistake("conv.encoder", on_the_way_down(apart, pool(), 8, pool(), 8, pool()), mistake="dilated", kept=0.75)


def test_the_card_says_which_convolution_sees_which_side():
    (step,) = check("conv.encoder", on_the_way_down(*WRONG_WAYS_DOWN["one pooling by 7 behind"]())).failures
    assert (step.expected, step.found) == ("a side of 14 after convolution 2, as in the table", "28")
