"""`flowers.decoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tf_keras as keras

layers = keras.layers


def dense_decoder():
    code = layers.Input((10,))
    values = layers.Dense(19_200)(layers.Dense(20, activation="tanh")(code))
    return keras.Model(code, layers.Activation("sigmoid")(layers.Reshape((80, 80, 3))(values)))


@pytest.mark.parametrize("build", [lambda make: make.decoder(), lambda make: dense_decoder()])
def test_right_decoders_get_all_points(points, make, build):
    assert points("flowers.decoder", build(make)) == 2


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.decoder(make.up(3)), "missing-sigmoid", 1.5),
        (lambda make: make.decoder(make.up(3, activation="tanh")), "wrong-output-activation", 1.5),
        (lambda make: make.decoder(make.up(1, activation="sigmoid")), "one-channel", 1),
        (lambda make: make.decoder(layers.Conv2DTranspose(3, 9, strides=8, activation="sigmoid")), "wrong-side", 1),
        (lambda make: make.decoder(first=2), "wrong-input-shape", 0),
        (lambda make: make.decoder(make.up(3, activation="sigmoid", kernel_initializer="zeros")), "ignores-code", 1.5),
        (lambda make: None, "missing", 0),
    ],
)
def test_mistakes_in_the_decoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("flowers.decoder", build(make), mistake=mistake, kept=kept)
