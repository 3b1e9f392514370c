"""What a notebook holds when an exercise is reached: right answers to all others, as small as the checks allow.

Each is made when an answer needs it: by its name in GIVEN[chapter], out of what the notebook holds by then.
"""

import functools
from pathlib import Path

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_grader.references.trained import trained_weights
from autoencoder_helpers import load_cells, load_mnist, measures
from autoencoder_helpers.images.cells import counts_of
from autoencoder_helpers.training import load_weights

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers
IMPORTED = {"np": np, "tf": tf, "keras": keras, "layers": layers, "tfp": tfp, "tfd": tfd, "tfpl": tfpl}

_digits = functools.cache(load_mnist)


@functools.cache
def _scaled(which):
    return _digits()[which][0] / np.float32(255)


def _with_weights(model, chapter, name):
    folder = Path(trained_weights(chapter)[0]).parent
    assert load_weights(model, name, folder=folder), (chapter, name)
    return model


def join(encoder, decoder):
    image = layers.Input(encoder.input_shape[1:])
    return keras.Model(image, decoder(encoder(image)))


def towards(prior, weight):
    return tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=weight)


def _chain(*widths, last):
    *hidden, end = widths[1:]
    return keras.Sequential(
        [keras.Input((widths[0],)), *[layers.Dense(n, "relu") for n in hidden], layers.Dense(end, last)]
    )


def _trained_dense(given):
    return _compiled(join(given("encoder"), given("decoder")), "01_dense_autoencoder", "dense_autoencoder")


def _trained_conv(given):
    return _compiled(join(given("encoder"), given("decoder")), "02_convolutional_autoencoder", "conv_ae")


def _compiled(model, chapter, name):
    model.compile("adamax", "binary_crossentropy")
    return _with_weights(model, chapter, name)


def _way_down(_=None):
    pairs = [
        (layers.Conv2D(n, 3, padding="same", activation="relu"), layers.MaxPooling2D(padding="same"))
        for n in (16, 8, 8)
    ]
    return [layers.Input((28, 28, 1)), *[layer for pair in pairs for layer in pair], layers.Flatten()]


def puzzle(third="valid", last="sigmoid", hidden="relu", filters=(8, 8, 16), grid=(4, 4, 8), channels=1, doublings=3):
    """The pieces of chapter 2's decoder in their order, but for what is asked for."""
    pieces = [layers.Input((2,)), layers.Dense(128, hidden), layers.Reshape(grid)]
    for n, padding, doubled in zip(filters, ("same", "same", third), range(3), strict=True):
        pieces.append(layers.Conv2D(n, 3, padding=padding, activation=hidden))
        pieces += [layers.UpSampling2D()] if doubled < doublings else []
    return keras.Sequential([*pieces, layers.Conv2D(channels, 3, padding="same", activation=last)])


def _make_encoder(given):
    def make_encoder(weight):
        regularizer = towards(given("prior"), weight)
        cloud = tfpl.IndependentNormal(2, activity_regularizer=regularizer)
        return keras.Sequential([*_digit_layers(), layers.Dense(4), cloud])

    return make_encoder


def _digit_layers():
    return [layers.Input((28, 28, 1)), layers.Flatten(), layers.Dense(100, "relu"), layers.Dense(20, "relu")]


def _make_decoder():
    dense = [layers.Dense(20, "relu"), layers.Dense(100, "relu"), layers.Dense(784, "sigmoid")]
    return keras.Sequential([layers.Input((2,)), *dense, layers.Reshape((28, 28, 1))])


def _trained_vae(given):
    def trained(name):
        encoder, decoder = given("make_encoder")(0.5), _make_decoder()
        return encoder, decoder, _with_weights(join(encoder, decoder), "03_variational_autoencoder", name)

    return trained


def _reconstruction_loss(images, reconstructions):
    return tf.reduce_sum(keras.losses.binary_crossentropy(images, reconstructions), axis=(1, 2))


def _gaussian_kl(mean, stddev):
    return tf.reduce_sum(0.5 * (mean**2 + stddev**2 - 1) - tf.math.log(stddev), axis=-1)


def _bce_per_image(x, p):
    p = np.clip(np.asarray(p, "float64"), 1e-7, 1 - 1e-7)
    return (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum(axis=-1)


def _right_yardsticks(x_train, x):
    share = 6400 / x[0].size
    return (
        share * float(measures.entropy_per_image(x).mean()),
        share * float(measures.bce_per_image(x, measures.mean_image(x_train)).mean()),
    )


def _flower_layers():
    return [layers.Input((80, 80, 3)), layers.Conv2D(4, 9, strides=8, activation="relu"), layers.Flatten()]


def _flower_encoder(given):
    cloud = tfpl.MultivariateNormalTriL(10, activity_regularizer=towards(given("prior"), 0.0002))
    return keras.Sequential([*_flower_layers(), layers.Dense(65), cloud])


def _flower_decoder(_):
    up = layers.Conv2DTranspose(3, 8, strides=8, activation="sigmoid")
    return keras.Sequential([layers.Input((10,)), layers.Dense(400), layers.Reshape((10, 10, 4)), up])


def _squeeze(width):
    return [layers.Input((765,)), layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(width)]


def _cell_encoder(given):
    return keras.Sequential(
        [*_squeeze(4), tfpl.IndependentNormal(2, activity_regularizer=towards(given("prior"), 0.5))]
    )


def _poisson_loss(counts, shares):
    means = tf.reduce_sum(counts, axis=1, keepdims=True) * shares
    return tf.reduce_sum(means - tf.math.xlogy(counts, means) + tf.math.lgamma(counts + 1), axis=1)


def _trained_cells(given):
    return _with_weights(_joined(given), "05_gene_expression", "cells_vae")


def _joined(given):
    return join(given("encoder"), given("decoder"))


#: What each chapter's notebook holds, by name: what makes it, given a function from a name to what stands for it.
GIVEN = {
    "dense": {
        "raw_train": lambda _: _digits()[0][0].reshape(-1, 784),
        "raw_test": lambda _: _digits()[1][0].reshape(-1, 784),
        "x_train": lambda _: _scaled(0).reshape(-1, 784),
        "x_test": lambda _: _scaled(1).reshape(-1, 784),
        "encoder": lambda _: _chain(784, 100, 20, 2, last=None),
        "decoder": lambda _: _chain(2, 20, 100, 784, last="sigmoid"),
        "autoencoder": _trained_dense,
        "bce_per_image": lambda _: _bce_per_image,
    },
    "conv": {
        "x_train": lambda _: _scaled(0)[..., None],
        "x_test": lambda _: _scaled(1)[..., None],
        "after_conv": lambda _: lambda side, kernel, padding: side if padding == "same" else side - kernel + 1,
        "after_pool": lambda _: lambda side: (side + 1) // 2,
        "way_down": _way_down,
        "puzzle": lambda _: puzzle,
        "encoder": lambda _: keras.Sequential([*_way_down(), layers.Dense(2)]),
        "decoder": lambda _: puzzle(),
        "autoencoder": _trained_conv,
    },
    "vae": {
        "x_train": lambda _: _scaled(0)[..., None],
        "x_test": lambda _: _scaled(1)[..., None],
        "prior": lambda _: tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1),
        "digit_layers": lambda _: _digit_layers,
        "kl_weight": lambda _: 0.5,
        "make_encoder": _make_encoder,
        "make_decoder": lambda _: _make_decoder,
        "encoder": lambda given: given("make_encoder")(given("kl_weight")),
        "decoder": lambda given: given("make_decoder")(),
        "vae": _joined,
        "reconstruction_loss": lambda _: _reconstruction_loss,
        "gaussian_kl": lambda _: _gaussian_kl,
        "sample_z": lambda _: lambda mean, stddev, eps: mean + stddev * eps,
        "trained": _trained_vae,
        "towards": lambda _: towards,
        "join": lambda _: join,
    },
    "flowers": {
        "KL_WEIGHT": lambda _: 0.0002,
        "prior": lambda _: tfd.MultivariateNormalDiag(tf.zeros(10), tf.ones(10)),
        "flower_layers": lambda _: _flower_layers,
        "encoder": _flower_encoder,
        "decoder": _flower_decoder,
        "vae": _joined,
        "source": lambda _: "synthetic",
        "right_yardsticks": lambda _: _right_yardsticks,
        "towards": lambda _: towards,
        "join": lambda _: join,
    },
    "cells": {
        "x_train": lambda _: load_cells().x_train,
        "x_test": lambda _: load_cells().x_test,
        "counts_of": lambda _: counts_of,
        "prior": lambda _: tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1),
        "squeeze": lambda _: _squeeze,
        "encoder": _cell_encoder,
        "decoder": lambda _: _chain(2, 32, 64, 765, last="softmax"),
        "vae": _trained_cells,
        "poisson_loss": lambda _: _poisson_loss,
        "towards": lambda _: towards,
        "join": lambda _: join,
    },
}
