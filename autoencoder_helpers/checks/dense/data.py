"""`dense.data`: MNIST as rows of 784 grey values."""

import numpy as np
from autoencoder_helpers.checks.answers import Images
from autoencoder_helpers.checks.dense.sizes import PIXELS
from autoencoder_helpers.checks.mnist_arrays import expect_mnist_split, expect_one_scale, expect_scaled_once, some_rows
from autoencoder_helpers.checks.rule import rule


@rule(
    "dense.data",
    points=1,
    title="Images are rows of 784 numbers between 0 and 1",
    answers={"x_train": Images(), "x_test": Images()},
)
def data(step, x_train, x_test):
    with step("Each image is one row of 784 numbers"):
        for name, images in (("x_train", x_train), ("x_test", x_test)):
            step.expect(
                len(images.shape) == 2 and images.shape[1] == PIXELS and len(images) > 0,
                expected=f"{name} of shape (number of images, 784)",
                found=images.shape,
                look="load_mnist(flatten=True), or reshape each image to one row",
                mistake="not-flattened",
            )
    samples = {name: some_rows(step, images) for name, images in (("x_train", x_train), ("x_test", x_test))}
    with step("Grey values are scaled once, to the range from 0 to 1"):
        for name, (_, images) in samples.items():
            expect_scaled_once(step, name, images)
    with step("They are the images of MNIST, in their order", points=1):
        expect_mnist_split(
            step, x_train, x_test, look="the order of what load_mnist returns: (x_train, y_train), (x_test, y_test)"
        )
        for name, (rows, found) in samples.items():
            wanted = step.data.mnist(name, rows).reshape(-1, PIXELS)
            expect_one_scale(step, found, wanted)
            step.expect(
                np.allclose(found, wanted, atol=1e-3),
                expected=f"{name} holds MNIST's images, each divided by 255",
                found="other numbers",
                look="Scale once: divide by 255, and change nothing else.",
                mistake="other-images",
            )
