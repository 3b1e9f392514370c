"""Networks after a description and a rebuilding, compared with those that they were."""

import json

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models

layers = keras.layers
tfd = tfp.distributions


def again(models):
    """The models after a description, JSON and rebuilding."""
    description, arrays = describe_models(models)
    return rebuild_models(json.loads(json.dumps(description)), arrays)


def randomized(rng, *models):
    """Give every weight a value of its own, so that two that are mixed up are noticed."""
    for model in models:
        for variable in model.weights:
            low = 0.2 if "variance" in variable.name else -0.5
            variable.assign(rng.uniform(low, 0.8, variable.shape).astype(variable.dtype.as_numpy_dtype))


def inputs_for(rng, model, count=3):
    return rng.random((count, *model.input_shape[1:])).astype(model.inputs[0].dtype.as_numpy_dtype)


def run(model, x, training=False):
    """Output and losses with a fixed seed; of a distribution also its parameters."""
    tf.random.set_seed(7)
    output = model(x, training=training)
    parts = [np.asarray(tf.convert_to_tensor(output))]
    if hasattr(output, "log_prob"):
        parts += [np.asarray(output.mean()), np.asarray(output.stddev())]
    return [np.asarray(part, np.float64) for part in parts], np.array([float(loss) for loss in model.losses])


BOTH_PHASES = (False, True)


def expect_same_numbers(live, rebuilt, rng, trainings=(False,)):
    x = inputs_for(rng, live)
    for training in trainings:
        moving = live.get_weights() if training else None  # a batch normalization changes them
        wanted, wanted_losses = run(live, x, training)
        found, found_losses = run(rebuilt, x, training)
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert np.isfinite(b).all()
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1, np.abs(b).max()))
        np.testing.assert_allclose(found_losses, wanted_losses, rtol=1e-5, atol=1e-6)
        if training:
            for a, b in zip(rebuilt.get_weights(), live.get_weights(), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
            live.set_weights(moving)
            rebuilt.set_weights(moving)


ATTRIBUTES = ("units", "filters", "kernel_size", "strides", "use_bias", "target_shape", "rate", "alpha")


def expect_same_structure(live, rebuilt):
    assert type(rebuilt) is type(live)
    assert (rebuilt.name, rebuilt.trainable) == (live.name, live.trainable)
    assert rebuilt.input_shape == (None, *live.input_shape[1:])
    assert rebuilt.output_shape == (None, *live.output_shape[1:])
    assert rebuilt.count_params() == live.count_params()
    assert len(rebuilt.layers) == len(live.layers)
    for a, b in zip(rebuilt.layers, live.layers, strict=True):
        assert type(a) is type(b)
        assert (a.name, a.trainable, a._dtype_policy.name) == (b.name, b.trainable, b._dtype_policy.name)
        for attribute in ATTRIBUTES:
            if not isinstance(getattr(b, attribute, None), tf.Variable):
                assert getattr(a, attribute, None) == getattr(b, attribute, None)
        if callable(getattr(b, "activation", None)) and not isinstance(b.activation, layers.Layer):
            assert a.activation is b.activation
        if hasattr(b, "layers"):
            expect_same_structure(b, a)
        elif not isinstance(b, layers.InputLayer):
            assert [tuple(w.shape) for w in a.weights] == [tuple(w.shape) for w in b.weights]


def sharing(models):
    """Which weights of which models are the same ones, as a pattern that rebuilt models must repeat."""
    numbers: dict[int, int] = {}
    return {
        name: [numbers.setdefault(id(weight), len(numbers)) for weight in model.weights]
        for name, model in models.items()
    }


def expect_same(models, rng, trainings=(False,)):
    description, arrays = describe_models(models)
    rebuilt = rebuild_models(json.loads(json.dumps(description)), arrays)
    assert list(rebuilt) == list(models)
    assert describe_models(rebuilt)[0] == description
    assert sharing(rebuilt) == sharing(models)
    for name, live in models.items():
        expect_same_structure(live, rebuilt[name])
        expect_same_numbers(live, rebuilt[name], rng, trainings)
    return rebuilt


def standard(size=2, dtype="float32"):
    return tfd.Independent(tfd.Normal(tf.zeros(size, dtype), tf.ones((), dtype)), reinterpreted_batch_ndims=1)
