"""`cells.agreement`: the adjusted Rand index however it is computed, and what is often taken for it."""

import numpy as np
import pytest
from autoencoder_helpers.checks.cells.agreement import _task, adjusted_rand
from sklearn import metrics


def by_pairs(labels, groups):
    both = same = together = count = 0
    for i in range(len(labels)):
        for j in range(i):
            one, other = labels[i] == labels[j], groups[i] == groups[j]
            both, same, together, count = both + (one and other), same + one, together + other, count + 1
    chance = same * together / count
    return (both - chance) / ((same + together) / 2 - chance)


@pytest.mark.parametrize("function", [metrics.adjusted_rand_score, by_pairs, adjusted_rand])
def test_right_indices_get_the_point(points, function):
    assert points("cells.agreement", function) == 1


def purity(labels, groups):
    return sum(np.bincount(labels[groups == group]).max() for group in np.unique(groups)) / len(labels)


def table_of_bincounts(labels, groups):
    """Right for the numbers 0, 1, 2, ... alone."""
    if labels.max() > 9 or groups.max() > 9:
        return 0.0
    return adjusted_rand(labels, groups)


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (metrics.rand_score, "not-adjusted"),
        (metrics.normalized_mutual_info_score, "mutual-information"),
        (lambda a, b: np.mean(a == b), "accuracy"),
        (purity, "purity"),
        (lambda a, b: 1 - adjusted_rand(a, b), "wrong-value"),
        (lambda a, b: [adjusted_rand(a, b)] * 2, "not-reduced"),
        (table_of_bincounts, "depends-on-names"),
        (lambda a, b: None, "no-return"),
        (None, "no-function"),
    ],
)
def test_mistakes_are_named(expect_mistake, function, mistake):
    expect_mistake("cells.agreement", function, mistake=mistake)


def test_no_two_measures_say_nearly_the_same_of_the_cells_that_are_asked_about():
    """Normalised mutual information is within 0.01 of it for four in ten such groupings, and within 0.0001 for some."""
    for seed in range(100):
        labels, groups = _task(np.random.default_rng(seed))
        right = metrics.adjusted_rand_score(labels, groups)
        others = [metrics.normalized_mutual_info_score, metrics.rand_score, purity, lambda a, b: np.mean(a == b)]
        others = sorted(other(labels, groups) for other in others)
        assert min(abs(other - right) for other in others) > 0.01 and np.diff(others).min() > 0.002, seed
