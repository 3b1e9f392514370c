"""What is measured of the cells of chapter 5: losses of counts, and how codes go with the types of cells."""

import numpy as np
from autoencoder_helpers import load_cells, measures
from autoencoder_helpers.images.cells import counts_of

SOURCE = "cells"
COMPONENTS = (2, 4, 10)
_DRAWS = 10  # of z for each cell: of 140 cells one draw each would leave much to chance


def data():
    """(x_train, x_test, y_train, y_test): expression as float32, labels."""
    cells = load_cells()
    return cells.x_train, cells.x_test, np.asarray(cells.y_train), np.asarray(cells.y_test)


def what_is_known(train_counts, counts) -> dict:
    """Floor and baseline of counts, in nats per cell, with the keys of a baselines run."""
    composition = train_counts.sum(axis=0, dtype=np.float64) / train_counts.sum(dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    return {
        "floor": float(measures.poisson_per_cell(counts, counts).mean()),
        "mean image": float(measures.poisson_per_cell(counts, totals * composition).mean()),
        "values": counts.shape[1],
    }


def baselines(x_train, x_test, y_train, y_test) -> dict:
    """What is known of the cells without any network: floor, mean composition, and PCA of the expression."""
    from sklearn.decomposition import PCA

    known = {"test": what_is_known(counts_of(x_train), counts_of(x_test)), "methods": {}}
    for count in COMPONENTS:
        pca = PCA(count, svd_solver="full").fit(x_train)
        known["methods"][f"PCA, {count}"] = facts(pca.transform(x_train), pca.transform(x_test), y_train, y_test)
    return known


def losses(decoder, mean, scale, counts, seed) -> dict:
    """R, K and R + K of counts, mean over cells, in nats per cell; mean, scale: of the clouds, (cells, latent)."""
    rng = np.random.default_rng(seed)
    totals = counts.sum(axis=1, keepdims=True)
    found = []
    for _ in range(_DRAWS):
        z = (mean + scale * rng.standard_normal(mean.shape)).astype(np.float32)
        shares = np.asarray(decoder(z), np.float64)
        found.append(measures.poisson_per_cell(counts, np.maximum(totals * shares, 1e-12)).mean())
    reconstruction, kl = float(np.mean(found)), float(measures.gaussian_kl(mean, scale).mean())
    return {"R": reconstruction, "K": kl, "R_plus_K": reconstruction + kl, "stddev": float(scale.mean())}


def facts(train, test, y_train, y_test) -> dict:
    """How codes go with the types: k-means with 10 groups on the training codes, 5 neighbours of each test code."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score
    from sklearn.neighbors import KNeighborsClassifier

    groups = KMeans(10, n_init=10, random_state=0).fit_predict(train)
    return {
        "adjusted_rand_index": float(adjusted_rand_score(y_train, groups)),
        "neighbour_accuracy": float(KNeighborsClassifier(5).fit(train, y_train).score(test, y_test)),
    }
