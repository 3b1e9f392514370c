"""What rules expect of an answer, by itself."""

import numpy as np
import pytest
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.rule import NotYet, Steps

KNOWN = ((2.0, "doubled", "twice as much", "once is enough"),)


def expect(value, is_right):
    steps = Steps(None, np.random.default_rng(0))
    expect_no_known_mistake(steps, KNOWN, lambda mistaken: value == mistaken, is_right=is_right, expected="1")


def test_a_known_mistake_is_named():
    with pytest.raises(NotYet) as told:
        expect(2.0, is_right=False)
    assert told.value.texts["mistake"] == "doubled"


def test_a_right_answer_stays_right_where_a_mistake_makes_the_same_of_the_question():
    expect(2.0, is_right=True)
