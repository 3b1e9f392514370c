"""The reference networks are the ones that the course describes."""

import numpy as np
import pytest
from autoencoder_grader.references import networks


def sides(model, start):
    """The distinct sides of the square feature maps, in the order they are passed."""
    found = [start]
    for layer in model.layers:
        shape = layer.output_shape
        if len(shape) == 4 and shape[1] != found[-1]:
            found.append(shape[1])
    return found


@pytest.mark.parametrize(
    ("builder", "encoder_parameters", "decoder_parameters", "whole_parameters"),
    [
        (networks.dense_autoencoder, 80_562, 81_344, 161_906),
        (networks.convolutional_autoencoder, 2_162, 2_865, 5_027),
        (networks.variational_autoencoder, 2_420, 2_865, 5_285),
        (networks.flower_vae, 1_115_873, 1_278_464, 2_394_337),
    ],
)
def test_parameters(builder, encoder_parameters, decoder_parameters, whole_parameters):
    encoder, decoder, whole = builder()
    assert (encoder.count_params(), decoder.count_params(), whole.count_params()) == (
        encoder_parameters,
        decoder_parameters,
        whole_parameters,
    )
    assert whole.output_shape == encoder.input_shape
    assert whole.optimizer is not None and whole.loss is not None


def test_parameters_of_single_layers():
    encoder, decoder, _ = networks.dense_autoencoder()
    assert [layer.count_params() for layer in encoder.layers] == [78_500, 2_020, 42]
    assert [layer.count_params() for layer in decoder.layers] == [60, 2_100, 79_184]
    encoder, _, _ = networks.flower_vae()
    counts = [layer.count_params() for layer in encoder.layers if layer.count_params()]
    assert counts == [2_432, 25_632, 51_264, 102_464, 401_536, 532_545]


@pytest.mark.parametrize("builder", [networks.convolutional_autoencoder, networks.variational_autoencoder])
def test_sides_of_the_digit_networks(builder):
    encoder, decoder, _ = builder()
    assert sides(encoder, 28) == [28, 14, 7, 4]
    assert sides(decoder, 4) == [4, 8, 16, 14, 28]


def test_sides_of_the_flower_network():
    encoder, decoder, _ = networks.flower_vae()
    assert sides(encoder, 80) == [80, 76, 36, 32, 14, 8]
    assert sides(decoder, 8) == [8, 14, 31, 35, 73, 77, 80]
    assert all(not layer.use_bias for layer in decoder.layers if "transpose" in layer.name)


@pytest.mark.parametrize(
    ("builder", "weight"),
    [
        (networks.variational_autoencoder, 0.5),
        (networks.variational_autoencoder, 1.0),
        (networks.flower_vae, 0.0002),
    ],
)
def test_the_losses_hold_the_kl_twice_the_weight(builder, weight):
    import tensorflow as tf
    import tensorflow_probability as tfp

    tfd = tfp.distributions
    encoder, _, whole = builder(kl_weight=weight)
    x = np.random.default_rng(4).uniform(size=(30, *encoder.input_shape[1:])).astype(np.float32)
    posterior = encoder(x)
    if hasattr(posterior, "scale_tril"):
        prior = tfd.MultivariateNormalDiag(tf.zeros(10), tf.ones(10))
    else:
        prior = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), 1)
    exact = float(tf.reduce_mean(tfd.kl_divergence(posterior, prior)))
    whole(x)
    assert exact > 0
    assert float(tf.add_n(whole.losses)) == pytest.approx(2 * weight * exact, rel=1e-4)


@pytest.mark.parametrize(
    ("builder", "multiplier"), [(networks.variational_autoencoder, 784), (networks.flower_vae, 6400)]
)
def test_the_scale_of_the_loss(builder, multiplier):
    *_, whole = builder()
    rng = np.random.default_rng(1)
    x, p = rng.uniform(0.1, 0.9, (2, 3, *whole.output_shape[1:])).astype(np.float32)
    expected = multiplier * -(x * np.log(p) + (1 - x) * np.log(1 - p)).reshape(3, -1).mean(axis=1)
    np.testing.assert_allclose(np.asarray(whole.loss(x, p)), expected, rtol=1e-5)


def test_the_whole_is_the_decoder_behind_the_encoder():
    encoder, decoder, whole = networks.convolutional_autoencoder()
    x = np.random.default_rng(2).uniform(size=(4, 28, 28, 1)).astype(np.float32)
    np.testing.assert_allclose(whole(x), decoder(encoder(x)), rtol=1e-5)


def test_every_chapter_has_its_settings():
    chapters = ("dense", "conv", "vae", "flowers", "cells")
    for table in (networks.DEFAULT_EPOCHS, networks.FULL_EPOCHS, networks.SEEDS):
        assert tuple(table) == chapters
    assert tuple(networks.SHORT) == chapters
    assert all(networks.LONG[chapter].keys() == networks.SHORT[chapter].keys() for chapter in networks.LONG)
    assert all(networks.DEFAULT_EPOCHS[name] <= networks.FULL_EPOCHS[name] for name in networks.DEFAULT_EPOCHS)
