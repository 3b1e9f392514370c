"""`cells.unseen_type`: right ways to measure an alarm pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
from autoencoder_helpers.images.cells import counts_of, load_cells
from autoencoder_helpers.measures import gaussian_kl, poisson_per_cell
from scipy.stats import mannwhitneyu

NAME = "cells.unseen_type"
CELLS = load_cells()
B_CELLS = CELLS.class_names.index("CD19+ B")


def R_and_K(encoder, decoder, x, draws=3):
    cloud, counts = encoder(x), counts_of(x)
    means = [counts.sum(axis=1, keepdims=True) * decoder(cloud.sample(seed=k)).numpy() for k in range(draws)]
    R = np.mean([poisson_per_cell(counts, mean) for mean in means], axis=0)
    return R, gaussian_kl(cloud.mean().numpy(), cloud.stddev().numpy())


def auc(strange, usual):
    return np.mean(strange[:, None] > usual)


def by_rows(measure=lambda R, K: R + K, count=auc, everybody=False, training=False, of=lambda unseen: unseen):
    def auc_of_unseen(encoder, decoder, unseen):
        unseen = of(unseen)
        strange = np.concatenate([CELLS.x_train[CELLS.y_train == unseen], CELLS.x_test[CELLS.y_test == unseen]])
        usual = CELLS.x_test if everybody else CELLS.x_test[CELLS.y_test != unseen]
        usual = np.concatenate([usual, CELLS.x_train[CELLS.y_train != unseen]]) if training else usual
        return count(*(measure(*R_and_K(encoder, decoder, x)) for x in (strange, usual)))

    return auc_of_unseen


def by_ranks(strange, usual):
    return [mannwhitneyu(strange, usual).statistic / len(strange) / len(usual)]


@pytest.mark.parametrize("function", [by_rows(), by_rows(count=by_ranks)])
def test_right_ways_pass(expect_full, function):
    expect_full(NAME, function)


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (by_rows(count=lambda strange, usual: auc(usual, strange)), "upside-down"),
        (by_rows(everybody=True), "strangers-among-the-known"),
        (by_rows(training=True), "training-cells"),
        (by_rows(lambda R, K: R), "K-missing"),
        (by_rows(lambda R, K: K), "R-missing"),
        (by_rows(of=lambda unseen: B_CELLS), "another-type"),
        (by_rows(count=lambda strange, usual: strange.mean() - usual.mean()), "no-share"),
        (by_rows(count=lambda strange, usual: (strange.mean(), usual.mean())), "wrong-shape"),
        (by_rows(count=lambda strange, usual: strange), "wrong-shape"),
        (by_rows(count=lambda strange, usual: 0.01), "wrong-value"),  # of 60 tasks the least AUC was 0.17
        (lambda encoder, decoder, unseen: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, function, mistake):
    expect_mistake(NAME, function, mistake=mistake)
