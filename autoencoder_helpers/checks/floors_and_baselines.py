"""Floor and baseline, which two chapters ask for: each is half of the exercise.

Both numbers show a wrong unit, which is one mistake all the same: it costs the floor's half, and the baseline is then
read in the floor's unit. So it costs what it costs in a loss (docs/points.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from autoencoder_helpers.checks.expectations import expect_no_known_mistake

_CLOSE = 1e-3  # as a share: how near a number must be to what a wrong unit makes of the right one


def wrong_units(images: int, *more) -> tuple:
    """What the usual wrong units are times the right one, as `known` of expect_no_known_mistake.

    images: how many there are. more: rows of a chapter's own, tried first.
    """
    return (
        *more,
        (-1, "wrong-sign", "the right size with the wrong sign", "A loss is positive: where is the minus?"),
        (1 / np.log(2), "bits", "logarithms to the base 2 (bits)", "np.log, not np.log2"),
        (images, "summed-over-images", "the sum over the images", "an average over the images"),
        (1 / images, "divided-by-batch", "an average over the images, divided by their number once more",
         "one mean over the images"),
    )  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A learner's floor and baseline beside the right ones. units: as `wrong_units` gives them."""

    floor: float
    baseline: float
    wanted_floor: float
    wanted_baseline: float
    units: tuple

    @property
    def unit(self) -> float:
        """The floor's unit in terms of the right one: a known wrong one, or whichever the two numbers share; else 1."""
        factor = self.floor / self.wanted_floor
        known = [unit for unit, *_ in self.units if _is_near(factor, unit)]
        shared = factor != 0 and _is_near(self.baseline, factor * self.wanted_baseline)
        return known[0] if known else factor if shared else 1.0

    def expect_unit(self, step, name, value, wanted, *, expected) -> None:
        """Inside a step: fail if a number is the right one in a wrong unit. expected: the right one, with its unit."""
        expected = f"a {name} of {expected}"
        expect_no_known_mistake(
            step,
            self.units,
            lambda unit: _is_near(value, unit * wanted),
            is_right=_is_near(value, wanted),
            expected=expected,
            before=f"{value:,.4g}: ",
        )
        step.expect(
            _is_near(self.unit, 1) or not _is_near(value, self.unit * wanted),
            expected=expected,
            found=f"{value:,.4g}: {self.unit:.4g} times as much, and so is the baseline",
            look="the unit of both: what is summed, what is averaged, what it is multiplied by",
            mistake="wrong-scale",
        )

    def baseline_in_floors_unit(self, step) -> float:
        """Inside the step of the baseline: what it would be if the unit that it shares with the floor were right."""
        if _is_near(self.unit, 1) or _is_near(self.baseline, self.wanted_baseline):
            return self.baseline
        step.note("Read in the unit of your floor, whose card says what is wrong with it: one mistake costs once.")
        return self.baseline / self.unit


def expect_pair(step, found, wanted, units) -> Pair:
    """Inside a step: the two numbers, if they are finite and the floor comes first; else it fails.

    found: array, as it was returned. wanted: the right ones, in order.
    """
    step.expect(
        found.shape == (2,),
        expected="two numbers",
        found=f"shape {found.shape}",
        look="Average over the images and their values; end with: return floor, baseline",
        mistake="wrong-shape",
    )
    step.expect(
        np.isfinite(found).all(),
        expected="finite numbers",
        found=f"{found[0]:g} and {found[1]:g}",
        look="A logarithm of 0? Clip predictions away from 0 and 1 first.",
        mistake="not-finite",
    )
    first, second = (float(value) for value in found)
    factor = first / wanted[1]
    step.expect(
        not (factor != 0 and _is_near(second, factor * wanted[0])),
        expected="the floor first, then the baseline",
        found="the two in each other's place",
        look="the order in the return",
        mistake="swapped-results",
    )
    return Pair(first, second, *wanted, units)


def _is_near(value, wanted) -> bool:
    return bool(np.isclose(value, wanted, rtol=_CLOSE, atol=0))
