"""`conv.trained`: what the training made of the autoencoder."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.conv.images import IMAGE, expect_image_side
from autoencoder_helpers.checks.expectations import expect_trained
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.checks.training_loss import expect_bce_loss
from autoencoder_helpers.reference.values import threshold


@rule(
    "conv.trained",
    points=1,
    title="The trained autoencoder explains digits that it has not seen",
    answers={"autoencoder": Model(input_shape=IMAGE)},
)
def trained(step, autoencoder):
    with step("It is trained on the binary cross-entropy", points=0.5, stop=False):
        expect_bce_loss(step, autoencoder, IMAGE)
    with step("An image goes in, an image comes out"):
        expect_image_side(step, "input", autoencoder.input_shape)
        expect_image_side(step, "output", autoencoder.output_shape)
    with step("Its loss on test digits is low enough", points=0.5):
        images = step.data.unseen_digits[..., np.newaxis]
        expect_trained(
            step, autoencoder, images, threshold("conv.trained"), "conv.data", "conv.encoder", "conv.decoder"
        )
        expect_squeezed(step, autoencoder, 28 * 28, 2, "conv.encoder", "conv.decoder", "conv.autoencoder")
