"""`dense.bce_per_image`: the binary cross-entropy, one number for each image."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference, where
from autoencoder_helpers.checks.loss_readings import expect_cross_entropy, expect_not_over_images, read_loss
from autoencoder_helpers.checks.rule import rule

_MEAN = 1 / PIXELS
_DEAR = 9.0  # nats, of a pixel that is certain and wrong: 16.1 with the clip at 1e-7, 9.2 with one at 1e-4


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
    p = step.rng.uniform(0.02, 0.98, x.shape) ** (1 + np.arange(7)[:, None] / 4)
    p = np.clip(p, 0.015, 0.985)  # where no sensible clip reaches

    def value(x, p):
        return call(bce_per_image, x, p, name="bce_per_image")

    with step("It returns numbers"):
        reading = read_loss(value, x, p)
    with step("It is the binary cross-entropy, in nats, and finite where p is exactly 0 or 1", points=0.5, stop=False):
        expect_cross_entropy(step, reading, (1, _MEAN))
        _expect_finite(step, value, x, typical=float(np.abs(reading.alone).mean()))
        _expect_dear(step, value, abs(reading.multiple))
    if reading.quantity is None:  # of another quantity nothing more can be said
        return
    with step("It is summed over the pixels: one number for each image", points=0.5):
        each = reading.each((1, _MEAN), 1)
        together = reading.without_added
        _expect_shape(step, together, x.shape)
        whole = f"{each[0]:.2f} nats for the first image, the sum over 784 pixels"
        expect_no_known_mistake(
            step,
            ((_MEAN, "mean-over-pixels", "the mean over the pixels: 784 times smaller",
              "sum or mean? Here each image's pixels are summed"),),
            lambda factor: np.allclose(together, factor * each, rtol=0.003),
            is_right=np.allclose(together, each, rtol=0.003),
            expected=whole,
        )  # fmt: skip
        expect_not_over_images(step, float(together.mean()), each, whole=whole)
        place = first_difference(together, each, rtol=0.003)
        step.expect(
            np.allclose(together, each, rtol=0.003),
            expected=f"{each[place]:.2f} nats for {where(place)}",
            found=f"{together[place]:.2f} there",
            look="-x ln p - (1 - x) ln(1 - p), pixel by pixel, then summed",
            mistake="wrong-scale",
        )


def _expect_finite(step, value, x, typical):
    """Inside a step: fail unless the loss is finite for black-and-white predictions, and about 0 where they are met.

    typical: how large a loss of many pixels is, of whatever the function makes of them.
    """
    sharp = (x > 0.5).astype(float)
    step.expect(
        np.isfinite(value(x, sharp)).all(),
        expected="finite numbers",
        found="inf or nan",
        look="Clip p first, for instance to the range from 1e-7 to 1 - 1e-7.",
        mistake="not-clipped",
    )
    perfect = float(np.abs(value(sharp, sharp)).max())
    step.expect(
        perfect < typical / 300,
        expected="about 0 nats for a black-and-white image that is met exactly",
        found=f"{perfect:.3g} nats",
        look="the clip: its limits must be close to 0 and 1",
        mistake="clipped-too-much",
    )


def _expect_dear(step, value, multiple):
    """Inside a step: fail unless a pixel that is certain and wrong costs much, ink as well as paper.

    multiple: how much the function gives of the sum over an image.
    """
    for ink, what in ((1.0, "ink where p is 0"), (0.0, "paper where p is 1")):
        x = np.full((1, PIXELS), ink)
        nats = float(np.abs(value(x, 1 - x)).mean()) / multiple / PIXELS
        step.expect(
            nats > 1,
            expected=f"about 16 nats for a pixel that is certain and wrong, such as {what}",
            found=f"{nats:.2g} nats: what is not finite was left out, or set to 0",
            look="No prediction is worse, so none may be cheaper. Clip p before the logarithm, from 1e-7 to 1 - 1e-7, "
            "and leave nothing out of the sum.",
            mistake="certain-and-wrong-is-free",
        )
        step.expect(
            nats > _DEAR,
            expected=f"about 16 nats for a pixel that is certain and wrong, such as {what}",
            found=f"{nats:.1f} nats",
            look="the clip: its limits must be close to 0 and 1, such as 1e-7 and 1 - 1e-7",
            mistake="clipped-too-much",
        )


def _expect_shape(step, found, shape):
    step.expect(
        found.shape != (),
        expected="7 numbers for 7 images",
        found="one number for all",
        look="Sum over the pixels (the last axis) only, not over the images.",
        mistake="reduced-over-images",
    )
    step.expect(
        found.shape != shape,
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
