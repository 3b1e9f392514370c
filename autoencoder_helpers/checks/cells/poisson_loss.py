"""`cells.poisson_loss`: what counts cost under a decoder's shares, in nats per cell."""

from dataclasses import dataclass

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import call
from autoencoder_helpers.checks.cells.made_up import compositions, counts_from
from autoencoder_helpers.checks.cells.sizes import UNIT
from autoencoder_helpers.checks.in_training import Loss, expect_trainable
from autoencoder_helpers.checks.rule import rule

_CELLS, _GENES = 6, 300
_SPREAD = 2.0  # of the shares: so many genes are rare that a coarse clip of their means shows
_NEAR = 3e-4  # as a share: of numbers of the same quantity
_MEAN = 1 / _GENES
#: Multiples that a quantity may come in: of its sum over the genes, with the slug of a wrong unit or sign.
_MULTIPLES = tuple(
    (sign * unit * scale, "wrong-sign" if sign < 0 else slug)
    for sign in (1, -1)
    for unit, slug in ((1, ""), (1 / np.log(2), "bits"))
    for scale in (1, _MEAN)
)


@dataclass(frozen=True)
class _Quantity:
    """What a loss may be made of. values: of each cell, summed over its genes; slug: empty for the right one."""

    values: np.ndarray
    slug: str = ""
    found: str = ""
    look: str = ""


@rule(
    "cells.poisson_loss",
    points=1,
    title="The Poisson loss of each cell's counts, summed over its genes",
    answers={"poisson_loss": Loss()},
)
def poisson_loss(step, poisson_loss):
    truth = compositions(step.rng, _CELLS, _GENES, _SPREAD)
    counts = counts_from(step.rng, truth, 80, 600)
    shares = compositions(step.rng, _CELLS, _GENES, _SPREAD).astype(np.float32)

    def value(counts, shares):
        return call(_with_tensors(poisson_loss), counts, shares, name="poisson_loss")

    with step("It returns numbers"):
        together = value(counts, shares)
        alone = np.array([float(np.mean(value(counts[i : i + 1], shares[i : i + 1]))) for i in range(_CELLS)])
    quantity, multiple = _recognised(alone, counts, shares)
    with step(
        "It is the Poisson loss in nats, with the cell's total, and finite for a share of 0", points=0.5, stop=False
    ):
        if quantity is None:
            _expect_no_coarse_clip(step, value, counts)
        _expect_poisson(step, alone, quantity, multiple)
        own = counts / counts.sum(axis=1, keepdims=True)
        step.expect(
            np.isfinite(value(counts, own.astype(np.float32))).all(),
            expected="finite numbers where a gene's share and its count are both 0",
            found="inf or nan",
            look="0 ln 0 counts as 0: tf.math.xlogy(counts, means) knows that, or keep the means above a tiny number.",
            mistake="not-finite-at-zero",
        )
        expect_trainable(step, poisson_loss, counts, shares, name="poisson_loss")
    if quantity is None:  # of another quantity nothing more can be said
        return
    with step("It is summed over the genes: one number for each cell", points=0.5):
        per_gene = bool(
            np.isclose(abs(multiple), _MEAN, rtol=1e-3) or np.isclose(abs(multiple), _MEAN / np.log(2), rtol=1e-3)
        )
        each = quantity.values * multiple / (_MEAN if per_gene else 1)
        _expect_summed(step, together, each, per_gene)


def _with_tensors(function):
    """The loss as training calls it: on tensors of float32."""

    def run(counts, shares):
        import tensorflow as tf

        return function(tf.constant(counts, tf.float32), tf.constant(shares, tf.float32))

    return run


def _recognised(alone, counts, shares):
    """(the quantity that the numbers are nearest to, its multiple), (None, nan) if they are near none of the known ones."""
    known = [(quantity, multiple) for quantity in _quantities(counts, shares) for multiple, _ in _MULTIPLES]

    def away(pair):
        wanted = pair[1] * pair[0].values
        return float(np.abs(alone - wanted).max() / np.abs(wanted).max()) if np.isfinite(alone).all() else np.inf

    nearest = min(known, key=away)
    return nearest if away(nearest) < _NEAR else (None, float("nan"))


def _quantities(counts, shares) -> list[_Quantity]:
    x, p = counts.astype(np.float64), shares.astype(np.float64)
    total = x.sum(axis=1, keepdims=True)
    means = total * p
    composition = x / total
    return [
        _Quantity(measures.poisson_per_cell(x, means)),
        _Quantity(
            (means - x * np.log(means)).sum(1), "factorial-missing", "the loss without ln x!",
            "ln x! does not change the training, but without it the numbers are no log probabilities: tf.math.lgamma(x + 1).",
        ),
        _Quantity(
            (means - x * np.log(means) + _stirling(x)).sum(1), "stirling", "the loss with Stirling's approximation of ln x!",
            "compute_full_loss=True of tf.nn.log_poisson_loss approximates ln x!, which for counts of 2 or 3 is a little beside: "
            "leave it out and add tf.math.lgamma(x + 1), which is exact.",
        ),
        _Quantity(
            measures.poisson_per_cell(x, p), "total-missing", "shares taken for means",
            "A share of 0.01 means 3 counts in a cell with 300 counts, 10 in one with 1,000: times the cell's total.",
        ),
        _Quantity(
            (p - x * np.log(p)).sum(1), "total-missing", "shares taken for means, without ln x!",
            "The mean of a gene is its share times the cell's total: tf.reduce_sum(counts, axis=1, keepdims=True).",
        ),
        _Quantity(
            measures.poisson_per_cell(x, p * total.mean()), "mean-total", "one total for all cells, their mean",
            "Each cell has a total of its own: a sum over its genes, axis=1, keepdims=True.",
        ),
        _Quantity(
            -(x * np.log(means)).sum(1), "half-of-the-formula", "only the part x ln m", "m - x ln m + ln x!: three terms",
        ),
        _Quantity(
            -(x * np.log(p)).sum(1), "half-of-the-formula", "only the part x ln p, the cross-entropy of the counts",
            "m - x ln m + ln x!, with m = total x share: three terms",
        ),
        _Quantity(
            -(composition * np.log(p)).sum(1), "cross-entropy", "a cross-entropy of compositions",
            "How many counts a cell has matters: the Poisson loss of the counts themselves.",
        ),
        _Quantity(np.square(x - means).sum(1), "squared-error", "a squared error of counts", "the Poisson loss: m - x ln m + ln x!"),
        _Quantity(
            np.square(composition - p).sum(1), "squared-error", "a squared error of shares", "the Poisson loss: m - x ln m + ln x!"
        ),
    ]  # fmt: skip


def _stirling(x) -> np.ndarray:
    """ln x! as TensorFlow approximates it: 0 up to 1."""
    many = np.maximum(x, 1)
    return np.where(x > 1, many * np.log(many) - many + np.log(2 * np.pi * many) / 2, 0)


def _expect_poisson(step, alone, quantity, multiple):
    step.expect(
        np.isfinite(alone).all(),
        expected="finite numbers",
        found="inf or nan",
        look="Counts first, shares second? The logarithm is that of the means, which are positive, not of the counts; and ln x! "
        "is lgamma(x + 1): of 0 itself lgamma is infinite.",
        mistake="not-finite",
    )
    step.expect(
        quantity is not None,
        expected="m - x ln m + ln x! for each gene, with m = the cell's total x share",
        found="another quantity",
        look="total = tf.reduce_sum(counts, axis=1, keepdims=True); m = total * shares; then the three terms",
        mistake="wrong-value",
    )
    step.expect(
        not quantity.slug,
        expected="m - x ln m + ln x! for each gene, with m = the cell's total x share",
        found=quantity.found,
        look=quantity.look,
        mistake=quantity.slug,
    )
    unit = next((slug for known, slug in _MULTIPLES if np.isclose(multiple, known)), "")
    step.expect(
        unit != "wrong-sign",
        expected="positive numbers",
        found="the right size with the wrong sign",
        look="A loss is minimised: the minus belongs before x ln m.",
        mistake="wrong-sign",
    )
    step.expect(
        unit != "bits",
        expected="natural logarithms (nats)",
        found="logarithms to the base 2 (bits)",
        look="tf.math.log is the natural one",
        mistake="bits",
    )


def _expect_no_coarse_clip(step, value, counts):
    """Inside a step: fail if the loss is right where every gene has the same share, and no mean is small."""
    even = np.full_like(counts, 1 / _GENES)
    alone = np.array([float(np.mean(value(counts[i : i + 1], even[i : i + 1]))) for i in range(_CELLS)])
    quantity, multiple = _recognised(alone, counts, even)
    step.expect(
        quantity is None or bool(quantity.slug) or not any(np.isclose(multiple, known) for known in (1, _MEAN)),
        expected="m - x ln m + ln x! for each gene, with m = the cell's total x share, however rare the gene is",
        found="that for common genes, and other numbers for rare ones, as if small means or shares were cut off",
        look="Half of the genes have shares below 0.0006: a clip that keeps the logarithm finite must be tiny, 1e-9.",
        mistake="coarse-clip",
    )


def _expect_summed(step, found, each, per_gene):
    whole = f"{each[0]:,.1f} {UNIT} for the first cell, the sum over {_GENES} genes"
    step.expect(
        found.shape != (_CELLS, _GENES),
        expected=f"{_CELLS} numbers for {_CELLS} cells",
        found=f"one number for each gene, shape {found.shape}",
        look="Sum over the genes: axis=1.",
        mistake="not-summed",
    )
    step.expect(
        found.shape != (_GENES,),
        expected=f"{_CELLS} numbers for {_CELLS} cells",
        found=f"{_GENES} numbers, one for each gene: summed over the cells",
        look="Sum over the genes: axis=1.",
        mistake="wrong-axis",
    )
    step.expect(
        not per_gene,
        expected=whole,
        found=f"{each[0] * _MEAN:,.2f}: the mean over the genes, {_GENES} times smaller",
        look="tf.reduce_sum over the genes: the KL is not divided by their number either.",
        mistake="mean-over-genes",
    )
    step.expect(
        not np.isclose(float(np.mean(found)), each.sum(), rtol=0.003),
        expected=whole,
        found="the sum over the cells of the batch",
        look="Sum over the genes only, axis=1; leave the first axis alone.",
        mistake="summed-over-cells",
    )
    step.expect(
        not np.isclose(float(np.mean(found)) * _CELLS, each.mean(), rtol=0.003),
        expected=whole,
        found=f"{_CELLS} times less for {_CELLS} cells: divided by their number",
        look="How many cells a batch has is no matter of the loss: Keras takes the mean over them itself.",
        mistake="divided-by-batch",
    )
    step.expect(
        found.shape != (),
        expected=f"{_CELLS} numbers for {_CELLS} cells",
        found="one number for all",
        look="Keras would train with it, but later parts ask for the loss of each cell: leave axis 0 alone.",
        mistake="mean-over-cells",
    )
    step.expect(
        found.shape == (_CELLS,),
        expected=f"shape ({_CELLS},) for {_CELLS} cells",
        found=f"shape {found.shape}",
        look="the axis of your sum: genes are the last one",
        mistake="wrong-axis",
    )
    step.expect(
        np.allclose(found, each, rtol=2e-3),
        expected=whole,
        found=f"{found[0]:,.1f}; alone it has its own loss",
        look="Treat every cell of the batch alike: its own total, and no sum over axis 0.",
        mistake="wrong-batch",
    )
