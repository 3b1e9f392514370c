"""`flowers.decoder`: ten numbers into an image of 80 x 80 colours."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.expectations import expect_greys, expect_shapes, expect_uses_code
from autoencoder_helpers.checks.flowers.sizes import IMAGE, LATENT
from autoencoder_helpers.checks.models import all_layers, of_one_image
from autoencoder_helpers.checks.rule import rule


@rule(
    "flowers.decoder",
    points=2,
    title="The decoder turns ten numbers into an image of 80 x 80 colours",
    answers={"decoder": Model(input_shape=(LATENT,))},
)
def decoder(step, decoder):
    with step("10 numbers go in, an image of 80 x 80 colours comes out", points=1, stop=False):
        found = of_one_image(decoder.output_shape)
        step.expect(
            found == IMAGE or not (isinstance(found, tuple) and len(found) == 3 and found[:2] != (80, 80)),
            expected="images of 80 x 80 colours",
            found=f"{found}",
            look="Write the sides down: a transposed convolution makes (n - 1) * stride + width of n.",
            mistake="wrong-side",
        )
        step.expect(
            found != (80, 80, 1),
            expected="three channels: red, green, blue",
            found="one channel, which is grey",
            look="the number of filters of the last layer",
            mistake="one-channel",
        )
        expect_shapes(step, decoder, input_shape=(LATENT,), output_shape=IMAGE)
    if tuple(decoder.input_shape[1:]) != (LATENT,):
        return
    with step("Every value lies between 0 and 1", points=0.5, stop=False):
        expect_greys(step, decoder, step.rng.normal(0, 20, (16, LATENT)).astype(np.float32))
        if type(all_layers(decoder)[-1]).__name__ == "IndependentBernoulli":
            step.note(
                "The next cells call `.numpy()` on images, which a distribution does not have: "
                "`layers.Reshape((80, 80, 3))` behind it makes numbers of it."
            )
    with step("Other codes give other images", points=0.5, stop=False):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (12, LATENT)).astype(np.float32))
