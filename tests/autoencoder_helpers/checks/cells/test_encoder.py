"""`cells.encoder`: right encoders of any construction pass, each usual mistake is named."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def test_right_encoders_get_the_point(points, cell_encoder):
    assert points("cells.encoder", cell_encoder()) == 1
    assert points("cells.encoder", cell_encoder(exact=False)) == 1
    assert points("cells.encoder", cell_encoder(before=[layers.BatchNormalization(), layers.Dense(20, "gelu")])) == 1


def test_a_functional_encoder_whose_kl_is_added_by_a_layer_is_right(points):
    prior = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)
    x = keras.Input((765,))
    cloud = tfpl.IndependentNormal(2)(layers.Dense(4)(layers.Dense(8, "relu")(x)))
    encoder = keras.Model(x, tfpl.KLDivergenceAddLoss(prior, weight=1.0)(cloud))
    assert points("cells.encoder", encoder) == 1


@pytest.mark.parametrize(
    ("settings", "mistake", "kept"),
    [
        ({"weight": 1.0}, "kl-twice", 0.5),
        ({"weight": 0.25}, "wrong-kl-weight", 0.5),
        ({"weight": 0}, "kl-missing", 0.5),
        ({"weight": -0.5}, "kl-wrong-sign", 0.5),
        ({"activation": "relu"}, "activation-on-parameters", 0.5),
        ({"activation": "tanh"}, "activation-on-parameters", 0.5),
        ({"genes": 784}, "wrong-input-shape", 0),
        ({"width": 20, "latent": 10}, "wrong-latent-dim", 0),
        ({"end": "none"}, "parameters-not-distribution", 0),
        ({"end": "none", "width": 2}, "deterministic-encoder", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(expect_mistake, cell_encoder, settings, mistake, kept):
    expect_mistake("cells.encoder", cell_encoder(**settings), mistake=mistake, kept=kept)


@pytest.mark.parametrize(("weight", "mistake"), [(0.5, None), (0.25, "wrong-kl-weight"), (1, "kl-twice")])
@pytest.mark.parametrize("exact", [True, False])
def test_clouds_that_are_nearly_the_prior_hide_no_weight(mistakes, cell_encoder, weight, mistake, exact):
    encoder = cell_encoder(weight=weight, exact=exact)
    last = [layer for layer in encoder.layers if isinstance(layer, layers.Dense)][-1]
    kernel, _ = last.get_weights()
    last.set_weights([0.001 * kernel, np.array([0, 0, np.log(np.e - 1), np.log(np.e - 1)])])
    assert mistakes("cells.encoder", encoder) == ([mistake] if mistake else [])


def test_an_encoder_that_ignores_its_cell_is_named(expect_mistake, cell_encoder):
    encoder = cell_encoder()
    encoder.layers[0].set_weights([0 * weight for weight in encoder.layers[0].get_weights()])
    expect_mistake("cells.encoder", encoder, mistake="ignores-cell", kept=0.5)


def test_recipes_that_draw_by_hand_are_told_which_layer_does_it(mistakes):
    x = keras.Input((765,))
    hidden = layers.Dense(8)(x)
    mean, logvar = layers.Dense(2)(hidden), layers.Dense(2)(hidden)
    draw = layers.Lambda(lambda parts: parts[0] + tf.exp(parts[1] / 2) * tf.random.normal(tf.shape(parts[0])))
    assert mistakes("cells.encoder", keras.Model(x, [mean, logvar, draw([mean, logvar])])) == ["own-sampling"]


@pytest.mark.parametrize(("means", "scales", "free"), [("tanh", None, False), (None, "softplus", True)])
def test_what_bends_the_means_is_told_from_what_bends_the_deviations(mistakes, means, scales, free):
    prior = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)
    regularizer = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=0.5)
    x = keras.Input((765,))
    hidden = layers.Dense(8, "relu")(x)
    heads = layers.Concatenate()([layers.Dense(2, means)(hidden), layers.Dense(2, scales)(hidden)])
    encoder = keras.Model(x, tfpl.IndependentNormal(2, activity_regularizer=regularizer)(heads))
    assert mistakes("cells.encoder", encoder) == ([] if free else ["activation-on-parameters"])


@pytest.mark.parametrize(("scale", "loc"), [(1.3, 0), (1.5, 0), (0.8, 0), (1, 0.3)])
@pytest.mark.parametrize("near", [0.5, 0.2, 0.1, 0.05])
def test_another_prior_is_seen_at_one_distance_or_another(mistakes, scale, loc, near):
    prior = tfd.Independent(tfd.Normal([loc, loc], [scale, scale]), reinterpreted_batch_ndims=1)
    regularizer = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=0.5)
    hidden = [layers.Input((765,)), layers.Dense(8, "relu"), layers.Dense(4)]
    encoder = keras.Sequential([*hidden, tfpl.IndependentNormal(2, activity_regularizer=regularizer)])
    kernel, bias = encoder.layers[-2].get_weights()
    encoder.layers[-2].set_weights([near * kernel, bias])
    (found,) = mistakes("cells.encoder", encoder)
    assert found in ("other-prior", "wrong-kl-weight", "kl-twice")
