"""`vae.kl_weight`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def scaled_cloud(make, scale):
    """Adds what a regularizer towards a prior of another width would."""
    return make.cloud_layer(prior=tfd.Independent(tfd.Normal(tf.zeros(2), scale), 1))


@pytest.mark.parametrize(
    "ending",
    [
        lambda make: make.cloud_layer(weight=0.5),
        lambda make: make.cloud_layer(weight=tf.constant(0.5)),
        lambda make: make.cloud_layer(weight=np.float64(1 / 2)),
        lambda make: make.cloud_layer(weight=0.5, exact=False),
        lambda make: make.cloud_layer(weight=0.5, exact=False, prior=tfd.MultivariateNormalDiag(loc=tf.zeros(2))),
        lambda make: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(make.standard())],
        lambda make: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(make.standard(), weight=1.0)],
    ],
)
@pytest.mark.parametrize("join", [lambda make, e, d: make.joined(e, d), lambda make, e, d: keras.Sequential([e, d])])
def test_a_kl_that_counts_once_passes_however_it_is_added(expect_full, make, ending, join):
    ending = ending(make)
    e = make.encoder(layers.Dense(4), *(ending if isinstance(ending, list) else [ending]))
    expect_full("vae.kl_weight", join(make, e, make.decoder()), e)


@pytest.mark.parametrize(
    ("ending", "mistake"),
    [
        (lambda make: make.cloud_layer(weight=1.0), "kl-twice"),
        (lambda make: make.cloud_layer(weight=None), "kl-twice"),
        (lambda make: make.cloud_layer(weight=1.0, exact=False), "kl-twice"),
        (lambda make: make.cloud_layer(weight=0.25), "kl-half"),
        (lambda make: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(make.standard(), weight=0.5)], "kl-half"),
        (lambda make: make.cloud_layer(weight=0.0), "kl-weight-zero"),
        (lambda make: make.cloud_layer(weight=-0.5), "kl-wrong-sign"),
        (lambda make: make.cloud_layer(weight=1 / 784), "wrong-kl-weight"),
        (lambda make: make.cloud_layer(weight=4.0), "wrong-kl-weight"),
        (lambda make: scaled_cloud(make, 3.0), "other-prior"),
        (lambda make: tfpl.IndependentNormal(2), "kl-missing"),
        (
            lambda make: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(make.standard(), use_exact_kl=True)],
            "kl-summed-over-batch",
        ),
    ],
)
def test_a_kl_that_does_not_count_once_is_named(expect_mistake, make, ending, mistake):
    ending = ending(make)
    e = make.encoder(layers.Dense(4), *(ending if isinstance(ending, list) else [ending]))
    expect_mistake("vae.kl_weight", make.joined(e, make.decoder()), e, mistake=mistake)


@pytest.mark.parametrize("exact", [True, False])
def test_an_estimate_is_right_and_told_what_it_costs(make, exact):
    e = make.encoder(layers.Dense(4), make.cloud_layer(0.5, exact))
    result = check("vae.kl_weight", make.joined(e, make.decoder()), e, 0.5)
    assert result.points == 2 and ("estimated from one draw" in str(result)) == (not exact)


@pytest.mark.parametrize(
    ("chosen", "look"),
    [
        ((None,), "is not chosen yet"),
        ((), "is not chosen yet"),  # by notebooks of before it was asked for
        ((0.5,), "Run that cell again"),
        ((1.0,), "With which weight was the encoder made?"),
    ],
)
def test_a_kl_that_counts_twice_is_traced_to_the_number_that_was_chosen(make, chosen, look):
    e = make.encoder(layers.Dense(4), make.cloud_layer(weight=1.0))
    words = str(check("vae.kl_weight", make.joined(e, make.decoder()), e, *chosen))
    assert look in words and ("kl_weight is a number" in words) == (chosen not in ((None,), ()))


def test_the_kl_of_another_encoder_does_not_count(expect_mistake, make):
    e = make.encoder()
    expect_mistake("vae.kl_weight", make.joined(make.encoder(), make.decoder()), e, mistake="not-joined")
    expect_mistake("vae.kl_weight", None, e, mistake="missing")
    expect_mistake("vae.kl_weight", make.joined(e, make.decoder()), make.encoder(layers.Dense(2)), mistake="not-joined")
    expect_mistake("vae.kl_weight", e, e, mistake="wrong-output-shape")


def test_a_wrong_prior_costs_no_weight(under, make):
    for weight, once in ((0.5, True), (1.0, False)):
        e = make.encoder(
            layers.Dense(4), make.cloud_layer(weight, prior=tfd.Independent(tfd.Normal(tf.ones(2), 3.0), 1))
        )
        assert under({"vae.prior"}, "vae.kl_weight", make.joined(e, make.decoder()), e) == (2 if once else 0)
        assert under((), "vae.kl_weight", make.joined(e, make.decoder()), e) == 0


def test_a_prior_of_the_regularizer_alone_is_a_mistake_of_its_own(under, make):
    wide = tfd.Independent(tfd.Normal(tf.zeros(2), 3.0), 1)
    e = make.encoder(layers.Dense(4), make.cloud_layer(0.5, prior=wide))
    vae = make.joined(e, make.decoder())
    for mistakes, points in ((["stddev-not-one"], 2), (["unwrapped-prior"], 0.5), (["mean-not-zero"], 0.5)):
        assert under({"vae.prior": (0.5, mistakes)}, "vae.kl_weight", vae, e) == points


@pytest.mark.parametrize("ending", [lambda make: tfpl.IndependentNormal(2), lambda make: make.cloud_layer(weight=1.0)])
def test_an_encoder_without_a_kl_or_deaf_to_its_weight_costs_its_points_once(under, make, ending):
    e = make.encoder(layers.Dense(4), ending(make))
    vae = make.joined(e, make.decoder())
    assert under({"vae.encoder": 0.5}, "vae.kl_weight", vae, e, 0.5) == 2
    for charged, *number in (((), 0.5), ({"vae.encoder": 0.5}, 1.0), ({"vae.encoder": 0.5},), ({"vae.prior": 1}, 0.5)):
        assert under(charged, "vae.kl_weight", vae, e, *number) == 0


def test_the_number_alone_does_not_tell(under, make):
    e = make.encoder(layers.Dense(4), make.cloud_layer(weight=0.25))
    assert under({"vae.encoder": 0.5}, "vae.kl_weight", make.joined(e, make.decoder()), e, 0.5) == 0
    e = make.encoder(layers.Dense(4), make.cloud_layer(weight=0.5))
    assert under((), "vae.kl_weight", make.joined(e, make.decoder()), e, 1.0) == 2  # halved inside make_encoder


def test_another_mistake_of_the_encoder_pays_for_no_kl_that_counts_twice(under, make):
    e = make.encoder(layers.Dense(4, "tanh"), make.cloud_layer(weight=1.0))
    vae = make.joined(e, make.decoder())
    assert under((), "vae.encoder", e) == 0.5
    assert under({"vae.encoder": 0.5}, "vae.kl_weight", vae, e, 0.5) == 0.5
    assert under({"vae.encoder": 1.0}, "vae.kl_weight", vae, e, 0.5) == 1  # deaf, too, or not: who can say


def test_means_beyond_float32_are_no_other_prior(mistakes, make):
    e = make.encoder()
    kernel, bias = e.layers[-2].get_weights()
    e.layers[-2].set_weights([kernel, bias + 1e20])
    assert mistakes("vae.kl_weight", make.joined(e, make.decoder()), e) == ["means-too-large"]


@pytest.mark.parametrize("weight, points", [(1 / 32, 2), (1 / 500, 0), (0.5 / 32, 0), (2 / 32, 0)])
@pytest.mark.parametrize("share", [1, 0.3, 0])
def test_a_kl_that_is_summed_over_the_batch_counts_once_with_the_weight_of_the_training(make, weight, points, share):
    adds = tfpl.KLDivergenceAddLoss(make.standard(), use_exact_kl=True, weight=weight)
    e = make.encoder(layers.Dense(4), tfpl.IndependentNormal(2), adds)
    draw_near_to_the_prior(e, share)
    result = check("vae.kl_weight", make.joined(e, make.decoder()), e, weight)
    assert result.points == points, str(result)
    assert points or [step.mistake for step in result.failures] == ["kl-summed-over-batch"]
    assert not points or "32 images" in result.steps[-1].look


def draw_near_to_the_prior(encoder, share):
    """Let a share of what tells clouds from each other be left; with 0 all of them are the prior, and their KL is 0."""
    last = [layer for layer in encoder.layers if isinstance(layer, layers.Dense)][-1]
    kernel, _ = last.get_weights()
    last.set_weights([share * kernel, np.array([0, 0, np.log(np.e - 1), np.log(np.e - 1)])])


@pytest.mark.parametrize(
    ("weight", "mistake"), [(0.5, None), (0.25, "kl-half"), (1, "kl-twice"), (4, "wrong-kl-weight")]
)
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("share", [0.1, 0.01, 0])
def test_clouds_that_have_become_the_prior_hide_no_weight(mistakes, make, weight, mistake, exact, share):
    e = make.encoder(layers.Dense(4), make.cloud_layer(weight, exact))
    draw_near_to_the_prior(e, share)
    weights = e.get_weights()
    assert mistakes("vae.kl_weight", make.joined(e, make.decoder()), e) == ([mistake] if mistake else [])
    assert all(np.array_equal(*pair) for pair in zip(weights, e.get_weights(), strict=True))


@pytest.mark.parametrize("penalty", ["l2", keras.regularizers.L1(0.01)])
@pytest.mark.parametrize(("weight", "mistake"), [(0.5, None), (1, "kl-twice")])
def test_weight_decay_is_no_part_of_the_kl(mistakes, make, penalty, weight, mistake):
    e = make.encoder(layers.Dense(4, kernel_regularizer=penalty, bias_regularizer="l2"), make.cloud_layer(weight))
    d = make.decoder()
    d.add(layers.Conv2D(1, 1, activation="sigmoid", kernel_regularizer=penalty))
    assert mistakes("vae.kl_weight", make.joined(e, d), e) == ([mistake] if mistake else [])
