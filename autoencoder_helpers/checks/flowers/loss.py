"""`flowers.loss`: the chapter's reconstruction loss, 6,400 times the mean over an image."""

import numpy as np
from autoencoder_helpers.checks.answers import call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference, where
from autoencoder_helpers.checks.flowers.sizes import IMAGE, SCALE, UNIT, VALUES
from autoencoder_helpers.checks.in_training import Loss, expect_trainable
from autoencoder_helpers.checks.loss_readings import ADDED, FAR, expect_cross_entropy, expect_not_over_images, read_loss
from autoencoder_helpers.checks.rule import rule

_RIGHT = SCALE / VALUES  # times the sum over an image's values
# Times the right value: what the usual mistakes give, with slug, what was found, and where to look.
_SCALES = (
    (3, "times-19200", "three times as large: 19,200 times the mean, the sum over all values",
     "The multiplier is 80 x 80. Three times as much would make beta a third."),
    (1 / SCALE, "not-scaled", "the mean over the values, not multiplied", "times 80 x 80"),
    (784 / SCALE, "times-784", "784 times the mean, as for the digits", "Images have other sides here."),
)  # fmt: skip
_KNOWN = (_RIGHT, *(_RIGHT * scale for scale, *_ in _SCALES))


@rule(
    "flowers.loss",
    points=1,
    title="The loss is 6,400 times the mean cross-entropy over all values of an image",
    answers={"flower_loss": Loss()},
)
def loss(step, flower_loss):
    x, p = _images_and_predictions(step.rng)

    def value(x, p):
        return _loss_values(flower_loss, x, p)

    with step("It returns numbers"):
        reading = read_loss(value, x, p)
    with step("It is the binary cross-entropy, to train with", points=0.5, stop=False):
        expect_cross_entropy(step, reading, _KNOWN)
        expect_trainable(step, flower_loss, x, p, name="flower_loss")
        # Beside a grey prediction the cross-entropy is the same for every image, however bright; what is added grows.
        grey = float(value(np.float32(FAR) * x[:1], np.full_like(p[:1], 0.5)).mean())
        usual = reading.multiple * VALUES * np.log(2)
        step.expect(
            abs(grey - usual) < 0.01 * abs(usual),
            expected=f"{usual:,.1f} for any image beside a grey prediction: the cross-entropy alone",
            found=f"{grey:,.1f} for bright images: something is added that grows with the image",
            look=ADDED,
            mistake="something-added",
        )
    if reading.quantity is None:  # of another quantity nothing more can be said
        return
    near = 0.02 if step.mistake == "something-added" else 0.003
    with step("It has the scale of the chapter, one number for each image", points=0.5):
        _, multiple = reading.split(_KNOWN)
        each = reading.each(_KNOWN, _RIGHT)
        expected = f"{each[0]:,.1f}{UNIT}"
        found = f"{float(reading.alone[0]):,.1f}"
        expect_no_known_mistake(
            step,
            _SCALES,
            lambda factor: abs(multiple - factor * _RIGHT) < near * factor * _RIGHT,
            is_right=abs(multiple - _RIGHT) < near * _RIGHT,
            expected=expected,
            before=f"{found}: ",
        )
        step.expect(
            abs(multiple - _RIGHT) < near * _RIGHT,
            expected=expected,
            found=found,
            look="80 x 80 times the mean of binary_crossentropy(x, p)",
            mistake="wrong-value",
        )
        _expect_for_each(step, reading.without_added, each, near)


def _images_and_predictions(rng):
    """Images and predictions as training has them, float32: dark ones, some nearly black and white, and copies that follow them.

    Greys around 1/2 beside predictions that know nothing of them cost the same with smoothed labels. Of exactly 0 and 1, an
    exchange of the two would cost what its clip makes of them.
    """
    each = np.arange(5)[:, None, None, None]
    x = rng.random((5, *IMAGE)) ** (2 + each / 2)
    x[rng.random(x.shape) < 0.05] = 0
    x[rng.random(x.shape) < 0.05] = 1
    x = x.clip(0.002, 0.998)
    p = 0.6 * x + 0.4 * rng.uniform(0.02, 0.98, x.shape) ** (1 + each)
    return x.astype(np.float32), np.clip(p, 1e-4, 1 - 1e-4).astype(np.float32)


def _expect_for_each(step, found, each, near):
    """Inside a step: fail unless there is one number for each image, and it is the right one."""
    expected = "5 numbers for 5 images, as the function's first lines say"
    step.expect(
        found.shape != (5, 80, 80),
        expected=expected,
        found="a number for each pixel, shape (5, 80, 80)",
        look="Average over height and width too: axis=(1, 2).",
        mistake="not-averaged",
    )
    expect_not_over_images(step, float(found.mean()), each, whole=expected)
    step.expect(
        found.shape != (),
        expected=expected,
        found="one number for all, their mean",
        look="Keras would train with it, and later parts ask for the loss of each image: leave axis 0 alone.",
        mistake="mean-over-images",
    )
    step.expect(
        found.shape == (5,),
        expected=expected,
        found=f"shape {found.shape}",
        look="the axes of the mean: 0 is the image, 1 and 2 are height and width",
        mistake="wrong-axis",
    )
    place = first_difference(found, each, rtol=near)
    step.expect(
        np.allclose(found, each, rtol=near),
        expected=f"{each[place]:,.1f} for {where(place)} of five, as for that image alone",
        found=f"{found[place]:,.1f} there, among five images",
        look="Treat every image of the batch alike; leave the first axis alone.",
        mistake="wrong-batch",
    )


def _loss_values(function, x, p):
    """The values of a learner's loss; a Keras loss object averages over the batch."""
    import tensorflow as tf

    value = function(tf.constant(x), tf.constant(p))
    return call(lambda: value, name="flower_loss")
