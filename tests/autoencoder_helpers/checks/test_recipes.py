"""The words for networks that are refused before a rule looks: only where they fit, and nobody else's."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import pytest
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers.checks.raised import telling_line
from autoencoder_helpers.checks.recipes import EndsInDistribution

layers, tfpl = keras.layers, tfp.layers
CLOUD = EndsInDistribution("tfpl.IndependentNormal(2)", 4, "two means, two standard deviations")
FULL = EndsInDistribution("tfpl.MultivariateNormalTriL(10)", 65, "10 means and the 55 numbers of a triangle")


def error_of(width, layer):
    with pytest.raises(ValueError) as caught:
        keras.Sequential([layers.Input((5,)), layers.Dense(width), layer])
    return caught.value


@pytest.mark.parametrize("width", [1, 3, 5])
def test_the_error_of_the_distribution_layer_is_told_in_our_words(width):
    told = CLOUD.of_error(str(error_of(width, tfpl.IndependentNormal(2))))
    assert told.texts["found"] == str(width) and "params_size" in told.texts["look"]
    assert told.texts["mistake"] == ("too-few-parameters" if width < 4 else "too-many-parameters")


@pytest.mark.parametrize("width", [10, 20, 64, 66])
def test_and_that_of_a_full_covariance(width):
    assert FULL.of_error(str(error_of(width, tfpl.MultivariateNormalTriL(10)))).texts["found"] == str(width)


def test_other_errors_are_left_alone():
    assert CLOUD.of_error("") is CLOUD.of_error("name 'x' is not defined") is None
    assert CLOUD.of_error(str(error_of(64, tfpl.MultivariateNormalTriL(10)))) is None


def test_of_an_error_inside_a_layer_the_telling_line_is_shown():
    assert (
        telling_line(error_of(3, tfpl.IndependentNormal(2))) == "Dimension size must be evenly divisible by 2 but is 3"
    )
    assert telling_line(ValueError("first\nsecond")) == "first" and telling_line(ValueError()) == "(no message)"


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.Lambda(lambda v: v - 0.5)(x),  # draws nothing
        lambda x: tfpl.IndependentNormal(2)(layers.Dense(4)(layers.Lambda(lambda v: v - 0.5)(x))),  # a layer that may
        lambda x: layers.GaussianNoise(1.0)(x),  # in training only
        lambda x: layers.Dense(2, kernel_regularizer="l2")(x),  # adds, but no KL
    ],
)
def test_a_network_refused_for_another_reason_gets_no_words_of_sampling(build):
    x = layers.Input((5,))
    assert CLOUD.of_model(keras.Model(x, build(x))) is None
