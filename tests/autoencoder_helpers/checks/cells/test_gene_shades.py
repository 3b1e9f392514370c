"""`cells.gene_shades`: right columns pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
from autoencoder_helpers.images.cells import counts_of, load_cells

NAME = "cells.gene_shades"
CELLS = load_cells()
COUNTS = counts_of(CELLS.x_train)


def right(gene, encoder, decoder, x=CELLS.x_train, further=0):
    column = CELLS.genes.index(gene) + further
    return x[:, column], decoder(encoder(x).mean()).numpy()[:, column]


def stacked(gene, encoder, decoder):
    shares = decoder.predict(encoder(CELLS.x_train).mean().numpy(), verbose=0)
    return np.stack([table.T[np.array(CELLS.genes) == gene][0] for table in (CELLS.x_train, shares)])


@pytest.mark.parametrize("function", [right, stacked])
def test_right_shades_pass(expect_full, function):
    expect_full(NAME, function)


def changed(change):
    return lambda gene, encoder, decoder: change(*right(gene, encoder, decoder), CELLS.genes.index(gene))


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (changed(lambda measured, decoded, column: (decoded, measured)), "swapped-results"),
        (changed(lambda measured, decoded, column: (COUNTS[:, column], decoded)), "counts-not-expression"),
        (changed(lambda measured, decoded, column: (CELLS.x_train[:, column - 1], decoded)), "wrong-gene"),
        (changed(lambda measured, decoded, column: (measured, decoded * COUNTS.sum(axis=1))), "total-not-wanted"),
        (changed(lambda measured, decoded, column: (measured, np.log(decoded))), "logarithm"),
        (changed(lambda measured, decoded, column: (measured, decoded[::-1])), "wrong-shares"),
        (changed(lambda measured, decoded, column: measured), "wrong-shape"),
        (lambda gene, encoder, decoder: right(gene, encoder, decoder, CELLS.x_test), "test-cells"),
        (lambda gene, encoder, decoder: (CELLS.x_train, decoder(encoder(CELLS.x_train).mean())), "wrong-shape"),
        (
            lambda gene, encoder, decoder: (
                right(gene, encoder, decoder)[0],
                decoder(encoder(CELLS.x_train).sample()).numpy()[:, CELLS.genes.index(gene)],
            ),
            "draws-not-means",
        ),
        (lambda gene, encoder, decoder: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, function, mistake):
    expect_mistake(NAME, function, mistake=mistake)
