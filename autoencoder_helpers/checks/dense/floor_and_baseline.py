"""`dense.floor_and_baseline`: what a loss must be compared with."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.floors_and_baselines import expect_pair, wrong_units
from autoencoder_helpers.checks.rule import rule

_PER_PIXEL = (
    1 / PIXELS, "per-pixel", "nats per pixel, 784 times smaller", "use your bce_per_image, and average over the images only"
)  # fmt: skip


@rule(
    "dense.floor_and_baseline",
    points=1,
    title="What a loss must be compared with: floor and baseline",
    answers={"floor_and_baseline": Function()},
    builds_on=("bce_per_image",),
)
def floor_and_baseline(step, floor_and_baseline):
    profile = step.rng.uniform(0, 1, PIXELS)
    x_train = _images(step.rng, profile, dark=42, bright=18)
    x = _images(step.rng, profile, dark=28, bright=12) ** 2
    mean_image = np.broadcast_to(x_train.mean(0), x.shape)
    units = wrong_units(len(x), _PER_PIXEL)

    def score(prediction):
        return float(measures.bce_per_image(x, prediction).mean())

    floors, baselines = measures.entropy_per_image(x), measures.bce_per_image(x, mean_image)
    wanted_floor, wanted_baseline = float(floors.mean()), float(baselines.mean())
    with step("It returns two numbers: the floor, then the baseline"):
        found = call(floor_and_baseline, x_train, x, name="floor_and_baseline")
        pair = expect_pair(step, found, (wanted_floor, wanted_baseline), units)
    with step("The floor is what a perfect copy scores, in nats per image", points=0.5, stop=False):
        floor, expected = pair.floor, f"{wanted_floor:.2f} nats per image"
        step.expect(
            abs(floor) > 1e-6,
            expected=expected,
            found="0",
            look="A grey pixel costs something even if it is predicted exactly. Score x against itself.",
            mistake="floor-zero",
        )
        _expect_no_median(step, floor, floors, expected)
        pair.expect_unit(step, "floor", floor, wanted_floor, expected=expected)
        step.expect(
            np.isclose(floor, wanted_floor, rtol=2e-3),
            expected=expected,
            found=f"{floor:.2f} nats per image",
            look="the floor scores each image of x against itself",
            mistake="wrong-floor",
        )
    with step("The baseline is what the mean training image scores", points=0.5, stop=False):
        expected = f"{wanted_baseline:.2f} nats per image"
        baseline = pair.baseline_in_floors_unit(step)
        _expect_no_median(step, baseline, baselines, expected)
        pair.expect_unit(step, "baseline", baseline, wanted_baseline, expected=expected)
        of_x = np.broadcast_to(x.mean(0), x.shape)
        squared = float(np.square(x - mean_image).sum(1).mean())
        swapped = float(measures.bce_per_image(mean_image, x).mean())
        expect_no_known_mistake(
            step,
            (
                (score(of_x), "mean-of-test-images", "the mean image of x itself",
                 "A prediction may only use what was there for training."),
                (score(np.broadcast_to(np.median(x_train, axis=0), x.shape)), "median-image",
                 "the median of each pixel", "The mean image: x_train.mean(axis=0)"),
                (score(np.full(x.shape, x_train.mean())), "one-grey", "one mean grey for the whole image",
                 "A mean for each pixel, the axis of the mean: x_train.mean(axis=0)"),
                (swapped, "swapped-arguments", "the two in each other's place",
                 "the image first, the prediction second: bce_per_image(x, ...)"),
                (squared, "squared-error", "a squared error", "use your bce_per_image"),
            ),
            lambda value: np.isclose(baseline, value, rtol=1e-4),
            is_right=np.isclose(baseline, wanted_baseline, rtol=2e-5),
            expected=f"the mean image of x_train as the prediction: {expected}",
        )  # fmt: skip
        step.expect(
            np.isclose(baseline, wanted_baseline, rtol=2e-3),
            expected=expected,
            found=f"{baseline:.2f} nats per image",
            look="the baseline scores each image of x against the mean image of x_train",
            mistake="wrong-baseline",
        )


def _images(rng, profile, dark, bright):
    """Images of both kinds, and more dark ones: else a median over the images would be nearly their mean."""
    power = np.repeat([3.0, 0.5], [dark, bright])[:, None]
    return ((rng.random((len(power), PIXELS)) * profile) ** power).astype(np.float32)


def _expect_no_median(step, value, each, expected):
    """Inside a step: fail if a number is the median of what each image scores, in place of their mean."""
    step.expect(
        not np.isclose(value, np.median(each), rtol=1e-3),
        expected=f"{expected}, the mean over the images",
        found=f"{value:.2f}: their median",
        look="np.mean over the images: dark ones and bright ones count alike.",
        mistake="median-not-mean",
    )
