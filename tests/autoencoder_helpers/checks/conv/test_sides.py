"""`conv.sides`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf
from autoencoder_helpers import check


def after_conv(side, kernel, padding):
    return side if padding == "same" else side - kernel + 1


def after_pool(side):
    return -(-side // 2)


def test_sides(points, expect_mistake):
    assert points("conv.sides", after_conv, after_pool) == 1
    for pooled in (
        lambda side: np.ceil(side / 2),
        lambda side: np.float16(np.ceil(side / 2)),
        lambda side: len(range(0, side, 2)),
        lambda side: side - side // 2,
        tf.function(lambda side: (side + 1) // 2),
    ):
        assert points("conv.sides", after_conv, pooled) == 1
    for wrong, mistake in (
        (lambda s, k, p: s if p == "valid" else s - k + 1, "swapped-paddings"),
        (lambda s, k, p: s - k + 1, "same-changes-side"),
        (lambda s, k, p: s if p == "same" else s - k, "off-by-one"),
        (lambda s, k, p: s if p == "same" else s - 2, "kernel-ignored"),
        (lambda s, k, p: s if p == "same" else s - 2 * (k // 2), "odd-kernels-only"),
        (lambda s, k, p: s, "wrong-valid-side"),
        (lambda s, k, p: s if p == "same" else s - min(k, 7) + 1, "wrong-valid-side"),
        (lambda s, k, p: s if p == "same" else (s - k or 0) + (s > k), "off-by-one"),
        (lambda s, k, p: s / 3, "not-whole"),
        (lambda s, k, p: None, "no-return"),
        (lambda s: s, "raises"),
    ):
        expect_mistake("conv.sides", wrong, after_pool, mistake=mistake, kept=0.5)
    for wrong, mistake in (
        (lambda s: s // 2, "rounded-down"),
        (lambda s: s / 2, "not-whole"),
        (lambda s: s // 2 + 1, "wrong-pooled-side"),
        (lambda s: s // 2 + (s % 4 != 0), "halves-to-even"),
        (lambda s: s // 2 if s == 9 else -(-s // 2), "wrong-pooled-side"),
        (lambda s: round(s / 2), "halves-to-even"),
        (lambda s: np.rint(s / 2), "halves-to-even"),
        (lambda s: round(s / 2 + 0.5), "halves-to-even"),
        (lambda s: None, "no-return"),
        (lambda s: "four", "no-array"),
    ):
        expect_mistake("conv.sides", after_conv, wrong, mistake=mistake, kept=0.5)


def test_a_half_that_goes_to_the_even_neighbour_is_shown_with_a_side_of_which_it_is_wrong():
    (step,) = check("conv.sides", after_conv, lambda side: round(side / 2)).failures
    assert step.expected == "1 for side 1" and step.found.startswith("0: a half rounded")
    (step,) = check("conv.sides", after_conv, lambda side: round(side / 2 + 0.5)).failures
    assert step.expected == "7 for side 14" and step.found.startswith("8: a half rounded")
