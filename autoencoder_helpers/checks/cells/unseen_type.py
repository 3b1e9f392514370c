"""`cells.unseen_type`, for practice: how well the -ELBO finds the cells of a type that a network has never seen."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, call
from autoencoder_helpers.checks.cells.small_networks import small_networks
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.images.cells import counts_of

_SPREAD = 0.01  # of the clouds: so narrow that draws of z hardly matter
_NEAR = 0.002  # more than they do
_APART = 0.005  # so far lie mistakes from what is right, and from each other
_FEWEST = 40  # cells of a type
_OF_THE_CHAPTER = "CD19+ B"


@rule(
    "cells.unseen_type",
    points=0,
    title="How well a type is found that a network has never seen",
    answers={"auc_of_unseen": Function()},
)
def unseen_type(step, auc_of_unseen):
    encoder, decoder, unseen, right, mistaken = _task(step.rng, step.data.cells)
    with step("One number from 0 to 1"):
        found = call(auc_of_unseen, encoder, decoder, unseen, name="auc_of_unseen")
        step.expect(
            found.size == 1,
            expected="one number",
            found=f"shape {found.shape}",
            look="auc(...) of the -ELBO of the strangers and of the known cells",
            mistake="wrong-shape",
        )
        found = float(found.squeeze())
        step.expect(
            0 <= found <= 1,
            expected="a share of pairs, from 0 to 1",
            found=f"{found:.4g}",
            look="auc(strange, usual) compares pairs",
            mistake="no-share",
        )
    with step(
        "The share of pairs in which the stranger has the higher -ELBO, for the networks and the type that are given"
    ):
        expect_no_known_mistake(
            step,
            (
                (1 - right, "upside-down", "the share in which the known cell has it", "auc(strange, usual), in this order"),
                (mistaken["everybody"], "strangers-among-the-known", "strangers on both sides",
                 "Known test cells are x_test[y_test != unseen]."),
                (mistaken["training"], "training-cells", "training cells among the known ones",
                 "Compare with test cells: the network knows its training cells better."),
                (mistaken["R"], "K-missing", "R alone compared", "-ELBO is R + K, the two that nats_per_cell returns."),
                (mistaken["K"], "R-missing", "K alone compared", "-ELBO is R + K, the two that nats_per_cell returns."),
                (mistaken["B cells"], "another-type", "the AUC of the B cells", "The type is the argument `unseen`, not `stranger`."),
            ),
            lambda value: abs(found - value) < _NEAR,
            is_right=abs(found - right) < _NEAR,
            expected=f"about {right:.3f}",
        )  # fmt: skip
        step.expect(
            abs(found - right) < _NEAR,
            expected=f"about {right:.3f}",
            found=f"{found:.3f}",
            look="strangers: that type's training and test cells; known: the test cells of all other types; R + K of each",
            mistake="wrong-value",
        )


def _task(rng, cells):
    """(encoder, decoder, unseen type, the right AUC, what mistakes make of it), each told from each other."""
    frequent = [k for k in range(len(cells.class_names)) if np.sum(cells.y_train == k) >= _FEWEST]
    b_cells = cells.class_names.index(_OF_THE_CHAPTER)
    types = [k for k in frequent if k != b_cells]
    x, y = np.concatenate([cells.x_train, cells.x_test]), np.concatenate([cells.y_train, cells.y_test])
    counts, in_test = counts_of(x), np.arange(len(x)) >= len(cells.x_train)
    while True:
        networks, unseen = small_networks(rng, counts, spread=_SPREAD), int(rng.choice(types))
        means = networks.means(x)
        R = measures.poisson_per_cell(counts, counts.sum(axis=1, keepdims=True) * networks.shares(means))
        K = measures.gaussian_kl(means, np.full_like(means, _SPREAD))

        def auc(nats, of=unseen, known=in_test, everybody=False):
            return _auc(nats[y == of], nats[known & (everybody | (y != of))])

        right = auc(R + K)
        mistaken = {
            "everybody": auc(R + K, everybody=True),
            "training": auc(R + K, known=True),
            "R": auc(R),
            "K": auc(K),
            "B cells": auc(R + K, of=b_cells),
        }
        if np.diff(np.sort([right, 1 - right, *mistaken.values()])).min() > _APART:
            return *networks.built(), unseen, right, mistaken


def _auc(strange, usual):
    return float(np.mean((strange[:, None] > usual) + 0.5 * (strange[:, None] == usual)))
