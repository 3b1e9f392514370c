"""`vae.loss`: the reconstruction loss, in nats per image."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.in_training import Loss, expect_trainable
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
    (-1, "wrong-sign", "the right size with the wrong sign", "A loss is minimised: it is positive."),
    (1 / np.log(2), "bits", "logarithms to the base 2 (bits)", "natural logarithms"),
)  # fmt: skip


@rule(
    "vae.loss",
    points=1,
    title="The reconstruction loss is in nats per image, summed over 784 pixels",
    answers={"reconstruction_loss": Loss()},
)
def loss(step, reconstruction_loss):
    images = step.rng.random((6, *IMAGE)).astype(np.float32)
    images[step.rng.random(images.shape) < 0.5] = 0
    sharpness = np.linspace(0.05, 0.4, 6, dtype=np.float32).reshape(6, 1, 1, 1)
    reconstructions = step.rng.uniform(0.5 - sharpness, 0.5 + sharpness, images.shape).astype(np.float32)
    wanted = measures.bce_per_image(images, reconstructions)

    def value(x, p):
        # What Keras makes of a loss: the mean over whatever axes it leaves.
        return float(call_formula(reconstruction_loss, x, p, name="reconstruction_loss").mean())

    with step("It is the binary cross-entropy of the image and its reconstruction", points=0.5):
        found = np.array([value(images[i : i + 1], reconstructions[i : i + 1]) for i in range(6)])
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found="inf or nan",
            look="the logarithms: which of the two arguments stands inside?",
            mistake="not-finite",
        )
        ratios = found / wanted
        steady = np.ptp(ratios) < 0.002 * np.abs(ratios).max()
        if not steady:
            swapped = measures.bce_per_image(reconstructions, images)
            squared = np.square(images - reconstructions).reshape(6, -1).sum(1)
            half = -(images * np.log(reconstructions)).reshape(6, -1).sum(1)
            expect_no_known_mistake(
                step,
                (
                    (swapped, "swapped-arguments", "the two in each other's place",
                     "the image first, the reconstruction second"),
                    (squared, "wrong-loss", "a squared error", "keras.losses.binary_crossentropy"),
                    (half, "half-of-the-formula", "only the half with x ln p",
                     "black pixels count too: (1 - x) ln(1 - p)"),
                ),
                lambda other: not np.ptp(found / other) > 0.01 * np.abs(found / other).max(),
                expected="binary cross-entropy",
            )  # fmt: skip
        step.expect(
            steady,
            expected="binary cross-entropy, the same multiple of it for every image",
            found="another quantity",
            look="keras.losses.binary_crossentropy(images, reconstructions)",
            mistake="wrong-loss",
        )
    with step("Nothing is added to it, and a network can be trained with it"):
        # Cross-entropy with a grey reconstruction is the same for every image, however bright; what is added grows.
        grey = value(np.float32(100) * images[:1], np.full_like(images[:1], 0.5))
        usual = ratios.mean() * PIXELS * np.log(2)
        step.expect(
            about(grey, usual, 0.01 * abs(usual)),
            expected=f"{usual:.4g} for any image beside a grey reconstruction: the cross-entropy alone",
            found=f"{grey:.4g} for bright images: something is added that grows with the image",
            look="Is the KL added here, too? The encoder's regularizer adds it already.",
            mistake="something-added",
        )
        expect_trainable(step, reconstruction_loss, images, reconstructions, name="reconstruction_loss")
    with step("It is summed over pixels, and stays one number per image", points=0.5):
        ratio = float(ratios.mean())
        expected = f"{wanted[0]:.1f} nats for the first image, the sum over 784 pixels"
        expect_no_known_mistake(
            step,
            _SCALES,
            lambda factor: about(ratio, factor, 0.003 * abs(factor)),
            expected=expected,
            before=f"{found[0]:.4g}: ",
        )
        step.expect(
            about(ratio, 1, 0.003),
            expected=expected,
            found=f"{found[0]:.4g}: {ratio:.4g} times the right value",
            look="the factor between what Keras averages and the sum over 28 x 28 pixels",
            mistake="wrong-scale",
        )
        together = value(images, reconstructions)
        step.expect(
            not about(together / wanted.sum(), 1, 0.003),
            expected="a batch of 6 images has the mean of their losses",
            found="the sum over the images of the batch",
            look="Sum over the pixels' axes only; leave the first axis alone.",
            mistake="summed-over-images",
        )
        step.expect(
            about(together / wanted.mean(), 1, 0.003),
            expected=f"{wanted.mean():.1f} nats per image, the mean over a batch of 6",
            found=f"{together:.4g}",
            look="Treat every image of the batch alike; leave the first axis alone.",
            mistake="wrong-batch",
        )
