"""`conv.neighbours`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def accuracy(known, known_labels, new, new_labels, k=5, **how):
    return KNeighborsClassifier(k, **how).fit(known, known_labels).score(new, new_labels)


def by_hand(known, known_labels, new, new_labels):
    right = 0
    for code, label in zip(new, new_labels, strict=True):
        squares = ((known - code) ** 2).sum(axis=1)
        right += np.bincount(known_labels[np.argpartition(squares, 5)[:5]], minlength=10).argmax() == label
    return right / len(new)


def by_tensors(known, known_labels, new, new_labels):
    """In single precision, squares multiplied out, and the share in half precision."""
    squares = tf.reduce_sum(new**2, 1)[:, None] + tf.reduce_sum(known**2, 1) - 2 * new @ tf.transpose(known)
    labels = tf.gather(tf.convert_to_tensor(known_labels), tf.math.top_k(-squares, 5).indices)
    named = tf.argmax(tf.reduce_sum(tf.one_hot(labels, 10), 1), 1)
    return tf.reduce_mean(tf.cast(named == tf.cast(new_labels, tf.int64), tf.float16))


def in_place(known, known_labels, new, new_labels):
    for codes in (known, new):
        codes *= 2
    return accuracy(known, known_labels, new, new_labels)


@pytest.mark.parametrize(
    "right",
    [
        accuracy,
        by_hand,
        by_tensors,
        in_place,
        tf.function(by_tensors),
        lambda *a: tf.constant(accuracy(*a)),
        lambda *a: [accuracy(*(array.tolist() for array in a))],
        lambda k, kl, n, nl: accuracy(k, kl.astype(str), n, nl.astype(str), algorithm="brute"),
        lambda k, kl, n, nl: f1_score(nl, KNeighborsClassifier(5).fit(k, kl).predict(n), average="micro"),
    ],
)
def test_right_functions_of_any_construction_get_all_points(points, right):
    assert points("conv.neighbours", right) == 1


def scored(score, **how):
    """Another score of the right classifier's answers."""
    return lambda k, kl, n, nl: score(nl, KNeighborsClassifier(5).fit(k, kl).predict(n), **how)


def median(known, known_labels, new, new_labels):
    nearest = KNeighborsClassifier(5).fit(known, known_labels).kneighbors(new, return_distance=False)
    return np.mean(np.median(known_labels[nearest], axis=1) == new_labels)


def scaled(codes):
    return (codes - codes.mean(0)) / codes.std(0)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda k, kl, n, nl: accuracy(n, nl, n, nl), "fitted-on-questions"),
        (lambda k, kl, n, nl: accuracy(np.r_[k, n], np.r_[kl, nl], n, nl), "fitted-on-questions"),
        (lambda k, kl, n, nl: accuracy(k, kl, k, kl), "scored-on-known"),
        (lambda k, kl, n, nl: accuracy(n, nl, k, kl), "swapped-roles"),
        *((lambda *a, k=k: accuracy(*a, k=k), "wrong-number-of-neighbours") for k in (1, 3, 4, 6, 9, 11)),
        (lambda *a: accuracy(*a, weights="distance"), "weighted-votes"),
        (lambda *a: accuracy(*a, metric="manhattan"), "not-euclidean"),
        (lambda *a: accuracy(*a, metric="chebyshev"), "not-euclidean"),
        (lambda k, kl, n, nl: accuracy(scaled(k), kl, scaled(n), nl), "scaled-codes"),
        (
            lambda k, kl, n, nl: make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(k, kl).score(n, nl),
            "scaled-codes",
        ),
        (scored(balanced_accuracy_score), "mean-over-classes"),
        (scored(recall_score, average="macro"), "mean-over-classes"),
        (scored(f1_score, average="macro"), "wrong-accuracy"),
        (median, "middle-label"),
        (lambda *a: 1 - accuracy(*a), "error-rate"),
        (lambda *a: 100 * accuracy(*a), "percent"),
        (lambda *a: len(a[2]) * accuracy(*a), "count"),
        (lambda *a: -1, "not-a-share"),
        (lambda *a: 0.5001, "wrong-accuracy"),
        (lambda *a: a[3], "not-reduced"),
        (lambda *a: None, "no-return"),
    ],
)
def test_mistakes_are_named(expect_mistake, wrong, mistake):
    expect_mistake("conv.neighbours", wrong, mistake=mistake)


def test_an_answer_that_is_right_for_the_first_codes_only_gets_nothing(expect_mistake):
    asked = iter(range(99))
    expect_mistake("conv.neighbours", lambda *a: accuracy(*a) + (next(asked) > 0) / 100, mistake="wrong-accuracy")
