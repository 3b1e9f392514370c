"""All checks of chapter 2: none raises, none pays for nothing, and their points add up."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue

layers = keras.layers


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
    rules = [
        rule for rule in catalogue().values() if rule.examine.__module__.startswith("autoencoder_helpers.checks.conv.")
    ]
    assert sum(rule.points for rule in rules) == 10 and [rule.name for rule in rules] == NAMES
