"""The trusted measures against independent computations: SciPy, scikit-learn, TensorFlow Probability,
closed forms.
"""

import numpy as np
import pytest
from autoencoder_helpers import measures
from autoencoder_helpers.errors import CourseError
from scipy import special, stats
from sklearn.metrics import log_loss


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def test_bce_of_binary_images_is_the_log_loss_of_scikit_learn(rng):
    x = rng.integers(0, 2, (6, 5, 5))
    p = rng.uniform(0.01, 0.99, x.shape)
    expected = [log_loss(a.ravel(), b.ravel(), normalize=False, labels=[0, 1]) for a, b in zip(x, p)]
    np.testing.assert_allclose(measures.bce_per_image(x, p), expected, rtol=1e-12)


def test_bce_of_grey_images_is_entropy_plus_divergence(rng):
    x, p = rng.uniform(size=(2, 7, 4, 4, 3))
    divergence = (special.rel_entr(x, p) + special.rel_entr(1 - x, 1 - p)).reshape(7, -1).sum(axis=1)
    np.testing.assert_allclose(measures.bce_per_image(x, p), measures.entropy_per_image(x) + divergence, rtol=1e-10)


def test_bce_is_the_mean_over_binarised_images():
    x, p = np.array([[0.25, 0.5]]), np.array([[0.1, 0.7]])
    weights = [(0.75 * 0.5, [0, 0]), (0.75 * 0.5, [0, 1]), (0.25 * 0.5, [1, 0]), (0.25 * 0.5, [1, 1])]
    expected = -sum(w * stats.bernoulli.logpmf(bits, p[0]).sum() for w, bits in weights)
    assert measures.bce_per_image(x, p)[0] == pytest.approx(expected)


def test_bce_agrees_with_keras_in_float32(rng):
    import autoencoder_helpers  # noqa: F401
    import tf_keras as keras

    x, p = rng.uniform(0.01, 0.99, size=(2, 8, 784)).astype(np.float32)
    np.testing.assert_allclose(measures.bce_per_image(x, p) / 784, keras.losses.binary_crossentropy(x, p), rtol=1e-5)


def test_certain_and_wrong_is_clipped():
    assert measures.bce_per_image([[1.0, 0.0]], [[0.0, 0.0]])[0] == pytest.approx(-np.log(1e-7) + 1e-7)
    assert measures.bce_per_image([[1.0]], [[0.0]], epsilon=0.5)[0] == pytest.approx(np.log(2))


def test_one_prediction_serves_every_image(rng):
    x, p = rng.uniform(size=(5, 9)), rng.uniform(size=(1, 9))
    np.testing.assert_allclose(measures.bce_per_image(x, p), measures.bce_per_image(x, np.repeat(p, 5, axis=0)))


def test_chunks_do_not_change_the_result(rng, monkeypatch):
    x, p = rng.uniform(size=(2, 11, 30))
    whole = measures.bce_per_image(x, p), measures.entropy_per_image(x), measures.mean_image(x)
    monkeypatch.setattr(measures, "_CHUNK_VALUES", 60)
    parts = measures.bce_per_image(x, p), measures.entropy_per_image(x), measures.mean_image(x)
    for a, b in zip(whole, parts):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_entropy_agrees_with_scipy_and_is_zero_for_black_and_white(rng):
    x = rng.uniform(size=(3, 10))
    expected = [sum(stats.bernoulli.entropy(value) for value in row) for row in x]
    np.testing.assert_allclose(measures.entropy_per_image(x), expected, rtol=1e-12)
    assert measures.entropy_per_image(np.array([[0.0, 1.0, 1.0]]))[0] == 0


def test_no_prediction_beats_the_floor(rng):
    x = rng.uniform(size=(4, 20))
    assert np.all(
        measures.bce_per_image(x, np.clip(x + rng.normal(0, 0.1, x.shape), 0, 1)) > measures.entropy_per_image(x)
    )


def test_mean_image_is_the_best_constant(rng):
    x = rng.integers(0, 2, (50, 6)).astype(float)
    best = measures.mean_image_baseline(x, x)
    share = x.mean(axis=0)
    assert best == pytest.approx(sum(stats.bernoulli.entropy(value) for value in share), rel=1e-9)
    for _ in range(20):
        other = np.clip(share + rng.normal(0, 0.05, 6), 0.01, 0.99)
        assert measures.bce_per_image(x, other[np.newaxis]).mean() > best


def test_share_explained_counts_from_baseline_to_floor():
    np.testing.assert_allclose(
        measures.share_explained([4202.7, 3250.0, 3924.6, 5000], 4202.7, 3250.0),
        [0, 1, 0.29190, -0.83689],
        atol=1e-4,
    )
    with pytest.raises(CourseError, match="order"):
        measures.share_explained(1.0, 2.0, 3.0)


def test_gaussian_kl_agrees_with_tensorflow_probability(rng):
    import autoencoder_helpers  # noqa: F401
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    mean, stddev = rng.normal(size=(9, 3)), rng.uniform(0.05, 3, (9, 3))
    prior = tfd.Independent(tfd.Normal(np.zeros(3), 1.0), 1)
    expected = tfd.kl_divergence(tfd.Independent(tfd.Normal(mean, stddev), 1), prior)
    np.testing.assert_allclose(measures.gaussian_kl(mean, stddev), expected, rtol=1e-10)

    L = np.tril(rng.normal(size=(9, 3, 3)), -1) + np.stack([np.diag(row) for row in stddev])
    expected = tfd.kl_divergence(
        tfd.MultivariateNormalTriL(mean, L), tfd.MultivariateNormalDiag(np.zeros(3), np.ones(3))
    )
    np.testing.assert_allclose(measures.gaussian_kl_tril(mean, L), expected, rtol=1e-10)


def test_gaussian_kl_agrees_with_numerical_integration():
    from scipy.integrate import quad

    q, p = stats.norm(1.0, 0.5), stats.norm(0, 1)
    expected, _ = quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), -6, 8)
    assert measures.gaussian_kl([[1.0]], [[0.5]])[0] == pytest.approx(expected)
    assert measures.gaussian_kl([[0.0, 0.0]], [[1.0, 1.0]])[0] == 0


def test_a_diagonal_triangle_is_the_diagonal_case(rng):
    mean, stddev = rng.normal(size=(4, 10)), rng.uniform(0.1, 2, (4, 10))
    triangles = np.stack([np.diag(row) for row in stddev])
    np.testing.assert_allclose(
        measures.gaussian_kl_tril(mean, triangles), measures.gaussian_kl(mean, stddev), rtol=1e-10
    )


def test_mse_agrees_with_scikit_learn(rng):
    from sklearn.metrics import mean_squared_error

    x, y = rng.uniform(size=(2, 12, 30))
    assert measures.mse_per_pixel(x, y) == pytest.approx(mean_squared_error(x, y))


def test_effective_beta_reproduces_the_table_of_scales():
    rows = [
        ((784, 1, 1, 784), 1),
        ((784, 1, 2, 784), 2),
        ((784, 0.5, 2, 784), 1),
        ((1, 0.5, 2, 784), 784),
        ((6400, 0.0002, 2, 19200), 0.0012),
        ((19200, 0.0002, 2, 19200), 0.0004),
    ]
    for arguments, expected in rows:
        assert measures.effective_beta(*arguments) == pytest.approx(expected)


def test_the_poisson_loss_is_the_one_of_scipy(rng):
    means = rng.uniform(0, 5, (6, 40)) * rng.integers(0, 2, (6, 40))
    counts = rng.poisson(means)
    np.testing.assert_allclose(
        measures.poisson_per_cell(counts, means), -stats.poisson.logpmf(counts, means).sum(axis=1), atol=1e-9
    )


def test_no_means_are_better_than_the_counts_themselves(rng):
    counts = rng.poisson(2.0, (20, 30))
    best = measures.poisson_per_cell(counts, counts)
    assert (
        measures.poisson_per_cell(counts, counts + rng.normal(0, 0.3, counts.shape).clip(-0.9, 0.9) ** 2) > best
    ).all()


def test_a_count_that_cannot_be_costs_infinitely_much():
    assert measures.poisson_per_cell([[1, 0]], [[0.0, 1.0]]) == np.inf


def test_nearest_distance_agrees_with_scipy(rng):
    from scipy.spatial.distance import cdist

    points, codes = rng.normal(size=(4, 2)), rng.normal(size=(100, 2))
    np.testing.assert_allclose(measures.nearest_distance(points, codes), cdist(points, codes).min(axis=1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: measures.bce_per_image(np.zeros((3, 4)), np.zeros((3, 5))), "cannot be compared"),
        (lambda: measures.bce_per_image(np.zeros((3, 4)), np.zeros((2, 4))), "cannot be compared"),
        (lambda: measures.bce_per_image(np.full((3, 4), 255), np.zeros((3, 4))), "ranges from 255"),
        (lambda: measures.bce_per_image(np.zeros((3, 4)), np.full((3, 4), np.nan)), "p ranges from nan"),
        (lambda: measures.bce_per_image(np.zeros(4), np.zeros(4)), "batch of images"),
        (lambda: measures.bce_per_image([["a"]], [["b"]]), "expected numbers"),
        (lambda: measures.gaussian_kl(np.zeros((2, 2)), np.zeros((2, 2))), "positive"),
        (lambda: measures.gaussian_kl(np.zeros((2, 2)), np.ones((2, 3))), "latent variables"),
        (lambda: measures.gaussian_kl_tril(np.zeros((2, 2)), np.ones((2, 2, 2))), "lower triangular"),
        (lambda: measures.gaussian_kl_tril(np.zeros((2, 2)), np.ones((2, 3, 3))), r"\(N, d, d\)"),
        (lambda: measures.poisson_per_cell(np.zeros((2, 3)), np.zeros((2, 4))), "cells by genes"),
        (lambda: measures.poisson_per_cell([[0.5]], [[1.0]]), "whole numbers"),
        (lambda: measures.poisson_per_cell([[-1.0]], [[1.0]]), "whole numbers"),
        (lambda: measures.nearest_distance([[1.0, 2.0]], [[1.0]]), "latent variables"),
    ],
)
def test_bad_input_gets_one_clear_line(call, words):
    with pytest.raises(CourseError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
