"""How many numbers get through a network, however its layers are packed into models."""

import pytest
import tf_keras as keras
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.narrowing import numbers_passed

layers = keras.layers


def passed(model):
    return numbers_passed(*describe_models({"it": model}), "it")


def _block(side_in, *inside):
    return keras.Sequential([keras.Input((side_in,)), *inside])


def _joined(*parts):
    image = result = keras.Input((30,))
    for part in parts:
        result = part(result)
    return keras.Model(image, result)


@pytest.mark.parametrize(
    "parts",
    [
        lambda: [layers.Dense(8), layers.Dense(2), layers.Dense(8), layers.Dense(30)],
        lambda: [_block(30, layers.Dense(8), layers.Dense(2)), _block(2, layers.Dense(8), layers.Dense(30))],
        lambda: [
            _block(30, layers.Dense(8)),
            _block(8, layers.Dense(2)),
            _block(2, layers.Dense(8)),
            layers.Dense(30),
        ],
        # Blocks with a narrow place of their own, wider than what went before.
        lambda: [
            layers.Dense(2),
            _block(2, layers.Dense(9), layers.Dense(5)),
            _block(5, layers.Dense(4), layers.Dense(30)),
        ],
        lambda: [
            _block(30, _block(30, layers.Dense(2)), _block(2, layers.Dense(30))),
            _block(30, layers.Dense(20)),
        ],
    ],
)
def test_the_narrowest_place_counts_wherever_it_is(parts):
    assert passed(_joined(*parts())) == 2


def test_a_way_around_the_bottleneck_counts():
    image = keras.Input((30,))
    code = layers.Dense(2)(image)
    around = layers.Concatenate()([_block(2, layers.Dense(5))(code), layers.Dense(4)(image)])
    assert passed(keras.Model(image, layers.Dense(30)(around))) == 6
