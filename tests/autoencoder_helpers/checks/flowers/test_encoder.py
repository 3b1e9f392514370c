"""`flowers.encoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def diagonal_encoder(make):
    independent = tfd.Independent(tfd.Normal(tf.zeros(10), 1.0), 1)
    return make.encoder(layers.Dense(20), tfpl.IndependentNormal(10, activity_regularizer=make.towards(independent)))


def functional_encoder(make):
    image = layers.Input((80, 80, 3), name="picture")
    hidden = layers.LeakyReLU()(layers.Conv2D(4, (9, 9), (8, 8))(image))
    return keras.Model(image, make.full()(layers.Dense(65)(layers.Flatten()(hidden))))


def nested_encoder(make):
    return keras.Sequential([make.encoder(layers.Dense(30, activation="relu")), layers.Dense(65), make.full()])


def tf_keras_encoder(make):
    kit = tf.keras.layers
    return tf.keras.Sequential(
        [kit.Conv2D(4, 9, strides=8, input_shape=(80, 80, 3)), kit.ReLU(), kit.Flatten(), kit.Dense(65), make.full()]
    )


@pytest.mark.parametrize(
    "build",
    [lambda make: make.encoder(), functional_encoder, nested_encoder, tf_keras_encoder],
)
def test_right_encoders_of_any_construction_get_all_points(points, make, build):
    assert points("flowers.encoder", build(make)) == 2


def test_a_kl_estimated_by_draws_is_right_too(make):
    result = check(
        "flowers.encoder", make.encoder(layers.Dense(65), make.full(make.towards(make.prior(), exact=False)))
    )
    assert result.points == 2, str(result)


def adding(make, exact=True, **settings):
    """An encoder whose KL is added by a layer of its own."""
    layer = tfpl.KLDivergenceAddLoss(make.prior(), use_exact_kl=exact, weight=0.0002, **settings)
    return make.encoder(layers.Dense(65), make.full(None), layer)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("exact", [True, False])
def test_a_kl_is_averaged_or_summed_over_a_batch(make, exact, seed):
    def mistakes(encoder):
        return [step.mistake for step in run_rule(catalogue()["flowers.encoder"], (encoder,), {}, seed=seed).failures]

    keras.utils.set_random_seed(seed)
    assert mistakes(adding(make, exact)) == (["kl-summed-over-batch"] if exact else [])
    assert mistakes(make.encoder(layers.Dense(65), make.full(make.towards(make.prior(), exact=exact)))) == []


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (diagonal_encoder, "diagonal-covariance", 1.5),
        (lambda make: make.encoder(layers.Dense(65, "relu"), make.full()), "activation-on-parameters", 1.5),
        (
            lambda make: make.encoder(layers.Dense(65), layers.LayerNormalization(), make.full()),
            "activation-on-parameters",
            1.5,
        ),
        (lambda make: make.encoder(layers.Dense(20)), "twenty-outputs", 0.5),
        (lambda make: make.encoder(layers.Dense(10)), "point-not-distribution", 0.5),
        (lambda make: make.encoder(layers.Dense(65)), "no-distribution", 0.5),
        (lambda make: make.encoder(layers.Dense(5), tfpl.MultivariateNormalTriL(2)), "wrong-latent-dim", 0.5),
        (lambda make: make.encoder(layers.Dense(65), make.full(None)), "kl-missing", 1),
        (
            lambda make: make.encoder(layers.Dense(65), make.full(make.towards(make.prior(), weight=0.0))),
            "kl-missing",
            1,
        ),
        (
            lambda make: make.encoder(layers.Dense(65), make.full(make.towards(make.prior(), weight=1.0))),
            "kl-too-strong",
            1,
        ),
        (
            lambda make: make.encoder(layers.Dense(65), make.full(make.towards(make.prior(), weight=-0.0002))),
            "negative-weight",
            1,
        ),
        (adding, "kl-summed-over-batch", 1),
        (lambda make: make.encoder(layers.Dense(65, kernel_initializer="zeros"), make.full()), "ignores-image", 1),
        (lambda make: make.encoder(shape=(80, 80, 1)), "one-channel", 0),
        (lambda make: make.encoder(shape=(64, 64, 3)), "wrong-input-shape", 0),
        (lambda make: make.encoder, "no-model", 0),
        (lambda make: layers.Dense(65), "no-model", 0),
        (lambda make: keras.Sequential, "class-not-object", 0),
        (lambda make: None, "missing", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("flowers.encoder", build(make), mistake=mistake, kept=kept)


def test_twenty_outputs_are_told_of_the_sixty_five(make):
    assert "65" in check("flowers.encoder", make.encoder(layers.Dense(20))).failures[0].look


def test_a_subclassed_model_is_told_that_it_cannot_be_rebuilt(mistakes):
    class Own(keras.Model):
        def call(self, x):
            return x

    assert mistakes("flowers.encoder", Own()) == ["subclassed-model"]


@pytest.mark.parametrize(
    ("means", "triangle", "free"), [("tanh", None, False), (None, "tanh", True), (None, None, True)]
)
def test_what_bends_the_means_is_told_from_what_bends_the_triangle(make, means, triangle, free):
    image = layers.Input((80, 80, 3))
    hidden = layers.Flatten()(layers.Conv2D(4, 9, strides=8, activation="relu")(image))
    heads = layers.Concatenate()([layers.Dense(10, means)(hidden), layers.Dense(55, triangle)(hidden)])
    result = check("flowers.encoder", keras.Model(image, make.full()(heads)))
    assert result.passed == free and [step.mistake for step in result.failures] in ([], ["activation-on-parameters"])


@pytest.mark.parametrize(("regularizer", "mistake"), [("chapter", None), (None, "kl-missing")])
def test_weight_decay_is_no_kl(mistakes, make, regularizer, mistake):
    encoder = make.encoder(layers.Reshape((1, 1, -1)), layers.Conv2D(8, 1, kernel_regularizer="l2"), layers.Flatten())
    encoder.add(layers.Dense(65, kernel_regularizer="l2"))
    encoder.add(make.full(regularizer))
    assert mistakes("flowers.encoder", encoder)[:1] == ([mistake] if mistake else [])
