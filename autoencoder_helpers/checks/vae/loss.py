"""`vae.loss`: the reconstruction loss, in nats per image."""

import numpy as np
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.in_training import Loss, expect_trainable
from autoencoder_helpers.checks.loss_readings import ADDED, FAR, expect_cross_entropy, expect_not_over_images, read_loss
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.formulas import call_formula
from autoencoder_helpers.checks.vae.numbers import about
from autoencoder_helpers.checks.vae.sizes import IMAGE, PIXELS

# Times the right value: what the usual mistakes give, as `known` of expect_no_known_mistake.
_SCALES = (
    (1 / PIXELS, "mean-over-pixels", "the mean over pixels, nats per pixel",
     "The KL is not divided by 784, so this would make it 784 times too heavy."),
    (1 / 28, "summed-over-one-axis", "summed over one axis only", "Rows and columns: two axes are to be summed."),
    (PIXELS, "scaled-twice", "784 times the sum", "A sum over pixels, or the mean times 784: not both."),
)  # fmt: skip
_KNOWN = (1, *(scale for scale, *_ in _SCALES))


@rule(
    "vae.loss",
    points=1,
    title="The reconstruction loss is in nats per image, summed over 784 pixels",
    answers={"reconstruction_loss": Loss()},
)
def loss(step, reconstruction_loss):
    images = step.rng.random((6, *IMAGE)).astype(np.float32)
    images[step.rng.random(images.shape) < 0.5] = 0
    sharpness = np.linspace(0.05, 0.495, 6, dtype=np.float32).reshape(6, 1, 1, 1)
    reconstructions = step.rng.uniform(0.5 - sharpness, 0.5 + sharpness, images.shape).astype(np.float32)

    def value(x, p):
        return call_formula(reconstruction_loss, x, p, name="reconstruction_loss")

    with step("It returns numbers"):
        reading = read_loss(value, images, reconstructions)
    with step(
        "It is the binary cross-entropy of the image and its reconstruction, to train with", points=0.5, stop=False
    ):
        expect_cross_entropy(step, reading, _KNOWN, squared="wrong-loss", other="wrong-loss")
        expect_trainable(step, reconstruction_loss, images, reconstructions, name="reconstruction_loss")
        # Cross-entropy with a grey reconstruction is the same for every image, however bright; what is added grows.
        grey = float(value(np.float32(FAR) * images[:1], np.full_like(images[:1], 0.5)).mean())
        usual = reading.multiple * PIXELS * np.log(2)
        step.expect(
            about(grey, usual, 0.01 * abs(usual)),
            expected=f"{usual:.4g} for any image beside a grey reconstruction: the cross-entropy alone",
            found=f"{grey:.4g} for bright images: something is added that grows with the image",
            look=ADDED,
            mistake="something-added",
        )
    if reading.quantity is None:  # of another quantity nothing more can be said
        return
    near = 0.02 if step.mistake == "something-added" else 0.003
    with step("It is summed over pixels, and stays one number per image", points=0.5):
        _, ratio = reading.split(_KNOWN)
        each = reading.each(_KNOWN, 1)
        expected = f"{each[0]:.1f} nats for the first image, the sum over 784 pixels"
        found = float(reading.alone[0])
        expect_no_known_mistake(
            step,
            _SCALES,
            lambda factor: about(ratio, factor, near * abs(factor)),
            is_right=about(ratio, 1, near),
            expected=expected,
            before=f"{found:.4g}: ",
        )
        step.expect(
            about(ratio, 1, near),
            expected=expected,
            found=f"{found:.4g}: {ratio:.4g} times the right value",
            look="the factor between what Keras averages and the sum over 28 x 28 pixels",
            mistake="wrong-scale",
        )
        # What Keras makes of a loss: the mean over whatever axes it leaves, the images' among them.
        together = float(reading.without_added.mean())
        whole = f"{each.mean():.1f} for a batch of 6 images, the mean of their losses"
        expect_not_over_images(step, together, each, whole=whole)
        step.expect(
            about(together / each.mean(), 1, near),
            expected=whole,
            found=f"{together:.4g}",
            look="Treat every image of the batch alike; leave the first axis alone.",
            mistake="wrong-batch",
        )
