"""`vae.elbo_report`: right answers of any construction pass, each usual mistake is named."""

import importlib

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule

tfd = tfp.distributions


PRIOR = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)


def summed(x, p):
    return tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


def parts_of_report(x, e, d):
    q = e(x)
    R = tf.reduce_mean(summed(x, d(q.sample())))
    return q, float(R), float(tf.reduce_mean(tfd.kl_divergence(q, PRIOR)))


def report(x, e, d):
    _, R, K = parts_of_report(x, e, d)
    return R, K, R + K


def test_right_reports(expect_full):
    def with_numpy(x, e, d):
        q = e(x)
        mean, stddev = q.mean().numpy(), q.stddev().numpy()
        p = d.predict(mean + stddev * np.random.normal(size=mean.shape), verbose=0).clip(1e-7, 1 - 1e-7)
        R = (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
        K = (0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev)).sum(1).mean()
        return np.array([R, K, R + K])

    def as_tensors(x, e, d):
        q = e(x)
        R, K = tf.reduce_mean(summed(x, d(q))), tf.reduce_mean(tfd.kl_divergence(q, PRIOR))
        return [R, K, R + K]

    for right in (
        report,
        with_numpy,
        as_tensors,
        lambda *a: dict(zip(("reconstruction", "KL", "negative ELBO"), report(*a), strict=True)),
    ):
        expect_full("vae.elbo_report", right)


def with_report(change):
    def wrong(x, e, d):
        q, R, K = parts_of_report(x, e, d)
        return change(x, e, d, q, R, K)

    return wrong


@pytest.mark.parametrize(
    ("wrong", "found", "kept"),
    [
        (with_report(lambda x, e, d, q, R, K: (R, 2 * K, R + 2 * K)), ["kl-twice"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R + 2 * K)), ["kl-twice"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, sum(map(float, e.losses)), R + K)), ["kl-twice"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K / 2, R + K / 2)), ["kl-half"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R + K / 2)), ["kl-half"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, len(x) * K, R + len(x) * K)), ["summed-over-images"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, -K, R - K)), ["wrong-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R - K)), ["kl-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, -R - K)), ["elbo-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R)), ["kl-missing"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R + K + 1)), ["wrong-sum"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R / 784, K, R / 784 + K)), ["per-pixel"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (len(x) * R, K, len(x) * R + K)), ["summed-over-images"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (-R, K, -R + K)), ["wrong-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R + K, K, R + 2 * K)), ["kl-in-reconstruction"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (K, R, R + K)), ["swapped-results"], 0),
        (with_report(lambda x, e, d, q, R, K: R + K), ["wrong-shape"], 0),
        (with_report(lambda x, e, d, q, R, K: (R, K)), ["wrong-shape"], 0),
        (
            with_report(lambda x, e, d, q, R, K: (R, tfd.kl_divergence(q, PRIOR), R + K)),
            ["not-averaged"],
            0,
        ),
        (lambda x, e, d: None, ["no-return"], 0),
        (lambda x: x, ["raises"], 0),
    ],
)
def test_mistakes_in_the_report_are_named(wrong, found, kept):
    result = check("vae.elbo_report", wrong)
    assert [step.mistake for step in result.failures] == found, str(result)
    assert result.points == kept


def test_a_report_from_means_an_estimate_and_another_network_are_named(mistakes, expect_mistake, make):
    def from_means(x, e, d):
        q, _, K = parts_of_report(x, e, d)
        R = float(tf.reduce_mean(summed(x, d(q.mean()))))
        return R, K, R + K

    def estimate(x, e, d):
        q, R, _ = parts_of_report(x, e, d)
        z = q.sample()
        K = float(tf.reduce_mean(q.log_prob(z) - PRIOR.log_prob(z)))
        return R, K, R + K

    def from_the_prior(x, e, d):
        _, _, K = parts_of_report(x, e, d)
        R = float(tf.reduce_mean(summed(x, d(PRIOR.sample(len(x))))))
        return R, K, R + K

    def of_the_first(x, e, d):
        q, _, _ = parts_of_report(x, e, d)
        R, K = float(summed(x, d(q.sample()))[0]), float(tfd.kl_divergence(q, PRIOR)[0])
        return R, K, R + K

    expect_mistake("vae.elbo_report", from_the_prior, mistake="prior-not-cloud", kept=0.5)
    assert set(mistakes("vae.elbo_report", of_the_first)) == {"first-image-only"}
    other_encoder, other_decoder = make.encoder(), make.decoder()
    expect_mistake("vae.elbo_report", from_means, mistake="mean-not-drawn", kept=0.5)
    keras.utils.set_random_seed(1)  # one estimate in two hundred is as good as exact
    result = run_rule(catalogue()["vae.elbo_report"], (estimate,), {}, seed=1)
    assert [step.mistake for step in result.failures] == ["estimate-not-exact"] and result.points == 0.5, str(result)
    assert "second call" in result.failures[0].found and "estimate" in result.failures[0].found
    found = mistakes("vae.elbo_report", lambda x, e, d: report(x, other_encoder, other_decoder))
    assert found == ["wrong-kl", "wrong-reconstruction"]


def reporting(kl):
    """A report whose K comes from a formula of its own."""

    def elbo_report(x, e, d):
        q, R, _ = parts_of_report(x, e, d)
        K = float(np.mean(kl(q.mean().numpy(), q.stddev().numpy())))
        return R, K, R + K

    return elbo_report


@pytest.mark.parametrize(
    ("kl", "mistake", "name"),
    [
        (lambda m, s: ((m**2 + s**2) / 2 - np.log(s)).sum(1), "one-missing", "no - 1"),
        (lambda m, s: ((m**2 + s**2 - 1) / 2 + np.log(s)).sum(1), "log-sign", "+ ln stddev"),
        (lambda m, s: ((m**2 + s**2 - 1) / 2).sum(1), "log-missing", "no logarithm"),
        (lambda m, s: ((m + s**2 - 1) / 2 - np.log(s)).sum(1), "mean-not-squared", "the mean where"),
        (lambda m, s: ((m**2 + s**2 - 1) / 2 - 1.1 * np.log(s) + 0.3).sum(1), "kl-formula", "another formula"),
        (lambda m, s: ((m**2 + s**2 - 1) * 3 - np.log(s)).sum(1), "wrong-kl", ""),
    ],
)
def test_a_slip_in_the_formula_of_the_kl_is_no_estimate_from_draws(kl, mistake, name):
    result = check("vae.elbo_report", reporting(kl))
    (step,) = result.failures
    assert result.points == 0.5 and step.mistake == mistake, str(result)
    assert name in step.found and "estimate" not in step.found
    assert "formula" in step.look and "gaussian_kl" in step.look


def test_no_two_slips_in_the_formula_make_the_same_number_of_what_is_asked():
    """Without - 1, K is larger by 1; with the logarithm of the variance by what the logarithms add up to."""
    module = importlib.import_module("autoencoder_helpers.checks.vae.elbo_report")
    for seed in range(10):
        rng = np.random.default_rng(seed)
        images = rng.random((500, 28, 28, 1)).astype("float32") ** 3
        encoder, _ = module._probe_vae(rng)
        assert -np.log(encoder(images).stddev()).sum(axis=1).mean() > 1.1, seed


def from_draws(draw, count=None, center=tf.reduce_mean):
    """A report whose R is of these draws: (means, standard deviations) -> z."""

    def elbo_report(x, e, d):
        q, _, K = parts_of_report(x, e, d)
        R = float(center(summed(x, d(draw(q.mean(), q.stddev())))[:count]))
        return R, K, R + K

    return elbo_report


def normal(like):
    return tf.random.normal(tf.shape(like))


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (from_draws(lambda m, s: m + s), "mean-not-drawn"),
        (from_draws(lambda m, s: m - s), "mean-not-drawn"),
        (from_draws(lambda m, s: tf.reduce_mean(m, 0) + s * normal(s)), "shared-cloud"),
        (from_draws(lambda m, s: tf.random.shuffle(m + s * normal(s))), "other-images"),
        (from_draws(lambda m, s: (m + s * normal(s))[::-1]), "other-images"),
        (from_draws(lambda m, s: m + s * normal(s), count=32), "first-images-only"),
        (from_draws(lambda m, s: m + s * normal(s), count=100), "wrong-reconstruction"),
        (from_draws(lambda m, s: m + s * normal(s), center=np.median), "median"),
        (from_draws(lambda m, s: m + s * tf.random.normal((len(m), 1))), "shared-noise"),
        (from_draws(lambda m, s: m + s * tf.random.normal((2,))), "shared-noise"),
        (from_draws(lambda m, s: tf.repeat((m + s * normal(s))[:1], len(m), axis=0)), None),
        (from_draws(lambda m, s: m + s * tf.abs(normal(s))), None),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_each_image_has_a_draw_of_its_own_cloud(wrong, mistake, seed):
    keras.utils.set_random_seed(seed)  # of one draw for all, one in forty reports is as good as of many
    result = run_rule(catalogue()["vae.elbo_report"], (wrong,), {}, seed=seed)
    assert result.points == 0.5, str(result)
    assert mistake is None or result.failures[0].mistake in (mistake, "wrong-reconstruction"), str(result)


@pytest.mark.parametrize("seed", range(5))
def test_draws_in_parts_and_several_for_an_image_are_right(seed):
    def in_parts(x, e, d):
        R, K, _ = np.mean([report(x[i : i + 100], e, d) for i in range(0, len(x), 100)], axis=0)
        return R, K, R + K

    several = from_draws(lambda m, s: m + s * normal(s))
    for right in (report, in_parts, lambda *a: tuple(np.mean([several(*a) for _ in range(3)], axis=0))):
        result = run_rule(catalogue()["vae.elbo_report"], (right,), {}, seed=seed)
        assert result.passed, str(result)


def test_a_report_that_fails_when_it_is_asked_again_is_told_its_own_error():
    calls = []

    def once(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise ZeroDivisionError("no second report")
        return report(*arguments)

    result = check("vae.elbo_report", once)
    assert [step.mistake for step in result.failures] == ["raises"] and "no second report" in str(result), str(result)
