"""`conv.neighbours`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import tensorflow as tf
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule
from sklearn.neighbors import KNeighborsClassifier


def accuracy(known, known_labels, new, new_labels, k=5):
    return KNeighborsClassifier(k).fit(known, known_labels).score(new, new_labels)


def test_neighbours(points):
    assert points("conv.neighbours", accuracy) == 1
    assert points("conv.neighbours", lambda *a: tf.constant(accuracy(*a))) == 1
    for wrong, mistake in (
        (lambda k, kl, n, nl: accuracy(n, nl, n, nl), "fitted-on-questions"),
        (lambda k, kl, n, nl: accuracy(k, kl, k, kl), "scored-on-known"),
        (lambda k, kl, n, nl: accuracy(n, nl, k, kl), "swapped-roles"),
        (lambda *a: accuracy(*a, k=1), "wrong-number-of-neighbours"),
        (lambda *a: accuracy(*a, k=3), "wrong-number-of-neighbours"),
        (lambda *a: 1 - accuracy(*a), "error-rate"),
        (lambda *a: 100 * accuracy(*a), "percent"),
        (lambda *a: len(a[2]) * accuracy(*a), "count"),
        (lambda *a: -1, "not-a-share"),
        (lambda *a: 0.5001, "wrong-accuracy"),
        (lambda *a: a[3], "not-reduced"),
        (lambda *a: None, "no-return"),
    ):
        # With codes made anew each time, two wrong accuracies are the same number now and then.
        result = run_rule(catalogue()["conv.neighbours"], (wrong,), {}, seed=1)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == 0
