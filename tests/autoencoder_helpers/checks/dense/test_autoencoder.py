"""`dense.autoencoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tf_keras as keras
from autoencoder_helpers import check, load_mnist


def test_joined_and_not_joined(points, mistakes, make):
    e, d = make.encoder(), make.decoder()
    assert points("dense.autoencoder", make.joined(e, d), e, d) == 1
    assert points("dense.autoencoder", keras.Sequential([e, d]), e, d) == 1
    image = keras.Input((784,))
    assert points("dense.autoencoder", keras.Model({"image": image}, d(e(image))), e, d) == 1
    assert mistakes("dense.autoencoder", make.joined(make.encoder(), make.decoder()), e, d) == ["not-joined"]
    copy = make.joined(keras.models.clone_model(e), keras.models.clone_model(d))
    copy.set_weights(make.joined(e, d).get_weights())
    result = check("dense.autoencoder", copy, e, d)
    assert "copy" in result.failures[0].found
    assert mistakes("dense.autoencoder", e, e, d) == ["decoder-missing"]
    assert mistakes("dense.autoencoder", d, e, d) == ["encoder-missing"]


def test_a_joined_network_is_not_blamed_for_its_parts(points, make):
    e, d = make.dense(784, 100, 20, 3), make.dense(3, 20, 100, 785)
    assert points("dense.autoencoder", make.joined(e, d), e, d) == 1
    assert points("dense.codes", np.asarray(e(load_mnist(flatten=True)[1][0] / np.float32(255))), e) == 1
