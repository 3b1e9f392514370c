"""`vae.gaussian_kl`: the KL of a cloud from the prior, by formula."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference, where
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.formulas import call_formula
from autoencoder_helpers.checks.vae.wrong_kls import wrong_kls

_FORMULA = "(mean^2 + stddev^2 - 1) / 2 - ln stddev for each latent variable"


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

    changed = set()

    def value(mean, stddev):
        return call_formula(gaussian_kl, mean, stddev, name="gaussian_kl", changed=changed)

    with step("It returns numbers"):
        found = value(mean, stddev)
        # Of one image there is nothing to be summed over wrongly but its two latent variables.
        alone = np.array([float(value(mean[i : i + 1], stddev[i : i + 1]).sum()) for i in range(len(mean))])
    each = wanted
    with step("It is the KL towards two standard normal numbers, in nats", points=0.5, stop=False):
        if not (_near(alone, wanted) or _near(alone, wanted / 2)):
            known = [row for row in wrong_kls(mean, stddev) if row[1] != "mean-over-latents"]
            each = next((row[0] for row in known if _near(alone, row[0])), None)
            expect_no_known_mistake(step, known, lambda values: _near(alone, values), is_right=False, expected=_FORMULA)
            again = np.array([float(value(mean[i : i + 1], stddev[i : i + 1]).sum()) for i in range(len(mean))])
            step.expect(
                _near(again, alone),
                expected=_FORMULA,
                found="another result in a second call with the same cloud: an estimate from draws",
                look="For these two distributions there is a formula, which needs no draws.",
                mistake="estimate-not-exact",
            )
            place = first_difference(alone, wanted, rtol=2e-3, atol=2e-3)
            step.fail(
                expected=f"{_FORMULA}: {wanted[place]:.3f} nats for {where(place)}",
                found=f"{alone[place]:.3f} there",
                look="For mean 0 and stddev 1 it must be 0; try mean 1, stddev 0.5: 0.818 for each latent variable.",
                mistake="wrong-value",
            )
        expect_unchanged(
            step, changed, "mean", "stddev", look="mean**2 makes a new array; mean **= 2 changes the old one."
        )
    if each is None:  # of another quantity nothing more can be said
        return
    with step("It is summed over the latent variables: one number for each image", points=0.5):
        _expect_summed(step, found, each)


def _near(found, wanted) -> bool:
    return np.allclose(found, wanted, rtol=2e-3, atol=2e-3)


def _expect_summed(step, found, each):
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
    step.expect(
        not _near(found, each / 2),
        expected="the sum over the two latent variables",
        found="half of it: their mean",
        look="Independent latent variables add up: a sum, not a mean",
        mistake="mean-over-latents",
    )
    place = first_difference(found, each, rtol=2e-3, atol=2e-3)
    step.expect(
        _near(found, each),
        expected=f"{each[place]:.3f} for {where(place)}, as for that image alone",
        found=f"{found[place]:.3f} there, among nine images",
        look="Each image has its own KL, whatever stands beside it.",
        mistake="wrong-batch",
    )
