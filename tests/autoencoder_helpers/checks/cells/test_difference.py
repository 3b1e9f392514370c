"""`cells.difference`: the difference of two means and its standard error, and what is often taken for it."""

import numpy as np
import pytest


def right(a, b):
    return np.mean(a) - np.mean(b), np.sqrt(np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b))


def pooled(a, b):
    variance = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / (len(a) + len(b) - 2)
    return a.mean() - b.mean(), np.sqrt(variance * (1 / len(a) + 1 / len(b)))


@pytest.mark.parametrize("function", [right, pooled, lambda a, b: np.array(right(list(a), list(b)))])
def test_right_differences_get_the_point(points, function):
    assert points("cells.difference", function) == 1


def with_error(error):
    return lambda a, b: (right(a, b)[0], error(a, b))


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (lambda a, b: right(a, b)[::-1], "swapped-results", 0),
        (lambda a, b: (-right(a, b)[0], right(a, b)[1]), "wrong-sign", 0.5),
        (lambda a, b: (abs(right(a, b)[0]), right(a, b)[1]), "absolute-value", 0.5),
        (lambda a, b: (-abs(right(a, b)[0]), right(a, b)[1]), "absolute-value", 0.5),
        (lambda a, b: (np.median(a) - np.median(b), right(a, b)[1]), "medians", 0.5),
        (lambda a, b: (a.max() - b.max(), right(a, b)[1]), "best-runs", 0.5),
        (lambda a, b: (0.5, right(a, b)[1]), "wrong-difference", 0.5),
        (with_error(lambda a, b: np.sqrt(a.var() / len(a) + b.var() / len(b))), "divided-by-n", 0.5),
        (with_error(lambda a, b: np.hypot(a.std(ddof=1), b.std(ddof=1))), "deviation-not-error", 0.5),
        (with_error(lambda a, b: a.std(ddof=1) / len(a) ** 0.5 + b.std(ddof=1) / len(b) ** 0.5), "errors-added", 0.5),
        (with_error(lambda a, b: right(a, b)[1] ** 2), "root-missing", 0.5),
        (with_error(lambda a, b: 2 * right(a, b)[1]), "interval-not-error", 0.5),
        (with_error(lambda a, b: 0.123), "wrong-error", 0.5),
        (lambda a, b: right(a, b)[0], "wrong-shape", 0),
        (lambda a, b: (np.nan, 1.0), "not-finite", 0),
        (lambda a, b: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)
def test_mistakes_are_named(expect_mistake, function, mistake, kept):
    expect_mistake("cells.difference", function, mistake=mistake, kept=kept)


def test_whatever_is_asked_right_differences_get_the_point(points):
    """Without care, one question in some hundred has an error of the wrong kind that is that of the right one."""
    assert all(points("cells.difference", function) == 1 for _ in range(150) for function in (right, pooled))
