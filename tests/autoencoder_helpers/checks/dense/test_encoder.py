"""Chapter 1's rules: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers import check, load_mnist, measures
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule
from sklearn.decomposition import PCA

layers = keras.layers


@pytest.fixture(scope="module")
def mnist():
    (x_train, _), (x_test, _) = load_mnist(flatten=True)
    return x_train.astype("float32") / 255, x_test.astype("float32") / 255


def dense(*widths, activations=None, inputs=True):
    """A Sequential model of Dense layers; widths[0] is the input's."""
    activations = activations or ["relu"] * (len(widths) - 2) + [None]
    parts = [keras.Input((widths[0],))] if inputs else []
    return keras.Sequential(
        parts + [layers.Dense(w, activation=a) for w, a in zip(widths[1:], activations, strict=True)]
    )


def encoder():
    return dense(784, 100, 20, 2)


def decoder(last="sigmoid"):
    return dense(2, 20, 100, 784, activations=["relu", "relu", last])


def joined(e, d):
    image = keras.Input((784,))
    return keras.Model(image, d(e(image)))


def points(name, *answers):
    return check(name, *answers).points


def mistakes(name, *answers):
    return [step.mistake for step in check(name, *answers).failures]


def functional_encoder():
    image = keras.Input((784,), name="picture")
    hidden = layers.Dense(100, name="first")(image)
    hidden = layers.Activation("relu")(hidden)
    hidden = layers.Dense(20, activation=tf.nn.relu)(hidden)
    return keras.Model(image, layers.Dense(2, activation="linear")(hidden))


def tf_keras_encoder():
    return tf.keras.Sequential(
        [tf.keras.layers.Dense(100, "relu", input_shape=(784,)), tf.keras.layers.Dense(20), tf.keras.layers.ReLU(),
         tf.keras.layers.Dense(2)]
    )  # fmt: skip


@pytest.mark.parametrize(
    "build",
    [
        encoder,
        functional_encoder,
        tf_keras_encoder,
        lambda: dense(784, 100, 20, 2, inputs=False),
        lambda: dense(784, 100, 20, 2, activations=["tanh", "elu", "linear"]),
        lambda: keras.Sequential(
            [keras.Input((784,)), dense(784, 100, 20, activations=["relu", "relu"]), layers.Dense(2)]
        ),
    ],
)
def test_right_encoders_of_any_construction_get_all_points(build):
    result = check("dense.encoder", build())
    assert result.points == 2, str(result)


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: dense(784, 20, 100, 2), "swapped-widths", 1.5),
        (lambda: dense(784, 128, 20, 2), "wrong-widths", 1.5),
        (lambda: dense(784, 100, 2), "wrong-widths", 1.5),
        (lambda: dense(784, 2), "wrong-widths", 0.5),
        (lambda: dense(784, 100, 20), "wrong-output-shape", 0),
        (lambda: dense(784, 100, 20, 784), "wrong-output-shape", 0),
        (lambda: dense(28, 100, 20, 2), "wrong-input-shape", 0),
        (lambda: dense(784, 100, 20, 2, activations=[None, "relu", None]), "missing-activation", 1.5),
        (lambda: dense(784, 100, 20, 2, activations=["relu", "relu", "relu"]), "bottleneck-activation", 1.5),
        (lambda: encoder, "no-model", 0),
        (lambda: layers.Dense(2), "no-model", 0),
        (lambda: keras.Sequential, "class-not-object", 0),
        (lambda: None, "missing", 0),
    ],
)
def test_mistakes_in_the_encoder_are_named(build, mistake, kept):
    result = check("dense.encoder", build())
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


def test_a_subclassed_model_is_told_that_it_cannot_be_rebuilt():
    class Own(keras.Model):
        def call(self, x):
            return x

    result = check("dense.encoder", Own())
    assert result.failures[0].mistake == "subclassed-model" and "Sequential" in result.failures[0].look


def test_a_model_of_keras_3_is_told_which_keras_to_use():
    import keras as keras_3

    model = keras_3.Sequential([keras_3.Input((784,)), keras_3.layers.Dense(2)])
    assert "tf_keras" in check("dense.encoder", model).failures[0].look


@pytest.mark.parametrize(
    ("build", "mistake", "kept"),
    [
        (lambda: decoder(None), "missing-sigmoid", 0.75),
        (lambda: decoder("relu"), "wrong-output-activation", 0.75),
        (lambda: decoder("tanh"), "wrong-output-activation", 0.75),
        (lambda: decoder("softmax"), "softmax-output", 0.75),
        (lambda: dense(2, 100, 20, 784, activations=["relu", "relu", "sigmoid"]), "swapped-widths", 0.75),
        (lambda: dense(2, 784, activations=["sigmoid"]), "wrong-widths", 0),
        (lambda: dense(2, 20, 100, 784, activations=[None, "relu", "sigmoid"]), "missing-activation", 0.75),
        (lambda: dense(784, 20, 100, 2), "wrong-input-shape", 0),
    ],
)
def test_mistakes_in_the_decoder_are_named(build, mistake, kept):
    result = check("dense.decoder", build())
    assert [step.mistake for step in result.failures] == [mistake], str(result)
    assert result.points == kept


def test_a_decoder_that_ignores_its_code_is_named():
    model = decoder()
    model.layers[0].set_weights([np.zeros((2, 20)), np.zeros(20)])
    assert mistakes("dense.decoder", model) == ["ignores-code"]


def test_operations_called_on_a_layers_output_count_as_its_activation():
    code = keras.Input((2,))
    hidden = tf.nn.relu(layers.Dense(100)(tf.nn.relu(layers.Dense(20)(code))))
    result = check("dense.decoder", keras.Model(code, tf.sigmoid(layers.Dense(784)(hidden))))
    assert result.passed, str(result)


@pytest.mark.parametrize("last", [layers.ReLU(), layers.PReLU(), layers.Activation("tanh")])
def test_a_wrong_activation_is_found_even_if_fresh_weights_keep_it_silent(last):
    decoder = dense(2, 20, 100, activations=["relu", "relu"])
    silent = layers.Dense(784, kernel_initializer="zeros")
    result = check("dense.decoder", keras.Sequential([decoder, silent, last]))
    assert "wrong-output-activation" in [step.mistake for step in result.failures], str(result)


def test_right_decoders_pass():
    assert points("dense.decoder", decoder()) == 1
    split = dense(2, 20, 100, 784)
    assert points("dense.decoder", keras.Sequential([split, layers.Activation("sigmoid")])) == 1


def test_joined_and_not_joined():
    e, d = encoder(), decoder()
    assert points("dense.autoencoder", joined(e, d), e, d) == 1
    assert points("dense.autoencoder", keras.Sequential([e, d]), e, d) == 1
    assert mistakes("dense.autoencoder", joined(encoder(), decoder()), e, d) == ["not-joined"]
    copy = joined(keras.models.clone_model(e), keras.models.clone_model(d))
    copy.set_weights(joined(e, d).get_weights())
    result = check("dense.autoencoder", copy, e, d)
    assert "copy" in result.failures[0].found
    assert mistakes("dense.autoencoder", e, e, d) == ["decoder-missing"]
    assert mistakes("dense.autoencoder", d, e, d) == ["encoder-missing"]


def test_a_joined_network_is_not_blamed_for_its_parts():
    e, d = dense(784, 100, 20, 3), dense(3, 20, 100, 785)
    assert points("dense.autoencoder", joined(e, d), e, d) == 1
    assert points("dense.codes", np.asarray(e(load_mnist(flatten=True)[1][0] / np.float32(255))), e) == 1


def test_data(mnist):
    x_train, x_test = mnist
    assert points("dense.data", x_train, x_test) == 1
    assert points("dense.data", x_train.astype("float64"), x_test.astype("float64")) == 1
    for bad, mistake in (
        (lambda x: (x * 255).astype("uint8"), "integers"),
        (lambda x: x * 255, "not-scaled"),
        (lambda x: x / 255, "scaled-twice"),
        (lambda x: x * 2 - 1, "shifted"),
        (lambda x: 1 - x, "other-images"),
        (lambda x: x.reshape(-1, 28, 28), "not-flattened"),
        (lambda x: x[:100], "wrong-split"),
    ):
        assert mistakes("dense.data", bad(x_train), bad(x_test)) == [mistake]
    assert mistakes("dense.data", x_test, x_train) == ["wrong-split"]


def elementwise(x, p, clip=1e-7):
    p = np.clip(p, clip, 1 - clip)
    return -x * np.log(p) - (1 - x) * np.log(1 - p)


def test_bce_per_image():
    def with_tensorflow(x, p):
        return 784 * keras.losses.binary_crossentropy(tf.cast(x, "float32"), tf.cast(p, "float32"))

    for right in (
        lambda x, p: elementwise(x, p).sum(-1),
        with_tensorflow,
        lambda x, p: list(elementwise(x, p, 1e-6).sum(1)),
    ):
        result = check("dense.bce_per_image", right)
        assert result.points == 1, str(result)
    for wrong, mistake, kept in (
        (lambda x, p: elementwise(x, p).sum(), "reduced-over-images", 0),
        (lambda x, p: elementwise(x, p), "not-summed", 0),
        (lambda x, p: elementwise(x, p).sum(0), "wrong-axis", 0),
        (lambda x, p: elementwise(x, p).mean(-1), "mean-over-pixels", 0.5),
        (lambda x, p: -elementwise(x, p).sum(-1), "wrong-sign", 0.5),
        (lambda x, p: elementwise(x, p).sum(-1) / np.log(2), "bits", 0.5),
        (lambda x, p: elementwise(p, x).sum(-1), "swapped-arguments", 0.5),
        (lambda x, p: -(x * np.log(np.clip(p, 1e-7, 1))).sum(-1), "half-of-the-formula", 0.5),
        (lambda x, p: ((x - p) ** 2).sum(-1), "wrong-value", 0),
        (lambda x, p: (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum(-1), "not-clipped", 0.5),
        (lambda x, p: elementwise(x, p, 0.01).sum(-1), "clipped-too-much", 0.5),
        (lambda x, p: None, "no-return", 0),
        (lambda x: x, "raises", 0),
    ):
        result = check("dense.bce_per_image", wrong)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == kept


def test_floor_and_baseline():
    bce = measures.bce_per_image

    def floor(x):
        return bce(x, x).mean()

    def baseline(x_train, x):
        return bce(x, np.broadcast_to(x_train.mean(0), x.shape)).mean()

    assert points("dense.floor_and_baseline", lambda a, x: (floor(x), baseline(a, x))) == 1
    for wrong, mistake, kept in (
        (lambda a, x: (0.0, baseline(a, x)), "floor-zero", 0.5),
        (lambda a, x: (floor(a), baseline(a, x)), "wrong-floor", 0.5),
        (lambda a, x: (floor(x), baseline(x, x)), "mean-of-test-images", 0.5),
        (lambda a, x: (floor(x), bce(x, np.full(x.shape, a.mean())).mean()), "one-grey", 0.5),
        (lambda a, x: (baseline(a, x), floor(x)), "swapped-results", 0),
        (lambda a, x: (floor(x) / 784, baseline(a, x) / 784), "per-pixel", 0),
        (lambda a, x: floor(x), "wrong-shape", 0),
    ):
        result = check("dense.floor_and_baseline", wrong)
        assert [step.mistake for step in result.failures] == [mistake], str(result)
        assert result.points == kept


def test_trained(mnist):
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    e, d = encoder(), decoder()
    model = joined(e, d)
    assert mistakes("dense.trained", model)[0] == "not-compiled"
    model.compile(keras.optimizers.Adamax(0.01), "mse")
    assert mistakes("dense.trained", model) == ["wrong-loss", "untrained"]
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy())
    assert mistakes("dense.trained", model) == ["untrained"]
    model.fit(x_train, x_train, batch_size=128, epochs=2, verbose=0)
    result = check("dense.trained", model)
    assert result.points == 1, str(result)
    d.layers[0].set_weights([np.zeros((2, 20)), np.zeros(20)])
    assert mistakes("dense.trained", model) == ["mean-image"]


def test_a_network_of_logits_is_trained_as_well(mnist):
    x_train, _ = mnist
    keras.utils.set_random_seed(5)
    model = joined(encoder(), decoder(None))
    model.compile(keras.optimizers.Adamax(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    assert mistakes("dense.trained", model) == ["untrained"]
    model.fit(x_train, x_train, batch_size=128, epochs=2, verbose=0)
    result = check("dense.trained", model)
    assert result.points == 1, str(result)
    model.compile("adam", "binary_crossentropy")
    assert points("dense.trained", model) == 1


def test_a_network_that_gives_no_images_is_named():
    for model in (encoder(), dense(784, 3)):
        model.compile("adam", "binary_crossentropy")
        result = check("dense.trained", model)
        assert result.points == 0.5 and len(result.failures) == 1, str(result)


def test_pca():
    def pca(x_train, x, n=2, centre=True):
        fitted = PCA(n).fit(x_train)
        return fitted.inverse_transform(fitted.transform(x))

    def uncentred(x_train, x):
        v = np.linalg.svd(x_train, full_matrices=False)[2][:2]
        return x @ v.T @ v

    assert points("dense.pca", pca) == 1
    assert points("dense.pca", lambda a, x: pca(a, x).tolist()) == 1
    for wrong, mistake in (
        (lambda a, x: pca(a, x) - a.mean(0), "mean-not-restored"),
        (uncentred, "not-centred"),
        (lambda a, x: pca(x, x), "fitted-on-test-images"),
        (lambda a, x: pca(a, x, 1), "wrong-number-of-components"),
        (lambda a, x: pca(a, x, 3), "wrong-number-of-components"),
        (lambda a, x: PCA(2).fit(a).transform(x), "codes-not-images"),
        (lambda a, x: pca(a, a), "wrong-shape"),
        (lambda a, x: x, "wrong-number-of-components"),
    ):
        assert mistakes("dense.pca", wrong) == [mistake]


def test_codes(mnist):
    _, x_test = mnist
    e = encoder()
    right = e.predict(x_test, batch_size=1000, verbose=0)
    assert points("dense.codes", right, e) == 1
    for wrong, mistake in (
        (right[::-1], "shuffled"),
        (right + 1, "other-codes"),
        (right.T, "wrong-shape"),
        (x_test, "images-not-codes"),
    ):
        assert mistakes("dense.codes", wrong, e) == [mistake]


def under(charged, name, *answers):
    """The points when these checks have taken points before."""
    return run_rule(catalogue()[name], answers, {}, charged=charged).points


def test_codes_of_images_that_were_wrong_before_are_right(mnist):
    _, x_test = mnist
    e = encoder()
    for change in (lambda x: x * 255, lambda x: (x * 255).astype("uint8"), lambda x: x / 255, lambda x: 2 * x - 1):
        codes = e.predict(change(x_test), batch_size=1000, verbose=0)
        assert under({"dense.data"}, "dense.codes", codes, e) == 1
        assert under((), "dense.codes", codes, e) == 0
        assert under({"dense.data"}, "dense.codes", codes + 1, e) == 0


def test_a_training_that_earlier_mistakes_spoiled_counts_as_one(mnist):
    x_train, _ = mnist
    for last in (None, "relu", "softmax"):
        keras.utils.set_random_seed(5)
        model = joined(encoder(), decoder(last))
        model.compile(keras.optimizers.Adamax(0.01), "binary_crossentropy")
        assert under({"dense.decoder"}, "dense.trained", model) == 0.5, last
        model.fit(x_train[:20_000], x_train[:20_000], batch_size=128, epochs=1, verbose=0)
        assert under({"dense.decoder"}, "dense.trained", model) == 1, last
        assert under({"dense.pca"}, "dense.trained", model) == 0.5, last


def test_floor_and_baseline_of_a_wrong_cross_entropy():
    notebook = {"np": np}
    exec(
        "def bce_per_image(x, p): return -(x * np.log2(p)).mean()\n"
        "def right(x_train, x): return bce_per_image(x, x).mean(), bce_per_image(x, x_train.mean(0)).mean()\n"
        "def wrong(x_train, x): return bce_per_image(x, x).mean(), bce_per_image(x, x.mean(0)).mean()\n",
        notebook,
    )
    assert points("dense.floor_and_baseline", notebook["right"]) == 1
    assert points("dense.floor_and_baseline", notebook["wrong"]) == 0.5
