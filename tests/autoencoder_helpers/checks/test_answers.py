"""What is said of an answer that cannot be looked at: which one it is, and what to do."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.answers import Function, Model

tfd = tfp.distributions
ASKING_FOR_A_MODEL_FIRST = [
    name for name, rule in catalogue().items() if isinstance(next(iter(rule.answers.values())), Model)
]
WITH_ONE_MODEL = ["dense.encoder", "dense.decoder", "conv.encoder", "conv.decoder", "vae.encoder", "flowers.decoder"]


@pytest.mark.parametrize("name", ASKING_FOR_A_MODEL_FIRST)
def test_a_model_without_layers_is_told_to_get_some(name):
    answers = {
        answer: keras.Sequential() if isinstance(kind, Model) else "synthetic"
        for answer, kind in catalogue()[name].answers.items()
    }
    result = check(name, **answers)
    (step,) = result.failures
    assert result.points == 0 and step.mistake == "no-layers"
    assert next(iter(answers)) in step.expected and "no layers yet" in step.found and "keras.Input" in step.look


@pytest.mark.parametrize("name", WITH_ONE_MODEL)
def test_a_model_with_nothing_but_an_input_is_told_to_get_layers(name):
    kind = next(iter(catalogue()[name].answers.values()))
    step, *others = check(name, keras.Sequential([keras.Input(kind.input_shape)])).failures
    assert step.mistake == "no-layers" and "no layers yet" in step.found
    assert all(other.mistake == "no-layers" for other in others)


def test_flowers_that_are_only_let_in_keep_their_points():
    result = check("flowers.encoder", keras.Sequential([keras.Input((80, 80, 3))]))
    assert result.points == 0.5 and result.failures[0].mistake == "no-layers"


@pytest.mark.parametrize("name", catalogue())
def test_the_answer_that_is_missing_is_named(name):
    first = next(iter(catalogue()[name].answers))
    (step,) = check(name, *[None] * len(catalogue()[name].answers)).failures
    assert f"`{first}`" in step.expected and step.found == "None" and "raise line" in step.look


def test_a_missing_part_of_a_result_does_not_point_to_the_raise_line():
    (step,) = check("conv.decode_point", lambda point, decoder, codes: (None, 1.0)).failures
    assert step.mistake == "missing" and step.look == "how the image is made"


def test_the_result_of_a_function_in_place_of_the_function():
    names = [n for n, rule in catalogue().items() if isinstance(next(iter(rule.answers.values())), Function)]
    for name in names:
        answers = list(catalogue()[name].answers)
        step = check(name, *[3.0] * len(answers)).failures[0]
        assert f"`{answers[0]}`" in step.expected and "without brackets" in step.look


@pytest.mark.parametrize(
    ("made_of", "mistake", "words"),
    [
        (lambda model: (model,), "trailing-comma", "comma at the end"),
        (lambda model: [model, model], "several-in-one", "one list"),
        (lambda model: (model, model), "several-in-one", "one tuple"),
        (lambda model: [1, model], "several-in-one", "`[1]`"),
        (lambda model: {"encoder": model, "decoder": model}, "several-in-one", "`['encoder']`"),
        (lambda model: {"decoder": model}, "several-in-one", "one dict"),
        (lambda model: {"layers": model.layers}, "several-in-one", "one dict"),
        (lambda model: keras.callbacks.History(), "no-model", "in front of `.fit`"),
        (lambda model: lambda: model, "no-model", "call it"),
        (lambda model: model.layers[0], "no-model", "one layer"),
        (lambda model: model.output, "no-model", "both ends"),
    ],
)
def test_what_stands_in_a_models_place_is_named(made_of, mistake, words):
    (step,) = check("dense.encoder", made_of(keras.Sequential([keras.Input((784,)), keras.layers.Dense(2)]))).failures
    assert step.mistake == mistake and words in step.look, step


def test_a_dict_or_a_list_in_the_place_of_one_thing_is_named_whatever_is_asked_for():
    prior = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)

    def found(name, answer):
        (step,) = check(name, *[answer] * len(catalogue()[name].answers)).failures
        return step.mistake, step.found

    assert found("vae.prior", (prior,)) == ("trailing-comma", "a tuple of 1 thing: Independent")
    assert found("vae.prior", [prior, prior])[0] == "several-in-one"
    assert found("vae.loss", (found,)) == ("trailing-comma", "a tuple of 1 thing: function")
    assert found("vae.loss", {"loss": found}) == ("several-in-one", "a dict of 1 thing: 'loss'")
    assert found("dense.data", {"x_train": 1, "x_test": 2}) == (
        "several-in-one",
        "a dict of 2 things: 'x_train', 'x_test'",
    )
    assert found("flowers.beta", {"beta": 0.0012})[0] == "several-in-one"
    assert found("dense.encoder", {})[1] == "a dict of 0 things"
    assert found("dense.encoder", list(range(9)))[1] == "a list of 9 things: int, int, int, int, ..."
