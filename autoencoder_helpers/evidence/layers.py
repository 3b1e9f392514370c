"""The layers that a network may consist of, with the settings of each that matter.

No layer outside this list is ever built. Left out because they do not change what a network computes:
initializers (the weights are given), constraints (they act only in training), seeds, and `validate_args` of
distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import tf_keras as keras
from autoencoder_helpers.evidence import shapes
from autoencoder_helpers.evidence.distributions import CONVERSION, KL, probability
from autoencoder_helpers.evidence.limits import LARGEST_TENSOR, MOST_AXES
from autoencoder_helpers.evidence.settings import (
    ACTIVATION,
    AXES,
    AXIS,
    AXIS_OR_AXES,
    BORDERS,
    CHANNELS_LAST,
    FLAG,
    NOTHING,
    PADDING,
    PAIR,
    RATE,
    REGULARIZER,
    SHAPE,
    SIDE,
    SIZE,
    Kind,
    choice,
    either,
    number,
    several,
    whole,
)


@dataclass(frozen=True)
class Allowed:
    """A layer class of the list.

    find: gives the class. from_tfp: finding it imports TensorFlow Probability.
    keys: its settings, which are attributes and constructor arguments of the same name.
    effect: what a call makes of (checked settings, shapes of the inputs).
    weights: attributes that may hold weights.
    many: it takes a list of tensors. activation: it may serve as the activation of another layer.
    distribution: it makes a distribution of its input, and may carry a KL regularizer.
    only: attributes that must have this value, because others are not supported.
    """

    find: Callable[[], type]
    keys: dict[str, Kind]
    effect: Callable[[dict, list], shapes.Effect]
    weights: tuple[str, ...] = ()
    many: bool = False
    activation: bool = False
    distribution: bool = False
    from_tfp: bool = False
    only: dict[str, object] = field(default_factory=dict)


def _keras_layer(cls, keys=None, effect=shapes.unchanged, weights=(), **traits):
    return Allowed(lambda: cls, keys or {}, effect, weights, **traits)


def _tfp_layer(name, keys, effect, **traits):
    return Allowed(lambda: getattr(probability().layers, name), keys, effect, from_tfp=True, **traits)


_WINDOW = {
    "kernel_size": PAIR,
    "strides": PAIR,
    "padding": PADDING,
    "dilation_rate": PAIR,
    "data_format": CHANNELS_LAST,
    "activation": ACTIVATION,
    "use_bias": FLAG,
    "bias_regularizer": REGULARIZER,
}
_POOL = {"pool_size": PAIR, "strides": PAIR, "padding": PADDING, "data_format": CHANNELS_LAST}
_GLOBAL_POOL = {"data_format": CHANNELS_LAST, "keepdims": FLAG}
_NORM = {
    "epsilon": number(0, 1e3),
    "center": FLAG,
    "scale": FLAG,
    "beta_regularizer": REGULARIZER,
    "gamma_regularizer": REGULARIZER,
}
_INTERPOLATIONS = (
    *("nearest", "bilinear", "bicubic", "area"),
    *("lanczos3", "lanczos5", "gaussian", "mitchellcubic"),
)

LAYERS: dict[str, Allowed] = {
    "Dense": _keras_layer(
        keras.layers.Dense,
        {
            "units": SIZE,
            "activation": ACTIVATION,
            "use_bias": FLAG,
            "kernel_regularizer": REGULARIZER,
            "bias_regularizer": REGULARIZER,
        },
        shapes.dense,
        ("kernel", "bias"),
    ),
    "Conv2D": _keras_layer(
        keras.layers.Conv2D,
        {"filters": SIZE, "groups": SIZE, "kernel_regularizer": REGULARIZER, **_WINDOW},
        shapes.convolution,
        ("kernel", "bias"),
    ),
    "Conv2DTranspose": _keras_layer(
        keras.layers.Conv2DTranspose,
        {
            "filters": SIZE,
            "output_padding": either(NOTHING, several(whole(0, 10_000), 2, 2)),
            "kernel_regularizer": REGULARIZER,
            **_WINDOW,
        },
        shapes.transposed_convolution,
        ("kernel", "bias"),
    ),
    "SeparableConv2D": _keras_layer(
        keras.layers.SeparableConv2D,
        {
            "filters": SIZE,
            "depth_multiplier": SIZE,
            "depthwise_regularizer": REGULARIZER,
            "pointwise_regularizer": REGULARIZER,
            **_WINDOW,
        },
        shapes.separable,
        ("depthwise_kernel", "pointwise_kernel", "bias"),
    ),
    "DepthwiseConv2D": _keras_layer(
        keras.layers.DepthwiseConv2D,
        {"depth_multiplier": SIZE, "depthwise_regularizer": REGULARIZER, **_WINDOW},
        shapes.depthwise,
        ("depthwise_kernel", "bias"),
    ),
    "MaxPooling2D": _keras_layer(keras.layers.MaxPooling2D, _POOL, shapes.pooling),
    "AveragePooling2D": _keras_layer(keras.layers.AveragePooling2D, _POOL, shapes.pooling),
    "GlobalMaxPooling2D": _keras_layer(keras.layers.GlobalMaxPooling2D, _GLOBAL_POOL, shapes.global_pooling),
    "GlobalAveragePooling2D": _keras_layer(keras.layers.GlobalAveragePooling2D, _GLOBAL_POOL, shapes.global_pooling),
    "UpSampling2D": _keras_layer(
        keras.layers.UpSampling2D,
        {"size": PAIR, "data_format": CHANNELS_LAST, "interpolation": choice(*_INTERPOLATIONS)},
        shapes.upsampling,
    ),
    "Resizing": _keras_layer(
        keras.layers.Resizing,
        {"height": SIDE, "width": SIDE, "interpolation": choice(*_INTERPOLATIONS)},
        shapes.resized,
        only={"crop_to_aspect_ratio": False},
    ),
    "ZeroPadding2D": _keras_layer(
        keras.layers.ZeroPadding2D, {"padding": BORDERS, "data_format": CHANNELS_LAST}, shapes.padded
    ),
    "Cropping2D": _keras_layer(
        keras.layers.Cropping2D, {"cropping": BORDERS, "data_format": CHANNELS_LAST}, shapes.cropped
    ),
    "BatchNormalization": _keras_layer(
        keras.layers.BatchNormalization,
        {"axis": AXIS_OR_AXES, "momentum": RATE, **_NORM},
        shapes.batch_normalization,
        ("gamma", "beta", "moving_mean", "moving_variance"),
        only={"renorm": False, "virtual_batch_size": None},
    ),
    "LayerNormalization": _keras_layer(
        keras.layers.LayerNormalization,
        {"axis": AXIS_OR_AXES, **_NORM},
        shapes.normalization,
        ("gamma", "beta"),
    ),
    "GroupNormalization": _keras_layer(
        keras.layers.GroupNormalization,
        {"axis": AXIS, "groups": whole(-1, LARGEST_TENSOR), **_NORM},
        shapes.group_normalization,
        ("gamma", "beta"),
    ),
    "Dropout": _keras_layer(keras.layers.Dropout, {"rate": RATE}, only={"noise_shape": None}),
    "SpatialDropout2D": _keras_layer(
        keras.layers.SpatialDropout2D,
        {"rate": RATE, "data_format": CHANNELS_LAST},
        shapes.unchanged_images,
    ),
    "GaussianNoise": _keras_layer(keras.layers.GaussianNoise, {"stddev": number(0, 1e6)}),
    "GaussianDropout": _keras_layer(keras.layers.GaussianDropout, {"rate": RATE}),
    "Activation": _keras_layer(keras.layers.Activation, {"activation": ACTIVATION}, activation=True),
    "ReLU": _keras_layer(
        keras.layers.ReLU,
        {
            "max_value": either(NOTHING, number(0)),
            "negative_slope": number(0),
            "threshold": number(0),
        },
        activation=True,
    ),
    "LeakyReLU": _keras_layer(keras.layers.LeakyReLU, {"alpha": number()}, activation=True),
    "ELU": _keras_layer(keras.layers.ELU, {"alpha": number()}, activation=True),
    "PReLU": _keras_layer(
        keras.layers.PReLU,
        {"shared_axes": either(NOTHING, AXES), "alpha_regularizer": REGULARIZER},
        shapes.prelu,
        ("alpha",),
        activation=True,
    ),
    "Softmax": _keras_layer(keras.layers.Softmax, {"axis": AXIS_OR_AXES}, shapes.softmax, activation=True),
    "Reshape": _keras_layer(
        keras.layers.Reshape,
        {"target_shape": several(either(whole(-1, -1), SIZE), 0, MOST_AXES)},
        shapes.reshaped,
    ),
    "Flatten": _keras_layer(keras.layers.Flatten, {"data_format": CHANNELS_LAST}, shapes.flat),
    "Permute": _keras_layer(
        keras.layers.Permute, {"dims": several(whole(1, MOST_AXES), 1, MOST_AXES)}, shapes.permuted
    ),
    "RepeatVector": _keras_layer(keras.layers.RepeatVector, {"n": SIZE}, shapes.repeated),
    "Add": _keras_layer(keras.layers.Add, effect=shapes.merged, many=True),
    "Subtract": _keras_layer(keras.layers.Subtract, effect=shapes.subtracted, many=True),
    "Multiply": _keras_layer(keras.layers.Multiply, effect=shapes.merged, many=True),
    "Average": _keras_layer(keras.layers.Average, effect=shapes.merged, many=True),
    "Maximum": _keras_layer(keras.layers.Maximum, effect=shapes.merged, many=True),
    "Minimum": _keras_layer(keras.layers.Minimum, effect=shapes.merged, many=True),
    "Concatenate": _keras_layer(keras.layers.Concatenate, {"axis": AXIS}, shapes.concatenated, many=True),
    "Rescaling": _keras_layer(keras.layers.Rescaling, {"scale": number(), "offset": number()}),
    "IndependentNormal": _tfp_layer(
        "IndependentNormal",
        {"event_shape": either(SIZE, SHAPE), "convert_to_tensor_fn": CONVERSION},
        shapes.independent(2),
        distribution=True,
    ),
    "IndependentBernoulli": _tfp_layer(
        "IndependentBernoulli",
        {"event_shape": either(SIZE, SHAPE), "convert_to_tensor_fn": CONVERSION},
        shapes.independent(1),
        distribution=True,
        only={"_sample_dtype": None},
    ),
    "MultivariateNormalTriL": _tfp_layer(
        "MultivariateNormalTriL",
        {"event_size": SIZE, "convert_to_tensor_fn": CONVERSION},
        shapes.multivariate,
        distribution=True,
    ),
    "KLDivergenceAddLoss": _tfp_layer("KLDivergenceAddLoss", KL, shapes.unchanged),
}
