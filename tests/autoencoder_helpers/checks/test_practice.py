"""Checks for practice: the same cards, no points, and nothing of them in grading."""

import numpy as np
import pytest
from autoencoder_helpers import check, checks, progress
from autoencoder_helpers.checks import catalogue, practice
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.evidence.messages import ENVIRONMENT

NAME = "vae.log_p_by_draws"


def right(weights):
    highest = weights.max(axis=0)
    return np.log(np.exp(weights - highest).mean(axis=0)) + highest


def test_they_have_no_points_and_are_not_in_the_catalogue():
    assert practice() and not practice().keys() & catalogue().keys()
    assert all(rule.points == 0 for rule in practice().values())
    assert all(rule.points > 0 for rule in catalogue().values())


def test_a_right_answer_passes_and_its_card_says_that_it_gives_no_points():
    result = check(NAME, right)
    assert result.passed and result.verdict == "passed" and repr(result) == "passed"
    card = result._repr_mimebundle_()["text/html"]
    assert "✓ passed · for practice, no points" in card and "0 of 0" not in card + str(result)


def test_a_wrong_answer_does_not_pass():
    result = check(NAME, lambda weights: weights.mean(axis=0))
    assert not result.passed and result.verdict == "not yet" and repr(result) == "not yet"
    assert [step.mistake for step in result.failures] == ["mean-of-logarithms"]


@pytest.mark.parametrize("name", practice())
def test_no_stranger_makes_one_raise_or_pass(name):
    for stranger in (None, ..., "text", 3, [], {}, object(), print, np.zeros((2, 2)), lambda *arguments: arguments):
        result = check(name, *[stranger] * len(practice()[name].answers))
        assert result.failures and result.failures[0].expected and result.failures[0].look, (name, stranger)


def test_in_grading_nothing_is_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path))

    def asked(*arguments):
        raise AssertionError("it was called")

    (step,) = check(NAME, asked).steps
    assert "grading does not look at it" in step.title
    assert NAME not in checks._RESULTS


def test_what_is_wrong_there_excuses_nothing_elsewhere():
    check(NAME, lambda weights: weights)
    assert checks._RESULTS[NAME].lost == 0


def test_they_are_counted_beside_the_points():
    before = repr(progress("vae"))
    of_all = sum(name.startswith("vae.") for name in practice())
    assert f"Without points: 0 of {of_all} exercises for practice pass." in before
    check(NAME, right)
    after = progress("vae")
    assert (after.points, after.max_points) == (0, 10)
    assert f"Without points: 1 of {of_all} exercises" in repr(after) and f"1 of {of_all}" in after._card()


def test_functions_that_are_asked_may_want_tensors():
    names = [
        name for name, rule in practice().items() if all(isinstance(kind, Function) for kind in rule.answers.values())
    ]
    assert NAME in names
    assert check(NAME, lambda weights: right(weights.numpy())).passed
