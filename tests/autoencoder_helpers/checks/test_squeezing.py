"""A network that copies its input is no autoencoder, however low its loss."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tf_keras as keras
from autoencoder_grader.references import networks
from autoencoder_helpers import check
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.narrowing import numbers_passed

layers = keras.layers


def passed(model):
    description, arrays = describe_models({"model": model})
    return numbers_passed(description, arrays, "model")


@pytest.mark.parametrize(
    ("build", "latent"),
    [
        (networks.dense_autoencoder, 2),
        (networks.convolutional_autoencoder, 2),
        (networks.variational_autoencoder, 2),
        (lambda: networks.flower_vae(width=2), 10),
    ],
)
def test_an_image_goes_through_the_latent_numbers(build, latent):
    assert [passed(model) for model in build()] == [latent] * 3


def test_ways_around_the_bottleneck_are_counted():
    encoder, decoder, _ = networks.dense_autoencoder()
    image = keras.Input((784,))
    through = decoder(encoder(image))
    assert passed(keras.Model(image, layers.Add()([through, layers.Rescaling(0.9)(image)]))) == 784
    assert passed(keras.Model(image, layers.Concatenate()([layers.Dense(2)(image) for _ in range(5)]))) == 10
    assert passed(keras.Sequential([keras.Input((784,)), encoder, decoder])) == 2


def test_residual_layers_behind_the_bottleneck_do_not_widen_it():
    image = keras.Input((784,))
    hidden = layers.Dense(50)(layers.Dense(2)(image))
    for _ in range(5):
        hidden = layers.Add()([hidden, layers.Dense(50)(hidden)])
    assert passed(keras.Model(image, layers.Dense(784)(hidden))) == 2


def copy_of(shape):
    model = keras.Sequential([keras.Input(shape), layers.Rescaling(1.0)])
    model.compile("adam", "binary_crossentropy")
    return model


@pytest.mark.parametrize(("name", "shape"), [("dense.trained", (784,)), ("conv.trained", (28, 28, 1))])
def test_a_network_that_copies_has_only_the_points_of_its_loss_function(name, shape):
    result = check(name, copy_of(shape))
    assert result.points == 0.5 and [step.mistake for step in result.failures] == ["no-bottleneck"]
    encoder = name.replace("trained", "encoder")
    assert run_rule(catalogue()[name], (copy_of(shape),), {}, charged={encoder}).points == 0.5


def test_a_network_that_copies_flowers_has_none():
    assert check("flowers.trained", copy_of((80, 80, 3)), "synthetic").points == 0
