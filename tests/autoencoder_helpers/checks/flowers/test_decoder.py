"""`flowers.decoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


def dense_decoder():
    code = layers.Input((10,))
    values = layers.Dense(19_200)(layers.Dense(20, activation="tanh")(code))
    return keras.Model(code, layers.Activation("sigmoid")(layers.Reshape((80, 80, 3))(values)))


@pytest.mark.parametrize("build", [lambda make: make.decoder(), lambda make: dense_decoder()])
def test_right_decoders_get_all_points(points, make, build):
    assert points("flowers.decoder", build(make)) == 2


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.decoder(make.up(3)), "missing-sigmoid", 1.5),
        (lambda make: make.decoder(make.up(3, activation="tanh")), "wrong-output-activation", 1.5),
        (lambda make: make.decoder(make.up(1, activation="sigmoid")), "one-channel", 1),
        (lambda make: make.decoder(layers.Conv2DTranspose(3, 9, strides=8, activation="sigmoid")), "wrong-side", 1),
        (lambda make: make.decoder(first=2), "wrong-input-shape", 0),
        (lambda make: make.decoder(make.up(3, activation="sigmoid", kernel_initializer="zeros")), "ignores-code", 1.5),
        (lambda make: None, "missing", 0),
    ],
)
def test_mistakes_in_the_decoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("flowers.decoder", build(make), mistake=mistake, kept=kept)


@pytest.mark.parametrize("conversion, points", [("mean", 2), ("sample", 1.5), ("mode", 1.5)])
def test_a_decoder_that_ends_in_a_distribution_gives_its_mean(conversion, points):
    tfd = tfp.distributions
    last = tfp.layers.IndependentBernoulli((80, 80, 3), convert_to_tensor_fn=getattr(tfd.Distribution, conversion))
    parts = [layers.Dense(400), layers.Reshape((10, 10, 4)), layers.Conv2DTranspose(3, 8, strides=8), layers.Flatten()]
    decoder = keras.Sequential([layers.Input((10,)), *parts, last])
    result = check("flowers.decoder", decoder)
    assert result.points == points, str(result)
    assert [step.mistake for step in result.failures] == ([] if points == 2 else ["draws-not-greys"])
    assert points < 2 or any(".numpy()" in step.look for step in result.steps)
    behind = check("flowers.decoder", keras.Sequential([decoder, layers.Reshape((80, 80, 3))]))
    assert behind.points == points and (points < 2 or not any(step.look for step in behind.steps)), str(behind)


def test_a_vae_with_such_a_decoder_is_joined_as_well(expect_full, make):
    to_mean = tfp.distributions.Distribution.mean
    last = tfp.layers.IndependentBernoulli((80, 80, 3), convert_to_tensor_fn=to_mean)
    parts = [layers.Dense(400), layers.Reshape((10, 10, 4)), layers.Conv2DTranspose(3, 8, strides=8), layers.Flatten()]
    e, d = make.encoder(), keras.Sequential([layers.Input((10,)), *parts, last])
    expect_full("flowers.vae", make.joined(e, d), e, d)
