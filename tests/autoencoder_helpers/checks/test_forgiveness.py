"""What is forgiven for an earlier mistake: never more than it has cost, and nothing to who has learned nothing."""

import itertools
import re
from types import SimpleNamespace

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import load_mnist
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.checks.learned import has_learned
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.images.flower_drawing import draw_flowers

layers, tfpl = keras.layers, tfp.layers


class Few(PublicData):
    """The public data, but little of it."""

    @property
    def unseen_digits(self):
        return self.mnist_images[:400]

    def flowers(self, source):
        drawn = draw_flowers(24, seed=3)[0] / np.float32(255)
        return drawn[:16].mean(axis=0, keepdims=True), drawn[16:]


FEW = Few()


def judged(name, *answers, charged=()):
    return run_rule(catalogue()[name], answers, {}, data=FEW, seed=1, charged=charged)


def dense_network(*, widths=(100, 20), hidden="relu", code=None, up=(20, 100), last="sigmoid", shape=(784,)):
    """Encoder, decoder and both joined, of Dense layers, for images of a shape."""
    values = int(np.prod(shape))
    encoder = keras.Sequential([keras.Input(shape), layers.Flatten(), *_dense(widths, hidden), layers.Dense(2, code)])
    decoder = keras.Sequential(
        [keras.Input((2,)), *_dense(up, "relu"), layers.Dense(values, last), layers.Reshape(shape)]
    )
    image = keras.Input(shape)
    whole = keras.Model(image, decoder(encoder(image)))
    whole.compile(keras.optimizers.Adamax(0.01), "binary_crossentropy")
    return SimpleNamespace(encoder=encoder, decoder=decoder, whole=whole)


def _dense(widths, activation):
    return [layers.Dense(width, activation) for width in widths]


# -- earlier mistakes of chapter 1, and what can be wrong with a training

EARLIER = {
    "nothing": {},
    "no activation": {"hidden": None},
    "a code between 0 and 1": {"code": "sigmoid"},
    "the decoder's widths": {"up": (100, 20)},
    "relu at the end": {"last": "relu"},
    "softmax at the end": {"last": "softmax"},
}


def untrained(network):
    pass


def far_from_fresh(network):
    """Not trained, but its loss is none of fresh weights as Keras begins with them."""
    for layer in network.decoder.layers[:-1]:
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel, bias + np.linspace(-2, 1, len(bias))])


def one_image_for_all(network):
    """The mean image for every code."""
    mean_image(network)
    first, *_ = network.decoder.layers
    first.set_weights([np.zeros_like(array) for array in first.get_weights()])


def mean_image(network):
    """The mean image, written into the last layer by hand."""
    layer = network.decoder.layers[-2]
    kernel, _ = layer.get_weights()
    mean = FEW.mnist_images.mean(axis=0).ravel().clip(0.01, 0.99)
    layer.set_weights([0.01 * kernel, np.log(mean / (1 - mean))])


def trained_a_little(network):
    x = load_mnist(flatten=True)[0][0][:1000] / np.float32(255)
    network.whole.fit(x, x, batch_size=50, epochs=3, verbose=0)


def another_loss(network):
    network.whole.compile("adam", "mse")


TRAININGS = (untrained, far_from_fresh, one_image_for_all, mean_image, trained_a_little, another_loss)


@pytest.fixture(scope="module")
def totals():
    """Points of chapter 1's checks of networks, by (earlier mistake, what is wrong with the training)."""
    found = {}
    for (mistake, settings), training in itertools.product(EARLIER.items(), TRAININGS):
        keras.utils.set_random_seed(5)
        network = dense_network(**settings)
        training(network)
        results = [judged("dense.encoder", network.encoder), judged("dense.decoder", network.decoder)]
        charged = {result.name: result.lost for result in results if result.mistaken}
        results.append(judged("dense.trained", network.whole, charged=charged))
        found[mistake, training] = results
    return found


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("mistake", [name for name in EARLIER if name != "nothing"])
def test_a_mistake_more_never_pays(totals, mistake, training):
    both, alone = (sum(result.points for result in totals[name, training]) for name in (mistake, "nothing"))
    assert both <= alone, totals[mistake, training]


@pytest.mark.parametrize("mistake", EARLIER)
@pytest.mark.parametrize("training", [untrained, far_from_fresh, one_image_for_all])
def test_who_has_learned_nothing_or_ignores_the_code_has_earned_nothing(totals, mistake, training):
    assert totals[mistake, training][-1].points == 0.5, totals[mistake, training][-1]  # for the loss function alone


@pytest.mark.parametrize("mistake", [name for name in EARLIER if name != "nothing"])
def test_what_an_earlier_mistake_explains_costs_as_much_as_the_dearer_of_both(totals, mistake):
    encoder, decoder, trained = totals[mistake, trained_a_little]
    assert encoder.lost + decoder.lost + trained.lost == max(0.5, encoder.lost + decoder.lost), trained


# -- every rule that forgives, whatever the earlier mistake and its price


@pytest.fixture(scope="module")
def others():
    """Rows of (rule, answers, the earlier checks that it forgives for)."""
    return list(other_chapters())


def other_chapters():
    keras.utils.set_random_seed(5)
    conv, vae, flowers = (
        ("encoder", "decoder"),
        ("prior", "encoder", "kl_weight", "loss"),
        ("encoder", "decoder", "loss"),
    )
    for training in (untrained, trained_a_little_as_images):
        network = dense_network(shape=(28, 28, 1))
        training(network.whole)
        yield "conv.trained", (network.whole,), [f"conv.{name}" for name in (*conv, "data", "autoencoder")]
    for training, ignores in ((untrained, False), (untrained, True), (trained_a_little_as_images, False)):
        parts = clouds(ignores)
        training(parts[0])
        yield "vae.trained", parts, [f"vae.{name}" for name in vae]
    for epochs in (0, 60):
        network = flower_network()
        x = FEW.flowers("synthetic")[1]
        network.compile("adam", "binary_crossentropy")
        if epochs:
            network.fit(x, x, epochs=epochs, verbose=0)
        yield "flowers.trained", (network, "synthetic"), [f"flowers.{name}" for name in (*flowers, "vae")]


def trained_a_little_as_images(whole):
    x = load_mnist()[0][0][:2000, ..., None] / np.float32(255)
    whole.fit(x, x, batch_size=64, epochs=1, verbose=0)


def clouds(ignores_z):
    encoder = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(20, "relu"),
            layers.Dense(4),
            tfpl.IndependentNormal(2),
        ]
    )
    last = layers.Dense(784, "sigmoid", bias_initializer=keras.initializers.Constant(-2.0))
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(20, "relu"), last, layers.Reshape((28, 28, 1))])
    if ignores_z:
        decoder.layers[0].set_weights([np.zeros((2, 20)), np.zeros(20)])
    image = keras.Input((28, 28, 1))
    vae = keras.Model(image, decoder(encoder(image)))
    vae.compile("adam", "binary_crossentropy")
    return vae, encoder, decoder


def flower_network():
    image = keras.Input((80, 80, 3))
    small = layers.Flatten()(layers.AveragePooling2D(20)(image))
    large = layers.Reshape((8, 8, 3))(layers.Dense(192, "sigmoid")(layers.Dense(10)(small)))
    return keras.Model(image, layers.UpSampling2D(10)(large))


def test_no_rule_gives_back_more_than_was_taken(others):
    for name, answers, earlier in others:
        alone = judged(name, *answers).points
        for check, taken in itertools.product(earlier, (0.25,)):
            both = judged(name, *answers, charged={check: taken}).points
            assert both <= alone + taken, (name, check, taken)


def test_of_several_earlier_mistakes_each_gives_back_no_more_than_it_has_taken(others):
    for name, answers, earlier in others:
        taken = {check: 0.1 * number for number, check in enumerate(earlier, start=1)}
        every = judged(name, *answers, charged=taken).points
        for check, price in taken.items():
            fewer = judged(name, *answers, charged={other: taken[other] for other in earlier if other != check}).points
            assert every <= fewer + price + 1e-9, (name, check)


def test_an_untrained_network_that_ignores_z_has_earned_nothing():
    for ignores in (True, False):
        parts = clouds(ignores)
        for check in ("vae.loss", "vae.prior", "vae.encoder", "vae.kl_weight"):
            assert judged("vae.trained", *parts, charged={check: 2.0}).points == 0


# -- what tells of a training


@pytest.mark.parametrize("bent", [lambda p: p, lambda p: p / 100, lambda p: 5 * p - 2, lambda p: (p > 0.3) * 1.0])
def test_a_training_is_seen_on_any_scale(bent):
    images = FEW.unseen_digits
    blurred = (images + np.roll(images, 2, 1) + np.roll(images, 2, 2)) / 3
    assert has_learned(images, bent(blurred))
    assert not has_learned(
        images, bent(blurred[::-1].swapaxes(1, 2)[:, ::-1] * 0 + np.random.default_rng(1).random(images.shape))
    )


def test_the_mean_image_is_something_and_the_same_image_for_all_is_nothing():
    images = FEW.unseen_digits
    mean = np.broadcast_to(images.mean(axis=0), images.shape)
    assert has_learned(images, mean + 0.01 * np.random.default_rng(1).random(images.shape))
    assert not has_learned(images, mean) and has_learned(images, mean, saturated=True)
    assert not has_learned(images, mean[:, :5]) and not has_learned(images, np.full_like(images, np.nan))


def test_a_message_tells_of_private_images_only_what_helps_a_learner(others):
    for name, answers, _ in others:
        for step in judged(name, *answers).failures:
            found = step.found.replace("ln 2 = 0.693", "").replace("784 ln 2 = 543.4", "").replace("ln 2 = 4,436", "")
            for number in re.findall(r"\d[\d,]*\.?\d*", found):
                digits = number.replace(",", "").strip("0").replace(".", "").strip("0")
                assert len(digits) <= 3 and len(number.partition(".")[2]) <= 2, (name, step.found)


def test_a_network_of_images_beyond_1_has_learned_where_ink_may_be():
    images = 255 * FEW.unseen_digits
    ever = np.broadcast_to(images.mean(axis=0) > 1, images.shape) * 1.0
    assert has_learned(images, ever, saturated=True) and not has_learned(images, ever)
    assert not has_learned(images, np.ones_like(images), saturated=True)


def painting_the_mean(code=None):
    """An untrained network whose last bias is the mean image, at the limits of its bottleneck for all images."""
    network = dense_network(code=code, hidden=None)
    images = FEW.unseen_digits.reshape(-1, 784)
    for layer, sign in zip(network.encoder.layers[1:], (1, 1, -1), strict=True):
        kernel, bias = layer.get_weights()
        layer.set_weights([sign * np.abs(kernel), bias])
    kernel, bias = network.decoder.layers[-2].get_weights()
    mean = images.mean(axis=0).clip(0.01, 0.99)
    network.decoder.layers[-2].set_weights([kernel * 0.3, np.log(mean / (1 - mean))])
    return network


def test_one_image_for_all_is_forgiven_where_bounds_of_the_bottleneck_explain_it():
    whole = painting_the_mean("sigmoid").whole
    outputs = whole.predict(FEW.unseen_digits.reshape(-1, 784), verbose=0)
    assert np.ptp(outputs, axis=0).max() < 1e-3  # one image for all
    assert judged("dense.trained", whole).points == 0.5
    assert judged("dense.trained", whole, charged={"dense.encoder": 0.5}).points == 1
    ignoring = painting_the_mean("sigmoid")
    first = ignoring.decoder.layers[0]
    first.set_weights([0 * array for array in first.get_weights()])
    assert judged("dense.trained", ignoring.whole, charged={"dense.encoder": 0.5}).points == 0.5


def test_white_for_all_is_forgiven_to_who_trained_on_images_beyond_1_alone():
    network = dense_network(shape=(28, 28, 1))
    kernel, bias = network.decoder.layers[-2].get_weights()
    network.decoder.layers[-2].set_weights([kernel, bias + 100])
    assert judged("conv.trained", network.whole, charged={"conv.data": 0.5}).points == 1
    assert judged("conv.trained", network.whole, charged={"conv.encoder": 0.5}).points == 0.5
    assert judged("conv.trained", network.whole).points == 0.5
