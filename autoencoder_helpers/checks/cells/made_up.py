"""Made-up cells: counts of genes as a sequencer gives them, for rules that ask a function for its values."""

import numpy as np
from autoencoder_helpers.images.cells import PER_CELL


def compositions(rng, cells: int, genes: int, spread: float = 1.2) -> np.ndarray:
    """Shares of the genes in each cell, positive, each row adds up to 1; some genes rare, some common.

    spread: of the logarithms; with 2 most of 300 genes are as rare as those of chapter 5, of which half are below 6e-4.
    """
    common = np.exp(rng.normal(0, spread, genes))
    shares = common * np.exp(rng.normal(0, 0.5, (cells, genes)))
    return shares / shares.sum(axis=1, keepdims=True)


def counts_from(rng, shares: np.ndarray, fewest: int, most: int) -> np.ndarray:
    """Counts of cells with totals between two bounds, float32; every gene is in some cell, every cell has a gene of count 1."""
    totals = rng.integers(fewest, most, (len(shares), 1))
    counts = rng.poisson(totals * shares).astype(np.float32)
    counts[rng.integers(len(counts), size=counts.shape[1]), np.arange(counts.shape[1])] += 1
    counts[np.arange(len(counts)), rng.integers(counts.shape[1], size=len(counts))] = 1
    empty = counts.sum(axis=0) == 0  # the 1 of a cell may have taken a gene's only count
    counts[0, empty] = 1
    return counts


def expression_of(counts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """ln(1 + counts per 10,000), float32, of cells that have counts of other genes, too. others: (cells,)."""
    totals = counts.sum(axis=1, keepdims=True, dtype=np.float64) + others[:, None]
    return np.log1p(counts * PER_CELL / totals).astype(np.float32)
