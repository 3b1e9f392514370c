"""`dense.floor_and_baseline`: right answers of any construction pass, each usual mistake is named."""

import numpy as np
import pytest
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


def of_each(x_train, x):
    """What each image scores: floors, baselines."""
    bce = measures.bce_per_image
    return bce(x, x), bce(x, np.broadcast_to(x_train.mean(0), x.shape))


def of_median_image(x_train, x):
    middle = np.broadcast_to(np.median(x_train, axis=0), x.shape)
    return of_each(x_train, x)[0].mean(), measures.bce_per_image(x, middle).mean()


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (lambda a, x: [np.median(each) for each in of_each(a, x)], ["median-not-mean", "median-not-mean"]),
        (lambda a, x: (np.median(of_each(a, x)[0]), of_each(a, x)[1].mean()), ["median-not-mean"]),
        (lambda a, x: (of_each(a, x)[0].mean(), np.median(of_each(a, x)[1])), ["median-not-mean"]),
        (of_median_image, ["median-image"]),
        (lambda a, x: (of_each(a, x)[0][:30].mean(), of_each(a, x)[1].mean()), ["wrong-floor"]),
    ],
)
def test_a_median_is_no_mean(points, mistakes, wrong, found):
    for _ in range(20):
        assert mistakes("dense.floor_and_baseline", wrong) == found
    assert points("dense.floor_and_baseline", wrong) == 1 - 0.5 * len(found)


def test_right_answers_pass_whatever_is_asked(points):
    def in_float32(a, x):
        p = np.clip(np.broadcast_to(a.mean(0, dtype="float32"), x.shape), 1e-6, 1 - 1e-6).astype("float32")
        q = np.clip(x, 1e-6, 1 - 1e-6)
        return [-(x * np.log(r) + (1 - x) * np.log(1 - r)).sum(1).mean() for r in (q, p)]

    for _ in range(10):
        assert points("dense.floor_and_baseline", lambda a, x: [each.mean() for each in of_each(a, x)]) == 1
        assert points("dense.floor_and_baseline", in_float32) == 1
