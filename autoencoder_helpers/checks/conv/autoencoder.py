"""`conv.autoencoder`: encoder and decoder, joined."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.conv.images import IMAGE
from autoencoder_helpers.checks.joining import expect_ends, expect_joined
from autoencoder_helpers.checks.models import of_one_image
from autoencoder_helpers.checks.rule import rule


@rule(
    "conv.autoencoder",
    points=1,
    title="The autoencoder is the encoder, then the decoder, with their own weights",
    answers={
        "autoencoder": Model(input_shape=IMAGE),
        "encoder": Model(input_shape=IMAGE),
        "decoder": Model(input_shape=(2,)),
    },
)
def autoencoder(step, autoencoder, encoder, decoder):
    with step("What the encoder takes goes in, what the decoder gives comes out"):
        expect_ends(step, autoencoder, encoder, decoder)
    with step("It decodes what the encoder made, with the same weights", points=1):
        images = step.rng.random((16, *of_one_image(encoder.input_shape))).astype(np.float32)
        expect_joined(step, autoencoder, encoder, decoder, images)
