"""`dense.decoder`: three layers that turn 2 numbers into 784 grey values."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import (
    expect_bends,
    expect_greys,
    expect_shapes,
    expect_uses_code,
    expect_widths,
)
from autoencoder_helpers.checks.models import stages
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.decoder",
    points=1,
    title="The decoder turns 2 numbers into 784 pixels between 0 and 1",
    answers={"decoder": Model(input_shape=(2,))},
)
def decoder(step, decoder):
    with step("2 numbers go in, 784 come out"):
        expect_shapes(step, decoder, input_shape=(2,), output_shape=(PIXELS,))
    with step("The widths go up: 20, 100, 784", points=0.25, stop=False):
        expect_widths(step, decoder, [20, 100, PIXELS])
    if len(stages(decoder)) < 2:
        return
    with step("The hidden layers have an activation", points=0.25, stop=False):
        expect_bends(step, stages(decoder)[:-1])
    with step("Every output is a grey value between 0 and 1", points=0.25, stop=False):
        expect_greys(step, decoder, step.rng.normal(0, 20, (256, 2)).astype(np.float32))
    with step("Other codes give other images", points=0.25):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (64, 2)).astype(np.float32))
