"""Chapter 3's rules: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check, load_mnist
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.checks.vae import elbo_report as vae

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers
RULES = [name for name in catalogue() if name.startswith("vae.")]


def standard():
    return tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)


def regularizer(weight=0.5, exact=True, prior=None):
    return tfpl.KLDivergenceRegularizer(prior or standard(), use_exact_kl=exact, weight=weight)


def cloud_layer(weight=0.5, exact=True, prior=None):
    return tfpl.IndependentNormal(2, activity_regularizer=regularizer(weight, exact, prior))


def encoder(*ending, hidden=(20,)):
    """A small encoder; its last layers are handed in, or are right."""
    ending = ending or (layers.Dense(4), cloud_layer())
    return keras.Sequential(
        [layers.Input((28, 28, 1)), layers.Flatten(), *[layers.Dense(n, "relu") for n in hidden], *ending]
    )


def decoder(last="sigmoid", hidden=(20,)):
    return keras.Sequential(
        [
            layers.Input((2,)),
            *[layers.Dense(n, "relu") for n in hidden],
            layers.Dense(784, last),
            layers.Reshape((28, 28, 1)),
        ]
    )


def joined(e, d):
    image = layers.Input((28, 28, 1))
    return keras.Model(image, d(e(image)))


def mistakes(name, *answers):
    return [step.mistake for step in check(name, *answers).failures]


def expect_full(name, *answers):
    result = check(name, *answers)
    assert result.passed, str(result)


def expect_mistake(name, *answers, mistake, kept=0):
    result = check(name, *answers)
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept, str(result)


# ------------------------------------------------------------------------------------------------------ prior


@pytest.mark.parametrize(
    "build",
    [
        standard,
        lambda: tfd.MultivariateNormalDiag(loc=tf.zeros(2), scale_diag=tf.ones(2)),
        lambda: tfd.MultivariateNormalDiag(loc=[0.0, 0.0]),
        lambda: tfd.MultivariateNormalTriL(loc=tf.zeros(2), scale_tril=tf.eye(2)),
        lambda: tfd.Sample(tfd.Normal(0.0, 1.0), sample_shape=2),
        lambda: tfd.Independent(tfd.Normal(tf.zeros(2, tf.float64), tf.ones(2, tf.float64)), 1),
    ],
)
def test_right_priors(build):
    expect_full("vae.prior", build())


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: None, "missing", 0),
        (lambda: tfd.Normal, "class-not-object", 0),
        (lambda: tfpl.IndependentNormal(2), "layer-not-distribution", 0),
        (lambda: standard().sample(10), "no-distribution", 0),
        (lambda: "normal", "no-distribution", 0),
        (lambda: tfd.Normal(tf.zeros(2), 1.0), "unwrapped-prior", 0.5),
        (lambda: tfd.Normal(0.0, 1.0), "wrong-latent-dim", 0),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros(10), 1.0), 1), "wrong-latent-dim", 0),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros((5, 2)), 1.0), 1), "wrong-latent-dim", 0),
        (lambda: tfd.Independent(tfd.Normal(tf.ones(2), 1.0), 1), "mean-not-zero", 0.5),
        (lambda: tfd.Independent(tfd.Normal(tf.zeros(2), 0.5), 1), "stddev-not-one", 0.5),
        (lambda: tfd.Independent(tfd.Uniform([-(3**0.5)] * 2, [3**0.5] * 2), 1), "not-normal", 0.5),
    ],
)
def test_mistakes_in_the_prior_are_named(build, mistake, kept):
    expect_mistake("vae.prior", build(), mistake=mistake, kept=kept)


# ---------------------------------------------------------------------------------------------------- encoder


def functional_encoder():
    image = keras.Input((28, 28, 1))
    hidden = layers.Conv2D(4, (3, 3), strides=2)(image)
    hidden = layers.Flatten()(layers.ReLU()(hidden))
    return keras.Model(image, cloud_layer()(layers.Dense(4, activation="linear")(hidden)))


@pytest.mark.parametrize(
    "build",
    [
        encoder,
        functional_encoder,
        lambda: encoder(layers.Dense(4), cloud_layer(weight=1.0, exact=False)),
        lambda: encoder(layers.Dense(4), cloud_layer(weight=1.0, prior=standard())),
        lambda: encoder(layers.Dense(4), cloud_layer(exact=False, prior=tfd.MultivariateNormalDiag(loc=tf.zeros(2)))),
        lambda: encoder(layers.Dense(4), tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(standard())),
        lambda: keras.Sequential([layers.Flatten(), layers.Dense(4), cloud_layer()]),
    ],
)
def test_right_encoders(build):
    expect_full("vae.encoder", build())


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: encoder(layers.Dense(2)), "deterministic-encoder", 0),
        (lambda: encoder(layers.Dense(4)), "parameters-not-distribution", 0),
        (
            lambda: encoder(layers.Dense(8), tfpl.IndependentNormal(4, activity_regularizer=None)),
            "wrong-latent-dim",
            0,
        ),
        (lambda: encoder(layers.Dense(2), tfpl.IndependentNormal(1)), "wrong-latent-dim", 0),
        (
            lambda: encoder(
                layers.Dense(5), tfpl.MultivariateNormalTriL(2, activity_regularizer=regularizer(exact=False))
            ),
            "not-independent-normal",
            0.5,
        ),
        (lambda: encoder(layers.Dense(4, "relu"), cloud_layer()), "activation-on-parameters", 0.5),
        (lambda: encoder(layers.Dense(4, kernel_initializer="zeros"), cloud_layer()), "ignores-image", 0.5),
        (lambda: encoder(layers.Dense(4), tfpl.IndependentNormal(2)), "kl-missing", 0.5),
        (lambda: encoder(layers.Dense(4), cloud_layer(weight=0.0)), "kl-weight-zero", 0.5),
        (lambda: None, "missing", 0),
        (lambda: encoder, "no-model", 0),
        (decoder, "wrong-input-shape", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(build, mistake, kept):
    expect_mistake("vae.encoder", build(), mistake=mistake, kept=kept)


def test_two_outputs_for_a_cloud_in_the_plane_are_named():
    model = None
    try:
        model = encoder(layers.Dense(2), tfpl.IndependentNormal(2))
    except (
        ValueError,
        tf.errors.InvalidArgumentError,
    ):  # TFP may refuse at once: then there is no model to check
        assert mistakes("vae.encoder", model) == ["missing"]
    else:
        result = check("vae.encoder", model)
        assert result.failures[0].mistake == "cannot-be-rebuilt" and "4 numbers" in result.failures[0].found


# ------------------------------------------------------------------------------------------ functions by values


def test_right_samplers():
    for right in (
        lambda mean, stddev, eps: mean + stddev * eps,
        lambda mean, stddev, eps: tf.add(mean, tf.multiply(stddev, eps)),
        lambda mean, stddev, eps: np.float64(mean) + np.float64(stddev) * eps,
        lambda mean, stddev, eps: eps.numpy() * stddev.numpy() + mean.numpy(),
    ):
        expect_full("vae.sample_z", right)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda m, s, e: m + s**2 * e, "variance"),
        (lambda m, s, e: m + s**0.5 * e, "root-of-stddev"),
        (lambda m, s, e: m + np.exp(s) * e, "exponential"),
        (lambda m, s, e: m + np.exp(s / 2) * e, "log-variance"),
        (lambda m, s, e: m + tf.math.softplus(s) * e, "softplus"),
        (lambda m, s, e: m - s * e, "wrong-sign"),
        (lambda m, s, e: m + e, "stddev-ignored"),
        (lambda m, s, e: m, "noise-ignored"),
        (lambda m, s, e: m + s, "noise-ignored"),
        (lambda m, s, e: s + m * e, "swapped"),
        (lambda m, s, e: (m + e) * s, "wrong-order"),
        (lambda m, s, e: s * e, "mean-ignored"),
        (lambda m, s, e: m + s * np.random.normal(size=m.shape), "own-noise"),
        (lambda m, s, e: 7 * m + s * e, "wrong-value"),
        (lambda m, s, e: (m + s * e).sum(-1), "wrong-shape"),
        (lambda m, s, e: None, "no-return"),
        (lambda m, s: m, "raises"),
        (None, "no-function"),
    ],
)
def test_mistakes_in_the_sampler_are_named(wrong, mistake):
    expect_mistake("vae.sample_z", wrong, mistake=mistake)


def terms(mean, stddev):
    return 0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev)


def test_right_kl_formulas():
    for right in (
        lambda m, s: terms(m, s).sum(-1),
        lambda m, s: tf.reduce_sum(0.5 * (m**2 + s**2 - 1) - tf.math.log(s), axis=1),
        lambda m, s: -0.5 * np.sum(1 + np.log(s**2) - m**2 - s**2, axis=1),
        lambda m, s: tfd.kl_divergence(tfd.Independent(tfd.Normal(m, s), 1), standard()),
        lambda m, s: terms(m.numpy(), s.numpy()).astype("float64").sum(1),
        lambda m, s: [float(v) for v in terms(m[:, 0], s[:, 0]) + terms(m[:, 1], s[:, 1])],
    ):
        expect_full("vae.gaussian_kl", right)


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda m, s: terms(m, s).sum(), "reduced-over-images"),
        (lambda m, s: terms(m, s).mean(), "reduced-over-images"),
        (terms, "not-summed"),
        (lambda m, s: terms(m, s).sum(0), "wrong-axis"),
        (lambda m, s: -terms(m, s).sum(1), "wrong-sign"),
        (lambda m, s: terms(m, s).mean(1), "mean-over-latents"),
        (lambda m, s: (m**2 + s**2 - 1 - np.log(s)).sum(1), "half-missing"),
        (lambda m, s: (m**2 + s**2 - 1 - 2 * np.log(s)).sum(1), "half-missing"),
        (lambda m, s: (0.5 * (m**2 + s**2 - 1) + np.log(s)).sum(1), "log-sign"),
        (lambda m, s: (0.5 * (m**2 + s**2 - 1) - np.log(s**2)).sum(1), "log-of-variance"),
        (lambda m, s: (0.5 * (m**2 + s - 1) - np.log(s)).sum(1), "stddev-not-squared"),
        (lambda m, s: 0.5 * (m**2 + s - 1 - np.log(s)).sum(1), "variance-as-input"),
        (lambda m, s: 0.5 * (m**2 + np.exp(s) - 1 - s).sum(1), "log-variance"),
        (lambda m, s: 0.5 * (m**2 + s**2 - 1).sum(1), "log-missing"),
        (lambda m, s: (0.5 * (m + s**2 - 1) - np.log(s)).sum(1), "mean-not-squared"),
        (lambda m, s: (0.5 * (m**2 + s**2) - np.log(s)).sum(1), "one-missing"),
        (lambda m, s: tfd.kl_divergence(standard(), tfd.Independent(tfd.Normal(m, s), 1)), "wrong-direction"),
        (lambda m, s: terms(m, s).sum(1) / np.log(2), "bits"),
        (lambda m, s: 3 * terms(m, s).sum(1), "wrong-value"),
        (lambda m, s: None, "no-return"),
        (lambda m, s: 1 / 0, "raises"),
    ],
)
def test_mistakes_in_the_kl_are_named(wrong, mistake):
    expect_mistake("vae.gaussian_kl", wrong, mistake=mistake)


def summed(x, p):
    return tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


def test_right_losses():
    bernoulli = lambda x, p: -tf.reduce_sum(x * tf.math.log(p) + (1 - x) * tf.math.log(1 - p), axis=[1, 2, 3])  # noqa: E731
    for right in (
        summed,
        bernoulli,
        lambda x, p: 784 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2)),
        lambda x, p: 28 * 28 * keras.losses.binary_crossentropy(x, p),  # Keras averages what is left
        lambda x, p: keras.losses.BinaryCrossentropy()(x, p) * 784,
        lambda x, p: keras.losses.binary_crossentropy(layers.Flatten()(x), layers.Flatten()(p)) * 784.0,
        lambda x, p: -tfd.Independent(tfd.Bernoulli(probs=p, dtype=tf.float32), 3).log_prob(x),
        lambda x, p: np.sum(-x * np.log(p) - (1 - x) * np.log(1 - p), axis=(1, 2, 3)),
    ):
        expect_full("vae.loss", right)


@pytest.mark.parametrize(
    ("wrong", "mistake", "kept"),
    [
        ("binary_crossentropy", "no-function", 0),
        (keras.losses.binary_crossentropy, "mean-over-pixels", 0.5),
        (
            lambda x, p: tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2)),
            "mean-over-pixels",
            0.5,
        ),
        (
            lambda x, p: tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=1),
            "summed-over-one-axis",
            0.5,
        ),
        (lambda x, p: 784 * summed(x, p), "scaled-twice", 0.5),
        (lambda x, p: 256 * keras.losses.binary_crossentropy(x, p), "wrong-scale", 0.5),
        (lambda x, p: -summed(x, p), "wrong-sign", 0.5),
        (lambda x, p: summed(x, p) / np.log(2), "bits", 0.5),
        (lambda x, p: tf.reduce_sum(summed(x, p)), "summed-over-images", 0.5),
        (lambda x, p: summed(x[:1], p[:1]), "wrong-batch", 0.5),
        (lambda x, p: summed(p, x), "swapped-arguments", 0),
        (lambda x, p: 784 * keras.losses.mean_squared_error(x, p), "wrong-loss", 0),
        (lambda x, p: tf.reduce_sum(tf.abs(x - p), axis=(1, 2, 3)), "wrong-loss", 0),
        (lambda x, p: -tf.reduce_sum(x * tf.math.log(p), axis=(1, 2, 3)), "half-of-the-formula", 0),
        (lambda x, p: -tf.reduce_sum(x * tf.math.log(p - p), axis=(1, 2, 3)), "not-finite", 0),
        (lambda x, p: None, "no-return", 0),
        (lambda x: x, "raises", 0),
    ],
)
def test_mistakes_in_the_loss_are_named(wrong, mistake, kept):
    expect_mistake("vae.loss", wrong, mistake=mistake, kept=kept)


# -------------------------------------------------------------------------------------------------- KL weight


def scaled_cloud(scale):
    """Adds what a regularizer towards a prior of another width would."""
    return cloud_layer(prior=tfd.Independent(tfd.Normal(tf.zeros(2), scale), 1))


@pytest.mark.parametrize(
    "ending",
    [
        lambda: cloud_layer(weight=0.5),
        lambda: cloud_layer(weight=tf.constant(0.5)),
        lambda: cloud_layer(weight=np.float64(1 / 2)),
        lambda: cloud_layer(weight=0.5, exact=False),
        lambda: cloud_layer(weight=0.5, exact=False, prior=tfd.MultivariateNormalDiag(loc=tf.zeros(2))),
        lambda: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(standard())],
        lambda: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(standard(), weight=1.0)],
    ],
)
@pytest.mark.parametrize("join", [joined, lambda e, d: keras.Sequential([e, d])])
def test_a_kl_that_counts_once_passes_however_it_is_added(ending, join):
    ending = ending()
    e = encoder(layers.Dense(4), *(ending if isinstance(ending, list) else [ending]))
    expect_full("vae.kl_weight", join(e, decoder()), e)


@pytest.mark.parametrize(
    ("ending", "mistake"),
    [
        (lambda: cloud_layer(weight=1.0), "kl-twice"),
        (lambda: cloud_layer(weight=None), "kl-twice"),
        (lambda: cloud_layer(weight=1.0, exact=False), "kl-twice"),
        (lambda: cloud_layer(weight=0.25), "kl-half"),
        (lambda: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(standard(), weight=0.5)], "kl-half"),
        (lambda: cloud_layer(weight=0.0), "kl-weight-zero"),
        (lambda: cloud_layer(weight=-0.5), "kl-wrong-sign"),
        (lambda: cloud_layer(weight=1 / 784), "wrong-kl-weight"),
        (lambda: cloud_layer(weight=4.0), "wrong-kl-weight"),
        (lambda: scaled_cloud(3.0), "other-prior"),
        (lambda: tfpl.IndependentNormal(2), "kl-missing"),
        (
            lambda: [tfpl.IndependentNormal(2), tfpl.KLDivergenceAddLoss(standard(), use_exact_kl=True)],
            "kl-summed-over-batch",
        ),
    ],
)
def test_a_kl_that_does_not_count_once_is_named(ending, mistake):
    ending = ending()
    e = encoder(layers.Dense(4), *(ending if isinstance(ending, list) else [ending]))
    expect_mistake("vae.kl_weight", joined(e, decoder()), e, mistake=mistake)


def test_the_kl_of_another_encoder_does_not_count():
    e = encoder()
    expect_mistake("vae.kl_weight", joined(encoder(), decoder()), e, mistake="not-joined")
    expect_mistake("vae.kl_weight", None, e, mistake="missing")
    expect_mistake("vae.kl_weight", joined(e, decoder()), encoder(layers.Dense(2)), mistake="not-joined")
    expect_mistake("vae.kl_weight", e, e, mistake="wrong-output-shape")


# ---------------------------------------------------------------------------------------------------- trained


@pytest.fixture(scope="module")
def trained():
    """(vae, encoder, decoder): a small dense network is enough, the rule asks for no layers."""
    (x_train, _), _ = load_mnist()
    x_train = x_train[:20_000, ..., None] / np.float32(255)
    keras.utils.set_random_seed(321)
    e, d = encoder(hidden=(100, 20)), decoder(hidden=(20, 100))
    model = joined(e, d)
    model.compile(keras.optimizers.Adamax(0.01), summed)
    model.fit(x_train, x_train, batch_size=128, epochs=3, verbose=0)
    return model, e, d


@pytest.fixture
def limit(monkeypatch):
    """The threshold of this test, so that it does not hang on a measured number."""
    monkeypatch.setattr(vae, "threshold", {"vae.trained": 182.0}.__getitem__)


def changed(e, **weights):
    """The encoder with other parameters in its last Dense layer; put back by the caller."""
    layer = next(layer for layer in reversed(e.layers) if isinstance(layer, layers.Dense))
    kernel, bias = layer.get_weights()
    layer.set_weights([weights.get("kernel", kernel), weights.get("bias", bias)])
    return layer, [kernel, bias]


def test_a_trained_network_passes(trained, limit):
    expect_full("vae.trained", *trained)


def test_untrained(limit):
    e, d = encoder(), decoder()
    expect_mistake("vae.trained", joined(e, d), e, d, mistake="untrained")


def test_collapsed(trained, limit):
    model, e, d = trained
    layer, before = changed(e, kernel=np.zeros((20, 4)), bias=np.array([0, 0, 0.5413, 0.5413]))
    expect_mistake("vae.trained", model, e, d, mistake="collapsed")
    layer.set_weights(before)


def test_free_clouds(trained, limit):
    model, e, d = trained
    layer, before = changed(e)
    kernel, bias = before
    layer.set_weights([kernel * [1, 1, 0, 0], np.array([*bias[:2], -12.0, -12.0])])
    expect_mistake("vae.trained", model, e, d, mistake="kl-not-trained")
    layer.set_weights(before)


def test_a_decoder_that_ignores_z(trained, limit):
    model, e, d = trained
    before = d.layers[0].get_weights()
    d.layers[0].set_weights([np.zeros((2, 20)), before[1]])
    expect_mistake("vae.trained", model, e, d, mistake="ignores-code")
    d.layers[0].set_weights(before)


def test_trained_too_little(trained, monkeypatch):
    monkeypatch.setattr(vae, "threshold", lambda name: 100.0)
    expect_mistake("vae.trained", *trained, mistake="trained-too-little", kept=0.5)


def test_other_parts(trained, limit):
    model, e, d = trained
    expect_mistake("vae.trained", model, e, decoder(hidden=(20, 100)), mistake="not-joined")
    expect_mistake("vae.trained", model, encoder(hidden=(100, 20)), d, mistake="not-joined")
    expect_mistake("vae.trained", model, d, e, mistake="wrong-input-shape")
    logits = decoder(None)
    expect_mistake("vae.trained", joined(e, logits), e, logits, mistake="missing-sigmoid")


# ----------------------------------------------------------------------------------------------------- report


def parts_of_report(x, e, d):
    q = e(x)
    R = tf.reduce_mean(summed(x, d(q.sample())))
    return q, float(R), float(tf.reduce_mean(tfd.kl_divergence(q, standard())))


def report(x, e, d):
    _, R, K = parts_of_report(x, e, d)
    return R, K, R + K


def test_right_reports():
    def with_numpy(x, e, d):
        q = e(x)
        mean, stddev = q.mean().numpy(), q.stddev().numpy()
        p = d.predict(mean + stddev * np.random.normal(size=mean.shape), verbose=0).clip(1e-7, 1 - 1e-7)
        R = (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum((1, 2, 3)).mean()
        return np.array([R, terms(mean, stddev).sum(1).mean(), R + terms(mean, stddev).sum(1).mean()])

    def as_tensors(x, e, d):
        q = e(x)
        R, K = tf.reduce_mean(summed(x, d(q))), tf.reduce_mean(tfd.kl_divergence(q, standard()))
        return [R, K, R + K]

    for right in (
        report,
        with_numpy,
        as_tensors,
        lambda *a: dict(zip(("reconstruction", "KL", "negative ELBO"), report(*a), strict=True)),
    ):
        expect_full("vae.elbo_report", right)


def with_report(change):
    def wrong(x, e, d):
        q, R, K = parts_of_report(x, e, d)
        return change(x, e, d, q, R, K)

    return wrong


@pytest.mark.parametrize(
    ("wrong", "found", "kept"),
    [
        (with_report(lambda x, e, d, q, R, K: (R, 2 * K, R + 2 * K)), ["kl-twice"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R + 2 * K)), ["kl-twice"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, sum(map(float, e.losses)), R + K)), ["kl-twice"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K / 2, R + K / 2)), ["kl-half"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R + K / 2)), ["kl-half"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, len(x) * K, R + len(x) * K)), ["summed-over-images"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, -K, R - K)), ["wrong-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R - K)), ["kl-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, -R - K)), ["elbo-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R)), ["kl-missing"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R, K, R + K + 1)), ["wrong-sum"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R / 784, K, R / 784 + K)), ["per-pixel"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (len(x) * R, K, len(x) * R + K)), ["summed-over-images"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (-R, K, -R + K)), ["wrong-sign"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (R + K, K, R + 2 * K)), ["kl-in-reconstruction"], 0.5),
        (with_report(lambda x, e, d, q, R, K: (K, R, R + K)), ["swapped-results"], 0),
        (with_report(lambda x, e, d, q, R, K: R + K), ["wrong-shape"], 0),
        (with_report(lambda x, e, d, q, R, K: (R, K)), ["wrong-shape"], 0),
        (
            with_report(lambda x, e, d, q, R, K: (R, tfd.kl_divergence(q, standard()), R + K)),
            ["not-averaged"],
            0,
        ),
        (lambda x, e, d: None, ["no-return"], 0),
        (lambda x: x, ["raises"], 0),
    ],
)
def test_mistakes_in_the_report_are_named(wrong, found, kept):
    result = check("vae.elbo_report", wrong)
    assert [step.mistake for step in result.failures] == found, str(result)
    assert result.points == kept


def test_a_report_from_means_an_estimate_and_another_network_are_named():
    def from_means(x, e, d):
        q, _, K = parts_of_report(x, e, d)
        R = float(tf.reduce_mean(summed(x, d(q.mean()))))
        return R, K, R + K

    def estimate(x, e, d):
        q, R, _ = parts_of_report(x, e, d)
        z = q.sample()
        K = float(tf.reduce_mean(q.log_prob(z) - standard().log_prob(z)))
        return R, K, R + K

    other_encoder, other_decoder = encoder(), decoder()
    expect_mistake("vae.elbo_report", from_means, mistake="mean-not-drawn", kept=0.5)
    keras.utils.set_random_seed(1)  # one estimate in two hundred is as good as exact
    result = run_rule(catalogue()["vae.elbo_report"], (estimate,), {}, seed=1)
    assert [step.mistake for step in result.failures] == ["estimate-not-exact"] and result.points == 0.5, str(result)
    assert "second call" in result.failures[0].found and "estimate" in result.failures[0].found
    found = mistakes("vae.elbo_report", lambda x, e, d: report(x, other_encoder, other_decoder))
    assert found == ["wrong-kl", "wrong-reconstruction"]


def reporting(kl):
    """A report whose K comes from a formula of its own."""

    def elbo_report(x, e, d):
        q, R, _ = parts_of_report(x, e, d)
        K = float(np.mean(kl(q.mean().numpy(), q.stddev().numpy())))
        return R, K, R + K

    return elbo_report


@pytest.mark.parametrize(
    ("kl", "mistake", "name"),
    [
        (lambda m, s: ((m**2 + s**2) / 2 - np.log(s)).sum(1), "one-missing", "no - 1"),
        (lambda m, s: ((m**2 + s**2 - 1) / 2 + np.log(s)).sum(1), "log-sign", "+ ln stddev"),
        (lambda m, s: ((m**2 + s**2 - 1) / 2).sum(1), "log-missing", "no logarithm"),
        (lambda m, s: ((m + s**2 - 1) / 2 - np.log(s)).sum(1), "mean-not-squared", "the mean where"),
        (lambda m, s: ((m**2 + s**2 - 1) / 2 - 1.1 * np.log(s) + 0.3).sum(1), "kl-formula", "another formula"),
        (lambda m, s: ((m**2 + s**2 - 1) * 3 - np.log(s)).sum(1), "wrong-kl", ""),
    ],
)
def test_a_slip_in_the_formula_of_the_kl_is_no_estimate_from_draws(kl, mistake, name):
    result = check("vae.elbo_report", reporting(kl))
    (step,) = result.failures
    assert result.points == 0.5 and step.mistake == mistake, str(result)
    assert name in step.found and "estimate" not in step.found
    assert "formula" in step.look and "gaussian_kl" in step.look


# --------------------------------------------------------------------------------------------- prior samples


def test_right_prior_samples():
    for right in (
        lambda count, d: d(standard().sample(count)),
        lambda count, d: d.predict(np.random.default_rng().normal(size=(count, 2)), verbose=0),
        lambda count, d: d(tf.random.normal((count, 2))).numpy(),
        lambda count, d: d(tfd.MultivariateNormalDiag(loc=tf.zeros(2)).sample(count)),
    ):
        expect_full("vae.prior_samples", right)


FIXED = np.random.default_rng(1).normal(size=(2000, 2)).astype("float32")


@pytest.mark.parametrize(
    ("wrong", "mistake", "kept"),
    [
        (lambda count, d: standard().sample(count), "codes-not-images", 0),
        (lambda count, d: d(standard().sample(10)), "wrong-count", 0),
        (lambda count, d: d(standard().sample(1))[0], "wrong-shape", 0),
        (lambda count, d: tf.repeat(d(standard().sample(1)), count, axis=0), "one-draw-for-all", 0.5),
        (lambda count, d: d(0.5 * standard().sample(count)), "stddev-not-one", 0.5),
        (lambda count, d: d(np.random.uniform(-1, 1, (count, 2))), "stddev-not-one", 0.5),
        (lambda count, d: d(np.random.uniform(-(3**0.5), 3**0.5, (count, 2))), "not-normal", 0.5),
        (lambda count, d: d(1 + standard().sample(count)), "mean-not-zero", 0.5),
        (lambda count, d: d(tf.repeat(tf.random.normal((count, 1)), 2, axis=1)), "correlated", 0.5),
        (lambda count, d: decoder()(standard().sample(count)), "other-decoder", 0),
        (lambda count, d: d(FIXED), "same-each-time", 0.5),
        (lambda count, d: d(np.random.default_rng(0).normal(size=(count, 2))), "same-each-time", 0.5),
        (lambda count, d: None, "no-return", 0),
        (lambda count: None, "raises", 0),
        (None, "no-function", 0),
    ],
)
def test_mistakes_in_the_prior_samples_are_named(wrong, mistake, kept):
    expect_mistake("vae.prior_samples", wrong, mistake=mistake, kept=kept)


def test_samples_that_come_from_images_are_named():
    (x_train, _), _ = load_mnist()
    images = x_train[:2000, ..., None] / np.float32(255)
    e = encoder()
    found = mistakes("vae.prior_samples", lambda count, d: d(e(images[:count]).sample()))
    assert found in (["mean-not-zero"], ["stddev-not-one"])


# ------------------------------------------------------------------------------------- mistakes that were charged


def under(charged, name, *answers):
    """The points when these checks have taken points before."""
    return run_rule(catalogue()[name], answers, {}, charged=charged).points


def test_a_wrong_prior_costs_no_weight():
    for weight, once in ((0.5, True), (1.0, False)):
        e = encoder(layers.Dense(4), cloud_layer(weight, prior=tfd.Independent(tfd.Normal(tf.ones(2), 3.0), 1)))
        assert under({"vae.prior"}, "vae.kl_weight", joined(e, decoder()), e) == (2 if once else 0)
        assert under((), "vae.kl_weight", joined(e, decoder()), e) == 0


def test_what_a_wrong_weight_or_loss_makes_of_a_training(trained, limit):
    model, e, d = trained
    layer, before = changed(e, kernel=np.zeros((20, 4)), bias=np.array([0, 0, 0.5413, 0.5413]))
    assert under({"vae.loss"}, "vae.trained", model, e, d) == 1
    assert under({"vae.sample_z"}, "vae.trained", model, e, d) == 0
    layer.set_weights(before)
    e, d = encoder(), decoder()
    assert under({"vae.loss"}, "vae.trained", joined(e, d), e, d) == 0


def test_reports_and_samples_of_wrong_parts():
    notebook = {"tf": tf, "prior": tfd.Normal(tf.ones(2), 3.0)}
    exec(
        "def gaussian_kl(mean, stddev): return 0 * mean\n"
        "def reconstruction_loss(x, p): raise NotImplementedError\n"
        "def report(x, encoder, decoder):\n"
        "    cloud = encoder(x)\n"
        "    R = tf.reduce_mean(reconstruction_loss(x, decoder(cloud.sample()))).numpy()\n"
        "    K = gaussian_kl(cloud.mean(), cloud.stddev()).numpy().mean()\n"
        "    return float(R), float(K), float(R + K)\n"
        "def draw(count, decoder): return decoder(prior.sample(count))\n",
        notebook,
    )
    expect_full("vae.elbo_report", notebook["report"])
    expect_full("vae.prior_samples", notebook["draw"])


# ---------------------------------------------------------------------------------------------------- garbage


class Hostile:
    """An object whose every attribute raises."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __call__(self, *args, **named):
        raise SystemExit


GARBAGE = [
    None, ..., "text", 3, float("nan"), [], {}, np.zeros(3), np.zeros((2, 2), object), keras.Model, layers.Dense(2),
    lambda *a, **k: "text", lambda *a: np.zeros((0,)), lambda *a: np.full((7, 2), np.nan), lambda *a: a, Hostile(), Hostile,
]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_no_object_makes_a_check_raise_or_pay(name):
    for number, thing in enumerate(GARBAGE):
        result = check(name, *[thing] * len(catalogue()[name].answers))
        assert result.points == 0 and result.failures, f"garbage {number}: {result}"


def test_a_half_built_model_pays_nothing():
    model = keras.Sequential()
    for name in ("vae.encoder", "vae.kl_weight", "vae.trained"):
        result = check(name, *[model] * len(catalogue()[name].answers))
        assert result.points == 0 and result.failures


def test_the_chapter_is_worth_ten_points():
    assert sum(catalogue()[name].points for name in RULES) == 10
