"""The operations that a network may consist of: TensorFlow's functions in the place of layers, as in `x + y`."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf
from autoencoder_helpers.evidence.limits import MOST_AXES
from autoencoder_helpers.evidence.refusals import expect
from autoencoder_helpers.evidence.settings import AXIS, FLAG, SIZE, Kind, either, number, several, whole
from autoencoder_helpers.evidence.shapes import Effect, filled, merged, softmax, unchanged


@dataclass(frozen=True)
class Operation:
    """A TensorFlow function of which Keras makes a layer when it meets a network's tensor, as in `x + y`.

    operands: its parameters for tensors and constants, in order. options: other parameters that may be given.
    required: options that must be given.
    """

    function: Callable
    operands: tuple[str, ...]
    options: dict[str, Kind]
    effect: Callable[[dict, list], Effect]
    required: tuple[str, ...] = ()


def _elementwise(function, parameter, **options):
    return Operation(function, (parameter,), options, unchanged)


def _of_two(function):
    return Operation(function, ("x", "y"), {}, merged)


def _softmax_operation(config, shapes):
    return softmax({"axis": config.get("axis", -1)}, shapes)


def _reshape_operation(config, shapes):
    target = config["shape"]
    expect(target[0] == -1, "tf.reshape must leave the batch axis open: (-1, ...)")
    expect(-1 not in target[1:], "more than one side left open")
    return Effect(filled(target[1:], shapes[0]))


# By the name under which TensorFlow exports them.
OPERATIONS: dict[str, Operation] = {
    "nn.relu": _elementwise(tf.nn.relu, "features"),
    "nn.relu6": _elementwise(tf.nn.relu6, "features"),
    "nn.leaky_relu": _elementwise(tf.nn.leaky_relu, "features", alpha=number()),
    "nn.elu": _elementwise(tf.nn.elu, "features"),
    "nn.selu": _elementwise(tf.nn.selu, "features"),
    "nn.gelu": _elementwise(tf.nn.gelu, "features", approximate=FLAG),
    "nn.silu": _elementwise(tf.nn.silu, "features", beta=number()),
    "nn.softsign": _elementwise(tf.nn.softsign, "features"),
    "nn.softmax": Operation(tf.nn.softmax, ("logits",), {"axis": AXIS}, _softmax_operation),
    "math.softplus": _elementwise(tf.math.softplus, "features"),
    "math.sigmoid": _elementwise(tf.math.sigmoid, "x"),
    "math.tanh": _elementwise(tf.math.tanh, "x"),
    "math.exp": _elementwise(tf.math.exp, "x"),
    "math.square": _elementwise(tf.math.square, "x"),
    "math.negative": _elementwise(tf.math.negative, "x"),
    "identity": _elementwise(tf.identity, "input"),
    "clip_by_value": Operation(
        tf.clip_by_value,
        ("t",),
        {"clip_value_min": number(), "clip_value_max": number()},
        unchanged,
        required=("clip_value_min", "clip_value_max"),
    ),
    "__operators__.add": _of_two(tf.__operators__.add),
    "math.add": _of_two(tf.math.add),
    "math.subtract": _of_two(tf.math.subtract),
    "math.multiply": _of_two(tf.math.multiply),
    "math.divide": _of_two(tf.math.divide),
    "math.truediv": _of_two(tf.math.truediv),
    "math.maximum": _of_two(tf.math.maximum),
    "math.minimum": _of_two(tf.math.minimum),
    "reshape": Operation(
        tf.reshape,
        ("tensor",),
        {"shape": several(either(whole(-1, -1), SIZE), 1, MOST_AXES)},
        _reshape_operation,
        required=("shape",),
    ),
}
