"""`flowers.trained`: what the training made of the network."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Anything, Model
from autoencoder_helpers.checks.expectations import (
    best_reading,
    expect_finite,
    expect_shapes,
    expect_training,
    in_steps_of,
    is_like_fresh,
)
from autoencoder_helpers.checks.flowers.sizes import IMAGE, IN_PLACE, LATENT, SCALE, UNIT, VALUES
from autoencoder_helpers.checks.learned import has_learned
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.rule import describe, rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.reference.values import threshold

_LIKE_FRESH = 40  # on the chapter's scale: a loss nearer to that of fresh weights tells of no training
_SOURCES = ("synthetic", "photos")


@rule(
    "flowers.trained",
    points=1,
    title="The network explains a good share of what can be explained, on flowers that it has not seen",
    answers={"vae": Model(input_shape=IMAGE, words=IN_PLACE), "source": Anything('"synthetic" or "photos"')},
)
def trained(step, vae, source):
    with step("It is a network for the flowers that you chose"):
        source = str(source)
        step.expect(
            source in _SOURCES,
            expected='the source of your flowers, "synthetic" or "photos"',
            found=describe(source),
            look="Hand in `flowers.source`, as the cell does.",
            mistake="unknown-source",
        )
        expect_shapes(step, vae, input_shape=IMAGE, output_shape=IMAGE)
    with step("Its images beat the mean image", points=0.5):
        mean, images = step.data.flowers(source)
        outputs = predict(vae, images, batch_size=50)
        expect_finite(step, outputs)
        copies, per_value = best_reading(images, outputs)
        loss = per_value * SCALE
        floor, baseline = (
            float(values.mean()) * SCALE / VALUES
            for values in (measures.entropy_per_image(images), measures.bce_per_image(images, mean))
        )
        expected = f"a loss below the baseline, {in_steps_of(10, baseline):,.0f}{UNIT}"
        found = f"{in_steps_of(10, loss):,.0f}"
        expect_training(
            step,
            vae,
            abs(loss - SCALE * np.log(2)) > _LIKE_FRESH or has_learned(images, copies),
            expected=expected,
            found=f"{found}, close to 6,400 x ln 2 = 4,436: that of a network that was not trained",
        )

        def forgiven():
            # What a wrong encoder, decoder or loss makes of a training has cost its points; having learned nothing has
            # not.
            learned = has_learned(images, copies) and not is_like_fresh(step, vae, images, _LIKE_FRESH / SCALE)
            return learned and step.excused("flowers.encoder", "flowers.decoder", "flowers.loss")

        step.expect(
            float(copies.std(axis=0).max()) > 0.02 or forgiven(),
            expected=expected,
            found=f"{found}, with nearly the same image for every flower",
            look="It has learned the mean image only: train for longer; does the decoder use the code?",
            mistake="mean-image",
        )
        step.expect(
            loss < baseline or forgiven(),
            expected=expected,
            found=found,
            look="Were the images scaled to the range from 0 to 1, and used as targets, too? Otherwise train for longer.",
            mistake="worse-than-mean-image",
        )
        expect_squeezed(step, vae, VALUES, LATENT, "flowers.encoder", "flowers.decoder", "flowers.vae")
    with step("It explains a good share of what can be explained", points=0.5):
        limit = threshold(f"flowers.{source}")
        share = float(measures.share_explained(loss, baseline, floor))
        step.expect(
            share >= limit or forgiven(),
            expected=f"a share explained of at least {limit:.4g}",
            found=f"{-in_steps_of(0.01, -share):.2f}: {found} between floor {in_steps_of(10, floor):,.0f} and "
            f"baseline {in_steps_of(10, baseline):,.0f}",
            look="Train for more epochs; if the loss no longer falls, look for a layer that is too narrow.",
            mistake="trained-too-little",
        )
