"""`conv.trained`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tf_keras as keras

layers = keras.layers


def test_trained(points, mistakes, make, mnist):
    """Any network with the interface will do; a dense one inside learns in seconds."""
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    middle = [layers.Dense(100, "relu"), layers.Dense(20, "relu"), layers.Dense(2), layers.Dense(20, "relu")]
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            *middle,
            layers.Dense(100, "relu"),
            layers.Dense(784, "sigmoid"),
            layers.Reshape((28, 28, 1)),
        ]
    )
    assert mistakes("conv.trained", model)[0] == "not-compiled"
    model.compile(keras.optimizers.Adamax(0.01), "mse")
    assert mistakes("conv.trained", model) == ["wrong-loss", "untrained"]
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy())
    assert mistakes("conv.trained", model) == ["untrained"]
    model.fit(x_train[:1500], x_train[:1500], batch_size=128, epochs=1, verbose=0)
    assert mistakes("conv.trained", model)[0] in ("trained-too-little", "mean-image")
    model.fit(x_train, x_train, batch_size=128, epochs=3, verbose=0)
    assert points("conv.trained", model) == 1
    middle[-1].set_weights([np.zeros((2, 20)), np.zeros(20)])
    assert mistakes("conv.trained", model) == ["mean-image"]
    assert mistakes("conv.trained", make.encoder()) == ["not-compiled", "wrong-output-shape"]
