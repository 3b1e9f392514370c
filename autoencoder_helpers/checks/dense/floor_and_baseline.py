"""`dense.floor_and_baseline`: what a loss must be compared with."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import expect_floor_first
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.floor_and_baseline",
    points=1,
    title="What a loss must be compared with: floor and baseline",
    answers={"floor_and_baseline": Function()},
    builds_on=("bce_per_image",),
)
def floor_and_baseline(step, floor_and_baseline):
    profile = step.rng.uniform(0, 1, PIXELS)
    x_train = (step.rng.random((60, PIXELS)) * profile).astype(np.float32)
    x = (step.rng.random((40, PIXELS)) * profile).astype(np.float32) ** 2
    wanted_floor = float(measures.entropy_per_image(x).mean())
    wanted_baseline = float(measures.bce_per_image(x, np.broadcast_to(x_train.mean(0), x.shape)).mean())
    with step("It returns two numbers: the floor, then the baseline"):
        found = call(floor_and_baseline, x_train, x, name="floor_and_baseline")
        step.expect(
            found.shape == (2,),
            expected="two numbers",
            found=f"shape {found.shape}",
            look="Average over the images; end with: return floor, baseline",
            mistake="wrong-shape",
        )
        floor, baseline = (float(value) for value in found)
        for name, value, wanted in (("floor", floor, wanted_floor), ("baseline", baseline, wanted_baseline)):
            step.expect(
                not np.isclose(value, wanted / PIXELS, rtol=1e-3),
                expected=f"a {name} of {wanted:.2f} nats per image",
                found=f"{value:.4f}: nats per pixel, 784 times smaller",
                look="use your bce_per_image, and average over the images only",
                mistake="per-pixel",
            )
        expect_floor_first(step, (floor, baseline), (wanted_floor, wanted_baseline))
    with step("The floor is what a perfect copy scores", points=0.5, stop=False):
        step.expect(
            abs(floor) > 1e-6,
            expected=f"{wanted_floor:.2f} nats per image",
            found="0",
            look="A grey pixel costs something even if it is predicted exactly. Score x against itself.",
            mistake="floor-zero",
        )
        step.expect(
            np.isclose(floor, wanted_floor, rtol=2e-3),
            expected=f"{wanted_floor:.2f} nats per image",
            found=f"{floor:.2f} nats per image",
            look="the floor scores each image of x against itself",
            mistake="wrong-floor",
        )
    with step("The baseline is what the mean training image scores", points=0.5, stop=False):
        own_mean = float(measures.bce_per_image(x, np.broadcast_to(x.mean(0), x.shape)).mean())
        step.expect(
            not np.isclose(baseline, own_mean, rtol=1e-4),
            expected="the mean image of x_train",
            found="the mean image of x itself",
            look="A prediction may only use what was there for training.",
            mistake="mean-of-test-images",
        )
        grey = float(measures.bce_per_image(x, np.full(x.shape, float(x_train.mean()))).mean())
        step.expect(
            not np.isclose(baseline, grey, rtol=1e-4),
            expected="a mean for each pixel: x_train.mean(axis=0)",
            found="one mean grey for the whole image",
            look="the axis of the mean",
            mistake="one-grey",
        )
        step.expect(
            np.isclose(baseline, wanted_baseline, rtol=2e-3),
            expected=f"{wanted_baseline:.2f} nats per image",
            found=f"{baseline:.2f} nats per image",
            look="the baseline scores each image of x against the mean image of x_train",
            mistake="wrong-baseline",
        )
