"""`flowers.walk`: right answers of any construction pass, each usual mistake is named."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule

layers = keras.layers


@pytest.fixture(scope="module")
def networks(make):
    large = keras.initializers.RandomNormal(stddev=2.0, seed=1)
    hidden = layers.Dense(100, activation="tanh", kernel_initializer=large)
    return (
        make.encoder(
            layers.Dense(65, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=2)), make.full()
        ),
        keras.Sequential([layers.Input((10,)), hidden, layers.Dense(19_200, "sigmoid"), layers.Reshape((80, 80, 3))]),
    )


def right_walk(e, d, steps_of=lambda steps: np.linspace(0, 1, steps), code=lambda cloud: cloud.mean()):
    def walk(first, last, steps):
        start, end = np.asarray(code(e(np.stack([first, last]))))
        t = steps_of(steps)[:, None]
        return d(((1 - t) * start + t * end).astype("float32"))

    return walk


def test_a_right_walk_gets_the_point(points, networks):
    e, d = networks
    assert points("flowers.walk", right_walk(e, d), e, d) == 1
    assert points("flowers.walk", lambda *a: list(right_walk(e, d)(*a).numpy()), e, d) == 1


def fade(first, last, steps):
    t = np.linspace(0, 1, steps)[:, None, None, None]
    return (1 - t) * first + t * last


def great_circle(e, d):
    def walk(first, last, steps):
        a, b = np.asarray(e(np.stack([first, last])).mean())
        angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        t = np.linspace(0, 1, steps)[:, None]
        return d(((np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)).astype("float32"))

    return walk


@pytest.mark.parametrize(
    ("made", "mistake"),
    [
        (lambda e, d: fade, "pixel-fade"),
        (lambda e, d: lambda a, b, n: fade(*d(e(np.stack([a, b])).mean()).numpy(), n), "pixel-fade"),
        (lambda e, d: lambda a, b, n: d(e(fade(a, b, n).astype("float32")).mean()), "pixel-fade"),
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
def test_mistakes_in_the_walk_are_named(mistakes, networks, made, mistake):
    e, d = networks
    assert mistakes("flowers.walk", made(e, d), e, d) == [mistake]


@pytest.mark.parametrize(
    ("wrong", "mistake"),
    [
        (lambda e, d: fade, "pixel-fade"),
        (lambda e, d: lambda a, b, n: right_walk(e, d)(b, a, n), "backwards"),
        (lambda e, d: right_walk(e, d, steps_of=lambda n: np.linspace(0, 1, n) ** 2), "uneven-steps"),
        (lambda e, d: right_walk(e, d, steps_of=lambda n: np.arange(n) / n), "wrong-ends"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(mistakes, points, make, wrong, mistake):
    e, d = make.encoder(), make.decoder()
    assert points("flowers.walk", right_walk(e, d), e, d) == 1
    assert mistakes("flowers.walk", wrong(e, d), e, d) == [mistake]


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


def test_a_network_is_not_blamed_for_its_parts(points, make):
    e, d = make.encoder(), make.decoder(make.up(1, activation="sigmoid"))
    assert points("flowers.vae", make.joined(e, d), e, d) == 1
    assert points("flowers.walk", right_walk(e, d), e, d) == 1


def test_a_great_circle_is_no_straight_line(points, networks, make):
    _, d = networks
    dense = layers.Dense(65, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=2))
    e = make.encoder(dense, make.full())
    kernel, bias = dense.get_weights()
    grey = np.asarray(e(np.full((1, 80, 80, 3), 0.4, "float32")).mean())[0]
    bias[:10] -= grey  # codes on all sides of the origin, so that circle and line differ
    dense.set_weights([kernel, bias])
    assert points("flowers.walk", right_walk(e, d), e, d) == 1
    # Whatever flowers it is asked about: between some two both ways are nearly the same.
    for seed in range(40):
        result = run_rule(catalogue()["flowers.walk"], (great_circle(e, d), e, d), {}, seed=seed)
        assert [step.mistake for step in result.failures] == ["great-circle"], seed


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_mixed_pixels_are_known_though_an_encoder_is_nearly_linear(make, seed):
    """With these first weights hardly a relu bends: codes of mixed pixels lie so near the line that images hardly differ."""
    keras.utils.set_random_seed(20)
    dense = layers.Dense(65, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=2))
    hidden = layers.Dense(
        100, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=2.0, seed=1)
    )
    e = make.encoder(dense, make.full())
    d = keras.Sequential([layers.Input((10,)), hidden, layers.Dense(19_200, "sigmoid"), layers.Reshape((80, 80, 3))])

    def mixes_pixels(a, b, n):
        return d(e(fade(a, b, n).astype("float32")).mean())

    for walk, mistakes in ((mixes_pixels, ["pixel-fade"]), (right_walk(e, d), [])):
        result = run_rule(catalogue()["flowers.walk"], (walk, e, d), {}, seed=seed)
        assert [step.mistake for step in result.failures] == mistakes
