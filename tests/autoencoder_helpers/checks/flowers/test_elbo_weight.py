"""`flowers.elbo_weight`: the right weight passes in any form, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize("value", [1 / 6, np.float32(0.1667), tf.constant(1 / 6), [0.16667]])
def test_the_right_weight(expect_full, value):
    expect_full("flowers.elbo_weight", value)


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (1 / 3, "counted-once"),
        (0.5, "colours-forgotten"),
        (1, "weight-itself"),
        (1.5, "upside-down"),
        (6, "upside-down"),
        (2 / 3, "count-multiplied"),
        (0.0012, "beta-itself"),
        (0.3, "wrong-value"),
        (None, "missing"),
        (np.nan, "not-finite"),
    ],
)
def test_mistakes_are_named(expect_mistake, value, mistake):
    expect_mistake("flowers.elbo_weight", value, mistake=mistake)
