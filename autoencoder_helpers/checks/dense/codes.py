"""`dense.codes`: the latent plane of the test digits."""

import numpy as np
from autoencoder_helpers.checks.answers import Array, Model
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import OTHER_SCALES
from autoencoder_helpers.checks.models import precision, predict
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.codes",
    points=1,
    title="The latent plane shows the codes of the test digits",
    answers={"codes": Array(), "encoder": Model(input_shape=(PIXELS,))},
)
def codes(step, codes, encoder):
    with step("There are 2 numbers for each of the 10,000 test digits"):
        shape = (10_000, *encoder.output_shape[1:])  # (10000, 2); how wide a code is, is for the encoder's check to say
        step.expect(
            codes.shape != (10_000, PIXELS) or codes.shape == shape,
            expected=f"codes of shape {shape}",
            found="10,000 images of 784 pixels",
            look="Ask the encoder, not the autoencoder.",
            mistake="images-not-codes",
        )
        step.expect(
            codes.shape == shape,
            expected=f"shape {shape}",
            found=codes.shape,
            look="x_test goes through the encoder: 10,000 digits, 2 numbers each",
            mistake="wrong-shape",
        )
    with step("They are the encoder's, in the order of the labels", points=1):
        wanted = predict(encoder, step.data.mnist_images.reshape(-1, PIXELS))
        # In half precision another order of the same sums gives other last digits.
        tolerance = max(1e-3, 4 * precision(encoder)) * float(np.abs(wanted).max())
        if np.allclose(codes, wanted, atol=tolerance):
            return
        if step.charged("dense.data") and any(
            _are_near(codes, predict(encoder, change(step.data.mnist_images).reshape(-1, PIXELS)))
            for change in OTHER_SCALES
        ):
            return  # the right codes of images that were wrong before
        step.expect(
            not np.allclose(np.sort(codes, axis=0), np.sort(wanted, axis=0), atol=tolerance),
            expected="code i belongs to digit i",
            found="the right codes in another order",
            look="Do not shuffle: the labels would belong to other digits.",
            mistake="shuffled",
        )
        for images, what, look, mistake in (
            (step.data.mnist("x_train", np.arange(10_000)), "codes of the first 10,000 training digits",
             "x_test: the labels y_test belong to these digits.", "codes-of-training-images"),
            (255 * step.data.mnist_images, "codes of images that were not scaled",
             "The encoder knows images between 0 and 1: x_test, not raw_test.", "codes-of-raw-images"),
        ):  # fmt: skip
            step.expect(
                not _are_near(codes, predict(encoder, images.reshape(-1, PIXELS))),
                expected="encoder.predict(x_test)",
                found=what,
                look=look,
                mistake=mistake,
            )
        step.fail(
            expected="encoder.predict(x_test), with the encoder as it is now",
            found="other numbers",
            look="Was the encoder trained again, or built again, after the codes were made? Run the cell again.",
            mistake="other-codes",
        )


def _are_near(codes, wanted):
    return np.allclose(codes, wanted, atol=1e-3 * float(np.abs(wanted).max()))
