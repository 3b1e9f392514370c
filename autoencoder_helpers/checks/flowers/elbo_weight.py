"""`flowers.elbo_weight`, for practice: the weight of the KL with which the chapter's loss is an ELBO."""

import numpy as np
from autoencoder_helpers.checks.answers import Number
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.flowers.sizes import SCALE, VALUES
from autoencoder_helpers.checks.rule import rule

_WEIGHT = SCALE / VALUES / 2  # beta = 2 w P / s = 1
_KNOWN_MISTAKES = (
    (SCALE / VALUES, "counted-once", "one third: as if the KL were counted once", "How often is the KL added?"),
    (0.5, "colours-forgotten", "one half: chapter 3's, where the reconstruction is a sum",
     "Here the reconstruction is a third of the sum. What does that ask of the KL?"),
    (1.0, "weight-itself", "1: the weight is not beta", "Turn beta = c w P / s around."),
    (VALUES / SCALE / 2, "upside-down", "1.5: divided by what should multiply", "w = s / (c P)"),
    (2 * SCALE / VALUES, "count-multiplied", "two thirds: multiplied by the count", "w = s / (c P)"),
    (0.0012, "beta-itself", "0.0012: the beta of this chapter", "Asked is the weight that makes it 1."),
    (VALUES / SCALE * 2, "upside-down", "6: its reciprocal", "w = s / (c P)"),
)  # fmt: skip


@rule(
    "flowers.elbo_weight",
    points=0,
    title="The weight that makes this chapter's loss an ELBO",
    answers={"elbo_weight": Number()},
)
def elbo_weight(step, elbo_weight):
    with step("With it beta is 1"):
        expect_no_known_mistake(
            step,
            _KNOWN_MISTAKES,
            lambda value: np.isclose(elbo_weight, value, rtol=5e-3),
            is_right=np.isclose(elbo_weight, _WEIGHT, rtol=5e-3),
            expected="the weight w for which beta = c w P / s is 1",
        )
        step.expect(
            np.isclose(elbo_weight, _WEIGHT, rtol=5e-3),
            expected="the weight w for which beta = c w P / s is 1",
            found=f"{elbo_weight:.6g}: with it beta is {2 * elbo_weight * VALUES / SCALE:.3g}",
            look="c: how often the KL is counted; P: values of an image; s: the multiplier",
            mistake="wrong-value",
        )
