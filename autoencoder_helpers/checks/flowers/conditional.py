"""`flowers.conditional`, for practice: a decoder that is told the species, so that it can be asked for a rose."""

import numpy as np
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.expectations import expect_greys, expect_shapes
from autoencoder_helpers.checks.flowers.sizes import IMAGE, LATENT
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.rule import rule

_SPECIES = 5
_ANSWERS = 0.01  # mean change of grey: fresh weights change less, a trained decoder ten times as much


@rule(
    "flowers.conditional",
    points=0,
    title="The decoder is told the species, and paints that species",
    answers={"conditional_decoder": Model(input_shape=(LATENT + _SPECIES,))},
)
def conditional(step, conditional_decoder):
    with step("15 numbers go in, ten of the code and five of the species; an image comes out"):
        step.expect(
            tuple(conditional_decoder.input_shape[1:]) != (LATENT,),
            expected="15 numbers: 10 of the code, 5 of the species",
            found="10 numbers",
            look="layers.Input((15,)): one number more for each species",
            mistake="species-missing",
        )
        expect_shapes(step, conditional_decoder, input_shape=(LATENT + _SPECIES,), output_shape=IMAGE)
    z = step.rng.normal(0, 2, (8, LATENT)).astype(np.float32)
    rows = [np.concatenate([z, np.tile(one, (len(z), 1))], axis=1) for one in np.eye(_SPECIES, dtype=np.float32)]
    with step("Every value lies between 0 and 1"):
        expect_greys(step, conditional_decoder, rows[0])
    with step("Another species gives another flower, and so does another code"):
        images = np.stack([predict(conditional_decoder, row) for row in rows]).astype(float)  # (species, codes, image)
        by_code = float(np.abs(images - images.mean(axis=1, keepdims=True)).mean())
        by_species = float(np.abs(images - images.mean(axis=0, keepdims=True)).mean())
        step.expect(
            max(by_code, by_species) > _ANSWERS / 5,
            expected="images that differ with what goes in",
            found="the same grey for all",
            look="Was it trained? train(conditional_decoder, codes with species, x_train, ...)",
            mistake="untrained",
        )
        step.expect(
            by_species > _ANSWERS,
            expected="with the same code, another flower for another species",
            found=f"images that differ by {by_species:.4f} on average",
            look="The last five numbers of each row are the species, 1 at its place: was it trained on such rows?",
            mistake="deaf-to-species",
        )
        step.expect(
            by_code > _ANSWERS,
            expected="with the same species, another flower for another code",
            found=f"images that differ by {by_code:.4f} on average",
            look="The first ten numbers of each row are the code: was it trained on such rows?",
            mistake="deaf-to-code",
        )
