"""`flowers.yardsticks`: what a loss must be compared with."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.expectations import expect_floor_first, expect_no_known_mistake
from autoencoder_helpers.checks.flowers.sizes import IMAGE, SCALE, UNIT, VALUES
from autoencoder_helpers.checks.rule import rule


@rule(
    "flowers.yardsticks",
    points=1,
    title="The floor scores each image against itself, the baseline against the mean training image",
    answers={"yardsticks": Function()},
)
def yardsticks(step, yardsticks):
    profile = step.rng.uniform(0, 1, IMAGE) * (1.0, 0.7, 0.4)
    x_train = (step.rng.random((12, *IMAGE)) * profile).astype(np.float32)
    x = (step.rng.random((8, *IMAGE)) * profile).astype(np.float32) ** 2

    def scaled(total):
        return float(np.mean(total)) * SCALE / VALUES

    wanted_floor = scaled(measures.entropy_per_image(x))
    wanted_baseline = scaled(measures.bce_per_image(x, measures.mean_image(x_train)))
    with step("It returns two numbers: the floor, then the baseline"):
        found = call(yardsticks, x_train, x, name="yardsticks")
        step.expect(
            found.shape == (2,),
            expected="two numbers",
            found=f"shape {found.shape}",
            look="Average over images and values; end with: return floor, baseline",
            mistake="wrong-shape",
        )
        floor, baseline = (float(value) for value in found)
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found=f"{floor:g} and {baseline:g}",
            look="A logarithm of 0? Clip predictions away from 0 and 1 first.",
            mistake="not-finite",
        )
    with step("They are 6,400 times the mean over the values of an image"):
        for name, value, wanted in (("floor", floor, wanted_floor), ("baseline", baseline, wanted_baseline)):
            _expect_scale(step, name, value, wanted)
        expect_floor_first(step, (floor, baseline), (wanted_floor, wanted_baseline))
    with step("The floor is what a perfect copy scores", points=0.5, stop=False):
        step.expect(
            abs(floor) > 1e-3,
            expected=f"{wanted_floor:,.1f}{UNIT}",
            found="0",
            look="A value between 0 and 1 costs something even if predicted exactly. Score x against itself.",
            mistake="floor-zero",
        )
        step.expect(
            np.isclose(floor, wanted_floor, rtol=2e-3),
            expected=f"{wanted_floor:,.1f}{UNIT}",
            found=f"{floor:,.1f}",
            look="the floor scores each image of x against itself",
            mistake="wrong-floor",
        )
    with step("The baseline is what the mean training image scores", points=0.5, stop=False):
        colour = np.broadcast_to(x_train.mean(axis=(0, 1, 2)), (1, *IMAGE))
        grey = np.full((1, *IMAGE), x_train.mean())
        expect_no_known_mistake(
            step,
            (
                (measures.mean_image(x), "mean-of-test-images", "the mean image of x itself",
                 "A prediction may only use what was there for training."),
                (colour, "one-colour", "one mean colour for the whole image",
                 "A mean for each value of the image: over axis 0 only."),
                (grey, "one-grey", "one mean value for the whole image",
                 "A mean for each value of the image: over axis 0 only."),
            ),
            lambda image: np.isclose(baseline, scaled(measures.bce_per_image(x, image)), rtol=1e-5),
            expected="the mean image of x_train as the prediction",
        )  # fmt: skip
        step.expect(
            np.isclose(baseline, wanted_baseline, rtol=5e-4),
            expected=f"{wanted_baseline:,.1f}{UNIT}",
            found=f"{baseline:,.1f}",
            look="the mean of x_train over the images, as the prediction for every image of x",
            mistake="wrong-baseline",
        )


def _expect_scale(step, name, value, wanted):
    """Inside a step: name the usual wrong scales, compared with `wanted` on the chapter's scale."""
    look = "what is averaged, and what it is multiplied by afterwards"
    expect_no_known_mistake(
        step,
        (
            (VALUES / SCALE, "nats-per-image", "the sum over an image: nats per image, 3 times as large", look),
            (1 / SCALE, "not-scaled", "the mean over the values, without the factor 6,400", look),
            (-1, "wrong-sign", "the right size with the wrong sign", look),
            (1 / np.log(2), "bits", "logarithms to the base 2 (bits)", look),
            (1 / 3, "divided-twice", "a third of it: 6,400 times a mean that was divided by three once more", look),
        ),
        lambda factor: np.isclose(value, factor * wanted, rtol=1e-3),
        expected=f"a {name} of {wanted:,.1f}{UNIT}",
        before=f"{value:,.4g}: ",
    )
