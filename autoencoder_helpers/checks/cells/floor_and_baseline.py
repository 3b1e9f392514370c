"""`cells.floor_and_baseline`: what a loss of counts must be compared with."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.cells.made_up import compositions, counts_from
from autoencoder_helpers.checks.cells.sizes import UNIT
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.floors_and_baselines import expect_pair
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule

_GENES, _CELLS = 60, 30
# What the usual wrong units are times the right one, as `known` of expect_no_known_mistake.
_UNITS = (
    (1 / _GENES, "per-gene", "nats per gene", "use your poisson_loss, and average over the cells only"),
    (-1, "wrong-sign", "the right size with the wrong sign", "A loss is positive: where is the minus?"),
    (1 / np.log(2), "bits", "logarithms to the base 2 (bits)", "natural logarithms, as in your poisson_loss"),
    (_CELLS, "summed-over-cells", "the sum over the cells", "an average over the cells"),
    (1 / _CELLS, "divided-by-batch", "an average over the cells, divided by their number once more", "one mean over the cells"),
)  # fmt: skip


@rule(
    "cells.floor_and_baseline",
    points=1,
    title="What a loss must be compared with: a cell's own composition, and that of all training cells together",
    answers={"floor_and_baseline": Function()},
    builds_on=("poisson_loss",),
)
def floor_and_baseline(step, floor_and_baseline):
    train = counts_from(step.rng, compositions(step.rng, 50, _GENES), 60, 900)
    counts = counts_from(step.rng, compositions(step.rng, _CELLS, _GENES), 60, 900)

    def scored(shares):
        return float(measures.poisson_per_cell(counts, counts.sum(axis=1, keepdims=True) * shares).mean())

    pooled = train.sum(axis=0, dtype=np.float64) / train.sum(dtype=np.float64)
    wanted = float(measures.poisson_per_cell(counts, counts).mean()), scored(pooled)
    with step("It returns two numbers: the floor, then the baseline"):
        changed = set()
        found = call(floor_and_baseline, train, counts, name="floor_and_baseline", changed=changed)
        step.expect(
            found.shape == (2,),
            expected="two numbers",
            found=f"shape {found.shape}",
            look="Average over the cells; end with: return floor, baseline",
            mistake="wrong-shape",
        )
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found=f"{found[0]:g} and {found[1]:g}",
            look="0 ln 0 counts as 0, for genes that a cell does not have: tf.math.xlogy in your poisson_loss.",
            mistake="not-finite",
        )
        pair = expect_pair(step, found, wanted, _UNITS)
    with step("The floor is what each cell's own composition costs", points=0.5, stop=False):
        expect_unchanged(
            step,
            changed,
            "train_counts",
            "counts",
            look="own = counts / ..., a new array; counts /= ... changes the notebook's counts.",
        )
        floor, expected = pair.floor, f"{wanted[0]:,.1f} {UNIT}"
        step.expect(
            abs(floor) > 1e-3,
            expected=expected,
            found="0",
            look="Even the right mean does not foretell a count: score each cell with its own composition.",
            mistake="floor-zero",
        )
        pair.expect_unit(step, "floor", floor, wanted[0], expected=expected)
        step.expect(
            np.isclose(floor, wanted[0], rtol=2e-3),
            expected=expected,
            found=f"{floor:,.1f}",
            look="poisson_loss(counts, counts / each cell's total), its mean over the cells",
            mistake="wrong-floor",
        )
    with step("The baseline is what the composition of all training cells costs", points=0.5, stop=False):
        expected = f"{wanted[1]:,.1f} {UNIT}"
        baseline = pair.baseline_in_floors_unit(step)
        pair.expect_unit(step, "baseline", baseline, wanted[1], expected=expected)
        share_of_each = train / train.sum(axis=1, keepdims=True)
        own = counts.sum(axis=0, dtype=np.float64) / counts.sum(dtype=np.float64)
        known = (
            (scored(own), "composition-of-test-cells", "the composition of `counts` themselves",
             "A prediction may only use what was there for training."),
            (scored(share_of_each.mean(axis=0)), "mean-of-shares",
             "the mean of the cells' shares, in which a small cell counts as much as a large one",
             "Pour all training cells together: the sum over cells, divided by the sum of everything."),
            (scored(np.full(_GENES, 1 / _GENES)), "one-share", "one share for all genes",
             "A share for each gene: sum over axis 0 only."),
            (float(measures.poisson_per_cell(counts, np.broadcast_to(train.mean(axis=0), counts.shape)).mean()),
             "total-missing", "the mean training cell, whatever the cell's total",
             "Hand poisson_loss shares, which add up to 1: it knows each cell's total."),
        )  # fmt: skip
        expect_no_known_mistake(
            step,
            known,
            lambda value: np.isclose(baseline, value, rtol=1e-4),
            is_right=np.isclose(baseline, wanted[1], rtol=2e-5),
            expected="the share of each gene among all counts of the training cells",
        )
        step.expect(
            np.isclose(baseline, wanted[1], rtol=5e-4),
            expected=expected,
            found=f"{baseline:,.1f}",
            look="train_counts.sum(axis=0) / train_counts.sum(): one row of shares, for every cell of `counts`",
            mistake="wrong-baseline",
        )
