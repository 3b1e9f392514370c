"""`flowers.trained`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule

layers = keras.layers


def constant(make, value):
    """A network that answers every image with one colour."""
    raw = float(np.log(value / (1 - value)))
    e = make.encoder()
    last = layers.Conv2DTranspose(
        3, 8, strides=8, activation="sigmoid", kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(raw),
    )  # fmt: skip
    return make.joined(e, make.decoder(last))


def shifted():
    """An untrained network whose loss is far from that of a grey 1/2."""
    image = layers.Input((80, 80, 3))
    code = layers.Dense(10)(layers.Flatten()(layers.AveragePooling2D(8)(image)))
    raw = layers.Reshape((80, 80, 3))(layers.Dense(80 * 80 * 3)(code))
    return keras.Model(image, tf.sigmoid(2 * raw - 3))


def copying(strength):
    """A network with a wide bottleneck that copies: p = 0.5 + strength (x - 0.5)."""
    image = layers.Input((80, 80, 3))
    return keras.Model(image, layers.Rescaling(strength, offset=0.5 * (1 - strength))(image))


@pytest.fixture
def any_width(monkeypatch):
    """A copying network, which is none that the rule allows, stands for one that was trained for hours."""
    monkeypatch.setattr("autoencoder_helpers.checks.flowers.trained.expect_squeezed", lambda *_: None)


def test_a_network_that_copies_well_gets_the_point(points, monkeypatch, any_width):
    monkeypatch.setattr("autoencoder_helpers.checks.flowers.trained.threshold", lambda name: 0.9)
    assert points("flowers.trained", copying(0.98), "synthetic") == 1


@pytest.mark.parametrize(
    ("model", "source", "mistake", "kept"),
    [
        (lambda make: make.joined(make.encoder(), make.decoder()), "synthetic", "untrained", 0),
        (lambda make: constant(make, 0.25), "synthetic", "mean-image", 0),
        (lambda make: copying(-0.9), "synthetic", "worse-than-mean-image", 0),
        (lambda make: copying(0.5), "synthetic", "trained-too-little", 0.5),
        (lambda make: copying(0.98), "roses", "unknown-source", 0),
        (lambda make: copying(0.98), None, "missing", 0),
        (lambda make: make.encoder(), "synthetic", "wrong-output-shape", 0),
        (lambda make: None, "synthetic", "missing", 0),
    ],
)
def test_mistakes_in_training_are_named(expect_mistake, make, monkeypatch, any_width, model, source, mistake, kept):
    monkeypatch.setattr("autoencoder_helpers.checks.flowers.trained.threshold", lambda name: 0.9)
    expect_mistake("flowers.trained", model(make), source, mistake=mistake, kept=kept)


def test_what_an_earlier_mistake_makes_of_a_training_costs_no_more(make, monkeypatch, any_width):
    monkeypatch.setattr("autoencoder_helpers.checks.flowers.trained.threshold", lambda name: 0.9)
    rule = catalogue()["flowers.trained"]
    for model, charged, kept in (
        (constant(make, 0.25), {"flowers.loss"}, 0),
        (constant(make, 0.25), {"flowers.beta"}, 0),
        (make.joined(make.encoder(), make.decoder()), {"flowers.loss"}, 0),
        (make.joined(make.encoder(), make.decoder(make.up(3))), {"flowers.decoder"}, 0),
        (shifted(), {"flowers.encoder"}, 0),
    ):
        assert run_rule(rule, (model, "synthetic"), {}, charged=charged).points == kept
