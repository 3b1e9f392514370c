"""`conv.data`: MNIST as grids of grey values with one channel."""

import numpy as np
from autoencoder_helpers.checks.answers import Images
from autoencoder_helpers.checks.conv.images import IMAGE, LOOK_CHANNEL
from autoencoder_helpers.checks.mnist_arrays import expect_mnist_split, expect_one_scale, expect_scaled_once, some_rows
from autoencoder_helpers.checks.rule import rule


@rule(
    "conv.data",
    points=1,
    title="The images are grids of 28 x 28 grey values between 0 and 1, with one channel",
    answers={"x_train": Images(), "x_test": Images()},
)
def data(step, x_train, x_test):
    with step("Each image has the axes height, width, channel", points=0.5, stop=False):
        for name, images in (("x_train", x_train), ("x_test", x_test)):
            _expect_channel_axis(step, name, images)
    if any(len(images.shape) < 2 or np.prod(images.shape[1:]) != 784 for images in (x_train, x_test)):
        return  # other axes can be looked through, other numbers of values cannot
    samples = {name: some_rows(step, images) for name, images in (("x_train", x_train), ("x_test", x_test))}
    with step("Grey values are scaled once, to the range from 0 to 1"):
        for name, (_, images) in samples.items():
            expect_scaled_once(step, name, images)
    with step("They are the images of MNIST, in their order", points=0.5):
        expect_mnist_split(step, x_train, x_test, look="which of raw_train and raw_test goes where")
        for name, (rows, images) in samples.items():
            wanted, found = step.data.mnist(name, rows), images.reshape(-1, 28, 28)
            step.expect(
                not np.allclose(found, wanted.swapaxes(1, 2), atol=1e-3),
                expected="rows stay rows and columns stay columns",
                found="every image mirrored at its diagonal",
                look="Add an axis, and leave the others where they are.",
                mistake="transposed",
            )
            expect_one_scale(step, found, wanted)
            step.expect(
                np.allclose(found, wanted, atol=1e-3),
                expected=f"{name} holds MNIST's images, each divided by 255, every pixel at its place",
                found="other numbers",
                look="Scale once and add one axis, and change nothing else.",
                mistake="other-images",
            )


def _expect_channel_axis(step, name, images):
    expected = f"{name} of shape (number of images, 28, 28, 1)"
    step.expect(
        len(images.shape) != 3,
        expected=expected,
        found=f"3 axes, {images.shape}",
        look=LOOK_CHANNEL,
        mistake="missing-channel",
    )
    step.expect(
        len(images.shape) != 2,
        expected=expected,
        found=f"2 axes, {images.shape}: each image is one flat row",
        look="A convolution must know who is whose neighbour: do not flatten.",
        mistake="flattened",
    )
    step.expect(
        images.shape[1:] != (1, 28, 28),
        expected=expected,
        found=f"{images.shape}: the channel stands before height and width",
        look=LOOK_CHANNEL,
        mistake="channel-first",
    )
    step.expect(
        images.shape[1:] == IMAGE and len(images) > 0,
        expected=expected,
        found=images.shape,
        look=LOOK_CHANNEL,
        mistake="wrong-shape",
    )
