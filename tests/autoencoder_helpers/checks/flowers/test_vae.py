"""`flowers.vae`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
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
