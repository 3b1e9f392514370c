"""The engine behind `check`: steps, points, and results that never become exceptions."""

import functools
import json
import os
import sys

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tf_keras as keras
from autoencoder_helpers import CourseError, check, checks
from autoencoder_helpers.checks import CheckError, catalogue
from autoencoder_helpers.checks.answers import Anything, Array, Function, Number
from autoencoder_helpers.checks.result import RESULT_MIME_TYPE
from autoencoder_helpers.checks.rule import NotYet, Rule, describe, run_rule


def made_rule(examine, points=3.0, **answers):
    return Rule("made.rule", points, "A rule made for a test", answers or {"answer": Anything()}, examine)


def test_a_failed_layer_ends_the_rule_and_keeps_earlier_points():
    def examine(step, answer):
        with step("first", points=1):
            pass
        with step("second", points=1):
            step.expect(False, expected="this", found="that", look="there", mistake="made-up")
        with step("third", points=1):
            raise AssertionError("never looked at")

    result = run_rule(made_rule(examine), (1,), {})
    assert result.points == 1
    assert [step.title for step in result.steps[1:]] == ["first", "second"]
    assert result.verdict == "partly"
    assert result.failures[0].mistake == "made-up"


def test_an_independent_step_lets_the_rule_go_on():
    def examine(step, answer):
        with step("first", points=1, stop=False):
            step.fail(expected="a", found="b", look="c", mistake="d")
        with step("second", points=2):
            pass

    assert run_rule(made_rule(examine), (1,), {}).points == 2


def test_all_passed_must_add_up_to_the_points_of_the_rule():
    def examine(step, answer):
        with step("only", points=1):
            pass

    with pytest.raises(AssertionError, match="add up to 1"):
        run_rule(made_rule(examine, points=2), (1,), {})


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), RecursionError(), MemoryError(), AssertionError()])
def test_whatever_an_answer_raises_becomes_a_failed_step(error):
    def examine(step, answer):
        with step("asked", points=3):
            answer()

    def answer():
        raise error

    result = run_rule(made_rule(examine), (answer,), {})
    assert result.points == 0
    assert type(error).__name__ in result.failures[0].found


def test_a_rule_knows_which_checks_have_taken_points_before():
    def examine(step, answer):
        with step("of what came before", points=3):
            step.expect(step.charged("made.before"), expected="", found="", look="", mistake="not-charged")

    assert run_rule(made_rule(examine), (1,), {}).points == 0
    assert run_rule(made_rule(examine), (1,), {}, charged={"made.before"}).points == 3
    assert run_rule(made_rule(examine), (1,), {}, charged={"made.other"}).points == 0


def test_an_answer_is_judged_with_right_answers_to_what_it_builds_on():
    def examine(step, total):
        with step("the sum of both images' losses", points=3):
            found = total(np.ones((2, 5)), np.full((2, 5), 0.5))
            step.expect(np.isclose(found, 10 * np.log(2)), expected="", found=found, look="", mistake="wrong")

    notebook = {}
    exec("def bce_per_image(x, p): return 0\ndef total(x, p): return bce_per_image(x, p).sum()", notebook)
    exec("def wrong(x, p): return bce_per_image(x, p).mean()", notebook)
    wrong_part, total = notebook["bce_per_image"], notebook["total"]
    rule = Rule("made.rule", 3, "A sum", {"total": Function()}, examine, builds_on=("bce_per_image", "prior"))
    for answer in (total, functools.partial(total)):
        assert run_rule(rule, (answer,), {}).points == 3, answer
    assert run_rule(rule, (notebook["wrong"],), {}).points == 0
    assert notebook["bce_per_image"] is wrong_part and "prior" not in notebook
    for answer in (len, Spiteful(), lambda *a: 10 * np.log(2)):
        run_rule(rule, (answer,), {})


def test_the_notebook_remembers_what_was_charged_until_it_is_put_right():
    def decoder(last):
        parts = [keras.layers.Dense(20, "relu"), keras.layers.Dense(100, "relu"), keras.layers.Dense(784, last)]
        return keras.Sequential([keras.Input((2,)), *parts])

    def charged():
        return {name for name, result in checks._RESULTS.items() if result.mistaken}

    check("dense.encoder", decoder("sigmoid"))
    check("dense.decoder", decoder(None))
    check("dense.codes", None, None)  # no answer: nothing follows from it that could be forgiven
    assert charged() == {"dense.encoder", "dense.decoder"}
    check("dense.decoder", decoder("sigmoid"))
    assert charged() == {"dense.encoder"}


def test_an_error_outside_a_step_is_a_failed_step_too():
    def examine(step, answer):
        answer.nothing_of_that_name

    result = run_rule(made_rule(examine), (1,), {})
    assert result.points == 0 and "AttributeError" in result.failures[0].found


def test_an_interrupt_is_not_swallowed():
    def examine(step, answer):
        with step("slow", points=3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_rule(made_rule(examine), (1,), {})


def test_missing_data_is_nobodys_wrong_answer():
    def examine(step, answer):
        with step("measured", points=3):
            raise CourseError("the disk is full")

    with pytest.raises(CourseError, match="disk is full"):
        run_rule(made_rule(examine), (1,), {})


def test_what_an_answer_prints_does_not_reach_the_graded_cell(capfd):
    def examine(step, answer):
        with step("loud", points=3):
            print("to stdout")
            print("to stderr", file=sys.stderr)
            os.write(2, b"a log line of a C++ library\n")
            np.log(np.zeros(1))

    assert run_rule(made_rule(examine), (1,), {}).points == 3
    assert capfd.readouterr() == ("", "")
    os.write(2, b"stderr works again")
    assert capfd.readouterr().err == "stderr works again"


def test_the_result_is_a_number_for_nbgrader_a_card_for_people_and_data():
    def examine(step, answer):
        with step("a <b> step", points=1.5):
            pass
        with step("another", points=1.5):
            step.fail(expected="<i>", found="&", look="there", mistake="slug")

    result = run_rule(made_rule(examine), (1,), {})
    bundle = result._repr_mimebundle_()
    assert float(bundle["text/plain"]) == 1.5 == float(repr(result))
    assert "<b>" not in bundle["text/html"] and "&lt;b&gt;" in bundle["text/html"]
    assert "partly" in bundle["text/html"] and "◐" in bundle["text/html"]
    data = json.loads(json.dumps(bundle[RESULT_MIME_TYPE]))
    assert data["steps"][-1]["mistake"] == "slug" and data["points"] == 1.5
    for word in ("expected: <i>", "found: &", "where to look: there"):
        assert word in str(result)


def test_names_and_numbers_of_answers_are_told_in_one_line():
    with pytest.raises(CheckError, match='did you mean "dense.encoder"'):
        check("dense.encodr", None)
    with pytest.raises(CheckError, match=r'missing encoder, decoder: write check\("dense.autoencoder"'):
        check("dense.autoencoder", None)
    with pytest.raises(CheckError, match="too many answers"):
        check("dense.encoder", None, None)
    with pytest.raises(CheckError, match="does not fit"):
        check("dense.encoder", decoder=None)
    with pytest.raises(CheckError):
        check(None)


def test_answers_go_by_name_too():
    assert repr(check("dense.encoder", encoder=None)) == "0"


class Spiteful:
    """An object that raises whatever it is asked."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __call__(self, *arguments):
        raise RuntimeError("no")

    def __array__(self, *arguments, **named):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")

    __str__ = __len__ = __bool__ = __eq__ = __float__ = __repr__


STRANGERS = [
    None, ..., "a string", b"bytes", 3, -1.5, float("nan"), True, [], {}, (), [[1], [2, 3]], object(), object, print,
    Spiteful(), np.zeros(0), np.zeros((2, 2)), np.full((3, 3), np.nan), np.array(["a"]), np.array([None]), lambda: None,
    lambda *arguments: arguments, lambda *arguments: Spiteful(),
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_no_stranger_makes_any_check_raise_or_pay(name):
    rule = catalogue()[name]
    for stranger in STRANGERS:
        result = check(name, *[stranger] * len(rule.answers))
        assert result.points == 0, (name, describe(stranger), str(result))
        assert result.failures and result.failures[0].expected and result.failures[0].look


def test_kinds_of_answers_read_what_they_should():
    assert Number().read(np.float32(2), "n") == 2.0
    assert Array((None, 2)).read([[1, 2], [3, 4]], "a").shape == (2, 2)
    assert Function().read(len, "f") is len
    for kind, value in ((Number(), [1, 2]), (Number(), float("inf")), (Array((2,)), [1, 2, 3]), (Function(), 3)):
        with pytest.raises(NotYet):
            kind.read(value, "x")
