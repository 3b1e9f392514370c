"""`vae.prior`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from autoencoder_helpers import check

tfd, tfpl = tfp.distributions, tfp.layers


@pytest.mark.parametrize(
    "build",
    [
        lambda: tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1),
        lambda: tfd.MultivariateNormalDiag(loc=tf.zeros(2), scale_diag=tf.ones(2)),
        lambda: tfd.MultivariateNormalDiag(loc=[0.0, 0.0]),
        lambda: tfd.MultivariateNormalTriL(loc=tf.zeros(2), scale_tril=tf.eye(2)),
        lambda: tfd.Sample(tfd.Normal(0.0, 1.0), sample_shape=2),
        lambda: tfd.Independent(tfd.Normal(tf.zeros(2, tf.float64), tf.ones(2, tf.float64)), 1),
    ],
)
def test_right_priors(expect_full, build):
    expect_full("vae.prior", build())


@pytest.mark.parametrize(
    ("build", "noted"),
    [
        (lambda: tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1), ""),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros(2, tf.float64), tf.ones(2, tf.float64)), 1), "in float64"),
        (lambda: tfd.Independent(tfd.Normal(loc=np.zeros(2), scale=1.0), 1), "in float64"),
        (lambda: tfd.MultivariateNormalDiag(loc=[0.0, 0.0]), "use_exact_kl=True"),
        (lambda: tfd.Sample(tfd.Normal(0.0, 1.0), sample_shape=2), "use_exact_kl=True"),
    ],
)
def test_a_prior_with_which_the_next_exercise_would_raise_passes_with_a_note_that_says_so(build, noted):
    result = check("vae.prior", build())
    assert result.passed and str(result).count("note: ") == bool(noted) and noted in str(result), str(result)
    assert ("Note:</span>" in result._repr_mimebundle_()["text/html"]) == bool(noted)


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: None, "missing", 0),
        (lambda: tfd.Normal, "class-not-object", 0),
        (lambda: tfpl.IndependentNormal(2), "layer-not-distribution", 0),
        (lambda: tfd.Normal(tf.zeros(2), 1.0).sample(10), "no-distribution", 0),
        (lambda: "normal", "no-distribution", 0),
        (lambda: tfd.Normal(tf.zeros(2), 1.0), "unwrapped-prior", 0.5),
        (lambda: tfd.Normal(0.0, 1.0), "wrong-latent-dim", 0),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros(10), 1.0), 1), "wrong-latent-dim", 0),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros((5, 2)), 1.0), 1), "wrong-latent-dim", 0),
        (lambda: tfd.Independent(tfd.Normal(tf.ones(2), 1.0), 1), "mean-not-zero", 0.5),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros(2), 0.5), 1), "stddev-not-one", 0.5),
        (lambda: tfd.Independent(tfd.Uniform([-(3**0.5)] * 2, [3**0.5] * 2), 1), "not-normal", 0.5),
    ],
)
def test_mistakes_in_the_prior_are_named(expect_mistake, build, mistake, kept):
    expect_mistake("vae.prior", build(), mistake=mistake, kept=kept)


def test_a_wrapper_that_wraps_nothing_is_told_what_it_lacks():
    (step,) = check("vae.prior", tfd.Independent(tfd.Normal(tf.zeros(2), 1.0))).failures
    assert step.mistake == "unwrapped-prior" and "reinterpreted_batch_ndims=1" in step.look
