"""`cells.agreement`: how well groups agree with labels, beyond chance."""

import numpy as np
from autoencoder_helpers.checks.answers import Function, Number, call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import rule


@rule(
    "cells.agreement",
    points=1,
    title="Groups and labels agree, in pairs of cells, beyond what chance would give",
    answers={"agreement": Function()},
)
def agreement(step, agreement):
    labels, groups = _task(step.rng)
    right, others = adjusted_rand(labels, groups), _mistaken(labels, groups)
    with step("It returns one number"):
        found = call(agreement, labels, groups, name="agreement")
        step.expect(
            found.size == 1,
            expected="one number for all cells",
            found=f"{found.size} numbers of shape {found.shape}",
            look="The pairs of cells are counted in all groups and types together: sum over both.",
            mistake="not-reduced",
        )
        value = Number().read(found, "the result of agreement")
    with step("It is the adjusted Rand index", points=1):
        expect_no_known_mistake(
            step,
            others,
            lambda other: np.isclose(value, other, atol=1e-4),
            is_right=np.isclose(value, right, atol=1e-4),
            expected=f"an adjusted Rand index of {right:.3f}",
            before=f"{value:.3f}: ",
        )
        step.expect(
            np.isclose(value, right, atol=1e-4),
            expected=f"an adjusted Rand index of {right:.3f}",
            found=f"{value:.3f}",
            look="(together - chance) / (most - chance), with n (n - 1) / 2 pairs in a set of n cells",
            mistake="wrong-value",
        )
        # Names of groups mean nothing, and labels need not be 0, 1, 2, ...
        renamed = call(agreement, 3 * labels + 5, 90 - 7 * groups, name="agreement")
        step.expect(
            renamed.size == 1 and np.isclose(float(renamed.reshape(())), right, atol=1e-4),
            expected="the same number when groups and types are only called by other numbers",
            found=f"{float(renamed.reshape(-1)[0]):.3f} in place of {right:.3f}",
            look="np.unique tells which names there are; nothing may depend on the names themselves.",
            mistake="depends-on-names",
        )


#: So far from the right number is what any other measure says of the cells that are asked about; a fifth of it lies
#: between any two of those, so that each is known by its number.
_APART = 0.01


def _pairs(counts):
    return counts * (counts - 1) / 2


def adjusted_rand(labels, groups) -> float:
    """The adjusted Rand index of Hubert and Arabie (1985)."""
    table = _table(labels, groups)
    together, a, b = _pairs(table).sum(), _pairs(table.sum(1)).sum(), _pairs(table.sum(0)).sum()
    chance = a * b / _pairs(table.sum())
    return float((together - chance) / ((a + b) / 2 - chance))


def _table(labels, groups):
    """How many cells each label has in each group."""
    return np.array([[np.sum((labels == a) & (groups == b)) for b in np.unique(groups)] for a in np.unique(labels)])


def _mistaken(labels, groups):
    """Rows of (value, slug, what was found, where to look) of what is often taken for it."""
    table = _table(labels, groups)
    n = table.sum()
    together, a, b = _pairs(table).sum(), _pairs(table.sum(1)).sum(), _pairs(table.sum(0)).sum()
    every = _pairs(n)
    rand = (every + 2 * together - a - b) / every
    p, pa, pb = table / n, table.sum(1) / n, table.sum(0) / n
    information = np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.outer(pa, pb)), 0).sum()
    entropies = [-(q * np.log(q)).sum() for q in (pa, pb)]
    squares = (table**2).sum(), (table.sum(1) ** 2).sum(), (table.sum(0) ** 2).sum()
    chance = squares[1] * squares[2] / n**2
    adjust = "Chance alone lets many pairs agree: (together - chance) / (most - chance)."
    return [
        (rand, "not-adjusted", "the Rand index, not adjusted for chance", adjust),
        (together / a, "not-adjusted", "the share of a type's pairs that are in one group", adjust),
        (together / b, "not-adjusted", "the share of a group's pairs that are of one type", adjust),
        ((together - a * b / every) / (max(a, b) - a * b / every), "other-most", "divided by the larger of the two in place of their mean",
         "The most that can be together: the mean of the pairs in types and the pairs in groups."),
        (together - a * b / every, "not-scaled", "the pairs beyond chance, not divided by the most there could be",
         "Divide by (most - chance)."),
        ((squares[0] - chance) / ((squares[1] + squares[2]) / 2 - chance), "squares-not-pairs", "counted with n x n in place of pairs",
         "n cells make n (n - 1) / 2 pairs: no cell is a pair with itself."),
        (table.max(axis=0).sum() / n, "purity", "the share of cells that are of the most frequent type of their group",
         "That share grows with the number of groups; the adjusted Rand index looks at pairs."),
        (np.mean(labels == groups), "accuracy", "how often the numbers of label and group are the same",
         "The numbers of groups mean nothing: group 3 is not type 3."),
        (information / np.mean(entropies), "mutual-information", "the normalised mutual information",
         "That is another measure; here pairs of cells are counted."),
    ]  # fmt: skip


def _task(rng):
    """(labels, groups) of 120 cells: four types, five groups, of which some are good; no two measures say nearly the same."""
    while True:
        labels = rng.integers(0, 4, 120)
        groups = np.where(rng.random(120) < 0.6, (labels + 1) % 5, rng.integers(0, 5, 120))
        if len(np.unique(labels)) == 4 and len(np.unique(groups)) == 5:
            right, others = adjusted_rand(labels, groups), [row[0] for row in _mistaken(labels, groups)]
            apart = min(abs(other - right) for other in others), np.diff(sorted(others)).min()
            if 0.1 < right < 0.7 and apart[0] > _APART and apart[1] > _APART / 5:
                return labels, groups
