"""`dense.trained`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tf_keras as keras
from autoencoder_helpers import check


def test_trained(points, mistakes, make, mnist):
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    e, d = make.encoder(), make.decoder()
    model = make.joined(e, d)
    assert mistakes("dense.trained", model)[0] == "not-compiled"
    model.compile(keras.optimizers.Adamax(0.01), "mse")
    assert mistakes("dense.trained", model) == ["wrong-loss", "untrained"]
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy())
    assert mistakes("dense.trained", model) == ["untrained"]
    model.fit(x_train, x_train, batch_size=128, epochs=2, verbose=0)
    assert points("dense.trained", model) == 1
    d.layers[0].set_weights([np.zeros((2, 20)), np.zeros(20)])
    assert mistakes("dense.trained", model) == ["mean-image"]


def test_a_loss_in_a_list_or_a_dict_is_the_loss(mistakes, make):
    model = make.joined(make.encoder(), make.decoder())
    name = model.output_names[0]
    for loss in (["binary_crossentropy"], {name: "binary_crossentropy"}, {name: keras.losses.BinaryCrossentropy()}):
        model.compile("adam", loss)
        assert mistakes("dense.trained", model) == ["untrained"]
    model.compile("adam", {name: "mse"})
    assert mistakes("dense.trained", model) == ["wrong-loss", "untrained"]


def test_a_network_of_logits_is_trained_as_well(points, mistakes, make, mnist):
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    model = make.joined(make.encoder(), make.decoder(None))
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    assert mistakes("dense.trained", model) == ["untrained"]
    model.fit(x_train, x_train, batch_size=128, epochs=2, verbose=0)
    assert points("dense.trained", model) == 1
    model.compile("adam", "binary_crossentropy")
    assert points("dense.trained", model) == 1


def test_a_network_that_gives_no_images_is_named(make):
    for model in (make.encoder(), make.dense(784, 3)):
        model.compile("adam", "binary_crossentropy")
        result = check("dense.trained", model)
        assert result.points == 0.5 and len(result.failures) == 1, str(result)


def test_a_training_that_earlier_mistakes_spoiled_counts_as_one(under, make, mnist):
    x_train, _ = mnist
    for last in (None, "relu", "softmax"):
        keras.utils.set_random_seed(5)
        model = make.joined(make.encoder(), make.decoder(last))
        model.compile(keras.optimizers.Adamax(0.01), "binary_crossentropy")
        assert under({"dense.decoder"}, "dense.trained", model) == 0.5, last
        model.fit(x_train[:20_000], x_train[:20_000], batch_size=128, epochs=1, verbose=0)
        assert under({"dense.decoder"}, "dense.trained", model) == 1, last
        assert under({"dense.pca"}, "dense.trained", model) == 0.5, last
