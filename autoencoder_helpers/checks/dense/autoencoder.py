"""`dense.autoencoder`: encoder and decoder, joined."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.joining import expect_ends, expect_joined
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.autoencoder",
    points=1,
    title="The autoencoder is encoder and decoder, joined",
    answers={
        "autoencoder": Model(input_shape=(PIXELS,)),
        "encoder": Model(input_shape=(PIXELS,)),
        "decoder": Model(input_shape=(2,)),
    },
)
def autoencoder(step, autoencoder, encoder, decoder):
    with step("What the encoder takes goes in, what the decoder gives comes out"):
        expect_ends(step, autoencoder, encoder, decoder)
    with step("It decodes what the encoder made, with the same weights", points=1):
        images = step.rng.random((16, *encoder.input_shape[1:])).astype(np.float32)
        expect_joined(step, autoencoder, encoder, decoder, images)
