"""`flowers.vae`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def test_a_joined_network_gets_the_point(points, make):
    e, d = make.encoder(), make.decoder()
    assert points("flowers.vae", make.joined(e, d), e, d) == 1
    assert points("flowers.vae", keras.Sequential([e, d]), e, d) == 1


def test_two_networks_that_are_not_joined_are_named(mistakes, make):
    e, d = make.encoder(), make.decoder()
    assert mistakes("flowers.vae", make.joined(e, make.decoder()), e, d) == ["not-joined"]
    assert mistakes("flowers.vae", make.joined(make.encoder(), d), e, d) == ["not-joined"]
    assert mistakes("flowers.vae", e, e, d) == ["decoder-missing"]
    assert mistakes("flowers.vae", None, e, d) == ["missing"]


def with_a_dead_hidden_layer():
    dead = layers.Dense(400, "relu", bias_initializer=keras.initializers.Constant(-1e4))
    end = layers.Conv2DTranspose(3, 8, strides=8, activation="sigmoid")
    return keras.Sequential([layers.Input((10,)), dead, layers.Reshape((10, 10, 4)), end])


def of_means(make):
    mean = tfpl.MultivariateNormalTriL(
        10, convert_to_tensor_fn=tfd.Distribution.mean, activity_regularizer=make.towards(make.prior())
    )
    return make.encoder(layers.Dense(65), mean)


@pytest.mark.parametrize("build", ["zeros", "saturated", "dead"])
def test_a_join_is_told_though_the_decoder_ignores_its_code(mistakes, make, build):
    bright = keras.initializers.Constant(60.0)
    d = {
        "zeros": lambda: make.decoder(make.up(3, activation="sigmoid", kernel_initializer="zeros")),
        "saturated": lambda: make.decoder(make.up(3, activation="sigmoid", bias_initializer=bright)),
        "dead": with_a_dead_hidden_layer,
    }[build]()
    before = d.get_weights()
    assert mistakes("flowers.decoder", d) == ["ignores-code"]
    e = make.encoder()
    assert mistakes("flowers.vae", make.joined(e, d), e, d) == []
    e = of_means(make)
    assert mistakes("flowers.vae", make.joined(e, d), e, d) == ["mean-not-sample"]
    assert all((was == now).all() for was, now in zip(before, d.get_weights(), strict=True))


def test_a_decoder_that_can_never_tell_codes_apart_is_charged_once(under, make):
    d = keras.Sequential([layers.Input((10,)), layers.Rescaling(0.0), make.decoder()])
    e = make.encoder()
    given = (make.joined(e, d), e, d)
    assert under({"flowers.decoder": (0.5, ["ignores-code"])}, "flowers.vae", *given) == 1
    assert under({}, "flowers.vae", *given) == 0.5


def test_a_decoder_that_receives_the_mean_is_named(make):
    mean = tfpl.MultivariateNormalTriL(
        10, convert_to_tensor_fn=tfd.Distribution.mean, activity_regularizer=make.towards(make.prior())
    )
    e, d = make.encoder(layers.Dense(65), mean), make.decoder()
    result = check("flowers.vae", make.joined(e, d), e, d)
    assert [step.mistake for step in result.failures] == ["mean-not-sample"] and result.points == 0.5


def test_something_behind_the_decoder_is_named(mistakes, make):
    e, d = make.encoder(), make.decoder()
    image = layers.Input((80, 80, 3))
    dimmed = keras.Model(image, layers.Rescaling(0.5)(d(e(image))))
    assert mistakes("flowers.vae", dimmed, e, d) == ["not-joined"]
