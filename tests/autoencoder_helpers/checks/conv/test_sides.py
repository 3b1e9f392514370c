"""`conv.sides`: right answers of any construction pass, each usual mistake is named."""

import numpy as np


def after_conv(side, kernel, padding):
    return side if padding == "same" else side - kernel + 1


def after_pool(side):
    return -(-side // 2)


def test_sides(points, expect_mistake):
    assert points("conv.sides", after_conv, after_pool) == 1
    assert points("conv.sides", after_conv, lambda side: np.ceil(side / 2)) == 1
    for wrong, mistake in (
        (lambda s, k, p: s if p == "valid" else s - k + 1, "swapped-paddings"),
        (lambda s, k, p: s - k + 1, "same-changes-side"),
        (lambda s, k, p: s if p == "same" else s - k, "off-by-one"),
        (lambda s, k, p: s if p == "same" else s - 2, "kernel-ignored"),
        (lambda s, k, p: s if p == "same" else s - 2 * (k // 2), "odd-kernels-only"),
        (lambda s, k, p: s, "wrong-valid-side"),
        (lambda s, k, p: s / 3, "not-whole"),
        (lambda s, k, p: None, "no-return"),
        (lambda s: s, "raises"),
    ):
        expect_mistake("conv.sides", wrong, after_pool, mistake=mistake, kept=0.5)
    for wrong, mistake in (
        (lambda s: s // 2, "rounded-down"),
        (lambda s: s / 2, "not-whole"),
        (lambda s: s // 2 + 1, "wrong-pooled-side"),
        (lambda s: None, "no-return"),
        (lambda s: "four", "no-array"),
    ):
        expect_mistake("conv.sides", after_conv, wrong, mistake=mistake, kept=0.5)
