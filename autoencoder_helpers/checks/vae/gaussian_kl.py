"""`vae.gaussian_kl`: the KL of a cloud from the prior, by formula."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.formulas import call_formula, name_the_mistake
from autoencoder_helpers.checks.vae.wrong_kls import wrong_kls


@rule(
    "vae.gaussian_kl",
    points=1,
    title="The KL of a cloud from the prior, by formula, one number per image",
    answers={"gaussian_kl": Function()},
)
def gaussian_kl(step, gaussian_kl):
    mean = step.rng.normal(0, 1.5, (9, 2)).astype(np.float32)
    stddev = step.rng.uniform(0.2, 2.5, (9, 2)).astype(np.float32)
    wanted = measures.gaussian_kl(mean, stddev)
    with step("It gives one number for each image"):
        found = call_formula(gaussian_kl, mean, stddev, name="gaussian_kl")
        step.expect(
            found.size != 1,
            expected="9 numbers for 9 images",
            found="one number for all",
            look="Sum over the latent variables (the last axis) only, not over the images.",
            mistake="reduced-over-images",
        )
        step.expect(
            found.shape != (9, 2),
            expected="9 numbers for 9 images",
            found="one number for each latent variable, shape (9, 2)",
            look="Independent latent variables add up: sum over the last axis.",
            mistake="not-summed",
        )
        step.expect(
            found.shape == (9,),
            expected="shape (9,) for 9 images",
            found=f"shape {found.shape}",
            look="the axis of your sum: latent variables are the last one",
            mistake="wrong-axis",
        )
    with step("It is the KL towards two standard normal numbers, in nats", points=1):
        name_the_mistake(
            step,
            found,
            wanted,
            expected="(mean^2 + stddev^2 - 1) / 2 - ln stddev, summed over the latent variables",
            known=wrong_kls(mean, stddev),
            look="For mean 0 and stddev 1 it must be 0; try mean 1, stddev 0.5: 0.818 for each latent variable.",
            unit="nats for",
        )
