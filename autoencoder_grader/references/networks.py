"""The networks of the course, as one right answer to each chapter, and the settings they are trained with.

Each builder returns (encoder, decoder, whole), the whole compiled by the recipe of so many epochs. Seeds are set by the caller.
"""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras that TensorFlow Probability works with)
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras

layers = keras.layers
tfd, tfpl = tfp.distributions, tfp.layers

# Everything that the reference values depend on beside the layers, one entry a chapter.
DEFAULT_EPOCHS = {"dense": 5, "conv": 3, "vae": 3, "flowers": 15, "cells": 40}
FULL_EPOCHS = {"dense": 5, "conv": 50, "vae": 50, "flowers": 50, "cells": 40}
SEEDS = {"dense": 123, "conv": 321, "vae": 321, "flowers": 321, "cells": 321}
#: How the short run of a chapter trains. Few epochs need a bolder recipe than many.
SHORT = {
    "dense": {"optimizer": "Adamax", "learning_rate": 0.01, "batch_size": 128},
    "conv": {"optimizer": "Adam", "learning_rate": 0.003, "batch_size": 64},
    "vae": {"optimizer": "Adam", "learning_rate": 0.003, "batch_size": 64},
    # A narrow network and fewer flowers, because the course's own takes hours.
    "flowers": {"images": 1200, "width": 8, "batch_size": 10, "optimizer": "Adam", "learning_rate": 0.001},
    "cells": {"optimizer": "Adam", "learning_rate": 0.003, "batch_size": 32},
}
#: How the full number of epochs trains, in chapters where that is another way.
LONG = {
    "conv": {"optimizer": "RMSprop", "learning_rate": 0.001, "batch_size": 64},
    "vae": {"optimizer": "Adamax", "learning_rate": 0.001, "batch_size": 32},
    "flowers": {"images": 3000, "width": 32, "batch_size": 20, "optimizer": "Adamax", "learning_rate": 0.0003},
}


def recipe(chapter, epochs=0):
    """How a run of so many epochs is trained: optimizer, learning rate, batch size; of the flowers images and width, too."""
    is_long = epochs > DEFAULT_EPOCHS[chapter]
    return dict(LONG[chapter] if is_long and chapter in LONG else SHORT[chapter])


def dense_autoencoder(latent_dim=2):
    """Chapter 1: 784 -> 100 -> 20 -> 2 -> 20 -> 100 -> 784; loss in nats per pixel."""
    encoder = keras.Sequential(
        [
            layers.Input((784,)),
            layers.Dense(100, activation="relu"),
            layers.Dense(20, activation="relu"),
            layers.Dense(latent_dim),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            layers.Input((latent_dim,)),
            layers.Dense(20, activation="relu"),
            layers.Dense(100, activation="relu"),
            layers.Dense(784, activation="sigmoid"),
        ],
        name="decoder",
    )
    autoencoder = _joined(encoder, decoder, "autoencoder")
    autoencoder.compile(loss="binary_crossentropy", optimizer=_optimizer("dense"))
    return encoder, decoder, autoencoder


def convolutional_autoencoder(latent_dim=2, epochs=0):
    """Chapter 2: 28 x 28 x 1 -> 2 -> 28 x 28 x 1; loss in nats per pixel."""
    encoder = keras.Sequential([*_digit_encoder_layers(), layers.Dense(latent_dim)], name="encoder")
    decoder = _digit_decoder(latent_dim)
    autoencoder = _joined(encoder, decoder, "autoencoder")
    autoencoder.compile(loss="binary_crossentropy", optimizer=_optimizer("conv", epochs))
    return encoder, decoder, autoencoder


def variational_autoencoder(kl_weight=0.5, pixels=784, epochs=0):
    """Chapter 3: the encoder ends in a distribution over 2 latent variables.

    kl_weight 0.5 counts the KL once, because an activity regularizer of a distribution layer is added twice
    (TFP 0.25). The loss is in nats per image; ``pixels=1`` gives the wrong scale of a forgotten x 784.
    """
    prior = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)
    encoder = keras.Sequential(
        [
            *_digit_encoder_layers(),
            layers.Dense(4),
            tfpl.IndependentNormal(
                2,
                activity_regularizer=tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=kl_weight),
            ),
        ],
        name="encoder",
    )
    decoder = _digit_decoder(2)
    vae = _joined(encoder, decoder, "vae")
    vae.compile(loss=_scaled_cross_entropy(pixels), optimizer=_optimizer("vae", epochs))
    return encoder, decoder, vae


def flower_vae(kl_weight=0.0002, width=32, epochs=0):
    """Chapter 4: 80 x 80 x 3 -> a full normal distribution over 10 latent variables -> 80 x 80 x 3.

    width: filters of the first convolution, on which all other widths rest; 32 is the network of the course.
    The loss is 6,400 x the mean over the values of an image, one third of the nats per image.
    """
    latent_dim, leaky = 10, tf.nn.leaky_relu
    prior = tfd.MultivariateNormalDiag(loc=tf.zeros(latent_dim), scale_diag=tf.ones(latent_dim))
    encoder = keras.Sequential(
        [
            layers.Input((80, 80, 3)),
            layers.Conv2D(width, 5, activation=leaky),
            layers.Conv2D(width, 5, strides=2, activation=leaky),
            layers.Conv2D(2 * width, 5, activation=leaky),
            layers.Conv2D(2 * width, 5, strides=2, activation=leaky),
            layers.Conv2D(4 * width, 7, activation=leaky),
            layers.Flatten(),
            layers.Dense(tfpl.MultivariateNormalTriL.params_size(latent_dim)),
            tfpl.MultivariateNormalTriL(
                latent_dim,
                activity_regularizer=tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=kl_weight),
            ),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            layers.Input((latent_dim,)),
            layers.Dense(8 * 8 * 4 * width, activation="relu"),
            layers.Reshape((8, 8, 4 * width)),
            layers.Conv2DTranspose(4 * width, 7, use_bias=False, activation=leaky),
            layers.Conv2DTranspose(2 * width, 5, strides=2, use_bias=False, activation=leaky),
            layers.Conv2DTranspose(2 * width, 5, use_bias=False, activation=leaky),
            layers.Conv2DTranspose(width, 5, strides=2, use_bias=False, activation=leaky),
            layers.Conv2DTranspose(width, 5, use_bias=False, activation=leaky),
            layers.Conv2DTranspose(3, 4, use_bias=False, activation="sigmoid"),
        ],
        name="decoder",
    )
    vae = _joined(encoder, decoder, "flower_vae")
    vae.compile(loss=_scaled_cross_entropy(80 * 80), optimizer=_optimizer("flowers", epochs))
    return encoder, decoder, vae


def cell_vae(latent_dim=2, kl_weight=0.5, per_gene=False):
    """Chapter 5: the expression of 765 genes -> 2 latent variables -> shares of 765 genes; loss of counts, nats per cell.

    kl_weight 0.5 counts the KL once. per_gene: the wrong scale of a mean over the genes.
    """
    prior = tfd.Independent(tfd.Normal(tf.zeros(latent_dim), 1.0), reinterpreted_batch_ndims=1)
    regularizer = tfpl.KLDivergenceRegularizer(prior, use_exact_kl=True, weight=kl_weight)
    encoder = keras.Sequential(
        [
            *_cell_encoder_layers(),
            layers.Dense(2 * latent_dim),
            tfpl.IndependentNormal(latent_dim, activity_regularizer=regularizer),
        ],
        name="encoder",
    )
    decoder = _cell_decoder(latent_dim, "softmax")
    vae = _joined(encoder, decoder, "vae")
    vae.compile(loss=_poisson_loss(1 / 765 if per_gene else 1.0), optimizer=_optimizer("cells"))
    return encoder, decoder, vae


def cell_autoencoder(latent_dim=2):
    """Chapter 5: the same widths without clouds, from expression to expression; squared error."""
    encoder = keras.Sequential([*_cell_encoder_layers(), layers.Dense(latent_dim)], name="encoder")
    decoder = _cell_decoder(latent_dim, None)
    autoencoder = _joined(encoder, decoder, "autoencoder")
    autoencoder.compile(loss="mse", optimizer=_optimizer("cells"))
    return encoder, decoder, autoencoder


def _cell_encoder_layers():
    return [layers.Input((765,)), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu")]


def _cell_decoder(latent_dim, last):
    hidden = [layers.Dense(width, activation="relu") for width in (32, 64)]
    return keras.Sequential([layers.Input((latent_dim,)), *hidden, layers.Dense(765, activation=last)], name="decoder")


def _poisson_loss(scale):
    def poisson_loss(counts, shares):
        means = tf.reduce_sum(counts, axis=1, keepdims=True) * shares
        costs = means - tf.math.xlogy(counts, means) + tf.math.lgamma(counts + 1)
        return scale * tf.reduce_sum(costs, axis=1)

    return poisson_loss


def _digit_encoder_layers():
    return [
        layers.Input((28, 28, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPool2D(padding="same"),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPool2D(padding="same"),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPool2D(padding="same"),
        layers.Flatten(),
    ]


def _digit_decoder(latent_dim):
    return keras.Sequential(
        [
            layers.Input((latent_dim,)),
            layers.Dense(128, activation="relu"),
            layers.Reshape((4, 4, 8)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.UpSampling2D(),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.UpSampling2D(),
            layers.Conv2D(16, 3, activation="relu"),  # no padding: 16 becomes 14, so the last step gives 28
            layers.UpSampling2D(),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )


def _optimizer(chapter, epochs=0):
    settings = recipe(chapter, epochs)
    return getattr(keras.optimizers, settings["optimizer"])(settings["learning_rate"])


def _joined(encoder, decoder, name):
    image = layers.Input(encoder.input_shape[1:])
    return keras.Model(image, decoder(encoder(image)), name=name)


def _scaled_cross_entropy(pixels):
    def cross_entropy(x, p):
        return pixels * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2))

    return cross_entropy
