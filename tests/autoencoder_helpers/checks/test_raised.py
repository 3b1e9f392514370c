"""What an answer raises is told as a learner needs it: a stub is work to do, an error is an error."""

import json
from pathlib import Path

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.answers import Function
from autoencoder_helpers.checks.raised import named, texts_of

RELEASE = Path(__file__).parents[3] / "notebooks"
ASKING_FOR_FUNCTIONS = [
    name for name, rule in catalogue().items() if all(isinstance(kind, Function) for kind in rule.answers.values())
]


def stubs(names):
    """The functions of these names as the released notebooks define them."""
    found = {}
    for path in RELEASE.glob("*/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and any(f"def {name}(" in source for name in names):
                exec(source, found)
    return [found[name] for name in names]


@pytest.mark.parametrize("name", ASKING_FOR_FUNCTIONS)
def test_an_untouched_stub_is_work_to_do_and_no_error(name):
    names = list(catalogue()[name].answers)
    result = check(name, *stubs(names))
    assert result.points == 0
    for function, step in zip(names, result.failures, strict=True):
        assert step.found.startswith("Not written yet") and f"`{function}`" in step.found
        assert step.mistake == "missing" and "hint" in step.look
        assert step.expected[0].isupper() and "Error" not in step.expected + step.found + step.look


def test_the_task_of_a_stub_is_named():
    (stub,) = stubs(["bce_per_image"])
    (step,) = check("dense.bce_per_image", stub).failures
    assert step.expected == "Compute the binary cross-entropy of each image, summed over its pixels"


def test_the_stub_that_an_answer_calls_is_named():
    notebook = {}
    exec("def loss_of(x, p): raise NotImplementedError('The loss')\ndef both(x, p): return loss_of(x, p)", notebook)
    (step,) = check("dense.bce_per_image", notebook["both"]).failures
    assert step.expected == "The loss" and "`loss_of`" in step.found


def test_a_stub_without_a_task_is_named_all_the_same():
    def bce_per_image(x, p):
        raise NotImplementedError

    (step,) = check("dense.bce_per_image", bce_per_image).failures
    assert "`bce_per_image`" in step.expected and step.found.startswith("Not written yet")


def test_a_library_without_a_formula_is_no_stub():
    tfd = tfp.distributions

    def gaussian_kl(mean, stddev):
        return tfd.kl_divergence(tfd.Normal(mean, stddev), tfd.Cauchy(tf.zeros(2), 1.0))

    (step,) = check("vae.gaussian_kl", gaussian_kl).failures
    assert step.mistake == "raises" and step.found.startswith("NotImplementedError")


def test_other_errors_stay_what_they_are():
    error = ValueError("no")
    assert named(error) is error
    assert type(named(NotImplementedError("never raised, so from nowhere"))) is NotImplementedError


def test_what_an_error_says_is_a_quotation_that_it_cannot_leave():
    odd = type("All is right", (Exception,), {})
    assert texts_of(ValueError("fine” Found: 4"))["found"] == "ValueError: “fine' Found: 4”"
    assert texts_of(odd("x"))["found"] == "an error: “x”"
