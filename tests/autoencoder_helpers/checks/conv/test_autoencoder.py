"""`conv.autoencoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import tf_keras as keras
from autoencoder_helpers import check

layers = keras.layers


def test_joined_and_not_joined(points, mistakes, make):
    e, d = make.encoder(), make.decoder()
    assert points("conv.autoencoder", make.joined(e, d), e, d) == 1
    assert points("conv.autoencoder", keras.Sequential([e, d]), e, d) == 1
    assert points("conv.autoencoder", keras.Model(e.input, d(e.output)), e, d) == 1
    copy = make.joined(keras.models.clone_model(e), keras.models.clone_model(d))
    assert mistakes("conv.autoencoder", copy, e, d) == ["not-joined"]
    copy.set_weights(make.joined(e, d).get_weights())
    assert "copy" in check("conv.autoencoder", copy, e, d).failures[0].found
    assert mistakes("conv.autoencoder", e, e, d) == ["decoder-missing"]
    assert mistakes("conv.autoencoder", d, e, d) == ["encoder-missing"]
    flat = keras.Sequential([make.joined(e, d), layers.Flatten()])
    assert mistakes("conv.autoencoder", flat, e, d) == ["wrong-output-shape"]


def test_a_network_is_not_blamed_for_its_parts(points, make):
    e, d = make.encoder(), make.decoder(third="same")
    model = make.joined(e, d)
    assert points("conv.autoencoder", model, e, d) == 1
    model.compile("rmsprop", "binary_crossentropy")
    result = check("conv.trained", model)
    assert [step.mistake for step in result.failures] == ["no-border-lost"] and result.points == 0.5
