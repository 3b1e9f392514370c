"""`cells.negative_binomial`, for practice: what counts cost that scatter more than Poisson's law allows."""

import math

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.cells.made_up import compositions, counts_from
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference, where
from autoencoder_helpers.checks.rule import rule

_CELLS, _GENES = 6, 60


@rule(
    "cells.negative_binomial",
    points=0,
    title="The negative binomial loss of each cell's counts",
    answers={"negative_binomial_loss": Function()},
)
def negative_binomial(step, negative_binomial_loss):
    counts = counts_from(step.rng, compositions(step.rng, _CELLS, _GENES), 80, 600)
    shares = compositions(step.rng, _CELLS, _GENES).astype(np.float32)
    r = float(step.rng.uniform(2, 6))

    def value(r):
        import tensorflow as tf

        tensors = (tf.constant(array, tf.float32) for array in (counts, shares))
        return call(negative_binomial_loss, *tensors, tf.constant(r, tf.float32), name="negative_binomial_loss")

    means = counts.sum(axis=1, keepdims=True) * shares.astype(np.float64)
    wanted = _costs(counts, means, r)
    with step("It gives one number for each cell"):
        found = value(r)
        step.expect(
            found.shape != (_CELLS, _GENES),
            expected=f"{_CELLS} numbers for {_CELLS} cells",
            found="a number for each gene",
            look="Sum over the genes, the last axis.",
            mistake="not-summed",
        )
        step.expect(
            found.shape == (_CELLS,),
            expected=f"{_CELLS} numbers for {_CELLS} cells",
            found=f"shape {found.shape}",
            look="tf.reduce_sum over the genes alone: axis=1",
            mistake="wrong-shape",
        )
    with step("It is the negative binomial's, in nats, with the mean that the shares and the total give"):
        each = wanted.sum(axis=1)
        expect_no_known_mistake(
            step,
            (
                (-each, "wrong-sign", "the right size with the wrong sign", "A loss is minus a log probability."),
                (wanted.mean(axis=1), "mean-over-genes", "the mean over the genes", "tf.reduce_sum, as before"),
                (measures.poisson_per_cell(counts, means), "poisson", "Poisson's law: r has no part in it",
                 "tfd.NegativeBinomial(total_count=r, ...)"),
                (_costs(counts, shares.astype(np.float64), r).sum(axis=1), "total-missing", "shares taken for means",
                 "means = the cell's total x its shares"),
                (_costs(counts, means, r, upside_down=True).sum(axis=1), "logits-upside-down", "logits of r / mean",
                 "logits = ln(means / r): the more is expected, the larger."),
                (_costs(counts, means * r, r).sum(axis=1), "r-missing-in-logits", "logits without r: means r times too large",
                 "logits = ln(means / r)"),
            ),
            lambda values: np.allclose(found, values, rtol=2e-3, atol=0.05),
            is_right=np.allclose(found, each, rtol=2e-3, atol=0.05),
            expected="minus the log probability under tfd.NegativeBinomial(total_count=r, logits=ln(means / r))",
        )  # fmt: skip
        place = first_difference(found, each, rtol=2e-3, atol=0.05)
        step.expect(
            np.allclose(found, each, rtol=2e-3, atol=0.05),
            expected=f"{each[place]:.2f} nats for {where(place).replace('image', 'cell')}",
            found=f"{found[place]:.2f}",
            look="tfd.NegativeBinomial(total_count=r, logits=tf.math.log(means / r)).log_prob(counts), summed, with a minus",
            mistake="wrong-value",
        )
    with step("Another r gives another loss"):
        step.expect(
            np.allclose(value(3 * r), _costs(counts, means, 3 * r).sum(axis=1), rtol=2e-3, atol=0.05),
            expected=f"the loss for r = {3 * r:.1f}, too",
            found="another one",
            look="Is `r` used as it is handed in?",
            mistake="r-ignored",
        )


def _costs(counts, means, r, upside_down=False):
    """-ln of the negative binomial's probability of each count, with this mean and r, (cells, genes)."""
    odds = r / means if upside_down else means / r
    log_odds = np.log(odds)
    return -(_log_gamma(counts + r) - _log_gamma(r) - measures.log_factorials(counts)
             - r * np.log1p(odds) + counts * (log_odds - np.log1p(odds)))  # fmt: skip


_log_gamma = np.vectorize(math.lgamma)
