"""All checks of chapter 5: none raises, none pays for nothing, and their points add up."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue

layers = keras.layers


class Hostile:
    """An object that raises at whatever is done with it."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __call__(self, *arguments):
        raise RuntimeError("no")


GARBAGE = [None, ..., "text", 3, np.nan, [], {}, object(), Hostile(), keras.Sequential(), keras.Model, lambda: 1,
           np.zeros((2, 2)), tf.zeros(3), layers.Dense(3), [[1], [2, 3]]]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in catalogue() if name.startswith("cells.")])
def test_no_answer_makes_a_check_raise_or_earns_points(name):
    count = len(catalogue()[name].answers)
    for garbage in GARBAGE:
        result = check(name, *[garbage] * count)
        assert result.points == 0 and result.failures, (garbage, str(result))


def test_the_chapter_has_ten_points_in_nine_checks():
    entries = [rule for name, rule in catalogue().items() if name.startswith("cells.")]
    assert len(entries) == 9 and sum(rule.points for rule in entries) == 10
