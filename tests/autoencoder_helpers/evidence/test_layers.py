"""Every layer of the list, in networks made at random."""

import autoencoder_helpers  # noqa: F401  (first: it chooses the Keras)
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from autoencoder_helpers.checks.models import all_layers
from autoencoder_helpers.evidence.description import describe_models
from autoencoder_helpers.evidence.layers import LAYERS
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from comparing_networks import BOTH_PHASES, expect_same, randomized, standard

layers = keras.layers
tfd, tfpl = tfp.distributions, tfp.layers


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
    "Resizing": lambda r: layers.Resizing(*map(int, r.integers(4, 9, 2)), r.choice(["nearest", "bilinear", "area"])),
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


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_weights_that_are_to_be_at_right_angles_come_back_with_what_they_add(mode):
    angles = keras.regularizers.OrthogonalRegularizer(0.3, mode)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, kernel_regularizer=angles)])
    again = rebuild_models(*describe_models({"m": model}))["m"]
    assert np.allclose(again.losses, model.losses) and float(model.losses[0]) > 0
