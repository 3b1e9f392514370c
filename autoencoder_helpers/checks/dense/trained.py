"""`dense.trained`: what the training made of the autoencoder."""

from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.expectations import expect_trained
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.checks.training_loss import expect_bce_loss
from autoencoder_helpers.reference.values import threshold


@rule(
    "dense.trained",
    points=1,
    title="The trained autoencoder explains digits that it has not seen",
    answers={"autoencoder": Model(input_shape=(PIXELS,))},
)
def trained(step, autoencoder):
    with step("It is trained on the binary cross-entropy", points=0.5, stop=False):
        expect_bce_loss(step, autoencoder, (PIXELS,))
    with step("Its loss on test digits is low enough", points=0.5):
        images = step.data.unseen_digits.reshape(-1, PIXELS)
        expect_trained(
            step, autoencoder, images, threshold("dense.trained"), "dense.data", "dense.encoder", "dense.decoder"
        )
        expect_squeezed(step, autoencoder, PIXELS, 2, "dense.encoder", "dense.decoder", "dense.autoencoder")
