"""`vae.log_p_by_draws`, for practice: the probability of an image from draws of its cloud, each with its weight."""

import numpy as np
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.formulas import call_formula
from autoencoder_helpers.checks.vae.log_sums import expect_log_sum, expect_logarithms, log_sum

_DRAWS, _IMAGES = 40, 7


@rule(
    "vae.log_p_by_draws",
    points=0,
    title="ln p(x) of each image, from weighed draws of its cloud",
    answers={"log_p_by_draws": Function()},
)
def log_p_by_draws(step, log_p_by_draws):
    weights = -step.rng.uniform(120, 280, _IMAGES) - step.rng.uniform(0, 8, (_DRAWS, _IMAGES))
    weights = weights.astype(np.float32)
    with step("It gives a logarithm for each image"):
        changed = set()
        found = call_formula(log_p_by_draws, weights, name="log_p_by_draws", changed=changed)
        expect_logarithms(step, found, _IMAGES)
    with step("It is ln of the mean of the weights"):
        whole = log_sum(weights, axis=0)
        expect_log_sum(
            step,
            found,
            whole - np.log(_DRAWS),
            expected="the ln of a mean over the draws",
            look="tf.reduce_logsumexp over the draws (the first axis), minus np.log of their number",
            known=(
                (np.log(_DRAWS) - whole, "wrong-sign", "the right size with the wrong sign", "Return ln p(x), not -ln p(x)."),
                (whole, "number-missing", "a sum over the draws", "The mean is asked for: divide by S, subtract ln S."),
                (whole - _DRAWS, "number-not-logarithm", "the number itself subtracted from a logarithm",
                 "Subtract np.log of the number of draws."),
                (whole / _DRAWS, "logarithm-divided", "a logarithm divided by the number of draws",
                 "A division becomes a subtraction of logarithms: - np.log(S)."),
                (weights.mean(axis=0), "mean-of-logarithms", "the mean of the logarithms: the ELBO itself",
                 "First the mean of the weights, then the logarithm: tf.reduce_logsumexp."),
                (weights.sum(axis=0), "sum-of-logarithms", "a sum of logarithms",
                 "First the mean of the weights, then the logarithm: tf.reduce_logsumexp."),
                (weights.max(axis=0), "maximum-not-sum", "the best draw alone", "All draws count: the mean of the weights."),
                (whole - np.log(_IMAGES), "wrong-number", "the number of images in place of that of draws",
                 "S is the length of the first axis."),
            ),
        )  # fmt: skip
        expect_unchanged(
            step,
            changed,
            "log_weights",
            look="log_weights - ... makes a new array; log_weights -= ... changes the old one.",
        )
