"""Chapter 2's rules: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check, load_mnist
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.conv import decode_point as conv
from autoencoder_helpers.checks.rule import run_rule
from sklearn.neighbors import KNeighborsClassifier

layers = keras.layers


@pytest.fixture(scope="module")
def mnist():
    (x_train, _), (x_test, _) = load_mnist()
    return tuple(x[..., None].astype("float32") / 255 for x in (x_train, x_test))


def encoder(
    filters=(16, 8, 8),
    kernel=3,
    last=None,
    relu="relu",
    padding="same",
    pool=layers.MaxPooling2D,
    ends=None,
    pool_padding="same",
    inputs=True,
    first=(28, 28, 1),
):
    parts = [keras.Input(first)] if inputs else []
    for width in filters:
        parts += [layers.Conv2D(width, kernel, padding=padding, activation=relu), pool(padding=pool_padding)]
    return keras.Sequential(parts + ([layers.Flatten(), layers.Dense(2, activation=last)] if ends is None else ends))


def decoder(
    third="valid",
    last="sigmoid",
    relu="relu",
    grid=(4, 4, 8),
    widths=(8, 8, 16),
    start=128,
    second="same",
    channels=1,
    ups=3,
    kernel=3,
    fourth="same",
    ends=(),
):
    parts = [keras.Input((2,)), layers.Dense(start, activation=relu), layers.Reshape(grid)]
    for number, (width, padding) in enumerate(zip(widths, ("same", second, third), strict=True)):
        parts += [layers.Conv2D(width, kernel, padding=padding, activation=relu)]
        parts += [layers.UpSampling2D()] if number < ups else []
    return keras.Sequential([*parts, layers.Conv2D(channels, kernel, padding=fourth, activation=last), *ends])


def joined(e, d):
    image = keras.Input((28, 28, 1))
    return keras.Model(image, d(e(image)))


def points(name, *answers):
    result = check(name, *answers)
    return result.points if not result.failures else str(result)


def mistakes(name, *answers):
    return [step.mistake for step in check(name, *answers).failures]


def functional_encoder():
    image = keras.Input((28, 28, 1), name="picture")
    grid = image
    for width, kernel in ((16, (3, 3)), (8, 3), (8, [3, 3])):
        grid = layers.Conv2D(width, kernel, padding="SAME", name=f"look_{grid.shape[1]}")(grid)
        grid = layers.Activation("relu")(grid)
        grid = layers.MaxPool2D((2, 2), 2, "same")(grid)
    return keras.Model(image, layers.Dense(2, activation="linear")(layers.Reshape((128,))(grid)))


def strided_encoder():
    parts = [layers.Conv2D(width, 3, strides=2, padding="same", activation=tf.nn.relu) for width in (16, 8, 8)]
    return keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Flatten(), layers.Dense(2)])


def tf_keras_encoder():
    tfl = tf.keras.layers
    parts = [
        tfl.Conv2D(16, 3, padding="same", input_shape=(28, 28, 1)),
        tfl.ReLU(),
        tfl.MaxPool2D(padding="same"),
    ]
    for _ in range(2):
        parts += [tfl.Conv2D(8, 3, padding="same"), tfl.LeakyReLU(), tfl.MaxPool2D(padding="same")]
    return tf.keras.Sequential([*parts, tfl.Flatten(), tfl.Dense(2)])


@pytest.mark.parametrize(
    "build",
    [
        encoder,
        functional_encoder,
        strided_encoder,
        tf_keras_encoder,
        lambda: encoder(kernel=(3, 3), relu="elu"),
        lambda: encoder(pool=layers.AveragePooling2D),
        lambda: encoder(inputs=False),
        lambda: keras.Sequential([encoder(ends=[layers.Flatten()]), layers.Dense(2)]),
    ],
)
def test_right_encoders_of_any_construction_get_all_points(build):
    assert points("conv.encoder", build()) == 1


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: encoder(filters=(8, 8, 16)), "swapped-widths", 0.75),
        (lambda: encoder(filters=(8, 16, 8)), "swapped-widths", 0.75),
        (lambda: encoder(filters=(32, 16, 8)), "wrong-filters", 0.75),
        (lambda: encoder(filters=(16, 8)), "wrong-filters", 0.75),
        (lambda: encoder(kernel=5), "wrong-kernel", 0.75),
        (lambda: encoder(pool_padding="valid"), "pooling-valid", 0.75),
        (lambda: encoder(padding="valid"), "wrong-grid", 0.75),
        (lambda: encoder(pool=lambda padding: layers.Activation("linear")), "missing-pooling", 0.75),
        (lambda: encoder(ends=[layers.Flatten(), layers.Dense(20, "relu"), layers.Dense(2)]), "wrong-widths", 0.75),
        (
            lambda: encoder(ends=[layers.Flatten(), layers.Dense(2, use_bias=False)]),
            "wrong-parameter-count",
            0.75,
        ),
        (lambda: encoder(relu=None), "missing-activation", 0.75),
        (lambda: encoder(last="relu"), "bottleneck-activation", 0.75),
        (lambda: encoder(last="sigmoid"), "bottleneck-activation", 0.75),
        (lambda: encoder(ends=[]), "missing-flatten", 0),
        (lambda: encoder(ends=[layers.Dense(2)]), "missing-flatten", 0),
        (lambda: encoder(ends=[layers.Flatten()]), "no-bottleneck", 0),
        (lambda: encoder(ends=[layers.Flatten(), layers.Dense(128)]), "no-bottleneck", 0),
        (lambda: encoder(first=(28, 28, 3)), "wrong-input-shape", 0),
        (
            lambda: keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(2)]),
            "missing-channel",
            0,
        ),
        (lambda: keras.Sequential([keras.Input((784,)), layers.Dense(2)]), "flattened", 0),
        (
            lambda: keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(2)]),
            "no-convolution",
            0.25,
        ),
        (lambda: keras.Sequential, "class-not-object", 0),
        (lambda: encoder, "no-model", 0),
        (lambda: layers.Conv2D(16, 3), "no-model", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(build, mistake, kept):
    result = check("conv.encoder", build())
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


def functional_decoder():
    code = keras.Input((2,))
    grid = layers.Activation("relu")(layers.Dense(128)(code))
    grid = layers.Reshape((4, 4, -1))(grid)
    for width, padding in ((8, "same"), (8, "same"), (16, "VALID")):
        grid = layers.ReLU()(layers.Conv2D(width, (3, 3), padding=padding)(grid))
        grid = layers.UpSampling2D((2, 2))(grid)
    return keras.Model(code, layers.Activation("sigmoid")(layers.Conv2D(1, [3, 3], padding="same")(grid)))


@pytest.mark.parametrize(
    "build",
    [
        decoder,
        functional_decoder,
        lambda: decoder(relu=tf.nn.leaky_relu),
        lambda: decoder(last=None, ends=[layers.Activation(tf.nn.sigmoid)]),
        lambda: keras.Sequential([decoder(), layers.Reshape((28, 28, 1))]),
    ],
)
def test_right_decoders_of_any_construction_get_all_points(build):
    assert points("conv.decoder", build()) == 2


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: decoder(third="same"), "no-border-lost", 1),
        (lambda: decoder(second="valid", third="same"), "border-lost-elsewhere", 1),
        (lambda: decoder(third="same", fourth="valid"), "border-lost-elsewhere", 1),
        (lambda: decoder(ups=2), "missing-upsampling", 1),
        (lambda: decoder(grid=(8, 4, 4)), "wrong-reshape", 1),
        (lambda: decoder(grid=(4, 8, 4)), "wrong-reshape", 1),
        (lambda: decoder(grid=(8, 8, 2)), "wrong-reshape", 1),
        (lambda: decoder(grid=(16, 2, 4)), "wrong-reshape", 1),
        (lambda: decoder(channels=16), "wrong-channels", 1),
        (lambda: decoder(ends=[layers.Reshape((28, 28))]), "missing-channel", 1),
        (lambda: decoder(ends=[layers.Flatten()]), "flattened", 1),
        (
            lambda: keras.Sequential([keras.Input((3,)), layers.Dense(784), layers.Reshape((28, 28, 1))]),
            "wrong-input-shape",
            0,
        ),
        (
            lambda: keras.Sequential([keras.Input((2,)), layers.Dense(784, "sigmoid"), layers.Reshape((28, 28, 1))]),
            "no-convolution",
            0.5,
        ),
        (lambda: decoder(widths=(16, 8, 8)), "swapped-widths", 1.5),
        (lambda: decoder(widths=(8, 8, 8)), "wrong-filters", 1.5),
        (lambda: decoder(start=64, grid=(4, 4, 4)), "wrong-widths", 1.5),
        (lambda: decoder(relu=None), "missing-activation", 1.75),
        (lambda: decoder(last=None), "missing-sigmoid", 1.5),
        (lambda: decoder(last="relu"), "wrong-output-activation", 1.5),
        (lambda: decoder(last="tanh"), "wrong-output-activation", 1.5),
    ],
)
def test_mistakes_in_the_decoder_are_named(build, mistake, kept):
    result = check("conv.decoder", build())
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


def test_a_side_of_32_is_named_with_the_convolution_to_inspect():
    assert "Found 32, expected 28; inspect the third convolution" in str(check("conv.decoder", decoder(third="same")))


def test_a_decoder_that_ignores_its_code_is_named():
    model = decoder()
    model.layers[0].set_weights([np.zeros((2, 128)), np.ones(128)])
    result = check("conv.decoder", model)
    assert [step.mistake for step in result.failures] == ["ignores-code"] and result.points == 1.75


def test_joined_and_not_joined():
    e, d = encoder(), decoder()
    assert points("conv.autoencoder", joined(e, d), e, d) == 1
    assert points("conv.autoencoder", keras.Sequential([e, d]), e, d) == 1
    assert points("conv.autoencoder", keras.Model(e.input, d(e.output)), e, d) == 1
    copy = joined(keras.models.clone_model(e), keras.models.clone_model(d))
    assert mistakes("conv.autoencoder", copy, e, d) == ["not-joined"]
    copy.set_weights(joined(e, d).get_weights())
    assert "copy" in check("conv.autoencoder", copy, e, d).failures[0].found
    assert mistakes("conv.autoencoder", e, e, d) == ["decoder-missing"]
    assert mistakes("conv.autoencoder", d, e, d) == ["encoder-missing"]
    flat = keras.Sequential([joined(e, d), layers.Flatten()])
    assert mistakes("conv.autoencoder", flat, e, d) == ["wrong-output-shape"]


def test_a_network_is_not_blamed_for_its_parts():
    e, d = encoder(), decoder(third="same")
    model = joined(e, d)
    assert points("conv.autoencoder", model, e, d) == 1
    model.compile("rmsprop", "binary_crossentropy")
    result = check("conv.trained", model)
    assert [step.mistake for step in result.failures] == ["no-border-lost"] and result.points == 0.5


def test_data(mnist):
    x_train, x_test = mnist
    assert points("conv.data", x_train, x_test) == 1
    assert points("conv.data", tf.constant(x_train), x_test.astype("float64")) == 1
    for bad, mistake, kept in (
        (lambda x: x[..., 0], "missing-channel", 0.5),
        (lambda x: x.reshape(-1, 784), "flattened", 0.5),
        (lambda x: x.reshape(-1, 1, 28, 28), "channel-first", 0.5),
        (lambda x: np.repeat(x, 3, axis=-1), "wrong-shape", 0),
        (lambda x: (x * 255).astype("uint8"), "integers", 0.5),
        (lambda x: x * 255, "not-scaled", 0.5),
        (lambda x: x / 255, "scaled-twice", 0.5),
        (lambda x: x * 2 - 1, "shifted", 0.5),
        (lambda x: x.swapaxes(1, 2), "transposed", 0.5),
        (lambda x: 1 - x, "other-images", 0.5),
        (lambda x: x[:100], "wrong-split", 0.5),
    ):
        result = check("conv.data", bad(x_train), bad(x_test))
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == kept
    assert mistakes("conv.data", x_test, x_train) == ["wrong-split"]


def after_conv(side, kernel, padding):
    return side if padding == "same" else side - kernel + 1


def after_pool(side):
    return -(-side // 2)


def test_sides():
    assert points("conv.sides", after_conv, after_pool) == 1
    assert points("conv.sides", after_conv, lambda side: np.ceil(side / 2)) == 1
    for wrong, mistake in (
        (lambda s, k, p: s if p == "valid" else s - k + 1, "swapped-paddings"),
        (lambda s, k, p: s - k + 1, "same-changes-side"),
        (lambda s, k, p: s if p == "same" else s - k, "off-by-one"),
        (lambda s, k, p: s if p == "same" else s - 2, "kernel-ignored"),
        (lambda s, k, p: s, "wrong-valid-side"),
        (lambda s, k, p: s / 3, "not-whole"),
        (lambda s, k, p: None, "no-return"),
        (lambda s: s, "raises"),
    ):
        result = check("conv.sides", wrong, after_pool)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == 0.5
    for wrong, mistake in (
        (lambda s: s // 2, "rounded-down"),
        (lambda s: s / 2, "not-whole"),
        (lambda s: s // 2 + 1, "wrong-pooled-side"),
        (lambda s: None, "no-return"),
        (lambda s: "four", "no-array"),
    ):
        result = check("conv.sides", after_conv, wrong)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == 0.5


def test_trained(mnist):
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
    assert mistakes("conv.trained", encoder()) == ["not-compiled", "wrong-output-shape"]


def decoded(point, decoder, codes):
    return decoder.predict(np.array([point], "float32"), verbose=0)[0, ..., 0]


def distances(point, codes):
    return np.linalg.norm(codes - np.asarray(point), axis=1)


OTHER = decoder()


def test_decode_point():
    def as_tensors(point, decoder, codes):
        z = tf.constant([point], tf.float32)
        return tf.squeeze(decoder(z)), tf.reduce_min(tf.norm(codes - z, axis=1))

    for right in (
        lambda p, d, c: (decoded(p, d, c), distances(p, c).min()),
        lambda p, d, c: [decoded(p, d, c)[..., None], [distances(p, c).min()]],
        as_tensors,
    ):
        assert points("conv.decode_point", right) == 2


@pytest.mark.parametrize(
    ("image", "mistake"),
    [
        (lambda p, d, c: d.predict(np.array([p]), verbose=0), "still-a-batch"),
        (lambda p, d, c: decoded(p, d, c).ravel(), "wrong-image-shape"),
        (lambda p, d, c: decoded(p[::-1], d, c), "swapped-coordinates"),
        (lambda p, d, c: decoded(p, OTHER, c), "wrong-image"),
        (lambda p, d, c: decoded((10, 10), d, c), "wrong-image"),
        (lambda p, d, c: 255 * decoded(p, d, c), "wrong-image"),
    ],
)
def test_mistakes_in_the_image_of_decode_point(image, mistake):
    result = check("conv.decode_point", lambda p, d, c: (image(p, d, c), distances(p, c).min()))
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == 1


@pytest.mark.parametrize(
    ("distance", "mistake"),
    [
        (lambda p, c: np.linalg.norm(c.mean(0) - p), "distance-to-mean"),
        (lambda p, c: distances(p, c).min() ** 2, "squared-distance"),
        (lambda p, c: distances(p, c).mean(), "mean-distance"),
        (lambda p, c: distances(p, c).max(), "farthest"),
        (lambda p, c: np.abs(c - p).sum(1).min(), "city-block"),
        (lambda p, c: np.abs(c - p).max(1).min(), "not-euclidean"),
        (lambda p, c: np.linalg.norm(c - p), "no-axis"),
        (lambda p, c: distances(p, c).argmin(), "index"),
        (lambda p, c: distances(p[::-1], c).min(), "swapped-coordinates"),
        (lambda p, c: distances(p, c), "not-reduced"),
        (lambda p, c: c - p, "not-a-number"),
        (lambda p, c: 1.0, "wrong-distance"),
        (lambda p, c: np.nan, "not-finite"),
    ],
)
def test_mistakes_in_the_distance_of_decode_point(distance, mistake):
    result = check("conv.decode_point", lambda p, d, c: (decoded(p, d, c), distance(p, c)))
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == 1


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (lambda p, d, c: (d.predict(np.array(p, "float32"), verbose=0), 1.0), "no-batch-axis"),
        (lambda p, d, c: (d(tf.constant(p)), 1.0), "no-batch-axis"),
        (lambda p, d, c: (distances(p, c).min(), decoded(p, d, c)), "swapped-results"),
        (lambda p, d, c: decoded(p, d, c), "not-a-pair"),
        (lambda p, d, c: None, "no-return"),
        (lambda p, d, c: (None, 1.0), "missing"),
        (lambda p: p, "raises"),
        (lambda p, d, c: 1 / 0, "raises"),
    ],
)
def test_a_decode_point_that_returns_something_else_gets_nothing(function, mistake):
    result = check("conv.decode_point", function)
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == 0


def accuracy(known, known_labels, new, new_labels, k=5):
    return KNeighborsClassifier(k).fit(known, known_labels).score(new, new_labels)


def test_neighbours():
    assert points("conv.neighbours", accuracy) == 1
    assert points("conv.neighbours", lambda *a: tf.constant(accuracy(*a))) == 1
    for wrong, mistake in (
        (lambda k, kl, n, nl: accuracy(n, nl, n, nl), "fitted-on-questions"),
        (lambda k, kl, n, nl: accuracy(k, kl, k, kl), "scored-on-known"),
        (lambda k, kl, n, nl: accuracy(n, nl, k, kl), "swapped-roles"),
        (lambda *a: accuracy(*a, k=1), "wrong-number-of-neighbours"),
        (lambda *a: accuracy(*a, k=3), "wrong-number-of-neighbours"),
        (lambda *a: 1 - accuracy(*a), "error-rate"),
        (lambda *a: 100 * accuracy(*a), "percent"),
        (lambda *a: len(a[2]) * accuracy(*a), "count"),
        (lambda *a: -1, "not-a-share"),
        (lambda *a: 0.5001, "wrong-accuracy"),
        (lambda *a: a[3], "not-reduced"),
        (lambda *a: None, "no-return"),
    ):
        # With codes made anew each time, two wrong accuracies are the same number now and then.
        result = run_rule(catalogue()["conv.neighbours"], (wrong,), {}, seed=1)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == 0


class Hostile:
    """Every look at it raises."""

    def __getattribute__(self, name):
        raise RuntimeError("no")


def raising(*args):
    raise SystemExit("gone")


NAMES = [name for name, rule in catalogue().items() if name.startswith("conv.")]


THINGS = {
    "none": lambda: None,
    "ellipsis": lambda: ...,
    "string": lambda: "a string",
    "number": lambda: 7,
    "nan": lambda: float("nan"),
    "list": list,
    "dictionary": dict,
    "object": object,
    "hostile": Hostile,
    "class": lambda: Hostile,
    "raising": lambda: raising,
    "layer": lambda: layers.Dense(2),
    "empty model": keras.Sequential,
    "half-built model": lambda: keras.Sequential([layers.Dense(2)]),
    "no images": lambda: np.zeros((0, 28, 28, 1)),
    "array of nothing": lambda: np.array([None]),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("thing", THINGS)
def test_no_object_makes_a_check_raise_or_pay(name, thing):
    result = check(name, *[THINGS[thing]()] * len(catalogue()[name].answers))
    assert result.points == 0
    assert result.failures[0].mistake


def test_the_chapter_is_worth_ten_points():
    rules = [rule for rule in catalogue().values() if rule.examine.__module__ == conv.__name__]
    assert sum(rule.points for rule in rules) == 10 and [rule.name for rule in rules] == NAMES
