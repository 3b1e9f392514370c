"""`vae.log_p_by_grid`, for practice: the probability of an image as a sum over a grid of latent vectors."""

import numpy as np
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.formulas import call_formula
from autoencoder_helpers.checks.vae.log_sums import expect_log_sum, expect_logarithms, log_sum

_IMAGES, _POINTS = 7, 400


@rule(
    "vae.log_p_by_grid",
    points=0,
    title="ln p(x) of each image, by a sum over a grid of latent vectors",
    answers={"log_p_by_grid": Function()},
)
def log_p_by_grid(step, log_p_by_grid):
    likelihood = -step.rng.uniform(120, 280, (_IMAGES, 1)) - step.rng.uniform(0, 6, (_IMAGES, _POINTS))
    likelihood, prior = likelihood.astype(np.float32), -step.rng.uniform(1.8, 6, _POINTS).astype(np.float32)
    area = float(step.rng.uniform(0.05, 0.2))
    with step("It gives a logarithm for each image"):
        changed = set()
        found = call_formula(log_p_by_grid, likelihood, prior, np.float32(area), name="log_p_by_grid", changed=changed)
        expect_logarithms(step, found, _IMAGES)
    with step("It is ln of the sum over the grid: likelihood times prior times area"):
        both, of_area = likelihood.astype(np.float64) + prior, np.log(area)
        whole = log_sum(both, axis=1)
        expect_log_sum(
            step,
            found,
            whole + of_area,
            expected="the ln of a sum: of likelihood x prior, times the area of a cell",
            look="tf.reduce_logsumexp over the grid (the last axis) of the two logarithms' sum, plus np.log(area)",
            known=(
                (-whole - of_area, "wrong-sign", "the right size with the wrong sign", "Return ln p(x), not -ln p(x)."),
                (whole, "area-missing", "a sum without the area of a cell",
                 "The integral is the sum times the area of a cell; of a product the logarithms add up."),
                (whole + area, "area-not-logarithm", "the area itself added to logarithms", "Add np.log(area)."),
                (whole * area, "area-times-logarithm", "a logarithm times the area",
                 "A factor becomes a term in a logarithm: add np.log(area)."),
                (log_sum(likelihood, 1) + of_area, "prior-missing", "a sum without the prior",
                 "Each grid point counts as much as the prior says: add log_prior before the sum."),
                (log_sum(likelihood, 1), "prior-missing", "a sum without prior and area",
                 "Each grid point counts as much as the prior says, and stands for a cell of this area."),
                (log_sum(likelihood - prior, 1) + of_area, "prior-divided", "the likelihood divided by the prior",
                 "The prior multiplies: its logarithm is added."),
                *((whole - np.log(_POINTS) + term, "mean-not-sum", "a mean over the grid",
                   "An integral is a sum times the area of a cell: no division by the number of points.")
                  for term in (0, of_area)),
                *((both.max(axis=1) + term, "maximum-not-sum", "the best grid point alone",
                   "All of the plane contributes: the logarithm of a sum, not the largest of the logarithms.")
                  for term in (0, of_area)),
                *((both.sum(axis=1) + term, "sum-of-logarithms", "a sum of logarithms, which is ln of a product",
                   "Probabilities add up, their logarithms do not: tf.reduce_logsumexp.") for term in (0, of_area)),
                *((both.mean(axis=1) + term, "mean-of-logarithms", "a mean of logarithms",
                   "Probabilities add up, their logarithms do not: tf.reduce_logsumexp.") for term in (0, of_area)),
            ),
        )  # fmt: skip
        expect_unchanged(
            step,
            changed,
            "log_likelihood",
            "log_prior",
            "area",
            look="log_likelihood + log_prior makes a new array; log_likelihood += log_prior changes the old one.",
        )
