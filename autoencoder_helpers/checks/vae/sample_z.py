"""`vae.sample_z`: a draw from a cloud, made of the given noise."""

import numpy as np
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.formulas import call_formula, name_the_mistake


@rule(
    "vae.sample_z",
    points=1,
    title="A draw is the mean plus noise stretched by the standard deviation",
    answers={"sample_z": Function()},
)
def sample_z(step, sample_z):
    mean, eps = (step.rng.normal(0, scale, (50, 2)).astype(np.float32) for scale in (2, 1))
    stddev = step.rng.uniform(0.3, 2.5, (50, 2)).astype(np.float32)
    wanted = mean + stddev * eps
    with step("It gives one latent vector for each image"):
        changed = set()
        found = call_formula(sample_z, mean, stddev, eps, name="sample_z", changed=changed)
        step.expect(
            found.shape == wanted.shape,
            expected="shape (50, 2) for 50 images",
            found=f"shape {found.shape}",
            look="Nothing is summed here: each latent number has its own noise.",
            mistake="wrong-shape",
        )
    with step("The given noise reproduces the draw", points=1):
        name_the_mistake(
            step,
            found,
            wanted,
            expected="mean + stddev * eps",
            known=_known_mistakes(mean, stddev, eps),
            look="With eps = 0 it must be the mean; with eps = 1 one standard deviation above it.",
            unit="in",
            own_noise=lambda: call_formula(sample_z, mean, stddev, eps, name="sample_z"),
        )
        expect_unchanged(
            step,
            changed,
            "mean",
            "stddev",
            "eps",
            look="mean + ... makes a new array; mean += ... changes the old one.",
        )


def _known_mistakes(mean, stddev, eps):
    """What the usual mistakes give, as `known` of expect_no_known_mistake."""
    return (
        (mean + stddev**2 * eps, "variance", "the variance in place of the standard deviation",
         "stddev is already a standard deviation: square nothing"),
        (mean + np.sqrt(stddev) * eps, "root-of-stddev", "the square root of stddev",
         "stddev is no variance: take no root"),
        (mean + np.exp(stddev) * eps, "exponential", "the exponential of stddev",
         "stddev is no logarithm: take no exp"),
        (mean + np.exp(stddev / 2) * eps, "log-variance", "stddev read as a log variance",
         "stddev is a standard deviation: take no exp"),
        (mean + np.log1p(np.exp(stddev)) * eps, "softplus", "the softplus of stddev",
         "The layer has applied softplus already: use stddev as it is."),
        (mean + stddev * eps[:1], "shared-noise", "the noise of the first image for all",
         "Each image has a row of eps of its own: use all of it."),
        (mean + stddev * eps[:, :1], "shared-noise", "the first column of the noise for both latent variables",
         "Each latent variable has noise of its own: use all of eps."),
        (mean - stddev * eps, "wrong-sign", "mean - stddev * eps", "the sign of the noise"),
        (mean + eps, "stddev-ignored", "noise that is not stretched", "where does stddev come in?"),
        (mean, "noise-ignored", "the mean alone", "where does eps come in?"),
        (mean + stddev, "noise-ignored", "no noise", "where does eps come in?"),
        (mean * eps + stddev, "swapped", "mean and stddev in each other's place", "which one moves, which stretches?"),
        ((mean + eps) * stddev, "wrong-order", "(mean + eps) * stddev", "stretch first, then move"),
        (stddev * eps, "mean-ignored", "draws around 0", "where does the mean come in?"),
    )  # fmt: skip
