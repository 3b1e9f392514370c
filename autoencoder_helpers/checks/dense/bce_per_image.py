"""`dense.bce_per_image`: the binary cross-entropy, one number for each image."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import first_difference, where
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.bce_per_image",
    points=1,
    title="The binary cross-entropy of each image, summed over its pixels",
    answers={"bce_per_image": Function()},
)
def bce_per_image(step, bce_per_image):
    x = step.rng.random((7, PIXELS))
    x[step.rng.random(x.shape) < 0.5] = 0.0
    x[step.rng.random(x.shape) < 0.2] = 1.0
    p = step.rng.uniform(0.01, 0.99, x.shape)
    wanted = measures.bce_per_image(x, p)
    with step("It gives one number for each image"):
        found = call(bce_per_image, x, p, name="bce_per_image")
        step.expect(
            found.shape != (),
            expected="7 numbers for 7 images",
            found="one number for all",
            look="Sum over the pixels (the last axis) only, not over the images.",
            mistake="reduced-over-images",
        )
        step.expect(
            found.shape != x.shape,
            expected="7 numbers for 7 images",
            found=f"one number for each pixel, shape {found.shape}",
            look="Sum over the pixels: .sum(axis=...)",
            mistake="not-summed",
        )
        step.expect(
            found.shape == (7,),
            expected="shape (7,) for 7 images",
            found=f"shape {found.shape}",
            look="the axis of your sum: pixels are the last one",
            mistake="wrong-axis",
        )
    with step("It is the binary cross-entropy, in nats", points=0.5, stop=False):

        def is_near(other):
            return np.allclose(found, other, rtol=1e-3)

        for other, mistake, expected, what, look in _known_mistakes(x, p, wanted):
            step.expect(not is_near(other), expected=expected, found=what, look=look, mistake=mistake)
        place = first_difference(found, wanted, rtol=1e-3)
        step.expect(
            is_near(wanted),
            expected=f"{wanted[place]:.2f} nats for {where(place)}",
            found=f"{found[place]:.2f} there",
            look="-x ln p - (1 - x) ln(1 - p), pixel by pixel, then summed",
            mistake="wrong-value",
        )
    if step.mistake == "wrong-value":  # of another quantity nothing more can be said
        return
    with step("It stays finite where p is exactly 0 or 1", points=0.5):
        sharp = (x > 0.5).astype(float)
        found = call(bce_per_image, x, sharp, name="bce_per_image")
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found="inf or nan",
            look="Clip p first, for instance to the range from 1e-7 to 1 - 1e-7.",
            mistake="not-clipped",
        )
        perfect = call(bce_per_image, sharp, sharp, name="bce_per_image")
        step.expect(
            float(np.abs(perfect).max()) < 1,
            expected="about 0 nats for a black-and-white image that is met exactly",
            found=f"{float(np.abs(perfect).max()):.3g} nats",
            look="the clip: its limits must be close to 0 and 1",
            mistake="clipped-too-much",
        )


def _known_mistakes(x, p, wanted):
    """Rows of (what the mistake gives, slug, what was expected, what was found, where to look)."""
    swapped = measures.bce_per_image(p, x.clip(1e-7, 1 - 1e-7))
    return (
        (wanted / PIXELS, "mean-over-pixels", "the sum over 784 pixels",
         "the mean over the pixels: 784 times smaller", "sum or mean? Here each image's pixels are summed"),
        (-wanted, "wrong-sign", "positive numbers",
         "the right size with the wrong sign", "the minus in front: logarithms of numbers below 1 are negative"),
        (wanted / np.log(2), "bits", "natural logarithms (nats)",
         "logarithms to the base 2 (bits)", "np.log, not np.log2"),
        (swapped, "swapped-arguments", "bce_per_image(x, p): the image first, the prediction second",
         "the two in each other's place", "x stands before the logarithm, p inside it"),
        (-(x * np.log(p)).sum(-1), "half-of-the-formula", "both halves of the formula",
         "only the half with x ln p", "black pixels count too: (1 - x) ln(1 - p)"),
    )  # fmt: skip
