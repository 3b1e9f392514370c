"""What points are for: the page that says it tells of the rules as they are, and like mistakes cost like points."""

import importlib.util
from pathlib import Path

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
from autoencoder_helpers import measures
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule

PAGE = Path(__file__).resolve().parents[1] / "docs" / "points.md"


@pytest.fixture(scope="module")
def listing():
    """docs/list_points.py as a module."""
    spec = importlib.util.spec_from_file_location("list_points", PAGE.with_name("list_points.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_every_check_as_its_rule_is(listing):
    page = PAGE.read_text(encoding="utf-8")
    assert page == listing.written(page), "docs/points.md is not up to date: .venv/bin/python docs/list_points.py"
    assert all(f"| `{name}` |" in page for name in catalogue())


@pytest.mark.parametrize("name", list(catalogue()))
def test_the_parts_of_a_check_add_up_and_none_is_less_than_an_eighth(listing, name):
    rule = catalogue()[name]
    shares = [points / rule.points for _, points, _ in listing.parts(rule)]
    assert sum(shares) == 1 and min(shares) >= 1 / 8


# -- like mistakes cost like points: the three losses of reconstructions

LOSSES = {"dense.bce_per_image": 1, "vae.loss": 1, "flowers.loss": 1 / 3}  # times the sum over an image's values


def each_value(x, p):
    x, p = tf.cast(x, tf.float64), tf.clip_by_value(tf.cast(p, tf.float64), 1e-7, 1 - 1e-7)
    return -x * tf.math.log(p) - (1 - x) * tf.math.log(1 - p)


def summed(values):
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))


SLIPS = {
    "none": lambda x, p: summed(each_value(x, p)),
    "the mean over pixels": lambda x, p: summed(each_value(x, p)) / np.prod(x.shape[1:]),
    "swapped arguments": lambda x, p: summed(each_value(p, x)),
    "a squared error": lambda x, p: summed(tf.square(tf.cast(x, tf.float64) - tf.cast(p, tf.float64))),
    "logits": lambda x, p: summed(each_value(x, tf.sigmoid(tf.cast(p, tf.float64)))),
    "the sum over the images": lambda x, p: tf.reduce_sum(each_value(x, p)),
    "divided by the batch": lambda x, p: summed(each_value(x, p)) / x.shape[0],
    "bits": lambda x, p: summed(each_value(x, p)) / np.log(2),
    "the wrong sign": lambda x, p: -summed(each_value(x, p)),
    "one half of the formula": lambda x, p: (
        -summed(tf.cast(x, tf.float64) * tf.math.log(tf.cast(p, tf.float64) + 1e-9))
    ),
    "another quantity": lambda x, p: summed(each_value(x, p) ** 2),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_costs_the_same_in_every_loss(slip):
    found = {
        name: run_rule(catalogue()[name], (lambda x, p, scale=scale: scale * SLIPS[slip](x, p),), {}).points
        for name, scale in LOSSES.items()
    }
    assert set(found.values()) == {{"none": 1, "another quantity": 0}.get(slip, 0.5)}, found


UNITS = {
    "none": lambda x: 1,
    "the mean over the pixels": lambda x: 1 / np.prod(x.shape[1:]),
    "the sum over the images": lambda x: len(x),
    "divided by the batch": lambda x: 1 / len(x),
    "bits": lambda x: 1 / np.log(2),
    "the wrong sign": lambda x: -1,
}
PAIRS = {"dense.floor_and_baseline": 1, "flowers.yardsticks": 1 / 3}  # times the sum over an image's values


@pytest.mark.parametrize("unit", UNITS)
def test_a_wrong_unit_costs_in_floor_and_baseline_what_it_costs_in_a_loss(unit):
    def pair(scale):
        def floor_and_baseline(x_train, x):
            right = (float(tf.reduce_mean(summed(each_value(x, p)))) for p in (x, measures.mean_image(x_train)))
            return [UNITS[unit](x) * scale * value for value in right]

        return floor_and_baseline

    found = {name: run_rule(catalogue()[name], (pair(scale),), {}).points for name, scale in PAIRS.items()}
    assert set(found.values()) == {1 if unit == "none" else 0.5}, found


def test_an_average_over_latent_variables_costs_as_much_as_one_over_pixels():
    def kl(mean, stddev):
        return (0.5 * (mean**2 + stddev**2 - 1) - np.log(stddev)).mean(axis=-1)

    assert run_rule(catalogue()["vae.gaussian_kl"], (kl,), {}).points == 0.5


def test_whoever_does_not_draw_from_the_prior_keeps_nothing():
    def rows(draw):
        return lambda count, decoder: decoder(draw(count).astype("float32"))

    rng = np.random.default_rng(0)
    for draw in (
        lambda count: rng.uniform(-3, 3, (count, 2)),
        lambda count: rng.normal(0.5, 0.7, (count, 2)),
        lambda count: np.tile(rng.normal(size=(10, 2)), (count // 10, 1)),
        lambda count: rng.normal(size=(count, 2)).clip(-2, 2),
        lambda count: rng.normal(size=(count, 2)).clip(-2, 2) * (1 + 1e-6),  # as rounding may leave them
    ):
        assert run_rule(catalogue()["vae.prior_samples"], (rows(draw),), {}).points == 0
    assert run_rule(catalogue()["vae.prior_samples"], (rows(lambda n: rng.normal(size=(n, 2))),), {}).points == 1
