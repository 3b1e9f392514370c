"""Chapter 4's rules: any network with the interface passes, each usual mistake is named, no check raises."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check, measures
from autoencoder_helpers.checks import catalogue, data
from autoencoder_helpers.checks.flowers import walk as flowers
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.images.flower_drawing import draw_flowers

layers, tfd, tfpl = keras.layers, tfp.distributions, tfp.layers


def points(name, *answers):
    return check(name, *answers).points


def mistakes(name, *answers):
    return [step.mistake for step in check(name, *answers).failures]


def prior():
    return tfd.MultivariateNormalDiag(tf.zeros(10), tf.ones(10))


def towards(prior, weight=0.0002, exact=True):
    return tfpl.KLDivergenceRegularizer(prior, use_exact_kl=exact, weight=weight)


def full(regularizer="chapter", width=10):
    return tfpl.MultivariateNormalTriL(
        width, activity_regularizer=towards(prior()) if regularizer == "chapter" else regularizer
    )


def encoder(*ending, shape=(80, 80, 3)):
    """A small network with the chapter's interface; `ending` is what follows the convolution."""
    ending = ending or (layers.Dense(65), full())
    return keras.Sequential(
        [layers.Input(shape), layers.Conv2D(4, 9, strides=8, activation="relu"), layers.Flatten(), *ending]
    )


def diagonal_encoder():
    independent = tfd.Independent(tfd.Normal(tf.zeros(10), 1.0), 1)
    return encoder(layers.Dense(20), tfpl.IndependentNormal(10, activity_regularizer=towards(independent)))


def functional_encoder():
    image = layers.Input((80, 80, 3), name="picture")
    hidden = layers.LeakyReLU()(layers.Conv2D(4, (9, 9), (8, 8))(image))
    return keras.Model(image, full()(layers.Dense(65)(layers.Flatten()(hidden))))


def nested_encoder():
    return keras.Sequential([encoder(layers.Dense(30, activation="relu")), layers.Dense(65), full()])


def tf_keras_encoder():
    kit = tf.keras.layers
    return tf.keras.Sequential(
        [kit.Conv2D(4, 9, strides=8, input_shape=(80, 80, 3)), kit.ReLU(), kit.Flatten(), kit.Dense(65), full()]
    )


def decoder(*ending, first=10):
    ending = ending or (layers.Conv2DTranspose(3, 8, strides=8, activation="sigmoid"),)
    return keras.Sequential([layers.Input((first,)), layers.Dense(400), layers.Reshape((10, 10, 4)), *ending])


def dense_decoder():
    code = layers.Input((10,))
    values = layers.Dense(19_200)(layers.Dense(20, activation="tanh")(code))
    return keras.Model(code, layers.Activation("sigmoid")(layers.Reshape((80, 80, 3))(values)))


def joined(e, d):
    image = layers.Input((80, 80, 3))
    return keras.Model(image, d(e(image)))


# ---------------------------------------------------------------------- yardsticks


def right_yardsticks(x_train, x):
    def loss(x, p):
        p = np.clip(p, 1e-7, 1 - 1e-7).astype("float64")
        return 6400 * np.mean(-x * np.log(p) - (1 - x) * np.log(1 - p))

    return loss(x, x), loss(x, x_train.mean(axis=0, keepdims=True))


def keras_yardsticks(x_train, x):
    def loss(p):
        return 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p))

    return np.array([loss(x), loss(np.broadcast_to(x_train.mean(0), x.shape))])


@pytest.mark.parametrize("function", [right_yardsticks, keras_yardsticks])
def test_right_yardsticks_get_the_point(function):
    assert points("flowers.yardsticks", function) == 1


def scaled(factor):
    return lambda x_train, x: tuple(factor * value for value in right_yardsticks(x_train, x))


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (scaled(3), "nats-per-image", 0),
        (scaled(1 / 6400), "not-scaled", 0),
        (scaled(-1), "wrong-sign", 0),
        (scaled(1 / np.log(2)), "bits", 0),
        (scaled(1 / 3), "divided-twice", 0),
        (lambda a, x: right_yardsticks(a, x)[::-1], "swapped-results", 0),
        (lambda a, x: (0.0, right_yardsticks(a, x)[1]), "floor-zero", 0.5),
        (lambda a, x: (1.1 * right_yardsticks(a, x)[0], right_yardsticks(a, x)[1]), "wrong-floor", 0.5),
        (lambda a, x: right_yardsticks(x, x), "mean-of-test-images", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], right_yardsticks(a.mean((1, 2), keepdims=True), x)[1]),
         "one-colour", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], right_yardsticks(a.mean(keepdims=True), x)[1]), "one-grey", 0.5),
        (lambda a, x: (right_yardsticks(a, x)[0], 4200.0), "wrong-baseline", 0.5),
        (lambda a, x: right_yardsticks(a, x)[0], "wrong-shape", 0),
        (lambda a, x: (np.nan, 1.0), "not-finite", 0),
        (lambda a, x: None, "no-return", 0),
        (None, "no-function", 0),
    ],
)  # fmt: skip
def test_mistakes_in_the_yardsticks_are_named(function, mistake, kept):
    result = check("flowers.yardsticks", function)
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


# ---------------------------------------------------------------------- encoder


@pytest.mark.parametrize("build", [encoder, diagonal_encoder, functional_encoder, nested_encoder, tf_keras_encoder])
def test_right_encoders_of_any_construction_get_all_points(build):
    result = check("flowers.encoder", build())
    assert result.points == 2, str(result)


def test_a_kl_estimated_by_draws_is_right_too():
    result = check("flowers.encoder", encoder(layers.Dense(65), full(towards(prior(), exact=False))))
    assert result.points == 2, str(result)


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: encoder(layers.Dense(20)), "twenty-outputs", 0.5),
        (lambda: encoder(layers.Dense(10)), "point-not-distribution", 0.5),
        (lambda: encoder(layers.Dense(65)), "no-distribution", 0.5),
        (lambda: encoder(layers.Dense(5), tfpl.MultivariateNormalTriL(2)), "wrong-latent-dim", 0.5),
        (lambda: encoder(layers.Dense(65), full(None)), "kl-missing", 1),
        (lambda: encoder(layers.Dense(65), full(towards(prior(), weight=0.0))), "kl-missing", 1),
        (lambda: encoder(layers.Dense(65), full(towards(prior(), weight=1.0))), "kl-too-strong", 1),
        (lambda: encoder(layers.Dense(65), full(towards(prior(), weight=-0.0002))), "negative-weight", 1),
        (lambda: encoder(layers.Dense(65, kernel_initializer="zeros"), full()), "ignores-image", 1),
        (lambda: encoder(shape=(80, 80, 1)), "one-channel", 0),
        (lambda: encoder(shape=(64, 64, 3)), "wrong-input-shape", 0),
        (lambda: encoder, "no-model", 0),
        (lambda: layers.Dense(65), "no-model", 0),
        (lambda: keras.Sequential, "class-not-object", 0),
        (lambda: None, "missing", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(build, mistake, kept):
    result = check("flowers.encoder", build())
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


def test_twenty_outputs_are_told_of_the_sixty_five():
    assert "65" in check("flowers.encoder", encoder(layers.Dense(20))).failures[0].look


def test_a_subclassed_model_is_told_that_it_cannot_be_rebuilt():
    class Own(keras.Model):
        def call(self, x):
            return x

    assert mistakes("flowers.encoder", Own()) == ["subclassed-model"]


# ---------------------------------------------------------------------- decoder


@pytest.mark.parametrize("build", [decoder, dense_decoder])
def test_right_decoders_get_all_points(build):
    result = check("flowers.decoder", build())
    assert result.points == 2, str(result)


def up(filters, **settings):
    return layers.Conv2DTranspose(filters, 8, strides=8, **settings)


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: decoder(up(3)), "missing-sigmoid", 1.5),
        (lambda: decoder(up(3, activation="tanh")), "wrong-output-activation", 1.5),
        (lambda: decoder(up(1, activation="sigmoid")), "one-channel", 1),
        (lambda: decoder(layers.Conv2DTranspose(3, 9, strides=8, activation="sigmoid")), "wrong-side", 1),
        (lambda: decoder(first=2), "wrong-input-shape", 0),
        (lambda: decoder(up(3, activation="sigmoid", kernel_initializer="zeros")), "ignores-code", 1.5),
        (lambda: None, "missing", 0),
    ],
)
def test_mistakes_in_the_decoder_are_named(build, mistake, kept):
    result = check("flowers.decoder", build())
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


# ---------------------------------------------------------------------- vae


def test_a_joined_network_gets_the_point():
    e, d = encoder(), decoder()
    assert points("flowers.vae", joined(e, d), e, d) == 1
    assert points("flowers.vae", keras.Sequential([e, d]), e, d) == 1


def test_two_networks_that_are_not_joined_are_named():
    e, d = encoder(), decoder()
    assert mistakes("flowers.vae", joined(e, decoder()), e, d) == ["not-joined"]
    assert mistakes("flowers.vae", joined(encoder(), d), e, d) == ["not-joined"]
    assert mistakes("flowers.vae", e, e, d) == ["decoder-missing"]
    assert mistakes("flowers.vae", None, e, d) == ["missing"]


def test_a_network_is_not_blamed_for_its_parts():
    e, d = encoder(), decoder(up(1, activation="sigmoid"))
    assert points("flowers.vae", joined(e, d), e, d) == 1
    assert points("flowers.walk", right_walk(e, d), e, d) == 1


def test_a_decoder_that_receives_the_mean_is_named():
    mean = tfpl.MultivariateNormalTriL(
        10, convert_to_tensor_fn=tfd.Distribution.mean, activity_regularizer=towards(prior())
    )
    e, d = encoder(layers.Dense(65), mean), decoder()
    result = check("flowers.vae", joined(e, d), e, d)
    assert [step.mistake for step in result.failures] == ["mean-not-sample"] and result.points == 0.5


def test_something_behind_the_decoder_is_named():
    e, d = encoder(), decoder()
    image = layers.Input((80, 80, 3))
    dimmed = keras.Model(image, layers.Rescaling(0.5)(d(e(image))))
    assert mistakes("flowers.vae", dimmed, e, d) == ["not-joined"]


# ---------------------------------------------------------------------- loss


def right_loss(x, p):
    return 80 * 80 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(1, 2))


@pytest.mark.parametrize(
    "function",
    [
        right_loss,
        lambda x, p: 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p)),
        lambda x, p: tf.reduce_sum(keras.losses.binary_crossentropy(x, p), axis=[1, 2]),
        lambda x, p: 6400 * keras.losses.BinaryCrossentropy()(x, p),
        lambda x, p: measures.bce_per_image(np.asarray(x), np.asarray(p)) / 3,
    ],
)
def test_right_losses_get_the_point(function):
    result = check("flowers.loss", function)
    assert result.points == 1, str(result)


@pytest.mark.parametrize(
    ("function", "mistake", "kept"),
    [
        (lambda x, p: 3 * right_loss(x, p), "times-19200", 0.5),
        (lambda x, p: right_loss(x, p) / 6400, "not-scaled", 0.5),
        (lambda x, p: right_loss(x, p) * 784 / 6400, "times-784", 0.5),
        (lambda x, p: -right_loss(x, p), "wrong-sign", 0.5),
        (lambda x, p: 6400 * keras.losses.binary_crossentropy(x, p), "not-averaged", 0),
        (lambda x, p: 6400 * tf.reduce_mean(keras.losses.binary_crossentropy(x, p), axis=(0, 1)), "wrong-axis", 0),
        (lambda x, p: right_loss(p, x), "swapped-arguments", 0.5),
        (lambda x, p: 6400 * tf.reduce_mean((x - p) ** 2, axis=(1, 2, 3)), "squared-error", 0.5),
        (lambda x, p: 1.3 * right_loss(x, p), "wrong-value", 0.5),
        (lambda x, p: None, "no-return", 0),
        (lambda x: x, "raises", 0),
        (None, "no-function", 0),
        (3, "no-function", 0),
    ],
)
def test_mistakes_in_the_loss_are_named(function, mistake, kept):
    result = check("flowers.loss", function)
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


# ---------------------------------------------------------------------- beta


@pytest.mark.parametrize("value", [0.0012, np.float32(0.0012), tf.constant(0.0012), [0.0012]])
def test_the_right_beta_gets_the_point(value):
    assert points("flowers.beta", value) == 1


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        (0.0002, "weight-itself"),
        (0.0006, "counted-once"),
        (0.0004, "colours-forgotten"),
        (0.0004 * 784, "digits"),
        (0.0004 * 6400, "times-multiplier"),
        (0.0004 / 3, "upside-down"),
        (0.0004 * 19_200, "multiplier-missing"),
        (0.5, "wrong-value"),
        (None, "missing"),
        ("0.0012", "no-array"),
        (np.nan, "not-finite"),
        ([0.0012, 1], "not-a-number"),
    ],
)
def test_mistakes_in_beta_are_named(value, mistake):
    assert mistakes("flowers.beta", value) == [mistake]


def test_a_beta_message_does_not_give_the_answer_away():
    assert "0.0012" not in str(check("flowers.beta", 0.5))


# ---------------------------------------------------------------------- trained


def constant(value):
    """A network that answers every image with one colour."""
    raw = float(np.log(value / (1 - value)))
    e = encoder()
    last = layers.Conv2DTranspose(
        3, 8, strides=8, activation="sigmoid", kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(raw),
    )  # fmt: skip
    return joined(e, decoder(last))


def shifted():
    """An untrained network whose loss is far from that of a grey 1/2."""
    image = layers.Input((80, 80, 3))
    code = layers.Dense(10)(layers.Flatten()(layers.AveragePooling2D(8)(image)))
    raw = layers.Reshape((80, 80, 3))(layers.Dense(80 * 80 * 3)(code))
    return keras.Model(image, tf.sigmoid(2 * raw - 3))


def copying(strength):
    """A network with a wide bottleneck that copies: p = 0.5 + strength (x - 0.5)."""
    image = layers.Input((80, 80, 3))
    return keras.Model(image, layers.Rescaling(strength, offset=0.5 * (1 - strength))(image))


@pytest.fixture
def any_width(monkeypatch):
    """A copying network, which is none that the rule allows, stands for one that was trained for hours."""
    monkeypatch.setattr(flowers, "expect_squeezed", lambda *_: None)


def test_a_network_that_copies_well_gets_the_point(monkeypatch, any_width):
    monkeypatch.setattr(flowers, "threshold", lambda name: 0.9)
    result = check("flowers.trained", copying(0.98), "synthetic")
    assert result.points == 1, str(result)


@pytest.mark.parametrize(
    ("model", "source", "mistake", "kept"),
    [
        (lambda: joined(encoder(), decoder()), "synthetic", "untrained", 0),
        (lambda: constant(0.25), "synthetic", "mean-image", 0),
        (lambda: copying(-0.9), "synthetic", "worse-than-mean-image", 0),
        (lambda: copying(0.5), "synthetic", "trained-too-little", 0.5),
        (lambda: copying(0.98), "roses", "unknown-source", 0),
        (lambda: copying(0.98), None, "missing", 0),
        (lambda: encoder(), "synthetic", "wrong-output-shape", 0),
        (lambda: None, "synthetic", "missing", 0),
    ],
)
def test_mistakes_in_training_are_named(monkeypatch, any_width, model, source, mistake, kept):
    monkeypatch.setattr(flowers, "threshold", lambda name: 0.9)
    result = check("flowers.trained", model(), source)
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


def test_what_an_earlier_mistake_makes_of_a_training_costs_no_more(monkeypatch, any_width):
    monkeypatch.setattr(flowers, "threshold", lambda name: 0.9)
    rule = catalogue()["flowers.trained"]
    for model, charged, kept in (
        (constant(0.25), {"flowers.loss"}, 1),
        (constant(0.25), {"flowers.beta"}, 0),
        (joined(encoder(), decoder()), {"flowers.loss"}, 0),
        (joined(encoder(), decoder(up(3))), {"flowers.decoder"}, 0),
        (shifted(), {"flowers.encoder"}, 0),
    ):
        assert run_rule(rule, (model, "synthetic"), {}, charged=charged).points == kept


def test_the_flowers_that_are_measured_on_are_not_those_of_the_training_set():
    _, unseen = data.PublicData().flowers("synthetic")
    drawn = draw_flowers(60)[0] / np.float32(255)
    assert unseen.shape == (60, 80, 80, 3) and unseen.dtype == np.float32 and 0 <= unseen.min() < unseen.max() <= 1
    assert not any(np.array_equal(a, b) for a, b in zip(unseen, drawn, strict=True))


# ---------------------------------------------------------------------- walk


@pytest.fixture(scope="module")
def networks():
    large = keras.initializers.RandomNormal(stddev=2.0, seed=1)
    hidden = layers.Dense(100, activation="tanh", kernel_initializer=large)
    return (
        encoder(layers.Dense(65, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=2)), full()),
        keras.Sequential([layers.Input((10,)), hidden, layers.Dense(19_200, "sigmoid"), layers.Reshape((80, 80, 3))]),
    )


def right_walk(e, d, steps_of=lambda steps: np.linspace(0, 1, steps), code=lambda cloud: cloud.mean()):
    def walk(first, last, steps):
        start, end = np.asarray(code(e(np.stack([first, last]))))
        t = steps_of(steps)[:, None]
        return d(((1 - t) * start + t * end).astype("float32"))

    return walk


def test_a_right_walk_gets_the_point(networks):
    e, d = networks
    assert points("flowers.walk", right_walk(e, d), e, d) == 1
    assert points("flowers.walk", lambda *a: list(right_walk(e, d)(*a).numpy()), e, d) == 1


def fade(first, last, steps):
    t = np.linspace(0, 1, steps)[:, None, None, None]
    return (1 - t) * first + t * last


@pytest.mark.parametrize(
    ("make", "mistake"),
    [
        (lambda e, d: fade, "pixel-fade"),
        (lambda e, d: lambda a, b, n: fade(*d(e(np.stack([a, b])).mean()).numpy(), n), "pixel-fade"),
        (lambda e, d: lambda a, b, n: right_walk(e, d)(b, a, n), "backwards"),
        (lambda e, d: right_walk(e, d, code=lambda cloud: cloud.sample()), "draws-not-means"),
        (lambda e, d: right_walk(e, d, steps_of=lambda n: np.linspace(0, 1, n + 1)), "wrong-number-of-steps"),
        (lambda e, d: right_walk(e, d, steps_of=lambda n: np.linspace(0, 1, n) ** 2), "uneven-steps"),
        (lambda e, d: right_walk(e, d, steps_of=lambda n: np.arange(n) / n), "wrong-ends"),
        (lambda e, d: lambda a, b, n: np.zeros((n, 10)), "codes-not-images"),
        (lambda e, d: lambda a, b, n: np.zeros((n, 80, 80)), "wrong-shape"),
        (lambda e, d: lambda a, b, n: None, "no-return"),
        (lambda e, d: None, "no-function"),
    ],
)
def test_mistakes_in_the_walk_are_named(networks, make, mistake):
    e, d = networks
    assert mistakes("flowers.walk", make(e, d), e, d) == [mistake]


@pytest.mark.parametrize(
    ("steps_of", "wrong_end", "right_end", "found"),
    [
        (lambda n: np.arange(n) / n, "last", "first", "80% of the way"),
        (lambda n: np.arange(1, n + 1) / n, "first", "last", "20% of the way"),
    ],
)
def test_the_end_of_a_walk_that_is_wrong_is_named(networks, steps_of, wrong_end, right_end, found):
    e, d = networks
    (step,) = check("flowers.walk", right_walk(e, d, steps_of=steps_of), e, d).failures
    assert step.mistake == "wrong-ends" and "linspace" in step.look
    assert f"{wrong_end} image" in step.expected and f"`{wrong_end}`" in step.expected
    assert f"{wrong_end} image" in step.found and found in step.found
    assert f"{right_end} image" not in step.expected + step.found


def test_both_ends_of_a_walk_are_told(networks):
    e, d = networks

    def undecoded_ends(first, last, steps):
        walk = np.array(right_walk(e, d)(first, last, steps))
        walk[0], walk[-1] = first, 1 - walk[-1]
        return walk

    (step,) = check("flowers.walk", undecoded_ends, e, d).failures
    assert "first image: `first` itself, not decoded" in step.found
    assert "last image: another image, 0." in step.found and "arguments" in step.look


# ---------------------------------------------------------------------- all checks


class Hostile:
    """An object that raises at whatever is done with it."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __call__(self, *arguments):
        raise RuntimeError("no")


GARBAGE = [None, ..., "text", 3, np.nan, [], {}, object(), Hostile(), keras.Sequential(), keras.Model, lambda: 1,
           np.zeros((2, 2)), tf.zeros(3), layers.Dense(3), [[1], [2, 3]]]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in catalogue() if name.startswith("flowers.")])
def test_no_answer_makes_a_check_raise_or_earns_points(name):
    count = len(catalogue()[name].answers)
    for garbage in GARBAGE:
        result = check(name, *[garbage] * count)
        assert result.points == 0 and result.failures, (garbage, str(result))


def test_the_chapter_has_ten_points_in_eight_checks():
    entries = [rule for name, rule in catalogue().items() if name.startswith("flowers.")]
    assert len(entries) == 8 and sum(rule.points for rule in entries) == 10
