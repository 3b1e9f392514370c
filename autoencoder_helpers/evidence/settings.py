"""The kinds of settings that a layer may have: each tells which values it may have, and what the constructor is given.

Among them activations and regularizers. Nothing outside these tables is ever built.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.evidence.limits import LARGEST_CONSTANT, LARGEST_TENSOR, LONGEST_NAME, MOST_AXES
from autoencoder_helpers.evidence.refusals import Refused, TooLarge, fields, shown

POLICIES = {  # a layer's dtype policy: the type it computes in, the type of its weights
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
}
INPUT_DTYPES = ("float16", "float32", "float64")
#: What a type is computed in when a network is rebuilt. How fast half precision is depends on the processor, by a
#: factor of a hundred, and what it gives on its sums' order: in float32 a verdict depends on neither.
COMPUTED_AS = {"float16": "float32", "bfloat16": "float32"}


@dataclass(frozen=True)
class Kind:
    """A kind of setting.

    check: turns the JSON value into a plain value or raises Refused.
    make: makes of that value what the layer's constructor wants.
    """

    check: Callable[[object], object]
    make: Callable[[object], object] = lambda value: value


def whole(low: int, high: int) -> Kind:
    """A whole number within bounds."""

    def check(value):
        if type(value) is not int or not low <= value <= high:
            raise Refused(f"expected a whole number from {low} to {high}, found {shown(value)}")
        return value

    return Kind(check)


def number(low: float = -1e30, high: float = 1e30) -> Kind:
    """A finite number within bounds."""

    def check(value):
        if type(value) not in (int, float) or not low <= value <= high:  # nan fails every comparison
            raise Refused(f"expected a number from {low:g} to {high:g}, found {shown(value)}")
        return float(value)

    return Kind(check)


def choice(*values: str) -> Kind:
    """One of these texts."""

    def check(value):
        if type(value) is not str or value not in values:
            some = " or ".join(values[:4]) + ", ..." * (len(values) > 4)
            raise Refused(f"expected {some}, found {shown(value)}")
        return value

    return Kind(check)


def several(kind: Kind, fewest: int, most: int) -> Kind:
    """A list of values of one kind; they become a tuple."""

    def check(value):
        if type(value) is not list or not fewest <= len(value) <= most:
            raise Refused(f"expected a list of {fewest} to {most} values, found {shown(value)}")
        return tuple(kind.check(part) for part in value)

    return Kind(check)


def either(*kinds: Kind) -> Kind:
    """A value of any of these kinds."""

    def check(value):
        for kind in kinds[:-1]:
            try:
                return kind.check(value)
            except Refused:
                pass
        return kinds[-1].check(value)

    return Kind(check)


def _check_flag(value):
    if type(value) is not bool:
        raise Refused(f"expected true or false, found {shown(value)}")
    return value


def _check_nothing(value):
    if value is not None:
        raise Refused(f"expected nothing, found {shown(value)}")
    return value


def _check_name(value):
    if type(value) is not str or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise Refused(f"expected a name, found {shown(value)}")
    return value


FLAG = Kind(_check_flag)
NOTHING = Kind(_check_nothing)
NAME = Kind(_check_name)
SIZE = whole(1, LARGEST_TENSOR)
SIDE = whole(1, 10_000)
SHAPE = several(SIZE, 0, MOST_AXES)
AXIS = whole(-MOST_AXES, MOST_AXES)
AXES = several(AXIS, 1, MOST_AXES)
AXIS_OR_AXES = Kind(either(AXIS, AXES).check, lambda axes: list(axes) if isinstance(axes, tuple) else axes)
PAIR = several(SIDE, 2, 2)
BORDERS = several(several(whole(0, 10_000), 2, 2), 2, 2)
PADDING = choice("valid", "same")
RATE = number(0, 1)
CHANNELS_LAST = choice("channels_last")  # the course's, and the only order that CPUs can convolve


def check_constant(value: object) -> np.ndarray:
    """An array of float64 from {"shape": [...], "values": [flat list of finite numbers]}, or Refused."""
    shape, values = fields(value, "shape", "values")
    shape = SHAPE.check(shape)
    if math.prod(shape) > LARGEST_CONSTANT:
        raise TooLarge("a constant with too many numbers")
    if type(values) is not list or len(values) != math.prod(shape):
        raise Refused("a constant whose numbers do not fit its shape")
    check = number().check
    return np.array([check(part) for part in values], np.float64).reshape(shape)


# ------------------------------------------------------------------------------------------------ activations

# Names as a layer's `activation` argument takes them. Some of these functions exist twice, as Keras's own and
# as TensorFlow's; both are listed, so that the rebuilt layer has the very function.
ACTIVATIONS: dict[str, Callable] = {
    name: keras.activations.get(name)
    for name in (
        *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "mish"),
        *("sigmoid", "hard_sigmoid", "tanh", "exponential", "softmax", "log_softmax", "softplus", "softsign"),
    )
} | {
    "tf.nn.relu": tf.nn.relu,
    "tf.nn.relu6": tf.nn.relu6,
    "tf.nn.leaky_relu": tf.nn.leaky_relu,
    "tf.nn.elu": tf.nn.elu,
    "tf.nn.selu": tf.nn.selu,
    "tf.nn.gelu": tf.nn.gelu,
    "tf.nn.silu": tf.nn.silu,
    "tf.nn.sigmoid": tf.nn.sigmoid,
    "tf.nn.tanh": tf.nn.tanh,
    "tf.nn.softmax": tf.nn.softmax,
    "tf.nn.log_softmax": tf.nn.log_softmax,
    "tf.nn.softplus": tf.nn.softplus,
    "tf.nn.softsign": tf.nn.softsign,
    "tf.exp": tf.exp,
    "tf.identity": tf.identity,
}


@dataclass(frozen=True)
class ActivationLayer:
    """An activation that is a layer itself: the index of its step."""

    index: int


def _check_activation(value):
    if type(value) is dict:
        (index,) = fields(value, "layer")
        return ActivationLayer(whole(0, 10**6).check(index))
    if type(value) is not str or value not in ACTIVATIONS:
        raise Refused(f"an unknown activation, {shown(value)}")
    return value


ACTIVATION = Kind(_check_activation, lambda value: ACTIVATIONS[value])


# ----------------------------------------------------------------------------------------------- regularizers


def _check_regularizer(value):
    if value is None:
        return None
    if type(value) is dict and "orthogonal" in value:
        factor, mode = fields(value, "orthogonal", "mode")
        return {"orthogonal": number().check(factor), "mode": choice("rows", "columns").check(mode)}
    l1, l2 = fields(value, "l1", "l2")
    return {"l1": number().check(l1), "l2": number().check(l2)}


def _make_regularizer(value):
    if value is None:
        return None
    if "orthogonal" in value:
        return keras.regularizers.OrthogonalRegularizer(value["orthogonal"], value["mode"])
    return keras.regularizers.L1L2(**value)


def expect_regularizer_fits(value, shape: tuple[int, ...]) -> None:
    """Refused if a checked regularizer cannot be computed for a weight of this shape; TooLarge if it would take too much.

    Rows or columns that are to be at right angles are all multiplied with each other.
    """
    if value is None or "orthogonal" not in value:
        return
    if len(shape) != 2:
        raise Refused("rows or columns at right angles, of weights that have none")
    if shape[value["mode"] == "columns"] ** 2 > LARGEST_TENSOR:
        raise TooLarge("a regularizer of more than 2,000,000 right angles")


REGULARIZER = Kind(_check_regularizer, _make_regularizer)
