"""`cells.gene_shades`, for practice: one gene on the plane, as it was measured and as the decoder gives it."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.cells.small_networks import small_networks
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.images.cells import counts_of

_OFTEN = 0.3  # share of the cells in which the gene that is asked for was seen


@rule(
    "cells.gene_shades",
    points=0,
    title="One gene in each cell, as it was measured and as the decoder gives it",
    answers={"gene_shades": Function()},
)
def gene_shades(step, gene_shades):
    cells = step.data.cells
    counts = counts_of(cells.x_train)
    networks = small_networks(step.rng, counts, spread=1.0)
    encoder, decoder = networks.built()
    often = np.flatnonzero((cells.x_train > 0).mean(axis=0) > _OFTEN)
    column = int(step.rng.choice(often))
    measured, decoded = cells.x_train[:, column], networks.shares(networks.means(cells.x_train))[:, column]
    with step("Two numbers for each training cell"):
        found = call(gene_shades, cells.genes[column], encoder, decoder, name="gene_shades")
        step.expect(
            found.shape[-1:] != (len(cells.x_test),),
            expected=f"two arrays of {len(cells.x_train)} numbers",
            found=f"shape {found.shape}: the test cells",
            look="x_train",
            mistake="test-cells",
        )
        step.expect(
            found.shape == (2, len(cells.x_train)),
            expected=f"two arrays of {len(cells.x_train)} numbers, measured and decoded",
            found=f"shape {found.shape}",
            look="One column of each table: [:, column]. Return both.",
            mistake="wrong-shape",
        )
        step.expect(
            not _near(found, (decoded, measured)),
            expected="first what was measured, then what the decoder gives",
            found="the two in the opposite order",
            look="return measured, decoded",
            mistake="swapped-results",
        )
    with step("The first: the expression of that gene"):
        expect_no_known_mistake(
            step,
            ((counts[:, column], "counts-not-expression", "its counts", "x_train, not counts_train"),),
            lambda values: _near(found[0], values),
            is_right=_near(found[0], measured),
            expected=f"the column of {cells.genes[column]} in x_train",
        )
        step.expect(
            _near(found[0], measured),
            expected=f"the column of {cells.genes[column]} in x_train",
            found="other numbers",
            look="cells.genes.index(gene) is the number of the column",
            mistake="wrong-gene",
        )
    with step("The second: its share, decoded from the mean of each cell's cloud"):
        totals = counts.sum(axis=1)
        expect_no_known_mistake(
            step,
            ((decoded * totals, "total-not-wanted", "shares times the cell's total", "The share itself: how much of a cell is this gene."),
             (np.log(decoded), "logarithm", "its logarithm", "The share itself, as the decoder gives it.")),
            lambda values: _near(found[1], values),
            is_right=_near(found[1], decoded),
            expected=f"the share of {cells.genes[column]} that the decoder gives",
        )  # fmt: skip
        again = call(gene_shades, cells.genes[column], encoder, decoder, name="gene_shades")
        step.expect(
            again.shape == found.shape and _near(again[1], found[1]),
            expected="the same shares when it is asked again",
            found="others each time: decoded from draws",
            look="encoder(x_train).mean()",
            mistake="draws-not-means",
        )
        step.expect(
            _near(found[1], decoded),
            expected=f"the share of {cells.genes[column]} that the decoder gives",
            found="other numbers",
            look="decoder(encoder(x_train).mean()), and the column of that gene",
            mistake="wrong-shares",
        )


def _near(found, wanted):
    return np.allclose(found, wanted, rtol=1e-3, atol=1e-7)
