"""`flowers.yardsticks`: what a loss must be compared with."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.floors_and_baselines import expect_pair, wrong_units
from autoencoder_helpers.checks.flowers.sizes import IMAGE, SCALE, UNIT, VALUES
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule

_LOOK = "what is averaged, and what it is multiplied by afterwards"
_SCALES = (
    (VALUES / SCALE, "nats-per-image", "the sum over an image: nats per image, 3 times as large", _LOOK),
    (1 / SCALE, "not-scaled", "the mean over the values, without the factor 6,400", _LOOK),
    (784 / SCALE, "times-784", "784 times the mean, as for the digits", "Images have other sides here."),
    (1 / 3, "divided-twice", "a third of it: 6,400 times a mean that was divided by three once more", _LOOK),
)


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
    x[step.rng.random(x.shape) < 0.05] = 0  # as in photographs: black and white
    x[step.rng.random(x.shape) < 0.05] = 1
    mean_image = measures.mean_image(x_train)
    units = wrong_units(len(x), *_SCALES)

    def scaled(total):
        return float(np.mean(total)) * SCALE / VALUES

    wanted_floor = scaled(measures.entropy_per_image(x))
    wanted_baseline = scaled(measures.bce_per_image(x, mean_image))
    with step("It returns two numbers: the floor, then the baseline"):
        changed = set()
        found = call(yardsticks, x_train, x, name="yardsticks", changed=changed)
        no_floor = (
            found.shape == (2,) and not np.isfinite(found[0]) and np.isclose(found[1], wanted_baseline, rtol=5e-4)
        )
        if no_floor:  # the baseline is right: that alone is the floor's mistake
            found = np.array([wanted_floor, found[1]])
        pair = expect_pair(step, found, (wanted_floor, wanted_baseline), units)
    with step("The floor is what a perfect copy scores, 6,400 times the mean over the values", points=0.5, stop=False):
        floor, expected = pair.floor, f"{wanted_floor:,.1f}{UNIT}"
        step.expect(
            not no_floor,
            expected=f"a floor of {expected}",
            found="inf or nan: some values are exactly 0 or 1, and there 0 x ln 0 was computed",
            look="Clip the prediction to [1e-7, 1 - 1e-7], as Keras does. In float32, 1 - 1e-8 is 1.",
            mistake="floor-not-finite",
        )
        expect_unchanged(
            step,
            changed,
            "x_train",
            "x",
            look="Make new arrays: x - mean, and not x -= mean, which changes the notebook's images.",
        )
        step.expect(
            abs(floor) > 1e-3,
            expected=expected,
            found="0",
            look="A value between 0 and 1 costs something even if predicted exactly. Score x against itself.",
            mistake="floor-zero",
        )
        pair.expect_unit(step, "floor", floor, wanted_floor, expected=expected)
        step.expect(
            np.isclose(floor, wanted_floor, rtol=2e-3),
            expected=expected,
            found=f"{floor:,.1f}",
            look="the floor scores each image of x against itself",
            mistake="wrong-floor",
        )
    with step("The baseline is what the mean training image scores", points=0.5, stop=False):
        expected = f"{wanted_baseline:,.1f}{UNIT}"
        baseline = pair.baseline_in_floors_unit(step)
        pair.expect_unit(step, "baseline", baseline, wanted_baseline, expected=expected)
        colour = np.broadcast_to(x_train.mean(axis=(0, 1, 2)), (1, *IMAGE))
        grey = np.full((1, *IMAGE), x_train.mean())
        squared = np.square(x - mean_image).sum((1, 2, 3))
        # Where x is 0 or 1, what it costs depends on the clip: in float64, in float32, and as Keras has it.
        swapped = [
            measures.bce_per_image(
                np.broadcast_to(mean_image, x.shape),
                np.where(x == 0, low, np.where(x == 1, 1 - high, x.astype(np.float64))),
            )
            for low, high in ((1e-7, 1e-7), (1e-7, 2**-23), (2e-7, 2e-7), (2e-7, 1e-7 + 2**-23))
        ]
        step.expect(
            not any(np.isclose(baseline, scaled(values), rtol=1e-3) for values in swapped),
            expected="the mean image of x_train as the prediction",
            found="the two in each other's place",
            look="the image first, the prediction second",
            mistake="swapped-arguments",
        )
        expect_no_known_mistake(
            step,
            (
                (measures.bce_per_image(x, measures.mean_image(x)), "mean-of-test-images", "the mean image of x itself",
                 "A prediction may only use what was there for training."),
                (measures.bce_per_image(x, colour), "one-colour", "one mean colour for the whole image",
                 "A mean for each value of the image: over axis 0 only."),
                (measures.bce_per_image(x, grey), "one-grey", "one mean value for the whole image",
                 "A mean for each value of the image: over axis 0 only."),
                (squared, "squared-error", "a squared error", "-x ln p - (1 - x) ln(1 - p) for each value"),
            ),
            lambda values: np.isclose(baseline, scaled(values), rtol=1e-4),
            is_right=np.isclose(baseline, wanted_baseline, rtol=2e-5),
            expected="the mean image of x_train as the prediction",
        )  # fmt: skip
        step.expect(
            np.isclose(baseline, wanted_baseline, rtol=5e-4),
            expected=expected,
            found=f"{baseline:,.1f}",
            look="the mean of x_train over the images, as the prediction for every image of x",
            mistake="wrong-baseline",
        )
