"""`flowers.beta`: how strongly the chapter's loss weighs the KL."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Number
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.flowers.sizes import SCALE, VALUES
from autoencoder_helpers.checks.rule import rule

# How strongly the chapter's loss weighs the KL: weight 0.0002, counted twice, three colours averaged.
_BETA = measures.effective_beta(SCALE, 0.0002, 2, VALUES)
_KNOWN_MISTAKES = (
    (0.0002, "weight-itself", "0.0002: the weight itself", "What is the other term multiplied by?"),
    (0.0006, "counted-once", "0.0006: the KL counted once",
     "Look at what the cell above measured: how often is the KL added?"),
    (0.0004, "colours-forgotten", "0.0004: the reconstruction taken for a sum over all values",
     "6,400 times a mean of 19,200 values is not their sum."),
    (0.0002 * 2 * 784, "digits", f"{0.0002 * 2 * 784:g}: with the 784 of chapter 3",
     "How many values has an image here?"),
    (0.0002 * 2 * SCALE, "times-multiplier", f"{0.0002 * 2 * SCALE:g}: the multiplier instead of values over multiplier",
     "beta is c x w x P / s; s has gone into the wrong place."),
    (0.0002 * 2 / 3, "upside-down", "0.000133: divided by three instead of multiplied",
     "Multiply the whole loss by what makes its first term R."),
    (0.0002 * 2 * VALUES, "multiplier-missing", f"{0.0002 * 2 * VALUES:g}: not divided by the multiplier",
     "beta is c x w x P / s."),
)  # fmt: skip


@rule(
    "flowers.beta",
    points=1,
    title="The effective beta puts reconstruction and KL on one scale, nats per image",
    answers={"beta": Number()},
)
def beta(step, beta):
    with step("It is c x w x P / s", points=1):
        expect_no_known_mistake(
            step,
            _KNOWN_MISTAKES,
            lambda value: np.isclose(beta, value, rtol=0.02),
            is_right=np.isclose(beta, _BETA, rtol=0.02),
            expected="the factor of K once both terms are in nats per image",
        )
        step.expect(
            np.isclose(beta, _BETA, rtol=0.02),
            expected="the factor of K once both terms are in nats per image",
            found=f"{beta:.6g}",
            look="c: how often the KL is counted; w: the weight; P: values of an image; s: the multiplier",
            mistake="wrong-value",
        )
