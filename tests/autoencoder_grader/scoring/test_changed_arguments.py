"""In grading an array is changed by a function as it is in the notebook, though the two are processes of their own."""

import numpy as np
import pytest


def moved(mean, stddev, eps):
    mean += stddev * eps
    return mean


def squared(mean, stddev):
    mean **= 2
    return (0.5 * (mean + stddev**2 - 1) - np.log(stddev)).sum(-1)


@pytest.mark.parametrize(("name", "function"), [("vae.sample_z", moved), ("vae.gaussian_kl", squared)])
def test_a_change_in_place_is_seen_in_grading_as_well(graded, name, function):
    seen, given = graded(name, function)
    assert [step.mistake for step in seen.failures] == ["changes-its-input"]
    assert [step.mistake for step in given.failures] == ["changes-its-input"] and given.points == seen.points
    assert [step.found for step in given.failures] == [step.found for step in seen.failures]


def test_what_changes_nothing_is_right_in_grading(graded):
    seen, given = graded("vae.sample_z", lambda mean, stddev, eps: mean + stddev * eps)
    assert seen.passed and given.passed
