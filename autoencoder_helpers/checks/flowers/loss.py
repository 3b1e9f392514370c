"""`flowers.loss`: the chapter's reconstruction loss, 6,400 times the mean over an image."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import call
from autoencoder_helpers.checks.flowers.sizes import IMAGE, SCALE, UNIT, VALUES
from autoencoder_helpers.checks.in_training import Loss, expect_trainable
from autoencoder_helpers.checks.rule import rule

# Times the right value: what the usual mistakes give, with slug, what was found, and where to look.
_SCALES = (
    (3, "times-19200", "three times as large: 19,200 times the mean, the sum over all values",
     "The multiplier is 80 x 80. Three times as much would make beta a third."),
    (1 / SCALE, "not-scaled", "the mean over the values, not multiplied", "times 80 x 80"),
    (784 / SCALE, "times-784", "784 times the mean, as for the digits", "Images have other sides here."),
    (-1, "wrong-sign", "the right size with the wrong sign", "Keras's function is positive already."),
)  # fmt: skip


@rule(
    "flowers.loss",
    points=1,
    title="The loss is 6,400 times the mean cross-entropy over all values of an image",
    answers={"flower_loss": Loss()},
)
def loss(step, flower_loss):
    x = step.rng.random((5, *IMAGE)).astype(np.float32)
    p = step.rng.uniform(0.02, 0.98, x.shape).astype(np.float32) ** (1 + np.arange(5)[:, None, None, None])
    p = np.clip(p, 1e-4, 1 - 1e-4).astype(np.float32)
    wanted = measures.bce_per_image(x, p) * SCALE / VALUES
    with step("It gives one number for each image"):
        found = _loss_values(flower_loss, x, p)
        step.expect(
            found.shape != (5, 80, 80),
            expected="5 numbers for 5 images",
            found="a number for each pixel, shape (5, 80, 80)",
            look="Average over height and width too: axis=(1, 2).",
            mistake="not-averaged",
        )
        step.expect(
            found.shape in ((5,), ()),
            expected="5 numbers for 5 images",
            found=f"shape {found.shape}",
            look="the axes of the mean: 0 is the image, 1 and 2 are height and width",
            mistake="wrong-axis",
        )
        together = found.shape == ()
        if together:  # one number for the batch
            wanted = wanted.mean()
    scale = 1.0
    with step("It has the scale of the chapter, for each image", points=0.5, stop=False):
        for factor, mistake, what, look in _SCALES:
            if np.allclose(found, factor * wanted, rtol=1e-3):
                scale = factor
                step.fail(
                    expected=f"{float(np.ravel(wanted)[0]):,.1f}{UNIT}",
                    found=f"{float(np.ravel(found)[0]):,.1f}: {what}",
                    look=look,
                    mistake=mistake,
                )
        step.expect(
            not together,
            expected="5 numbers for 5 images, as the function's first lines say",
            found="one number for all, their mean",
            look="Keras would train with it, and later parts ask for the loss of each image: leave axis 0 alone.",
            mistake="mean-over-images",
        )
    with step("A network can be trained with it"):
        expect_trainable(step, flower_loss, x, p, name="flower_loss")
    with step("It is the binary cross-entropy", points=0.5):
        found = found / scale
        swapped = measures.bce_per_image(p, np.clip(x, 1e-7, 1 - 1e-7)) * SCALE / VALUES
        step.expect(
            not np.allclose(found, swapped if found.shape else swapped.mean(), rtol=1e-3),
            expected="flower_loss(x, p): the image first, the prediction second",
            found="the two in each other's place",
            look="the order of the arguments of binary_crossentropy",
            mistake="swapped-arguments",
        )
        squares = SCALE * ((x - p) ** 2).mean(axis=(1, 2, 3))
        step.expect(
            not np.allclose(found, squares if found.shape else squares.mean(), rtol=1e-3),
            expected="binary cross-entropy",
            found="the squared error",
            look="keras.losses.binary_crossentropy",
            mistake="squared-error",
        )
        step.expect(
            np.allclose(found, wanted, rtol=1e-3),
            expected=f"{float(np.ravel(wanted)[0]):,.1f}{UNIT}",
            found=f"{float(np.ravel(found)[0]):,.1f}",
            look="80 x 80 times the mean of binary_crossentropy(x, p)",
            mistake="wrong-value",
        )
        # Beside a grey prediction the cross-entropy is the same for every image, however bright; what is added grows.
        grey = float(_loss_values(flower_loss, np.float32(100) * x, np.full_like(p, 0.5)).mean()) / scale
        usual = SCALE * np.log(2)
        step.expect(
            abs(grey - usual) < 0.01 * usual,
            expected=f"{usual:,.1f}{UNIT} for any image beside a grey prediction: the cross-entropy alone",
            found=f"{grey:,.1f} for bright images: something is added that grows with the image",
            look="Is the KL added here, too? The encoder's regularizer adds it already.",
            mistake="something-added",
        )


def _loss_values(function, x, p):
    """The values of a learner's loss; a Keras loss object averages over the batch."""
    import tensorflow as tf

    value = function(tf.constant(x), tf.constant(p))
    return call(lambda: value, name="flower_loss")
