"""`conv.encoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tf_keras as keras

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


@pytest.mark.parametrize(
    "build",
    [
        lambda make: make.encoder(),
        lambda make: functional_encoder(),
        lambda make: strided_encoder(),
        lambda make: averaged_encoder(),
        lambda make: tf_keras_encoder(),
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
