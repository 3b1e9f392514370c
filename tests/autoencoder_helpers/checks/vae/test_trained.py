"""`vae.trained`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import load_mnist

layers = keras.layers


def summed(x, p):
    return tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


@pytest.fixture(scope="module")
def trained(make):
    """(vae, encoder, decoder): a small dense network is enough, the rule asks for no layers."""
    (x_train, _), _ = load_mnist()
    x_train = x_train[:20_000, ..., None] / np.float32(255)
    keras.utils.set_random_seed(321)
    e, d = make.encoder(hidden=(100, 20)), make.decoder(hidden=(20, 100))
    model = make.joined(e, d)
    model.compile(keras.optimizers.Adamax(0.01), summed)
    model.fit(x_train, x_train, batch_size=128, epochs=3, verbose=0)
    return model, e, d


@pytest.fixture
def limit(monkeypatch):
    """The threshold of this test, so that it does not hang on a measured number."""
    monkeypatch.setattr("autoencoder_helpers.checks.vae.trained.threshold", {"vae.trained": 182.0}.__getitem__)


def changed(e, **weights):
    """The encoder with other parameters in its last Dense layer; put back by the caller."""
    layer = next(layer for layer in reversed(e.layers) if isinstance(layer, layers.Dense))
    kernel, bias = layer.get_weights()
    layer.set_weights([weights.get("kernel", kernel), weights.get("bias", bias)])
    return layer, [kernel, bias]


def test_a_trained_network_passes(expect_full, trained, limit):
    expect_full("vae.trained", *trained)


@pytest.mark.parametrize("nested", [False, True])
def test_a_decoder_without_an_input_is_as_right(expect_full, make, trained, limit, nested):
    """Its first call is with a distribution, of which Keras takes no shape by itself."""
    _, e, d = trained
    parts = [layers.Dense(20, "relu"), layers.Dense(100, "relu"), layers.Dense(784, "sigmoid")]
    parts = [*parts, layers.Reshape((28, 28, 1))]
    without = keras.Sequential([keras.Sequential(parts[:2]), keras.Sequential(parts[2:])] if nested else parts)
    model = make.joined(e, without)
    without.set_weights(d.get_weights())
    expect_full("vae.trained", model, e, without)


def test_untrained(expect_mistake, make, limit):
    e, d = make.encoder(), make.decoder()
    expect_mistake("vae.trained", make.joined(e, d), e, d, mistake="untrained")


def test_collapsed(expect_mistake, trained, limit):
    model, e, d = trained
    layer, before = changed(e, kernel=np.zeros((20, 4)), bias=np.array([0, 0, 0.5413, 0.5413]))
    expect_mistake("vae.trained", model, e, d, mistake="collapsed")
    layer.set_weights(before)


def test_free_clouds(expect_mistake, trained, limit):
    model, e, d = trained
    layer, before = changed(e)
    kernel, bias = before
    layer.set_weights([kernel * [1, 1, 0, 0], np.array([*bias[:2], -12.0, -12.0])])
    expect_mistake("vae.trained", model, e, d, mistake="kl-not-trained")
    layer.set_weights(before)


def test_a_decoder_that_ignores_z(expect_mistake, trained, limit):
    model, e, d = trained
    before = d.layers[0].get_weights()
    d.layers[0].set_weights([np.zeros((2, 20)), before[1]])
    expect_mistake("vae.trained", model, e, d, mistake="ignores-code")
    d.layers[0].set_weights(before)


def test_trained_too_little(expect_mistake, trained, monkeypatch):
    monkeypatch.setattr("autoencoder_helpers.checks.vae.trained.threshold", lambda name: 100.0)
    expect_mistake("vae.trained", *trained, mistake="trained-too-little", kept=0.5)


def test_other_parts(expect_mistake, make, trained, limit):
    model, e, d = trained
    expect_mistake("vae.trained", model, e, make.decoder(hidden=(20, 100)), mistake="not-joined")
    expect_mistake("vae.trained", model, make.encoder(hidden=(100, 20)), d, mistake="not-joined")
    expect_mistake("vae.trained", model, d, e, mistake="wrong-input-shape")
    logits = make.decoder(None)
    expect_mistake("vae.trained", make.joined(e, logits), e, logits, mistake="missing-sigmoid")


def test_what_a_wrong_weight_or_loss_makes_of_a_training(under, make, trained, limit):
    model, e, d = trained
    layer, before = changed(e, kernel=np.zeros((20, 4)), bias=np.array([0, 0, 0.5413, 0.5413]))
    assert under({"vae.loss"}, "vae.trained", model, e, d) == 1
    assert under({"vae.sample_z"}, "vae.trained", model, e, d) == 0
    layer.set_weights(before)
    e, d = make.encoder(), make.decoder()
    assert under({"vae.loss"}, "vae.trained", make.joined(e, d), e, d) == 0


def test_a_loss_that_is_by_chance_that_of_no_training_is_no_sign_of_none(under, mistakes, trained, limit):
    """Sharp digits decoded from clouds that all are the prior: the sharper they are, the dearer, also as dear as 784 ln 2."""
    model, e, d = trained
    layer, before = changed(e, kernel=np.zeros((20, 4)), bias=np.array([0, 0, 0.5413, 0.5413]))
    end = next(part for part in reversed(d.layers) if isinstance(part, layers.Dense))
    weights = end.get_weights()
    digits = load_mnist()[1][0][:1000, ..., None] / np.float32(255)
    z = np.random.default_rng(1).normal(size=(1000, 2)).astype(np.float32)

    def loss(sharper):
        end.set_weights([sharper * array for array in weights])
        return float(np.mean(summed(digits, d(z))))

    low, high = 1.0, 20.0
    assert loss(low) < 784 * np.log(2) < loss(high)
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if loss(middle) < 784 * np.log(2) else (low, middle)
    assert mistakes("vae.trained", model, e, d) == ["collapsed"]
    assert under({"vae.encoder": 0.5}, "vae.trained", model, e, d) == 0.5
    end.set_weights(weights)
    layer.set_weights(before)
