"""`conv.data`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf


def test_data(points, mistakes, expect_mistake, mnist):
    x_train, x_test = mnist
    assert points("conv.data", x_train, x_test) == 1
    assert points("conv.data", tf.constant(x_train), x_test.astype("float64")) == 1
    for bad, mistake, kept in (
        (lambda x: x[..., 0], "missing-channel", 0.5),
        (lambda x: x.reshape(-1, 784), "flattened", 0.5),
        (lambda x: x.reshape(-1, 1, 28, 28), "channel-first", 0.5),
        (lambda x: np.repeat(x, 3, axis=-1), "wrong-shape", 0),
        (lambda x: (x * 255).astype("uint8"), "integers", 0.5),
        (lambda x: x * 255, "not-scaled", 0.5),
        (lambda x: x / 255, "scaled-twice", 0.5),
        (lambda x: (x * 255) // 255, "no-greys", 0.5),
        (lambda x: x * 2 - 1, "shifted", 0.5),
        (lambda x: x.swapaxes(1, 2), "transposed", 0.5),
        (lambda x: 1 - x, "other-images", 0.5),
        (lambda x: x[:100], "wrong-split", 0.5),
    ):
        expect_mistake("conv.data", bad(x_train), bad(x_test), mistake=mistake, kept=kept)
    assert mistakes("conv.data", x_test, x_train) == ["wrong-split"]
