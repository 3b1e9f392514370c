"""`flowers.beta`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from autoencoder_helpers import check


@pytest.mark.parametrize("value", [0.0012, np.float32(0.0012), tf.constant(0.0012), [0.0012]])
def test_the_right_beta_gets_the_point(points, value):
    assert points("flowers.beta", value) == 1


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (0.0002, "weight-itself"),
        (0.0006, "counted-once"),
        (0.0004, "colours-forgotten"),
        (0.0004 * 784, "digits"),
        (0.0004 * 6400, "times-multiplier"),
        (0.0004 / 3, "upside-down"),
        (0.0004 * 19_200, "multiplier-missing"),
        (0.5, "wrong-value"),
        (None, "missing"),
        ("0.0012", "no-array"),
        (np.nan, "not-finite"),
        ([0.0012, 1], "not-a-number"),
    ],
)
def test_mistakes_in_beta_are_named(mistakes, value, mistake):
    assert mistakes("flowers.beta", value) == [mistake]


def test_a_beta_message_does_not_give_the_answer_away():
    assert "0.0012" not in str(check("flowers.beta", 0.5))
