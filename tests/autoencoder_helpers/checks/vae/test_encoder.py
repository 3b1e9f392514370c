"""`vae.encoder`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def functional_encoder(make):
    image = keras.Input((28, 28, 1))
    hidden = layers.Conv2D(4, (3, 3), strides=2)(image)
    hidden = layers.Flatten()(layers.ReLU()(hidden))
    return keras.Model(image, make.cloud_layer()(layers.Dense(4, activation="linear")(hidden)))


@pytest.mark.parametrize(
    "build",
    [
        lambda make: make.encoder(),
        functional_encoder,
        lambda make: make.encoder(layers.Dense(4), make.cloud_layer(weight=1.0, exact=False)),
        lambda make: make.encoder(layers.Dense(4), make.cloud_layer(weight=1.0, prior=make.standard())),
        lambda make: make.encoder(
            layers.Dense(4), make.cloud_layer(exact=False, prior=tfd.MultivariateNormalDiag(loc=tf.zeros(2)))
        ),
        lambda make: make.encoder(
            layers.Dense(4), tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(make.standard())
        ),
        lambda make: keras.Sequential([layers.Flatten(), layers.Dense(4), make.cloud_layer()]),
    ],
)
def test_right_encoders(expect_full, make, build):
    expect_full("vae.encoder", build(make))


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda make: make.encoder(layers.Dense(2)), "deterministic-encoder", 0),
        (lambda make: make.encoder(layers.Dense(4)), "parameters-not-distribution", 0),
        (
            lambda make: make.encoder(layers.Dense(8), tfpl.IndependentNormal(4, activity_regularizer=None)),
            "wrong-latent-dim",
            0,
        ),
        (lambda make: make.encoder(layers.Dense(2), tfpl.IndependentNormal(1)), "wrong-latent-dim", 0),
        (
            lambda make: make.encoder(
                layers.Dense(5), tfpl.MultivariateNormalTriL(2, activity_regularizer=make.regularizer(exact=False))
            ),
            "not-independent-normal",
            0.5,
        ),
        (lambda make: make.encoder(layers.Dense(4, "relu"), make.cloud_layer()), "activation-on-parameters", 0.5),
        *(
            (
                lambda make, handed_on=handed_on: make.encoder(
                    layers.Dense(4),
                    tfpl.IndependentNormal(2, convert_to_tensor_fn=handed_on, activity_regularizer=make.regularizer()),
                ),
                "nothing-drawn",
                0.5,
            )
            for handed_on in (tfd.Distribution.mean, tfd.Distribution.mode)
        ),
        (
            lambda make: make.encoder(layers.Dense(4, kernel_initializer="zeros"), make.cloud_layer()),
            "ignores-image",
            0.5,
        ),
        (lambda make: make.encoder(layers.Dense(4), tfpl.IndependentNormal(2)), "kl-missing", 0.5),
        (lambda make: make.encoder(layers.Dense(4), make.cloud_layer(weight=0.0)), "kl-weight-zero", 0.5),
        (lambda make: None, "missing", 0),
        (lambda make: make.encoder, "no-model", 0),
        (lambda make: make.decoder(), "wrong-input-shape", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(expect_mistake, make, build, mistake, kept):
    expect_mistake("vae.encoder", build(make), mistake=mistake, kept=kept)


def test_two_outputs_for_a_cloud_in_the_plane_are_named(make):
    # TFP does not see it before the network is run
    result = check("vae.encoder", make.encoder(layers.Dense(2), tfpl.IndependentNormal(2)))
    (step,) = result.failures
    assert step.mistake == "too-few-parameters" and step.found == "2" and "4 numbers" in step.expected


def making(make, layer):
    """make_encoder(weight) that ends in layer(weight)."""
    return lambda weight: make.encoder(layers.Dense(4), layer(weight))


def test_an_encoder_is_made_with_the_weight_that_is_chosen(expect_full, expect_mistake, make):
    for right in (
        lambda weight: make.cloud_layer(weight),
        lambda weight: make.cloud_layer(weight, exact=False),
        lambda weight: make.cloud_layer(weight / 2),
    ):
        expect_full("vae.encoder", make.encoder(), making(make, right))
    deaf = making(make, lambda weight: make.cloud_layer(1.0))
    expect_mistake("vae.encoder", deaf(1.0), deaf, mistake="weight-ignored", kept=0.5)
    deaf = making(make, lambda weight: make.cloud_layer(None, exact=False))
    expect_mistake("vae.encoder", deaf(1.0), deaf, mistake="weight-ignored", kept=0.5)
    expect_mistake("vae.encoder", make.encoder(), lambda: make.encoder(), mistake="raises", kept=0.5)


def test_what_makes_no_encoder_makes_none_with_another_weight(expect_full, expect_mistake, make):
    expect_full(
        "vae.encoder", make.encoder(), lambda weight: (make.encoder(layers.Dense(4), make.cloud_layer(weight)), 7)
    )
    for nothing, mistake in ((None, "no-return"), (7, "no-model"), ((make.encoder(), make.encoder()), "no-model")):
        expect_mistake("vae.encoder", make.encoder(), lambda weight, n=nothing: n, mistake=mistake, kept=0.5)
    calls = []

    def raises_the_second_time(weight):
        calls.append(weight)
        return make.encoder() if len(calls) == 1 else 1 / 0

    expect_mistake("vae.encoder", make.encoder(), raises_the_second_time, mistake="raises", kept=0.5)
    shared = make.encoder()
    expect_mistake("vae.encoder", make.encoder(), lambda weight: shared, mistake="weight-ignored", kept=0.5)


def test_a_notebook_of_before_hands_over_the_encoder_alone(expect_full, make):
    expect_full("vae.encoder", make.encoder())
    expect_full("vae.encoder", make.encoder(), None)


def two_heads(make, mean=None, scale=None, order=1, behind=None):
    """An encoder with a layer for the means and one for the standard deviations."""
    image = layers.Input((28, 28, 1))
    hidden = layers.Dense(20, "relu")(layers.Flatten()(image))
    heads = [layers.Dense(2, mean), layers.Dense(2, scale)]
    made = [head(hidden) for head in heads[::order]][::order]
    if behind is not None:
        made[0] = behind(made[0])
    return keras.Model(image, make.cloud_layer()(layers.Concatenate()(made)))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("bends", ["tanh", "relu", "sigmoid", "norm"])
def test_a_layer_of_their_own_for_the_means_bends_nothing(expect_mistake, make, bends, order):
    settings = {"behind": layers.LayerNormalization()} if bends == "norm" else {"mean": bends}
    encoder = two_heads(make, order=order, **settings)
    expect_mistake("vae.encoder", encoder, mistake="activation-on-parameters", kept=0.5)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("bends", ["tanh", "softplus", None])
def test_a_layer_for_the_standard_deviations_bends_as_it_likes(expect_full, make, bends, order):
    expect_full("vae.encoder", two_heads(make, scale=bends, order=order))


L2 = keras.regularizers.L2


@pytest.mark.parametrize(
    ("layer", "mistake"),
    [
        (lambda make, w: [layers.Dense(4, kernel_regularizer=L2(w)), tfpl.IndependentNormal(2)], "kl-missing"),
        (lambda make, w: [layers.Dense(4, activity_regularizer=L2(w)), tfpl.IndependentNormal(2)], "kl-missing"),
        (lambda make, w: [layers.Dense(4), make.cloud_layer(1 / w)], "weight-misused"),
        (lambda make, w: [layers.Dense(4), make.cloud_layer(-w)], "weight-misused"),
        (lambda make, w: [layers.Dense(4), make.cloud_layer(w**2)], "weight-misused"),
        (lambda make, w: [layers.Dense(4), make.cloud_layer(w + 5)], "weight-misused"),
        (lambda make, w: [layers.Dense(4, kernel_regularizer=L2(0.01)), make.cloud_layer(w)], None),
        (lambda make, w: [layers.Dense(4, kernel_regularizer="l2"), make.cloud_layer(w / 2)], None),
    ],
)
def test_the_weight_weighs_a_kl(mistakes, make, layer, mistake):
    def make_encoder(weight):
        return make.encoder(*layer(make, weight))

    assert mistakes("vae.encoder", make_encoder(0.5), make_encoder) == ([mistake] if mistake else [])
