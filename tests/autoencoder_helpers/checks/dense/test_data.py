"""`dense.data`: right answers of any construction pass, each usual mistake is named."""

import numpy as np


def test_data(points, mistakes, mnist):
    x_train, x_test = mnist
    assert points("dense.data", x_train, x_test) == 1
    assert points("dense.data", x_train.astype("float64"), x_test.astype("float64")) == 1
    for bad, mistake in (
        (lambda x: (x * 255).astype("uint8"), "integers"),
        (lambda x: x * 255, "not-scaled"),
        (lambda x: x / 255, "scaled-twice"),
        (lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), "other-scale"),
        (lambda x: x * np.random.default_rng(1).uniform(0.9, 1, (len(x), 1)), "scaled-one-by-one"),
        (lambda x: x - x.mean(axis=1, keepdims=True), "shifted"),
        (lambda x: (x * 255) // 255, "no-greys"),
        (lambda x: x * 2 - 1, "shifted"),
        (lambda x: 1 - x, "other-images"),
        (lambda x: x.reshape(-1, 28, 28), "not-flattened"),
        (lambda x: x[:100], "wrong-split"),
    ):
        assert mistakes("dense.data", bad(x_train), bad(x_test)) == [mistake]
    assert mistakes("dense.data", x_test, x_train) == ["wrong-split"]
