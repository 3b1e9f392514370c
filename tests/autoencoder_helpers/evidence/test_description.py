"""Writing networks down: nothing of them changes, and what cannot be written down is named."""

import json

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_grader.references import networks
from autoencoder_helpers.evidence.description import NotDescribable, describe_models
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from comparing_networks import standard

layers = keras.layers
tfd, tfpl = tfp.distributions, tfp.layers


def test_describing_changes_nothing_and_leaves_no_tuples(rng):
    encoder, decoder, whole = networks.variational_autoencoder()
    before = [len(layer._inbound_nodes) for layer in encoder.layers]
    description, arrays = describe_models({"vae": whole})
    assert json.loads(json.dumps(description)) == description
    assert [len(layer._inbound_nodes) for layer in encoder.layers] == before
    arrays[0][:] = 0
    assert float(np.abs(encoder.get_weights()[0]).max()) > 0


class Sampling(layers.Layer):
    def call(self, inputs):
        return inputs


class OwnDense(layers.Dense):
    def call(self, inputs):
        return super().call(inputs) * 0


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


class OwnFunctional(keras.Model):
    pass


def after(*more, shape=(4,)):
    return keras.Sequential([keras.Input(shape), *more])


def functional(make, shape=(4,)):
    x = keras.Input(shape)
    return keras.Model(x, make(x))


def cloud(prior=None, convert="sample", **settings):
    kl = tfpl.KLDivergenceRegularizer(prior or standard(), **settings)
    return after(tfpl.IndependentNormal(2, convert, activity_regularizer=kl))


def with_own_loss():
    model = after(layers.Dense(2))
    model.layers[0].add_loss(lambda: tf.reduce_sum(model.layers[0].kernel))
    return model


def with_model_loss():
    x = keras.Input((4,))
    y = layers.Dense(2)(x)
    model = keras.Model(x, y)
    model.add_loss(tf.reduce_mean(y))
    return model


def with_nan():
    model = after(layers.Dense(2))
    model.set_weights([np.full((4, 2), np.nan), np.zeros(2)])
    return model


def with_tied_weights():
    model = after(layers.Dense(4), layers.Dense(4))
    model.layers[1].kernel = model.layers[0].kernel
    return model


def with_further_weights():
    model = after(layers.Dense(2))
    model.layers[0].add_weight("more", (3,))
    return model


def two_inputs():
    a, b = keras.Input((4,)), keras.Input((4,))
    return keras.Model([a, b], layers.Add()([a, b]))


MASK = np.ones((1, 4), bool)
NOT_DESCRIBABLE = {
    "subclassed model, 'OwnModel'": OwnModel,
    "subclassed model, 'OwnFunctional'": lambda: OwnFunctional(*[keras.Input((2,))] * 2),
    "no network of tf_keras": lambda: layers.Dense(2),
    "has not been built": lambda: keras.Sequential([layers.Dense(2)]),
    "Lambda layer, 'my_lambda'": lambda: after(layers.Lambda(lambda x: x, name="my_lambda")),
    "class of your own, 'Sampling'": lambda: after(Sampling()),
    "class of your own, 'OwnDense'": lambda: after(layers.Dense(3), OwnDense(2)),
    "Conv1D layer": lambda: after(layers.Conv1D(2, 2), shape=(4, 2)),
    "activation of its own, 'my_relu'": lambda: after(layers.Dense(2, activation=my_relu)),
    "activation of its own, '<lambda>'": lambda: after(layers.Dense(2, activation=lambda x: tf.nn.relu(x))),
    "DistributionLambda layer": lambda: after(tfpl.DistributionLambda(lambda t: tfd.Normal(t, 1.0))),
    "convert_to_tensor_fn of your own": lambda: after(tfpl.IndependentNormal(2, lambda d: d.mean())),
    "prior that is trained": lambda: cloud(tfd.Independent(tfd.Normal(tf.Variable([0.0, 0.0]), 1.0), 1)),
    "prior that is Laplace": lambda: cloud(tfd.Laplace([0.0, 0.0], 1.0)),
    "prior that is none of tfd's": lambda: cloud(lambda: standard()),
    "KL weight that is trained": lambda: cloud(weight=tf.Variable(1.0)),
    "KL at points of your own": lambda: cloud(test_points_fn=lambda d: d.sample(3)),
    "at right angles, of weights that have none": lambda: after(
        layers.Dense(2, bias_regularizer=keras.regularizers.OrthogonalRegularizer())
    ),
    "more than 2,000,000 right angles": lambda: after(
        layers.Dense(2, kernel_regularizer=keras.regularizers.OrthogonalRegularizer()), shape=(1500,)
    ),
    "regularizer of your own": lambda: after(layers.Dense(2, kernel_regularizer=lambda w: tf.reduce_sum(w))),
    "tf.math.reduce_sum": lambda: functional(lambda x: tf.reduce_sum(x, axis=-1, keepdims=True)),
    "tf.__operators__.getitem": lambda: functional(lambda x: x[:, :2]),
    "4 values do not fit the new shape": lambda: functional(lambda x: tf.reshape(x, (-1, 2))),
    "tf.shape": lambda: functional(lambda x: tf.reshape(x, (tf.shape(x)[0], 2, 2))),
    "loss of your own": with_own_loss,
    "loss from add_loss": with_model_loss,
    "not finite": with_nan,
    "weights of another layer": with_tied_weights,
    "weights of your own making": with_further_weights,
    "2 inputs and 1 outputs": two_inputs,
    "open sides": lambda: after(layers.Conv2D(2, 2), shape=(None, None, 1)),
    "input of type int32": lambda: keras.Sequential([keras.Input((4,), dtype="int32"), layers.Flatten()]),
    "noise_shape": lambda: after(layers.Dropout(0.5, noise_shape=(None, 1))),
    "called with further arguments": lambda: functional(lambda x: layers.Softmax()(x, mask=MASK)),
    "channels_last": lambda: after(layers.UpSampling2D(data_format="channels_first"), shape=(1, 4, 4)),
    "expected float32 or": lambda: after(layers.Dense(2, dtype="float16")),
    "expected a number": lambda: after(layers.Rescaling([1.0, 2.0, 3.0, 4.0])),
    "more than 20,000,000 weights": lambda: after(layers.Dense(5000), layers.Dense(5000, use_bias=False)),
    "more than 2,000,000 values": lambda: after(layers.UpSampling2D(300), shape=(6, 6, 1)),
    "more than 400 values for each": lambda: after(
        layers.UpSampling2D(100), layers.AveragePooling2D(100), shape=(6, 6, 1)
    ),
    "more computation": lambda: after(
        layers.Conv2D(300, 7, padding="same"),
        layers.Conv2D(30, 7, padding="same"),
        layers.Conv2D(1, 7),
        shape=(28, 28, 1),
    ),
}


def my_relu(x):
    return tf.nn.relu(x)


@pytest.mark.parametrize("reason", NOT_DESCRIBABLE)
def test_what_cannot_be_written_down_is_named(reason):
    model = NOT_DESCRIBABLE[reason]()
    with pytest.raises(NotDescribable) as caught:
        describe_models({"model": model})
    assert reason in caught.value.reason == str(caught.value)
    for text in (caught.value.reason, caught.value.look):
        assert len(text.splitlines()) <= 1 and len(text) < 250
    assert caught.value.look


def test_limits_are_told_apart_from_what_is_not_supported():
    with pytest.raises(NotDescribable) as caught:
        describe_models({"m": NOT_DESCRIBABLE["more than 2,000,000 values"]()})
    assert "smaller" in caught.value.look


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "elu", "softmax", "softplus", "hard_sigmoid"])
def test_activations_are_known_by_the_name_that_the_backend_has_for_them(name):
    model = after(layers.Dense(2, activation=getattr(keras.backend, name)))
    x = np.linspace(-3, 3, 5 * model.input_shape[-1], dtype=np.float32).reshape(5, -1)
    again = rebuild_models(*describe_models({"answer": model}))["answer"]
    np.testing.assert_array_equal(again(x), model(x))
