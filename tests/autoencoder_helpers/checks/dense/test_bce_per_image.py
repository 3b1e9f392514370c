"""`dense.bce_per_image`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf
import tf_keras as keras


def elementwise(x, p, clip=1e-7):
    p = np.clip(p, clip, 1 - clip)
    return -x * np.log(p) - (1 - x) * np.log(1 - p)


def test_bce_per_image(points, expect_mistake):
    def with_tensorflow(x, p):
        return 784 * keras.losses.binary_crossentropy(tf.cast(x, "float32"), tf.cast(p, "float32"))

    for right in (
        lambda x, p: elementwise(x, p).sum(-1),
        with_tensorflow,
        lambda x, p: list(elementwise(x, p, 1e-6).sum(1)),
    ):
        assert points("dense.bce_per_image", right) == 1
    for wrong, mistake, kept in (
        (lambda x, p: elementwise(x, p).sum(), "reduced-over-images", 0.5),
        (lambda x, p: elementwise(x, p), "not-summed", 0.5),
        (lambda x, p: elementwise(x, p).sum(0), "wrong-axis", 0.5),
        (lambda x, p: elementwise(x, p).mean(-1), "mean-over-pixels", 0.5),
        (lambda x, p: -elementwise(x, p).sum(-1), "wrong-sign", 0.5),
        (lambda x, p: elementwise(x, p).sum(-1) / np.log(2), "bits", 0.5),
        (lambda x, p: elementwise(p, x).sum(-1), "swapped-arguments", 0.5),
        (lambda x, p: -(x * np.log(np.clip(p, 1e-7, 1))).sum(-1), "half-of-the-formula", 0.5),
        (lambda x, p: ((x - p) ** 2).sum(-1), "squared-error", 0.5),
        (lambda x, p: np.abs(x - p).sum(-1), "wrong-value", 0.5),
        (lambda x, p: (np.logaddexp(0, p) - x * p).sum(-1), "from-logits", 0.5),
        (lambda x, p: elementwise(x, p).sum(-1) / len(x), "divided-by-batch", 0.5),
        (lambda x, p: 2 * elementwise(x, p).sum(-1), "wrong-scale", 0.5),
        (lambda x, p: ((x - p) ** 4).sum(-1), "wrong-value", 0),
        (lambda x, p: (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum(-1), "not-clipped", 0.5),
        (lambda x, p: elementwise(x, p, 0.01).sum(-1), "clipped-too-much", 0.5),
        (lambda x, p: None, "no-return", 0),
        (lambda x: x, "raises", 0),
    ):
        expect_mistake("dense.bce_per_image", wrong, mistake=mistake, kept=kept)
