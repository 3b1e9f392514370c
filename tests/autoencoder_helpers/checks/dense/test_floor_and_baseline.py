"""`dense.floor_and_baseline`: right answers of any construction pass, each usual mistake is named."""

import numpy as np
from autoencoder_helpers import measures


def test_floor_and_baseline(points, expect_mistake):
    bce = measures.bce_per_image

    def floor(x):
        return bce(x, x).mean()

    def baseline(x_train, x):
        return bce(x, np.broadcast_to(x_train.mean(0), x.shape)).mean()

    assert points("dense.floor_and_baseline", lambda a, x: (floor(x), baseline(a, x))) == 1
    for wrong, mistake, kept in (
        (lambda a, x: (0.0, baseline(a, x)), "floor-zero", 0.5),
        (lambda a, x: (floor(a), baseline(a, x)), "wrong-floor", 0.5),
        (lambda a, x: (floor(x), baseline(x, x)), "mean-of-test-images", 0.5),
        (lambda a, x: (floor(x), bce(x, np.full(x.shape, a.mean())).mean()), "one-grey", 0.5),
        (lambda a, x: (baseline(a, x), floor(x)), "swapped-results", 0),
        (lambda a, x: (baseline(a, x) / 784, floor(x) / 784), "swapped-results", 0),
        (lambda a, x: (floor(x) / 784, baseline(a, x) / 784), "per-pixel", 0.5),
        (lambda a, x: (floor(x) / 784, baseline(a, x)), "per-pixel", 0.5),
        (lambda a, x: (floor(x), baseline(a, x) / 784), "per-pixel", 0.5),
        (lambda a, x: (len(x) * floor(x), len(x) * baseline(a, x)), "summed-over-images", 0.5),
        (lambda a, x: (floor(x) / len(x), baseline(a, x) / len(x)), "divided-by-batch", 0.5),
        (lambda a, x: (-floor(x), -baseline(a, x)), "wrong-sign", 0.5),
        (lambda a, x: (floor(x) / np.log(2), baseline(a, x) / np.log(2)), "bits", 0.5),
        (lambda a, x: (floor(x), np.square(x - a.mean(0)).sum(1).mean()), "squared-error", 0.5),
        (lambda a, x: (floor(x), bce(np.broadcast_to(a.mean(0), x.shape), x).mean()), "swapped-arguments", 0.5),
        (lambda a, x: (floor(x), 1.1 * baseline(a, x)), "wrong-baseline", 0.5),
        (lambda a, x: (2 * floor(x), 2 * baseline(a, x)), "wrong-scale", 0.5),
        (lambda a, x: (np.nan, baseline(a, x)), "not-finite", 0),
        (lambda a, x: floor(x), "wrong-shape", 0),
    ):
        expect_mistake("dense.floor_and_baseline", wrong, mistake=mistake, kept=kept)


def test_a_wrong_unit_and_another_mistake_cost_both_halves(points, mistakes):
    bce = measures.bce_per_image
    name = "dense.floor_and_baseline"

    def wrong_too(a, x):
        return bce(x, x).mean() / 784, bce(x, np.broadcast_to(x.mean(0), x.shape)).mean() / 784

    assert points(name, wrong_too) == 0 and mistakes(name, wrong_too) == ["per-pixel", "mean-of-test-images"]

    def zero(a, x):
        return 0.0, bce(x, np.broadcast_to(a.mean(0), x.shape)).mean() / 784

    assert points(name, zero) == 0 and mistakes(name, zero) == ["floor-zero", "per-pixel"]


def test_floor_and_baseline_of_a_wrong_cross_entropy(points):
    notebook = {"np": np}
    exec(
        "def bce_per_image(x, p): return -(x * np.log2(p)).mean()\n"
        "def right(x_train, x): return bce_per_image(x, x).mean(), bce_per_image(x, x_train.mean(0)).mean()\n"
        "def wrong(x_train, x): return bce_per_image(x, x).mean(), bce_per_image(x, x.mean(0)).mean()\n",
        notebook,
    )
    assert points("dense.floor_and_baseline", notebook["right"]) == 1
    assert points("dense.floor_and_baseline", notebook["wrong"]) == 0.5
