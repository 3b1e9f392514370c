"""`dense.bce_per_image`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

FREE = "certain-and-wrong-is-free"


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


def in_place(x, p):
    np.clip(p, 1e-7, 1 - 1e-7, out=p)
    return elementwise(x, p).sum(1)


def unclipped(x, p):
    with np.errstate(all="ignore"):
        return -x * np.log(p) - (1 - x) * np.log(1 - p)


def not_below(logarithm):
    return np.maximum(logarithm, -100)  # as PyTorch has it


def log_where(p):
    return np.log(p, where=p > 0, out=np.zeros_like(p))


def set_to_0(x, p):
    values = unclipped(x, p)
    values[~np.isfinite(values)] = 0
    return values.sum(1)


@pytest.mark.parametrize(
    "right",
    [
        lambda x, p: elementwise(x, p, 1e-4).sum(1),
        lambda x, p: elementwise(x, p, 1e-12).sum(1),
        lambda x, p: elementwise(np.float32(x), np.float32(p), np.finfo("float32").eps).sum(1),
        lambda x, p: -(x * np.log(p + 1e-6) + (1 - x) * np.log(1 - p + 1e-6)).sum(1),
        lambda x, p: -(x * not_below(np.log(p + 1e-30)) + (1 - x) * not_below(np.log(1 - p + 1e-30))).sum(1),
        lambda x, p: np.nan_to_num(unclipped(x, p), nan=0, posinf=100).sum(1),
        lambda x, p: tf.reduce_sum(keras.backend.binary_crossentropy(tf.constant(x), tf.constant(p)), axis=1),
        in_place,
    ],
)  # fmt: skip
def test_any_clip_close_to_0_and_1_will_do(points, right):
    for _ in range(5):
        assert points("dense.bce_per_image", right) == 1


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda x, p: -(x * log_where(p) + (1 - x) * log_where(1 - p)).sum(1), FREE),
        (lambda x, p: -(x * np.log(np.maximum(p, 1e-7)) + (1 - x) * log_where(1 - p)).sum(1), FREE),
        (lambda x, p: -(x * log_where(p) + (1 - x) * np.log(np.maximum(1 - p, 1e-7))).sum(1), FREE),
        (lambda x, p: -(x * np.ma.log(p) + (1 - x) * np.ma.log(1 - p)).sum(1), FREE),
        (lambda x, p: np.nan_to_num(unclipped(x, p), nan=0, posinf=0).sum(1), FREE),
        (lambda x, p: np.nansum(np.where(np.isinf(unclipped(x, p)), 0, unclipped(x, p)), axis=1), FREE),
        (lambda x, p: np.nan_to_num(unclipped(x, p), nan=0, posinf=0).mean(1), FREE),
        (set_to_0, FREE),
        (lambda x, p: elementwise(x, p, 1e-3).sum(1), "clipped-too-much"),
        (lambda x, p: elementwise(x, p, 2e-3).sum(1), "clipped-too-much"),
        (lambda x, p: elementwise(x, p, 3e-3).sum(1), "clipped-too-much"),
    ],
)  # fmt: skip
def test_a_pixel_that_is_certain_and_wrong_is_the_dearest(mistakes, wrong, mistake):
    for _ in range(3):
        assert mistakes("dense.bce_per_image", wrong)[0] == mistake
