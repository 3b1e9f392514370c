"""Makes the networks again that a description names, whoever wrote it.

First the whole description is judged. Only then Keras is asked to make layers. Their calls are entered into Keras's
graph by hand, with the shapes that are known by now: letting Keras trace each call would take eight times as
long, and a grader rebuilds networks again and again.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.evidence.distributions import ACTIVITY_REGULARIZER
from autoencoder_helpers.evidence.judging import Call, Checker, Input, Layer, Model, OperationLayer
from autoencoder_helpers.evidence.refusals import Refused
from autoencoder_helpers.evidence.settings import COMPUTED_AS, POLICIES, ActivationLayer
from tf_keras.src.engine.node import Node
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda


def rebuild_models(description: dict, arrays: Sequence[np.ndarray]) -> dict[str, keras.Model]:
    """The networks of a description, by name, with their weights.

    description: as `describe_models` makes it, after JSON; nothing in it is trusted.
    arrays: the weights to which it refers by index.
    What was one layer is one layer again, so networks share weights as the described ones did. Batch sizes
    are open, and nothing is compiled. Layers in half precision compute in float32 (see settings.COMPUTED_AS), and
    keep as `described_dtype` what they computed in. Raises Refused for whatever is not exactly allowed, and nothing
    else.
    """
    try:
        checker = Checker(description, arrays)
        return _build(checker, arrays)
    except Refused:
        raise
    except Exception as error:
        # Names used twice, a prior whose parameters do not fit: what Keras and TFP find themselves.
        raise Refused(f"not a network ({type(error).__name__})") from error


def _build(checker: Checker, arrays) -> dict[str, keras.Model]:
    made: list = []  # for each step its layer, model or tensor
    tensors: dict[int, object] = {}
    for index, item in enumerate(checker.items):
        if isinstance(item, Input):
            dtype = _quick(item.tensor.dtype)
            made.append(keras.layers.InputLayer(input_shape=item.tensor.shape, dtype=dtype, name=item.name))
            tensors[index] = made[-1].output
        elif isinstance(item, Layer):
            made.append(_make_layer(item, made))
        elif isinstance(item, OperationLayer):
            made.append(TFOpLambda(item.operation.function, name=item.name, dtype=_dtype(item.policy)))
        elif isinstance(item, Call):
            _build_weights(checker.items, made, item.layer, arrays)
            tensors[index] = _enter_call(checker.items[item.layer], made[item.layer], item, tensors)
            made.append(None)
        else:
            made.append(_make_model(item, made, tensors))
    _freeze(checker.items, made)
    return {name: made[index] for name, index in checker.models.items()}


def _make_layer(item: Layer, made):
    kinds = {**item.entry.keys, "activity_regularizer": ACTIVITY_REGULARIZER}
    settings = {
        key: made[value.index] if isinstance(value, ActivationLayer) else kinds[key].make(value)
        for key, value in item.config.items()
    }
    # Zeros are cheaper than random numbers, and leave TensorFlow's random state alone.
    settings |= {_initializer(name): "zeros" for name in item.entry.weights}
    layer = item.entry.find()(**settings, name=item.name, dtype=_dtype(item.policy))
    layer.described_dtype, _ = POLICIES[item.policy]
    return layer


def _dtype(policy: str) -> str:
    """The policy that a layer is made with."""
    computed, stored = POLICIES[policy]
    return stored if computed in COMPUTED_AS else policy


def _quick(dtype: str) -> str:
    """The type that a tensor has in a rebuilt network."""
    return COMPUTED_AS.get(dtype, dtype)


def _initializer(weight: str) -> str:
    return "kernel_initializer" if weight == "kernel" else f"{weight.removesuffix('_kernel')}_initializer"


def _build_weights(items, made, index, arrays):
    item, layer = items[index], made[index]
    if not isinstance(item, Layer) or layer.built:
        return
    shapes = [(None, *shape) for shape in item.shapes]
    with tf.name_scope(item.name):
        layer.build(shapes if item.entry.many else shapes[0])
    for array, (name, shape) in zip(item.arrays, item.effect.weights.items(), strict=True):
        variable = getattr(layer, name)
        if tuple(variable.shape) != shape:
            raise Refused(f"{name} has shape {tuple(variable.shape)}, not {shape}")
        variable.assign(arrays[array])
    activation = item.config.get("activation")
    if isinstance(activation, ActivationLayer):
        _build_weights(items, made, activation.index, arrays)


def _enter_call(item, layer, call: Call, tensors):
    """Enter a call into Keras's graph, as if the layer had been called with the tensors; its output."""
    dtype = _quick(call.tensor.dtype)
    spec = tf.TensorSpec((None, *call.tensor.shape), dtype)
    output = keras.__internal__.KerasTensor(spec)
    outputs, settings = output, {}
    if isinstance(item, OperationLayer):
        inputs = [tensors[i] if type(i) is int else tf.constant(i, dtype) for i in call.inputs]
        settings = call.options
    else:
        inputs = [tensors[i] for i in call.inputs]
        if isinstance(item, Layer) and item.entry.many:
            inputs = [inputs]
        if isinstance(item, Layer) and item.entry.distribution:
            # Such a layer gives a distribution and its value. Here both are entered as plain tensors: what
            # the next layer gets when the network runs is the distribution all the same.
            outputs = (output, keras.__internal__.KerasTensor(spec))
        if call.training is not None:
            settings = {"training": call.training}
    Node(layer, call_args=tuple(inputs), call_kwargs=settings, outputs=outputs)
    return output


def _make_model(item: Model, made, tensors):
    if not item.sequential:
        return keras.Model(tensors[item.input], tensors[item.output], name=item.name)
    model = keras.Sequential(name=item.name)
    model.add(made[item.input])
    if item.output != item.input:
        # `add` would call each layer anew, and so could not share calls with other models.
        model._init_graph_network(model.inputs, [tensors[item.output]])
    return model


def _freeze(items, made):
    """Set what is not to be trained: models first, because they hand it down to their layers."""
    flags = [(item, thing) for item, thing in zip(items, made, strict=True) if hasattr(item, "trainable")]
    if all(item.trainable for item, _ in flags):
        return
    for item, thing in reversed(flags):
        thing.trainable = item.trainable
