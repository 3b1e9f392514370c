"""Networks written down as data and made again: the same layers and numbers, nothing that is not allowed."""

import copy
import json
import time

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras that TensorFlow Probability works with)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_grader.references import networks
from autoencoder_helpers.checks.models import all_layers
from autoencoder_helpers.evidence.description import NotDescribable, describe_models
from autoencoder_helpers.evidence.judging import check_description
from autoencoder_helpers.evidence.layers import LAYERS
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.evidence.refusals import Refused
from autoencoder_helpers.evidence.settings import ACTIVATIONS

layers = keras.layers
tfd, tfpl = tfp.distributions, tfp.layers


# -------------------------------------------------------------------------------------------------- comparing


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


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# ------------------------------------------------------------------------------------- networks of the course


@pytest.mark.parametrize(
    "build",
    [
        networks.dense_autoencoder,
        networks.convolutional_autoencoder,
        networks.variational_autoencoder,
        lambda: networks.flower_vae(width=2),
    ],
    ids=["dense", "conv", "vae", "flowers"],
)
def test_the_networks_of_the_course_come_back(build, rng):
    encoder, decoder, whole = build()
    rebuilt = expect_same({"whole": whole, "encoder": encoder, "decoder": decoder}, rng)
    assert encoder in whole.layers and rebuilt["encoder"] in rebuilt["whole"].layers
    assert not rebuilt["whole"]._is_compiled


def test_describing_changes_nothing_and_leaves_no_tuples(rng):
    encoder, decoder, whole = networks.variational_autoencoder()
    before = [len(layer._inbound_nodes) for layer in encoder.layers]
    description, arrays = describe_models({"vae": whole})
    assert json.loads(json.dumps(description)) == description
    assert [len(layer._inbound_nodes) for layer in encoder.layers] == before
    arrays[0][:] = 0
    assert float(np.abs(encoder.get_weights()[0]).max()) > 0


def test_rebuilding_leaves_the_random_state_alone():
    description, arrays = describe_models({"model": networks.dense_autoencoder()[2]})
    tf.random.set_seed(3)
    wanted = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(3)
    rebuild_models(description, arrays)
    assert (tf.random.uniform((3,)).numpy() == wanted).all()


def test_a_rebuilt_network_is_a_whole_keras_model(rng):
    rebuilt = again(dict(zip(("encoder", "decoder", "vae"), networks.variational_autoencoder(), strict=True)))
    x = rng.random((4, 28, 28, 1)).astype("f4")
    vae = rebuilt["vae"]
    vae.compile("adam", "mse")
    before = vae.get_weights()
    vae.train_on_batch(x, x)
    assert any((a != b).any() for a, b in zip(before, vae.get_weights(), strict=True))
    image = keras.Input((28, 28, 1))
    joined = keras.Model(image, rebuilt["decoder"](rebuilt["encoder"](image)))
    assert joined(x).shape == x.shape and len(joined.losses) == 2
    inner = keras.Model(rebuilt["encoder"].input, rebuilt["decoder"](rebuilt["encoder"].output))
    assert inner(x).shape == x.shape
    expect_same_structure(vae, again({"vae": vae})["vae"])


# -------------------------------------------------------------------------------------- ways to join networks


def small_parts():
    encoder = keras.Sequential([layers.Input((6,)), layers.Dense(5, "relu"), layers.Dense(2)], name="encoder")
    decoder = keras.Sequential([layers.Input((2,)), layers.Dense(5, "relu"), layers.Dense(6)], name="decoder")
    return encoder, decoder


def joined_by_call(encoder, decoder):
    x = keras.Input((6,))
    return keras.Model(x, decoder(encoder(x)))


def joined_layer_by_layer(encoder, decoder):
    y = x = keras.Input((6,))
    for layer in encoder.layers + decoder.layers:
        y = layer(y)
    return keras.Model(x, y)


WAYS = {
    "call": joined_by_call,
    "layer by layer": joined_layer_by_layer,
    "Sequential of models": lambda encoder, decoder: keras.Sequential([encoder, decoder]),
    "Sequential of layers": lambda e, d: keras.Sequential([keras.Input((6,)), *e.layers, *d.layers]),
    "same input": lambda encoder, decoder: keras.Model(encoder.input, decoder(encoder.output)),
    "encoder's own output": lambda e, d: keras.Model(e.inputs, [d(e.outputs[0])]),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_two_networks_are_joined_the_weights_are_shared(way, rng):
    encoder, decoder = small_parts()
    whole = WAYS[way](encoder, decoder)
    whole(np.zeros((1, 6), "f4"))  # a Sequential of models does not see the input layer inside the first one
    models = {"encoder": encoder, "decoder": decoder, "whole": whole}
    for order in (list(models), list(models)[::-1]):
        rebuilt = expect_same({name: models[name] for name in order}, rng)
        owned = {id(weight) for weight in rebuilt["whole"].weights}
        assert all(id(w) in owned for name in ("encoder", "decoder") for w in rebuilt[name].weights)


def test_parts_cut_out_of_one_graph_share_their_layers(rng):
    x = keras.Input((6,), name="x")
    code = layers.Dense(2, name="code")(layers.Dense(5, "tanh")(x))
    output = layers.Dense(6)(code)
    whole, encoder = keras.Model(x, output), keras.Model(x, code)
    decoder = keras.Model(code, output)
    rebuilt = expect_same({"whole": whole, "encoder": encoder, "decoder": decoder}, rng)
    assert rebuilt["whole"].layers[:3] == rebuilt["encoder"].layers


def test_a_model_under_two_names_is_one_model():
    encoder, _ = small_parts()
    rebuilt = again({"a": encoder, "b": encoder})
    assert rebuilt["a"] is rebuilt["b"]


def test_separate_networks_stay_separate():
    rebuilt = again(dict(zip("ab", small_parts(), strict=True)))
    assert not {id(w) for w in rebuilt["a"].weights} & {id(w) for w in rebuilt["b"].weights}


@pytest.mark.parametrize("built_with", [1, 4])
def test_networks_without_an_input_layer_can_be_described_once_they_are_built(built_with, rng):
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(3, "relu"), layers.Dense(2)])
    decoder = keras.Sequential([layers.Dense(16), layers.Reshape((4, 4, 1))])
    whole = keras.Sequential([encoder, decoder])
    for count in (built_with, 5, 2):  # each new batch size makes Keras build the graph again
        whole(np.zeros((count, 4, 4, 1), "f4"))
        decoder(np.zeros((count, 2), "f4"))
    expect_same({"encoder": encoder, "whole": whole, "decoder": decoder}, rng)


@pytest.mark.parametrize(
    "join",
    [lambda x, *parts: keras.Sequential(parts), lambda x, e, d: keras.Model(x, d(e(x)))],
    ids=["Sequential", "functional"],
)
def test_a_decoder_without_an_input_layer_may_follow_a_distribution(join, rng):
    # Keras builds no graph for this decoder; it does not even know its own input shape.
    encoder = keras.Sequential([layers.Flatten(), layers.Dense(4), tfpl.IndependentNormal(2)])
    inner = keras.Sequential([layers.Dense(16)])
    decoder = keras.Sequential([layers.Dense(8, "relu"), inner, layers.Reshape((4, 4, 1))])
    whole = join(keras.Input((4, 4, 1)), encoder, decoder)
    for count in (1, 5, 2):
        whole(np.zeros((count, 4, 4, 1), "f4"))
    rebuilt = again({"encoder": encoder, "whole": whole, "decoder": decoder})
    assert rebuilt["decoder"].input_shape == (None, 2)
    assert sharing(rebuilt) == sharing({"encoder": encoder, "whole": whole, "decoder": decoder})
    for name, live in (("encoder", encoder), ("whole", whole)):
        assert [layer.name for layer in rebuilt[name].layers] == [layer.name for layer in live.layers]
        expect_same_numbers(live, rebuilt[name], rng)


def test_a_first_layer_may_name_the_input_shape(rng):
    expect_same({"m": keras.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])}, rng)


def test_a_fixed_batch_size_is_left_open(rng):
    model = keras.Sequential([keras.Input((4,), batch_size=3), layers.Dense(2)])
    assert again({"m": model})["m"].output_shape == (None, 2)


def test_a_last_axis_of_one_may_be_missing_between_models(rng):
    with_axis = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)])
    without = keras.Sequential([keras.Input((4, 4)), layers.Flatten(), layers.Dense(2)])
    for part, shape in ((with_axis, (4, 4)), (without, (4, 4, 1))):
        x = keras.Input(shape)
        expect_same({"m": keras.Model(x, part(x))}, rng)


def test_one_layer_may_be_called_several_times(rng):
    x = keras.Input((4,))
    dense = layers.Dense(4, "tanh")
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.LeakyReLU(0.1)])
    y = dense(inner(dense(inner(dense(x)))))
    expect_same({"m": keras.Model(x, layers.Add()([x, y]))}, rng)


def test_training_may_be_fixed_in_a_call_and_layers_may_be_frozen(rng):
    x = keras.Input((4,))
    normalization = layers.BatchNormalization()
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.BatchNormalization()])
    inner.trainable = False
    inner.layers[0].trainable = True
    y = layers.Dropout(0.5)(normalization(inner(x), training=False), training=True)
    model = keras.Model(x, y)
    randomized(rng, model)
    rebuilt = expect_same({"m": model}, rng, BOTH_PHASES)["m"]
    assert len(rebuilt.trainable_weights) == len(model.trainable_weights)


def test_the_activation_may_be_a_layer(rng):
    shared = layers.LeakyReLU(0.1)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, activation=shared),
            layers.Dense(3, activation=layers.PReLU()),
            layers.Dense(3, activation=layers.ReLU(max_value=0.5)),
            layers.Activation(layers.ELU(0.3)),
            layers.Dense(4, activation=shared),
        ]
    )
    randomized(rng, model)
    rebuilt = expect_same({"m": model}, rng)["m"]
    assert rebuilt.layers[0].activation is rebuilt.layers[-1].activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_comes_back_as_the_very_function(name):
    function = ACTIVATIONS[name]
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation=function)])
    assert again({"m": model})["m"].layers[0].activation is function


def test_tensorflow_functions_between_the_layers(rng):
    x = keras.Input((4, 4, 2))
    y = tf.nn.sigmoid(x) + x * 2.0
    y = 1.0 - tf.nn.leaky_relu(y - 1.0, alpha=0.1)
    y = tf.reshape(y, (-1, 8, 4))
    y = tf.nn.softmax(keras.activations.relu(y / 3.0), axis=1) - np.arange(32).reshape(8, 4)
    y = tf.maximum(tf.clip_by_value(-y, -1.0, 5.0), y - np.ones((1, 8, 1)))
    y = tf.nn.silu(tf.math.softplus(tf.nn.gelu(tf.nn.elu(tf.exp(tf.tanh(y))), approximate=True)))
    y = tf.square(layers.Dense(3)(tf.reshape(y, shape=[-1, 32])))
    inner = keras.Model(x, y)
    z = keras.Input((4, 4, 2))
    expect_same({"inner": inner, "outer": keras.Model(z, inner(z) + inner(z * 0.5))}, rng)


@pytest.mark.parametrize("policy", ["float32", "float64"])
def test_dtype_policies_come_back(policy, rng):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1), dtype="float64" if policy == "float64" else None),
            layers.Conv2D(3, 2, activation="relu", dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.Flatten(dtype=policy),
            layers.Dense(2, dtype=policy),
        ]
    )
    rebuilt = expect_same({"m": model}, rng)["m"]
    assert [w.dtype for w in rebuilt.weights] == [w.dtype for w in model.weights]
    assert rebuilt.output.dtype == model.output.dtype


HALVES = {"mixed_float16": ("float16", 2.0**-8), "mixed_bfloat16": ("bfloat16", 2.0**-5)}


@pytest.mark.parametrize("policy", HALVES)
def test_half_precision_is_rebuilt_in_float32(policy, rng):
    """Some processors take a hundred times as long in float16, and whoever scores must not wait for that."""
    dtype, near = HALVES[policy]
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        x = keras.Input((4, 4, 1), dtype="float16")
        y = layers.Conv2D(3, 2, activation="relu")(x)
        y = tf.nn.tanh(tf.maximum(layers.Flatten()(layers.BatchNormalization()(y)), 0.0) * 0.5)
        inner = keras.Model(x, layers.Dense(2)(y))
        model = keras.Sequential([keras.Input((4, 4, 1)), inner, layers.Dense(3, "sigmoid", dtype="float32")])
    finally:
        keras.mixed_precision.set_global_policy(before)
    randomized(rng, model)
    rebuilt = again({"m": model})["m"]
    inside = rebuilt.layers[0]
    for layer in [*inside.layers, *rebuilt.layers]:
        assert layer.compute_dtype == "float32"
    assert all(layer.described_dtype == dtype for layer in inside.layers if hasattr(layer, "described_dtype"))
    assert [layer.described_dtype for layer in (inside.layers[-1], rebuilt.layers[1])] == [dtype, "float32"]
    images = rng.random((5, 4, 4, 1))
    assert inside(images).dtype == rebuilt(images).dtype == "float32"
    np.testing.assert_allclose(rebuilt(images), model(images), atol=near)


# ---------------------------------------------------------------------------------------------- distributions


def standard(size=2, dtype="float32"):
    return tfd.Independent(tfd.Normal(tf.zeros(size, dtype), tf.ones((), dtype)), reinterpreted_batch_ndims=1)


PRIORS = {
    "independent": lambda: standard(),
    "floats": lambda: tfd.Independent(tfd.Normal([0.0, 0.5], [1.0, 2.0]), 1),
    "diagonal": lambda: tfd.MultivariateNormalDiag(tf.constant([0.1, 0.2]), np.array([1, 2], "f4")),
    "diagonal without loc": lambda: tfd.MultivariateNormalDiag(scale_diag=[1.0, 0.3]),
    "diagonal without scale": lambda: tfd.MultivariateNormalDiag(tf.zeros(2)),
    "full": lambda: tfd.MultivariateNormalTriL([0.0, 1.0], [[1.0, 0.0], [0.4, 0.7]]),
    "sample": lambda: tfd.Sample(tfd.Normal(0.0, 1.0), 2),
    "sample of list": lambda: tfd.Independent(tfd.Sample(tfd.Normal(0.0, 1.5), sample_shape=[2]), 0),
}
EXACT = {"independent", "floats", "diagonal", "diagonal without loc", "diagonal without scale", "full"}


KL_SETTINGS = [
    {"weight": 0.5},
    {"weight": np.float32(2)},
    {"weight": tf.constant(0.1), "test_points_reduce_axis": 0},
    {"weight": tf.Variable(0.3, trainable=False), "test_points_reduce_axis": None},
    {"test_points_reduce_axis": [0]},
]


@pytest.mark.parametrize("number, prior", list(enumerate(PRIORS)))
def test_the_kl_towards_any_allowed_prior_comes_back(number, prior, rng):
    full = prior.startswith(("diagonal", "full"))
    layer = tfpl.MultivariateNormalTriL if full else tfpl.IndependentNormal
    for settings in ({"use_exact_kl": prior in EXACT, "weight": 0.7}, KL_SETTINGS[number % len(KL_SETTINGS)]):
        kl = tfpl.KLDivergenceRegularizer(PRIORS[prior](), **settings)
        model = keras.Sequential(
            [keras.Input((3,)), layers.Dense(layer.params_size(2)), layer(2, activity_regularizer=kl)]
        )
        rebuilt = again({"m": model})["m"]
        expect_same_numbers(model, rebuilt, rng)
        assert len(rebuilt.losses) == 2


@pytest.mark.parametrize("convert", [tfd.Distribution.sample, tfd.Distribution.mean, "mode"])
@pytest.mark.parametrize("kind", ["normal", "bernoulli", "full"])
def test_distribution_layers_come_back(kind, convert, rng):
    size, layer = {
        "normal": (12, lambda: tfpl.IndependentNormal((2, 3), convert)),
        "bernoulli": (6, lambda: tfpl.IndependentBernoulli([3, 2, 1], convert)),
        "full": (9, lambda: tfpl.MultivariateNormalTriL(np.int64(3), convert)),
    }[kind]
    model = keras.Sequential([keras.Input((3,)), layers.Dense(size), layer()], name="cloud")
    x = keras.Input((3,))
    after = keras.Model(x, layers.Dense(2)(layers.Flatten()(model(x))))
    expect_same({"cloud": model, "after": after}, rng)


def test_the_layer_that_adds_a_kl_comes_back(rng):
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4),
            tfpl.IndependentNormal(2),
            tfpl.KLDivergenceAddLoss(standard(), use_exact_kl=True, weight=0.5),
        ]
    )
    x = keras.Input((3,))
    whole = keras.Model(x, layers.Dense(3)(model(x)))
    rebuilt = expect_same({"m": model, "whole": whole}, rng)["m"]
    assert len(rebuilt.losses) == 1 and hasattr(rebuilt(inputs_for(rng, rebuilt)), "log_prob")


def test_regularizers_come_back(rng):
    l1, l2, both = keras.regularizers.L1(0.1), keras.regularizers.L2(0.2), keras.regularizers.L1L2(0.1, 0.3)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            layers.SeparableConv2D(2, 2, depthwise_regularizer=l1, pointwise_regularizer=l2, bias_regularizer=both),
            layers.DepthwiseConv2D(2, depthwise_regularizer=both),
            layers.Conv2D(2, 2, kernel_regularizer="l2", activity_regularizer=l1, kernel_constraint="unit_norm"),
            layers.BatchNormalization(gamma_regularizer=l1, beta_regularizer=l2),
            layers.PReLU(alpha_regularizer=l2),
            layers.Flatten(),
            layers.Dense(2, kernel_regularizer=both, bias_regularizer=l1, use_bias=False),
            layers.Dense(2, kernel_constraint="non_neg"),
        ]
    )
    randomized(rng, model)
    expect_same({"m": model}, rng)


# ----------------------------------------------------------------------------------------- generated networks


def maybe(r):
    return bool(r.random() < 0.7)


def padding(r):
    return str(r.choice(["same", "valid"]))


# For each class of the list: a layer that images of 6 x 6 x 4 may pass.
IMAGE_LAYERS = {
    "Dense": lambda r: layers.Dense(int(r.integers(1, 6)), r.choice(["relu", "tanh", "linear"]), use_bias=maybe(r)),
    "Conv2D": lambda r: layers.Conv2D(
        4,
        tuple(map(int, r.integers(1, 4, 2))),
        strides=int(r.integers(1, 3)),
        padding=padding(r),
        groups=int(r.choice([1, 1, 2])),
        activation=tf.nn.leaky_relu,
        use_bias=maybe(r),
    ),
    "Conv2DTranspose": lambda r: layers.Conv2DTranspose(
        4,
        3,
        strides=int(r.integers(2, 4)),
        padding=padding(r),
        output_padding=[None, 0, 1][r.integers(3)],
        use_bias=maybe(r),
    ),
    "SeparableConv2D": lambda r: layers.SeparableConv2D(
        4, 2, depth_multiplier=int(r.integers(1, 3)), padding=padding(r), strides=int(r.integers(1, 3))
    ),
    "DepthwiseConv2D": lambda r: layers.DepthwiseConv2D(2, padding=padding(r), activation="elu"),
    "MaxPooling2D": lambda r: layers.MaxPool2D((2, 1), strides=(1, 2), padding=padding(r)),
    "AveragePooling2D": lambda r: layers.AveragePooling2D(2, padding=padding(r)),
    "GlobalMaxPooling2D": lambda r: layers.GlobalMaxPool2D(keepdims=True),
    "GlobalAveragePooling2D": lambda r: layers.GlobalAveragePooling2D(keepdims=True),
    "UpSampling2D": lambda r: layers.UpSampling2D((1, 2), interpolation=r.choice(["nearest", "bilinear"])),
    "ZeroPadding2D": lambda r: layers.ZeroPadding2D(((1, 0), (2, 1))),
    "Cropping2D": lambda r: layers.Cropping2D(((0, 1), (1, 0))),
    "BatchNormalization": lambda r: layers.BatchNormalization(center=maybe(r), scale=maybe(r)),
    "LayerNormalization": lambda r: layers.LayerNormalization(axis=[-1, (1, 2)][r.integers(2)]),
    "GroupNormalization": lambda r: layers.GroupNormalization(groups=[1, 2, -1][r.integers(3)]),
    "Dropout": lambda r: layers.Dropout(0.3),
    "SpatialDropout2D": lambda r: layers.SpatialDropout2D(0.3),
    "GaussianNoise": lambda r: layers.GaussianNoise(0.1),
    "GaussianDropout": lambda r: layers.GaussianDropout(0.2),
    "Activation": lambda r: layers.Activation(r.choice(["sigmoid", "swish", "softmax", "softplus"])),
    "ReLU": lambda r: layers.ReLU(max_value=[None, 2.0][r.integers(2)], negative_slope=0.1, threshold=0.05),
    "LeakyReLU": lambda r: layers.LeakyReLU(0.2),
    "ELU": lambda r: layers.ELU(0.5),
    "PReLU": lambda r: layers.PReLU(shared_axes=[None, [1, 2]][r.integers(2)]),
    "Softmax": lambda r: layers.Softmax(axis=[-1, 1, [1, 2]][r.integers(3)]),
    "Permute": lambda r: layers.Permute((2, 1, 3)),
    "Rescaling": lambda r: layers.Rescaling(1.5, offset=-0.5),
}
MERGING = [layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum]
ELSEWHERE = {  # these need other inputs, or end a network; the generator places them itself
    *("Reshape", "Flatten", "RepeatVector"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
    *("IndependentNormal", "IndependentBernoulli", "MultivariateNormalTriL", "KLDivergenceAddLoss"),
}


def test_the_generated_networks_use_every_layer_of_the_list():
    assert {*IMAGE_LAYERS, *ELSEWHERE} == set(LAYERS)


def passing(layer, tensor):
    """The layer's output, or the tensor itself if its image is too small for the layer."""
    try:
        return layer(tensor)
    except (ValueError, tf.errors.InvalidArgumentError):
        return tensor


def generated(seed):
    """A network of random layers, with branches, models inside, and layers that are used twice."""
    r = np.random.default_rng(seed)
    names = sorted(IMAGE_LAYERS)
    x = keras.Input((int(r.integers(5, 8)), int(r.integers(5, 8)), 4), name=f"in{seed}")
    y = x
    for i in range(int(r.integers(1, 3))):
        name = r.choice(names) if i else names[seed % len(names)]  # each class gets its turn
        layer = IMAGE_LAYERS[name](r)
        way = r.integers(5)
        if y.shape[-1] != 4:
            y = layers.Dense(4)(y)
        if way == 0:
            before = y
            y = layers.Dense(4)(passing(layer, y))
            if y.shape[1:] != before.shape[1:]:
                before = layers.GlobalAveragePooling2D(keepdims=True)(before)
            y = MERGING[r.integers(len(MERGING))]()([y, before])
        elif way == 1:
            inside = keras.Input(y.shape[1:])
            end = passing(layer, layers.Conv2D(4, 1)(inside))
            y = keras.Model(inside, layers.Concatenate()([end, end]))(y)
        elif way == 2:
            inner = keras.Sequential([keras.Input(y.shape[1:]), layers.Dense(4, "relu"), layers.Dense(4)])
            y = passing(layer, inner(inner(y)))
        elif way == 3 and y.shape[1] == y.shape[2]:
            y = layers.Concatenate(axis=1)([passing(layer, y)] * 2)
        else:
            y = passing(layer, y)
    y = layers.Flatten()(y)
    if r.random() < 0.3:
        y = layers.Flatten()(layers.RepeatVector(2)(layers.Dense(3)(y)))
    ending = r.integers(10)
    if ending == 0:
        kl = tfpl.KLDivergenceRegularizer(standard(), use_exact_kl=True, weight=0.3)
        y = tfpl.IndependentNormal(2, activity_regularizer=kl)(layers.Dense(4)(y))
    elif ending == 1:
        y = tfpl.MultivariateNormalTriL(2)(layers.Dense(5)(y))
        y = tfpl.KLDivergenceAddLoss(tfd.MultivariateNormalDiag(tf.zeros(2)), weight=0.1)(y)
    elif ending == 2:
        y = tfpl.IndependentBernoulli((2, 2))(layers.Dense(4)(y))
    else:
        y = layers.Reshape([(2, -1), (3, 2, 1)][r.integers(2)])(layers.Dense(6)(y))
    model = keras.Model(x, y)
    randomized(r, model)
    return model


@pytest.mark.parametrize("seed", range(60))
def test_generated_networks_come_back(seed, rng):
    model = generated(seed)
    kinds = {type(layer).__name__ for layer in all_layers(model)}
    assert sorted(IMAGE_LAYERS)[seed % len(IMAGE_LAYERS)] in kinds
    if seed % 3 == 0:
        x = keras.Input(model.input_shape[1:])
        models = {"part": model, "whole": keras.Model(x, layers.Dense(2)(layers.Flatten()(model(x))))}
        expect_same(models, rng)
    else:
        expect_same({"m": model}, rng, BOTH_PHASES[: 1 + seed % 2])


# -------------------------------------------------------------------------------- what cannot be written down


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


# ------------------------------------------------------------------------------------------- hostile evidence


def sample_description():
    """A description with something of everything, as small as can be, and its arrays."""
    x = keras.Input((4, 4, 1), name="image")
    leaky = layers.LeakyReLU(0.1, name="leaky")
    y = layers.Conv2D(2, 2, strides=2, padding="same", activation=leaky, name="conv")(x)
    y = layers.BatchNormalization(name="bn")(y)
    y = layers.Conv2DTranspose(1, 2, kernel_regularizer="l2", name="transposed")(y)
    y = tf.reshape(layers.Concatenate(name="both")([y, y]) * 2.0, (-1, 18))
    y = layers.Dense(4, "relu", name="dense")(layers.Dropout(0.5, name="drop")(y, training=False))
    kl = tfpl.KLDivergenceRegularizer(standard(), use_exact_kl=True, weight=0.5)
    y = tfpl.IndependentNormal(2, activity_regularizer=kl, name="cloud")(y)
    encoder = keras.Model(x, y, name="encoder")
    decoder = keras.Sequential([keras.Input((2,)), layers.Dense(4), layers.Reshape((2, 2))], name="decoder")
    whole = keras.Model(x, decoder(encoder(x)), name="whole")
    description, arrays = describe_models({"encoder": encoder, "whole": whole})
    return json.loads(json.dumps(description)), arrays


@pytest.fixture(scope="module")
def sample():
    return sample_description()


def step_of(description, name):
    return next(step for step in description["steps"] if step.get("name") == name)


def config(name, /, **settings):
    def change(description, arrays):
        step_of(description, name)["config"].update(settings)

    return change


def fields_of(name, /, **values):
    def change(description, arrays):
        step_of(description, name).update(values)

    return change


def call_of(name, /, **values):
    def change(description, arrays):
        index = description["steps"].index(step_of(description, name))
        next(step for step in description["steps"] if step.get("layer") == index).update(values)

    return change


def whole_description(**values):
    return lambda description, arrays: description.update(values)


def new_array(index, make):
    def change(description, arrays):
        arrays[index] = make(arrays[index])

    return change


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def many_layers(count):
    def change(description, arrays):
        steps = description["steps"]
        target = len(steps) - 1
        for i in range(count):
            steps.append({**step_of(description, "drop"), "name": f"drop{i}"})
            steps.append({"step": "call", "layer": len(steps) - 1, "inputs": [0], "training": None, "options": {}})
        description["models"] = {"m": target}

    return change


def unfolding(levels, times=2):
    """Each model calls the one before it several times: `times` to the power of `levels` calls in all."""

    def change(description, arrays):
        steps = [{"step": "input", "name": "x", "shape": [2], "dtype": "float32"}]
        inner = {**step_of(description, "drop"), "name": "d"}
        steps += [inner, {"step": "call", "layer": 1, "inputs": [0], "training": None, "options": {}}]
        steps.append(model_step("m0", 0, 2))
        for i in range(levels):
            model = target = len(steps) - 1
            for number in range(times):
                call = {"step": "call", "layer": model, "inputs": [target if number else 0]}
                steps.append({**call, "training": None, "options": {}})
                target = len(steps) - 1
            steps.append(model_step(f"m{i + 1}", 0, target))
        description["steps"], description["models"] = steps, {"m": len(steps) - 1}
        del arrays[:]

    return change


def model_step(name, source, target):
    return {
        "step": "model",
        "class": "Functional",
        "name": name,
        "trainable": True,
        "input": source,
        "output": target,
    }


HUGE, NAN, INF = 10**400, float("nan"), float("inf")
HOSTILE = {
    "another version": whole_description(version=2),
    "version True": whole_description(version=True),
    "no steps": whole_description(steps={}),
    "deep steps": whole_description(steps=deep(5000)),
    "a thousand steps": whole_description(steps=[{}] * 1000),
    "deep models": whole_description(models=deep(5000)),
    "no models": whole_description(models={}),
    "a model that is a layer": whole_description(models={"m": 1}),
    "a model that is a tensor": whole_description(models={"m": 0}),
    "a model that is nowhere": whole_description(models={"m": 10**6}),
    "a model at -1": whole_description(models={"m": -1}),
    "a model at True": whole_description(models={"m": True}),
    "a nameless model": whole_description(models={"": 0}),
    "something more": whole_description(custom_objects={}),
    "Lambda": fields_of("drop", **{"class": "Lambda"}),
    "a class by path": fields_of("drop", **{"class": "os.system"}),
    "a class that is a list": fields_of("drop", **{"class": ["Dropout"]}),
    "an unknown step": fields_of("drop", step="eval"),
    "a step that is a list": fields_of("drop", step=["layer"]),
    "an unknown setting": config("drop", kernel_initializer="zeros"),
    "a setting in the wrong place": fields_of("drop", rate=0.5),
    "settings that are a list": fields_of("drop", config=[["rate", 0.5]]),
    "a long name": fields_of("drop", name="x" * 1000),
    "a name with control characters": fields_of("drop", name="a\nb"),
    "a name that is taken": fields_of("drop", name="bn"),
    "a name that is a number": fields_of("drop", name=7),
    "another policy": fields_of("drop", dtype="float16"),
    "a policy that is a dict": fields_of("drop", dtype={"class_name": "Policy"}),
    "trainable 1": fields_of("drop", trainable=1),
    "rate nan": config("drop", rate=NAN),
    "rate 2": config("drop", rate=2),
    "rate as text": config("drop", rate="0.5"),
    "weight inf": lambda d, a: step_of(d, "cloud")["config"]["activity_regularizer"].update(weight=INF),
    "weight True": lambda d, a: step_of(d, "cloud")["config"]["activity_regularizer"].update(weight=True),
    "units True": config("dense", units=True),
    "units 0": config("dense", units=0),
    "units -1": config("dense", units=-1),
    "units 4.0": config("dense", units=4.0),
    "huge units": config("dense", units=HUGE),
    "many units": config("dense", units=10**9),
    "activation by path": config("dense", activation="os.system"),
    "activation of a lambda": config("dense", activation={"class_name": "function", "config": "lambda"}),
    "activation by a later layer": config("dense", activation={"layer": 10**5}),
    "activation by no activation": config("dense", activation={"layer": 0}),
    "kernel size as text": config("conv", kernel_size="22"),
    "kernel size of one": config("conv", kernel_size=[2]),
    "kernel size as number": config("conv", kernel_size=2),
    "huge kernel": config("conv", kernel_size=[HUGE, HUGE]),
    "stride 0": config("conv", strides=[0, 1]),
    "groups that do not divide": config("conv", groups=2),
    "channels first": config("conv", data_format="channels_first"),
    "deep padding": config("conv", padding=deep(3000)),
    "output padding that does not fit": config("transposed", output_padding=[5, 5]),
    "regularizer of code": config("transposed", kernel_regularizer={"class_name": "L2"}),
    "KL for a layer without distribution": lambda d, a: step_of(d, "dense")["config"].update(
        activity_regularizer=step_of(d, "cloud")["config"]["activity_regularizer"]
    ),
    "an unknown prior": lambda d, a: prior_of(d).update({"class": "JointDistributionCoroutine"}),
    "priors inside priors": lambda d, a: nest_priors(d, 2000),
    "a prior of the wrong shape": lambda d, a: prior_of(d)["distribution"]["loc"].update(shape=[3]),
    "a prior for more numbers": lambda d, a: prior_of(d)["distribution"].update(
        loc={"shape": [3, 1, 2], "values": [0.0] * 6}
    ),
    "a prior of another size": lambda d, a: prior_of(d)["distribution"].update(loc={"shape": [3], "values": [0.0] * 3}),
    "priors multiplied": lambda d, a: nest_priors(d, 2, sample_shape=[10_000]),
    "a wide dilation": config("conv", dilation_rate=[9999, 9999], strides=[1, 1]),
    "a prior that does not fit": lambda d, a: prior_of(d).update(reinterpreted_batch_ndims=5),
    "a prior with holes": lambda d, a: prior_of(d)["distribution"]["loc"].update(values=[0.0, None]),
    "a huge prior": lambda d, a: prior_of(d)["distribution"]["loc"].update(shape=[10**6, 10**6]),
    "a conversion by name": config("cloud", convert_to_tensor_fn="__init__"),
    "another operation": lambda d, a: operation_of(d)["config"].update(operation="io.read_file"),
    "a huge event": config("cloud", event_shape=[1000, 1000]),
    "axis 0": config("bn", axis=[0]),
    "axis 9": config("both", axis=9),
    "an open input": fields_of("image", shape=[None, 4, 1]),
    "an input of rank 50": fields_of("image", shape=[1] * 50),
    "a huge input": fields_of("image", shape=[2000, 2000, 3]),
    "an input of text": fields_of("image", dtype="string"),
    "a call of itself": call_of("drop", layer=10**5),
    "a call that comes later": call_of("drop", inputs=[200]),
    "a call of a tensor": call_of("drop", layer=0),
    "a call with a layer as input": call_of("drop", inputs=[1]),
    "a call without input": call_of("drop", inputs=[]),
    "a call with two inputs": call_of("drop", inputs=[0, 0]),
    "a call with True": call_of("drop", inputs=[False]),
    "a call with text": call_of("drop", inputs="0"),
    "training as text": call_of("drop", training="no"),
    "options for a layer": call_of("drop", options={"mask": 0}),
    "a constant for a layer": call_of("drop", inputs=[{"shape": [], "values": [1.0]}]),
    "a model with a layer as input": fields_of("whole", input=1),
    "a model with another input": lambda d, a: fields_of("whole", input=step_index(d, "input", -1))(d, a),
    "a model of another class": fields_of("whole", **{"class": "Model"}),
    "an array too few": lambda d, a: a.pop(),
    "an array too many": lambda d, a: a.append(np.zeros(3, "f4")),
    "no arrays": lambda d, a: a.clear(),
    "an array used twice": fields_of("dense", arrays=[0, 0]),
    "an array at True": fields_of("dense", arrays=[True, 0]),
    "an array of another shape": new_array(0, lambda array: array[..., :1]),
    "an array of another type": new_array(0, lambda array: array.astype("f8")),
    "an array of integers": new_array(0, lambda array: array.astype("i4")),
    "an array of objects": new_array(0, lambda array: array.astype(object)),
    "an array with nan": new_array(0, lambda array: array * np.nan),
    "a list as an array": new_array(0, lambda array: array.tolist()),
    "a matrix": new_array(0, lambda array: np.ma.masked_array(array)),
    "too many weights": lambda d, a: a.append(np.broadcast_to(np.float32(0), (10**5, 10**4))),
    "too many layers": many_layers(210),
    "models inside models": unfolding(10),
    "many more models inside models": unfolding(60),
    "models that unfold": unfolding(5, times=4),
}


def prior_of(description):
    return step_of(description, "cloud")["config"]["activity_regularizer"]["distribution_b"]


def nest_priors(description, levels, sample_shape=()):
    prior = prior_of(description)
    for _ in range(levels):
        prior = {"class": "Sample", "distribution": prior, "sample_shape": list(sample_shape)}
    step_of(description, "cloud")["config"]["activity_regularizer"]["distribution_b"] = prior


def operation_of(description):
    return next(step for step in description["steps"] if step.get("class") == "TFOpLambda")


def step_index(description, kind, which):
    return [i for i, step in enumerate(description["steps"]) if step["step"] == kind][which]


def test_the_sample_itself_is_rebuilt(sample):
    assert set(rebuild_models(*sample)) == {"encoder", "whole"}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_not_exactly_allowed_is_refused(name, sample):
    description, arrays = copy.deepcopy(sample[0]), list(sample[1])
    HOSTILE[name](description, arrays)
    with pytest.raises(Refused) as caught:
        rebuild_models(description, arrays)
    assert caught.value.reason and len(caught.value.reason) < 300


@pytest.mark.parametrize("thing", [None, 3, "x", [], {}, {"steps": []}, NAN, deep(3000)])
def test_what_is_no_description_is_refused(thing):
    for description, arrays in ((thing, []), (sample_of_nothing(), thing)):
        with pytest.raises(Refused):
            rebuild_models(description, arrays)


def sample_of_nothing():
    return {"version": 1, "steps": [], "models": {}}


def test_large_networks_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(keras.layers.Layer, "__init__", lambda *a, **k: pytest.fail("a layer was made"))
    steps = [
        {"step": "input", "name": "x", "shape": [100, 100, 1], "dtype": "float32"},
        layer_step("UpSampling2D", size=[100, 100], interpolation="nearest", data_format="channels_last"),
        {"step": "call", "layer": 1, "inputs": [0], "training": None, "options": {}},
        model_step("m", 0, 2),
    ]
    with pytest.raises(Refused, match="2,000,000 values"):
        rebuild_models({"version": 1, "steps": steps, "models": {"m": 3}}, [])


def layer_step(kind, /, **settings):
    settings["activity_regularizer"] = None
    return {
        "step": "layer",
        "class": kind,
        "name": "layer",
        "dtype": "float32",
        "trainable": True,
        "config": settings,
        "arrays": [],
    }


def places(value, path=()):
    """The path to each value inside a JSON value."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


NASTY = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**63, HUGE, -HUGE, 0.5, -0.0, 1e300, NAN, INF, -INF),
    *("", "relu", "Lambda", "__class__", "\ud800", "x" * 10**5),
    *([], {}, [[]], [0], [1, 1], [-1, 4], [None], {"layer": 2}),
    *({"shape": [], "values": [1.0]}, {"class": "Normal"}, {"l1": 0, "l2": 1}, deep(100)),
]


def gentle(rng, value):
    """A value of the same kind, which may well be allowed."""
    if type(value) is bool:
        return not value
    if type(value) is int:
        return value + int(rng.integers(-2, 3))
    if type(value) is float:
        return float(rng.choice([0.0, 0.5, 1.0, 2.0, 1e-3, -1.0]))
    if type(value) is str:
        words = ["relu", "softmax", "tf.nn.leaky_relu", "valid", "same", "mean", "mode", "float64", "new"]
        return str(rng.choice([*words, "Functional", "Sequential", "Dropout", "ReLU", "math.add"]))
    return None if value is not None else 1


def mutated(rng, description, arrays):
    """A few random changes anywhere."""
    description, arrays = copy.deepcopy(description), list(arrays)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if rng.random() < 0.05 and arrays:
            index = int(rng.integers(len(arrays)))
            changes = [np.float64, np.float16, np.int32, object]
            arrays[index] = arrays[index].astype(changes[rng.integers(len(changes))])
            continue
        paths = list(places(description))
        path, other = (paths[int(i)] for i in rng.integers(1, len(paths), 2))
        holder = description
        for key in path[:-1]:
            holder = holder[key]
        key, way = path[-1], rng.random()
        if way < 0.5:
            holder[key] = gentle(rng, holder[key])
        elif way < 0.75:
            holder[key] = NASTY[rng.integers(len(NASTY))]
        elif way < 0.8:
            del holder[key]
        elif way < 0.9 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:  # a part of the description in the place of another
            part = description
            for step in other:
                part = part[step]
            holder[key] = copy.deepcopy(part)
    return description, arrays


def test_random_changes_end_in_networks_or_in_a_refusal(sample):
    rng = np.random.default_rng(20)
    kept = 0
    for _ in range(600):
        description, arrays = mutated(rng, *sample)
        try:
            models = rebuild_models(description, arrays)
        except Refused as refusal:
            assert len(refusal.reason) < 300
        else:
            kept += 1
            assert all(isinstance(model, keras.Model) for model in models.values())
    assert 5 < kept < 300  # some changes do no harm, such as another name


def test_rebuilding_takes_no_longer_than_building():
    def seconds(work):
        times = []
        for _ in range(5):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    description, arrays = describe_models({"vae": networks.variational_autoencoder()[2]})
    check_description(description, arrays)
    building = seconds(networks.variational_autoencoder)
    assert seconds(lambda: rebuild_models(description, arrays)) < building
