"""Networks made again from their description: the same layers and numbers, and what was shared is shared."""

import time

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_grader.references import networks
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.judging import check_description
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from comparing_networks import (
    BOTH_PHASES,
    again,
    expect_same,
    expect_same_numbers,
    expect_same_structure,
    randomized,
    sharing,
)

layers = keras.layers
tfpl = tfp.layers


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
