"""`cells.counts`: the whole counts behind ln(1 + counts per 10,000)."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.cells.made_up import compositions, counts_from, expression_of
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference
from autoencoder_helpers.checks.handed import expect_unchanged
from autoencoder_helpers.checks.rule import rule

_LOOK = "Make new arrays: scaled = np.expm1(expression), and nothing with /= or [:] = on what is handed in."


@rule(
    "cells.counts",
    points=1,
    title="The published numbers are taken back to whole counts",
    answers={"counts_of": Function()},
)
def counts(step, counts_of):
    wanted = counts_from(step.rng, compositions(step.rng, 9, 70), 60, 400)
    wanted[:, 0] = step.rng.integers(50, 260, 9)  # of a gene that is always there
    wanted[step.rng.integers(9), 0] = step.rng.integers(
        260, 400
    )  # the largest of chapter 5 is 259: a byte is too small
    others = step.rng.integers(1000, 5000, 9)
    expression = expression_of(wanted, others)
    scaled = np.expm1(expression.astype(np.float64))
    one = np.where(scaled > 0, scaled, np.inf).min(axis=1, keepdims=True)
    with step("It returns an array as large as what it is given"):
        changed = set()
        found = call(counts_of, expression, name="counts_of", changed=changed)
        step.expect(
            found.shape == wanted.shape,
            expected=f"shape {wanted.shape}: cells by genes",
            found=f"shape {found.shape}",
            look="Every gene of every cell keeps its place: nothing is summed or left out.",
            mistake="wrong-shape",
        )
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found="inf or nan",
            look="A cell's smallest value is 0, of a gene that was not seen: look for the smallest one above 0.",
            mistake="divided-by-zero",
        )
    with step("It undoes the logarithm and the scale of each cell", points=0.5):
        expect_no_known_mistake(
            step,
            (
                (expression, "nothing-undone", "the numbers as they were given", "np.expm1 undoes np.log1p."),
                (np.rint(expression), "nothing-undone", "the logarithms themselves, rounded",
                 "np.expm1 undoes np.log1p; round at the end."),
                (scaled, "not-divided", "counts per 10,000 of a cell",
                 "One count is another number in each cell: divide each row by its smallest value above 0."),
                (np.rint(scaled), "not-divided", "counts per 10,000 of a cell, rounded",
                 "Divide each row by its smallest value above 0, then round."),
                (scaled / one.min(), "one-for-all-cells", "all cells divided by one number, the smallest of all",
                 "Each cell has a smallest value of its own: .min(axis=1, keepdims=True)."),
                (np.rint(scaled / one.min()), "one-for-all-cells", "all cells divided by one number, the smallest of all",
                 "Each cell has a smallest value of its own: .min(axis=1, keepdims=True)."),
                (np.rint(np.exp(expression) / np.exp(np.log1p(one))), "one-not-subtracted",
                 "exponentials from which no 1 was taken away", "The logarithm is that of 1 + ...: np.expm1(x) is exp(x) - 1."),
                (np.rint(np.exp(expression) / one), "one-not-subtracted",
                 "exponentials from which no 1 was taken away", "The logarithm is that of 1 + ...: np.expm1(x) is exp(x) - 1."),
                (np.rint(expression / np.log1p(one)), "logarithm-not-undone", "logarithms divided by each cell's smallest one",
                 "Undo the logarithm first, np.expm1, then divide."),
                (np.rint(scaled / np.where(scaled > 0, scaled, np.inf).min(axis=0)), "wrong-axis",
                 "each gene divided by its smallest value", "What one count is worth is the same for all genes of a cell: the smallest of each row, axis=1."),
                (np.rint(scaled * wanted.sum(1, keepdims=True) / 10_000), "these-genes-only",
                 "scaled by the sum over these genes", "10,000 is the sum over all genes, most of which are not here; the smallest value tells the scale."),
                (np.floor(scaled / one + 1e-9), "cut-off", "fractions cut off in place of rounded", "np.rint, or np.round"),
                (np.ceil(scaled / one - 1e-9), "cut-off", "fractions rounded up", "np.rint, or np.round"),
                (wanted % 256, "too-few-bits", "counts that begin again from 0 at 256",
                 "A byte, uint8, holds no more than 255: float32 or int will do."),
            ),
            lambda value: value.shape == found.shape and np.allclose(found, value, atol=0.02, rtol=2e-3),
            is_right=np.allclose(found, wanted, atol=0.3, rtol=2e-3),
            expected="counts: each cell's smallest value above 0 is one of them",
        )  # fmt: skip
        if not np.allclose(found, wanted, rtol=2e-3, atol=0.3):
            expect_unchanged(step, changed, "expression", look=_LOOK)
        place = first_difference(found, wanted, rtol=2e-3, atol=0.3)
        step.expect(
            np.allclose(found, wanted, rtol=2e-3, atol=0.3),
            expected=f"{wanted[place]:.0f} for gene {place[1]} of cell {place[0]} (counted from 0)",
            found=f"{found[place]:.4g} there",
            look="np.expm1 first; then divide each row by its own smallest value above 0; np.rint at the end, for .astype(int) cuts off",
            mistake="wrong-value",
        )
    with step("They are whole numbers, and the expression values stay what they are", points=0.5):
        step.expect(
            np.array_equal(found, wanted),
            expected="whole numbers",
            found=f"fractions, such as {found.flat[int(np.abs(found - np.rint(found)).argmax())]:.5f}",
            look="The published numbers are rounded, so the counts come out a little beside: np.rint brings them back.",
            mistake="not-rounded",
        )
        expect_unchanged(step, changed, "expression", look=_LOOK)
