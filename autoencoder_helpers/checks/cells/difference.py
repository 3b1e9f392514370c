"""`cells.difference`: how far two methods lie apart, and how well that is known from a few seeds."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule


@rule(
    "cells.difference",
    points=1,
    title="The difference of two methods, and its standard error, from runs with several seeds",
    answers={"difference": Function()},
)
def difference(step, difference):
    a, b = _runs(step.rng)
    mean, error = float(a.mean() - b.mean()), _errors(a, b)[0]
    with step("It returns two numbers: the difference, then its standard error"):
        found = call(difference, a, b, name="difference")
        step.expect(
            found.shape == (2,),
            expected="two numbers",
            found=f"shape {found.shape}",
            look="return the difference of the means, and its standard error",
            mistake="wrong-shape",
        )
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found=f"{found[0]:g} and {found[1]:g}",
            look="The two lists need not be of one length, so nothing is subtracted run by run; and of a negative number there is "
            "no root: variances add.",
            mistake="not-finite",
        )
        step.expect(
            not np.allclose(found, (error, mean), rtol=1e-3),
            expected="the difference first, then its standard error",
            found="the two in each other's place",
            look="the order in the return",
            mistake="swapped-results",
        )
    first, second = (float(value) for value in found)
    with step("The difference is that of the means, the first less the second", points=0.5, stop=False):
        turned = call(difference, b, a, name="difference").ravel()
        step.expect(
            not (
                np.isclose(abs(first), abs(mean), rtol=1e-4) and turned.size and np.isclose(turned[0], first, rtol=1e-4)
            ),
            expected=f"{mean:.4f}, and {-mean:.4f} with the two lists in each other's place",
            found=f"{first:.4f} either way",
            look="The sign says which method has more: no abs.",
            mistake="absolute-value",
        )
        expect_no_known_mistake(
            step,
            _wrong_differences(a, b),
            lambda value: np.isclose(first, value, rtol=1e-4),
            is_right=np.isclose(first, mean, rtol=1e-4),
            expected=f"{mean:.4f}",
            before=f"{first:.4f}: ",
        )
        step.expect(
            np.isclose(first, mean, rtol=1e-4),
            expected=f"{mean:.4f}",
            found=f"{first:.4f}",
            look="a.mean() - b.mean()",
            mistake="wrong-difference",
        )
    with step("The standard error adds the variances of the two means", points=0.5, stop=False):
        is_right = any(np.isclose(second, value, rtol=1e-4) for value in _errors(a, b))
        expect_no_known_mistake(
            step,
            _wrong_errors(a, b),
            lambda value: np.isclose(second, value, rtol=1e-4),
            is_right=is_right,
            expected=f"{error:.4f}",
            before=f"{second:.4f}: ",
        )
        step.expect(
            is_right,
            expected=f"{error:.4f}",
            found=f"{second:.4f}",
            look="np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))",
            mistake="wrong-error",
        )


def _runs(rng):
    """Runs (5,) and (8,) of two methods, of which no usual mistake makes nearly what a right answer does."""
    while True:
        a, b = rng.normal(0.45, 0.04, 5), rng.normal(0.40, 0.11, 8)
        mean, errors = float(a.mean() - b.mean()), _errors(a, b)
        wrong = [(mean, row[0]) for row in _wrong_differences(a, b)]
        wrong += [(error, other) for error in errors for other in (mean, *(row[0] for row in _wrong_errors(a, b)))]
        if not any(np.isclose(other, right, rtol=0.01) for right, other in wrong):
            return a, b


def _of_means(a, b):
    """The standard error of each of the two means."""
    return tuple(float(runs.std(ddof=1) / np.sqrt(len(runs))) for runs in (a, b))


def _errors(a, b) -> tuple[float, float]:
    """The standard errors of the difference that count as right: with two variances, and with one for both methods."""
    n, m = len(a), len(b)
    pooled = ((n - 1) * a.var(ddof=1) + (m - 1) * b.var(ddof=1)) / (n + m - 2)
    return float(np.hypot(*_of_means(a, b))), float(np.sqrt(pooled * (1 / n + 1 / m)))


def _wrong_differences(a, b):
    """What is often taken for the difference of the means, as `known` of expect_no_known_mistake."""
    return (
        (-float(a.mean() - b.mean()), "wrong-sign", "the second less the first", "a.mean() - b.mean()"),
        (float(np.median(a) - np.median(b)), "medians", "the difference of the medians", "means, of which a standard error is known"),
        (float(a.max() - b.max()), "best-runs", "the difference of the best runs",
         "The best of several seeds grows with their number: compare means."),
    )  # fmt: skip


def _wrong_errors(a, b):
    """What is often taken for the standard error, as `known` of expect_no_known_mistake."""
    n, errors = (len(a), len(b)), _of_means(a, b)
    deviations = a.std(ddof=1), b.std(ddof=1)
    return (
        (float(np.sqrt(a.var() / n[0] + b.var() / n[1])), "divided-by-n", "variances divided by n in place of n - 1",
         "The mean is taken from the same few runs: .var(ddof=1)."),
        (float(np.sqrt(deviations[0] ** 2 + deviations[1] ** 2)), "deviation-not-error", "the spread of single runs, not of their means",
         "The mean of n runs varies less than one run: each variance is divided by its n."),
        (float(np.sqrt(a.var() + b.var())), "deviation-not-error", "the spread of single runs, not of their means",
         "The mean of n runs varies less than one run: each variance is divided by its n, and takes ddof=1."),
        (float(sum(errors)), "errors-added", "the two standard errors added",
         "Independent errors add as squares: the root of the sum of squares."),
        (float(errors[0] ** 2 + errors[1] ** 2), "root-missing", "the variance of the difference", "its square root"),
        (float(np.sqrt(abs(errors[0] ** 2 - errors[1] ** 2))), "variances-subtracted", "the variances subtracted",
         "The means are subtracted, their variances add: each makes the difference less certain."),
        (float(deviations[0] / n[0] + deviations[1] / n[1]), "errors-added", "standard deviations divided by n, and added",
         "Variances are divided by n and added; then the root."),
        (float(1.96 * np.hypot(*errors)), "interval-not-error", "half a 95 % interval", "the standard error itself, without 1.96"),
        (float(2 * np.hypot(*errors)), "interval-not-error", "twice the standard error", "the standard error itself"),
    )  # fmt: skip
