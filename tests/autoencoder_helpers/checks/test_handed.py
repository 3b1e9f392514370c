"""A function that changes what it is handed is told so, and its answer is compared with that to the question as it was."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
from autoencoder_helpers import check
from autoencoder_helpers.checks.answers import call
from scipy.special import logsumexp
from sklearn.decomposition import PCA


def restored(x_train, x):
    fitted = PCA(2).fit(x_train)
    return fitted.inverse_transform(fitted.transform(x))


def centred_x(x_train, x):
    fitted = PCA(2).fit(x_train)
    x -= fitted.mean_
    return x @ fitted.components_.T @ fitted.components_ + fitted.mean_


def centred_x_train(x_train, x):
    mean = x_train.mean(0)
    x_train -= mean
    directions = np.linalg.svd(x_train, full_matrices=False)[2][:2]
    return (x - mean) @ directions.T @ directions + mean


def without_copy(x_train, x):
    fitted = PCA(2, copy=False).fit(x_train)
    return fitted.inverse_transform(fitted.transform(x.copy()))


def moved_mean(mean, stddev, eps):
    mean += stddev * eps
    return mean


def stretched_noise(mean, stddev, eps):
    eps *= stddev
    return mean + eps


def noise_in_full(mean, stddev, eps):
    eps *= stddev
    eps += mean
    return eps


def squared_mean(mean, stddev):
    mean **= 2
    return (0.5 * (mean + stddev**2 - 1) - np.log(stddev)).sum(-1)


def squared_both(mean, stddev):
    np.square(mean, out=mean)
    np.square(stddev, out=stddev)
    return 0.5 * (mean + stddev - 1 - np.log(stddev)).sum(-1)


def prior_added(log_likelihood, log_prior, area):
    log_likelihood += log_prior
    return logsumexp(log_likelihood, axis=1) + np.log(area)


def area_added(log_likelihood, log_prior, area):
    log_prior += np.log(area)
    return logsumexp(log_likelihood + log_prior, axis=1)


def largest_taken_away(log_weights):
    largest = log_weights.max(0)
    log_weights -= largest
    return largest + np.log(np.exp(log_weights).mean(0))


IN_PLACE = [
    ("dense.pca", centred_x, "`x`", 0),
    ("dense.pca", centred_x_train, "`x_train`", 0),
    ("dense.pca", without_copy, "`x_train`", 0),
    ("vae.sample_z", moved_mean, "`mean`", 0),
    ("vae.sample_z", stretched_noise, "`eps`", 0),
    ("vae.sample_z", noise_in_full, "`eps`", 0),
    ("vae.gaussian_kl", squared_mean, "`mean`", 0.5),
    ("vae.gaussian_kl", squared_both, "`mean` and `stddev`", 0.5),
    ("vae.log_p_by_grid", prior_added, "`log_likelihood`", 0),
    ("vae.log_p_by_grid", area_added, "`log_prior`", 0),
    ("vae.log_p_by_draws", largest_taken_away, "`log_weights`", 0),
]


@pytest.mark.parametrize(("name", "function", "what", "kept"), IN_PLACE)
def test_what_is_changed_is_named_and_nothing_else(name, function, what, kept):
    for _ in range(3):
        result = check(name, function)
        (failure,) = result.failures
        assert failure.mistake == "changes-its-input" and failure.found.startswith(f"{what} has been changed"), str(
            result
        )
        assert result.points == kept


def test_another_mistake_goes_first_and_is_that_of_the_question_as_it_was(mistakes):
    def not_restored(x_train, x):
        mean = x_train.mean(0)
        return centred_x_train(x_train, x) - mean

    assert mistakes("dense.pca", not_restored) == ["mean-not-restored"]
    assert mistakes("vae.log_p_by_grid", lambda like, prior, area: prior_added(like, prior, 1.0)) == ["area-missing"]


def test_a_copy_of_ones_own_may_be_changed(expect_full):
    def pca(x_train, x):
        return centred_x(x_train.copy(), x.copy())

    def kl(mean, stddev):
        return squared_both(mean.copy(), stddev.copy())

    for _ in range(5):
        expect_full("dense.pca", pca)
        expect_full("dense.pca", restored)
        expect_full("vae.gaussian_kl", kl)
        expect_full("vae.sample_z", lambda m, s, e: moved_mean(m.copy(), s, e))


def test_a_call_hands_copies_and_tells_which_have_changed():
    first, second, changed = np.zeros(3), np.ones(3), set()

    def function(one, other, number):
        other += number
        return other

    assert call(function, first, second, 2, changed=changed).tolist() == [3, 3, 3]
    assert changed == {1} and second.tolist() == [1, 1, 1]
    assert call(function, first, second, 0.0).tolist() == [1, 1, 1]
