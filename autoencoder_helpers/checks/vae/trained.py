"""`vae.trained`: what the training made of the network."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.clouds import clouds_of
from autoencoder_helpers.checks.data import evenly
from autoencoder_helpers.checks.expectations import (
    expect_finite,
    expect_other_images,
    expect_shapes,
    expect_training,
    in_steps_of,
)
from autoencoder_helpers.checks.learned import has_learned
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.parts import expect_parts
from autoencoder_helpers.checks.vae.sizes import IMAGE, IN_PLACE, PIXELS
from autoencoder_helpers.reference.values import threshold

#: Their mean R + K has a standard error of 1.4 nats, and right and wrong networks lie 18 from the threshold.
DIGITS = 1250
_COLLAPSED, _FREE = (
    0.5,
    12.0,
)  # nats: a forgotten 784 leaves K at 0.00, beta 8 at 2, beta 1 at 4.7 to 5.7, beta 0 at 19 or more


@rule(
    "vae.trained",
    points=1,
    title="The trained network explains digits that it has not seen, and its clouds tell digits apart",
    answers={
        "vae": Model(input_shape=IMAGE, words=IN_PLACE),
        "encoder": Model(input_shape=IMAGE, words=IN_PLACE),
        "decoder": Model(input_shape=(2,)),
    },
)
def trained(step, vae, encoder, decoder):
    with step("2 numbers become an image, and the VAE is made of these two parts"):
        expect_shapes(step, decoder, input_shape=(2,), output_shape=IMAGE)
        expect_parts(step, vae, encoder=encoder, decoder=decoder)
    digits = evenly(step.data.unseen_digits, DIGITS)[..., None]
    with step("Each digit has a cloud of its own, and the decoder uses it", points=0.5):
        mean, stddev = clouds_of(encoder, digits)
        K = float(measures.gaussian_kl(mean, stddev).mean())
        z = (mean + stddev * step.rng.normal(size=mean.shape)).astype(np.float32)
        reconstructions = predict(decoder, z)
        expect_finite(step, reconstructions)
        step.expect(
            float(reconstructions.min()) >= 0 and float(reconstructions.max()) <= 1,
            expected="pixels between 0 and 1",
            found=f"from {reconstructions.min():.2g} to {reconstructions.max():.2g}",
            look="the sigmoid at the end of the decoder",
            mistake="missing-sigmoid",
        )
        R = float(measures.bce_per_image(digits, reconstructions).mean())
        found = f"R {in_steps_of(1, R):.0f}, K {K:.1f} nats per image on test digits"
        # Sharp digits in another's place may cost as much as no training at all, and differ from that by chance.
        expect_training(
            step,
            vae,
            abs(R - PIXELS * np.log(2)) > 25 or has_learned(digits, reconstructions),
            expected="a trained network: R well below 543 nats per image",
            found=f"{found}; R = 784 ln 2 = 543.4 is that of a network that was not trained",
        )

        def forgiven():
            # What a wrong loss, prior, encoder or weight makes of a training has cost its points; having learned
            # nothing has not.
            return has_learned(digits, reconstructions) and step.excused(
                "vae.prior", "vae.encoder", "vae.kl_weight", "vae.loss"
            )

        step.expect(
            K > _COLLAPSED or forgiven(),
            expected="clouds that differ from image to image: K clearly above 0",
            found=found,
            look="All images share one cloud; compare the scales of the two terms (part 8).",
            mistake="collapsed",
        )
        step.expect(
            float(reconstructions.std(axis=0).max()) > 0.05 or forgiven(),
            expected="another image for another z",
            found=f"{found}, and the same image for every z",
            look="the first layers of the decoder: does z reach the image?",
            mistake="ignores-code",
        )
        step.expect(
            K < _FREE or forgiven(),
            expected="clouds near the prior: K of a few nats",
            found=found,
            look="The KL hardly counted in this training: the weight, and whether vae.losses holds it at all.",
            mistake="kl-not-trained",
        )
    with step("Its negative ELBO on test digits is low enough", points=0.5):
        expect_other_images(step, vae, step.data.mnist_images)
        limit = threshold("vae.trained")
        step.expect(
            limit >= R + K or forgiven(),
            expected=f"a negative ELBO of at most {limit:.1f} nats per image",
            found=f"R + K = {in_steps_of(1, R + K):.0f}: {found}",
            look="the optimizer's learning rate, the number of images at a time, and enough epochs",
            mistake="trained-too-little",
        )
