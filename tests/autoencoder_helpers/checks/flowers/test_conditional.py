"""`flowers.conditional`: decoders that listen to code and species pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tf_keras as keras

layers = keras.layers


def decoder(first=15, last="sigmoid", code=1.0, species=1.0):
    """A small decoder that listens so much to the code, and so much to the species."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((first,)),
            layers.Dense(400),
            layers.Reshape((10, 10, 4)),
            layers.Conv2DTranspose(3, 8, strides=8, activation=last),
        ]
    )
    weights, *others = model.get_weights()
    model.set_weights([weights * 10 * np.r_[np.full(10, code), np.full(first - 10, species)][:, None], *others])
    return model


def test_a_decoder_that_listens_to_both_is_right(expect_full):
    expect_full("flowers.conditional", decoder())


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"first": 10}, "species-missing"),
        ({"first": 16}, "wrong-input-shape"),
        ({"last": None}, "missing-sigmoid"),
        ({"species": 0}, "deaf-to-species"),
        ({"code": 0}, "deaf-to-code"),
        ({"code": 0, "species": 0}, "untrained"),
    ],
)
def test_mistakes_are_named(expect_mistake, settings, mistake):
    expect_mistake("flowers.conditional", decoder(**settings), mistake=mistake)


def test_two_inputs_and_none_are_named(mistakes):
    code, species = layers.Input((10,)), layers.Input((5,))
    image = decoder()(layers.Concatenate()([code, species]))
    assert mistakes("flowers.conditional", keras.Model([code, species], image)) == ["cannot-be-rebuilt"]
    assert mistakes("flowers.conditional", None) == ["missing"]
