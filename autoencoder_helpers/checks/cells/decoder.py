"""`cells.decoder`: two numbers into the shares of 765 genes."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.cells.sizes import GENES, LATENT
from autoencoder_helpers.checks.expectations import expect_finite, expect_shapes, expect_uses_code
from autoencoder_helpers.checks.models import precision, predict, stages, tail_values
from autoencoder_helpers.checks.rule import rule

_NEAR = 2e-3  # float32 adds 765 shares up to 1 within a millionth, float16 within a thousandth; bfloat16 rounds more coarsely


@rule(
    "cells.decoder",
    points=1,
    title="The decoder turns two numbers into the shares of 765 genes",
    answers={"decoder": Model(input_shape=(LATENT,))},
)
def decoder(step, decoder):
    with step("2 numbers go in, 765 come out", points=0.25, stop=False):
        expect_shapes(step, decoder, input_shape=(LATENT,), output_shape=(GENES,), each="cell")
    if tuple(decoder.input_shape[1:]) != (LATENT,):
        return
    with step("They are shares: none below 0, and they add up to 1", points=0.5, stop=False):
        _expect_shares(step, decoder)
    with step("Other codes give other shares", points=0.25, stop=False):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (12, LATENT)).astype(np.float32))


def _expect_shares(step, decoder):
    import tensorflow as tf

    found = stages(decoder)
    step.expect(
        bool(found),
        expected="a layer with weights and a softmax at the end",
        found="no layer with weights",
        look="What turns two numbers into 765? Add Dense layers.",
        mistake="no-layers",
    )
    end = found[-1].activation
    step.expect(
        end != "linear",
        expected="shares of the genes",
        found="no activation on the last layer, so values of any size (logits)",
        look="Which activation makes numbers positive and lets them add up to 1?",
        mistake="missing-softmax",
    )
    # Both are needed: fresh weights may happen to give shares, and what follows the activation may spoil them.
    before = step.rng.normal(0, 8, (30, *found[-1].layer.output_shape[1:])).astype(np.float32)
    codes = step.rng.normal(0, 10, (30, LATENT)).astype(np.float32)
    near = max(_NEAR, precision(decoder))
    for values in (tail_values(decoder, tf.constant(before)), predict(decoder, codes)):
        expect_finite(step, values)
        values = values.reshape(len(values), -1)
        sums = values.sum(axis=1)
        step.expect(
            float(values.min()) >= -1e-6,
            expected="shares: none below 0",
            found=f"values down to {values.min():.3g}, after {end}",
            look="the activation of the last layer",
            mistake="negative-shares",
        )
        step.expect(
            float(np.abs(sums - 1).max()) < near,
            expected="shares that add up to 1 for each cell",
            found=f"sums from {sums.min():.3g} to {sums.max():.3g}, after {end}",
            look="softmax: the more of one gene, the less of all others. The cell's total is for the loss to know.",
            mistake="not-shares",
        )
