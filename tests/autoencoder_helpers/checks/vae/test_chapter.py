"""All checks of chapter 3: none raises, none pays for nothing, and their points add up."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue

layers, tfd = keras.layers, tfp.distributions


RULES = [name for name in catalogue() if name.startswith("vae.")]


def test_reports_and_samples_of_wrong_parts(expect_full):
    notebook = {"tf": tf, "prior": tfd.Normal(tf.ones(2), 3.0)}
    exec(
        "def gaussian_kl(mean, stddev): return 0 * mean\n"
        "def reconstruction_loss(x, p): raise NotImplementedError\n"
        "def report(x, encoder, decoder):\n"
        "    cloud = encoder(x)\n"
        "    R = tf.reduce_mean(reconstruction_loss(x, decoder(cloud.sample()))).numpy()\n"
        "    K = gaussian_kl(cloud.mean(), cloud.stddev()).numpy().mean()\n"
        "    return float(R), float(K), float(R + K)\n"
        "def draw(count, decoder): return decoder(prior.sample(count))\n",
        notebook,
    )
    expect_full("vae.elbo_report", notebook["report"])
    expect_full("vae.prior_samples", notebook["draw"])


class Hostile:
    """An object whose every attribute raises."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __call__(self, *args, **named):
        raise SystemExit


GARBAGE = [
    None, ..., "text", 3, float("nan"), [], {}, np.zeros(3), np.zeros((2, 2), object), keras.Model, layers.Dense(2),
    lambda *a, **k: "text", lambda *a: np.zeros((0,)), lambda *a: np.full((7, 2), np.nan), lambda *a: a, Hostile(), Hostile,
]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_no_object_makes_a_check_raise_or_pay(name):
    for number, thing in enumerate(GARBAGE):
        result = check(name, *[thing] * len(catalogue()[name].answers))
        assert result.points == 0 and result.failures, f"garbage {number}: {result}"


def test_a_half_built_model_pays_nothing():
    model = keras.Sequential()
    for name in ("vae.encoder", "vae.kl_weight", "vae.trained"):
        result = check(name, *[model] * len(catalogue()[name].answers))
        assert result.points == 0 and result.failures


def test_the_chapter_is_worth_ten_points():
    assert sum(catalogue()[name].points for name in RULES) == 10
