"""Makes the networks again that a description names, whoever wrote it.

First the whole description is judged, in plain Python: every class, setting, shape and size, each array
against the weight it is for. Only then Keras is asked to make layers. Their calls are entered into Keras's
graph by hand, with the shapes that are known by now: letting Keras trace each call would take eight times as
long, and a grader rebuilds networks again and again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.evidence import layers
from autoencoder_helpers.evidence.layers import Refused, TooLarge, fields, shown
from tf_keras.src.engine.node import Node
from tf_keras.src.layers.core.tf_op_layer import TFOpLambda

__all__ = ["Refused", "check_description", "rebuild_models"]

VERSION = 1


def rebuild_models(description: dict, arrays: Sequence[np.ndarray]) -> dict[str, keras.Model]:
    """The networks of a description, by name, with their weights.

    description: as `describe_models` makes it, after JSON; nothing in it is trusted.
    arrays: the weights to which it refers by index.
    What was one layer is one layer again, so networks share weights as the described ones did. Batch sizes
    are open, and nothing is compiled. Layers in half precision compute in float32 (see layers.COMPUTED_AS), and
    keep as `described_dtype` what they computed in. Raises Refused for whatever is not exactly allowed, and nothing else.
    """
    try:
        checker = _Checker(description, arrays)
        return _build(checker, arrays)
    except Refused:
        raise
    except Exception as error:
        # Names used twice, a prior whose parameters do not fit: what Keras and TFP find themselves.
        raise Refused(f"not a network ({type(error).__name__})") from error


def check_description(description: dict, arrays: Sequence[np.ndarray]) -> None:
    """Judge a description and its arrays without making anything. Raises Refused."""
    _Checker(description, arrays)


# ---------------------------------------------------------------------------------------------------- judging


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the graph: shape without the batch axis, and whether it is a distribution."""

    shape: tuple[int, ...]
    dtype: str
    distribution: bool = False


@dataclass
class _Input:
    name: str
    tensor: _Tensor


@dataclass
class _Layer:
    name: str
    entry: layers.Allowed
    config: dict
    policy: str
    trainable: bool
    arrays: tuple[int, ...]
    shapes: list | None = None  # of the inputs of its first call
    effect: layers.Effect | None = None


@dataclass
class _OperationLayer:
    name: str
    operation: layers.Operation
    policy: str
    called: bool = False


@dataclass
class _Call:
    layer: int
    inputs: list  # of indices, and of constants as arrays
    tensor: _Tensor
    work: int
    calls: int
    depth: int  # of models inside the called one
    training: bool | None = None
    options: dict = field(default_factory=dict)


@dataclass
class _Model:
    name: str
    sequential: bool
    trainable: bool
    input: int
    output: int
    work: int
    calls: int
    depth: int


class _Checker:
    """Judges a description. `items` has an object for each step, `models` the index of each name."""

    def __init__(self, description, arrays):
        version, steps, models = fields(description, "version", "steps", "models")
        if type(version) is not int or version != VERSION:
            raise Refused(f"an unknown version, {shown(version)}")
        self.arrays = arrays
        self.items: list = []
        self.used: set[int] = set()  # indices of arrays that have their layer
        self._check_arrays()
        if type(steps) is not list or len(steps) > layers.MOST_LAYERS + layers.MOST_CALLS:
            raise TooLarge("no list of steps, or too many")
        readers = {
            "input": self._read_input,
            "layer": self._read_layer,
            "call": self._read_call,
            "model": self._read_model,
        }
        for number, step in enumerate(steps):
            kind = step.get("step") if type(step) is dict else None
            if type(kind) is not str or kind not in readers:
                raise Refused(f"step {number}: unknown")
            try:
                self.items.append(readers[kind](step))
            except Refused as refusal:
                raise type(refusal)(f"{self._subject(number, step)}: {refusal.reason}") from None
        self._check_counts()
        self.models = self._read_names(models)

    def _check_arrays(self):
        if not isinstance(self.arrays, (list, tuple)):
            raise Refused("expected a list of arrays")
        if not all(type(array) is np.ndarray and array.dtype.kind == "f" for array in self.arrays):
            raise Refused("weights that are not arrays of floating-point numbers")
        if sum(array.size for array in self.arrays) > layers.MOST_PARAMETERS:
            raise TooLarge(f"more than {layers.MOST_PARAMETERS:,} weights")
        if not all(np.isfinite(array).all() for array in self.arrays):
            raise Refused("weights that are not finite numbers")

    def _check_counts(self):
        calls = sum(isinstance(item, _Call) for item in self.items)
        if calls > layers.MOST_CALLS:
            raise TooLarge(f"more than {layers.MOST_CALLS} calls of layers")
        if len(self.items) - calls > layers.MOST_LAYERS:
            raise TooLarge(f"more than {layers.MOST_LAYERS} layers")
        for item in self.items:
            if (isinstance(item, _Layer) and item.effect is None) or (
                isinstance(item, _OperationLayer) and not item.called
            ):
                raise Refused(f"layer {shown(item.name)} is never called")
        if len(self.used) != len(self.arrays):
            raise Refused("arrays that belong to no layer")

    def _read_names(self, models):
        if type(models) is not dict or not 0 < len(models) <= layers.MOST_LAYERS:
            raise Refused("no dict of models")
        for name, index in models.items():
            layers.NAME.check(name)
            if not isinstance(self._item(index), _Model):
                raise Refused(f"{shown(name)} is no model")
        return models

    def _subject(self, number, step):
        """What a refusal is about: a layer or model by name if there is one."""
        name, layer = step.get("name"), step.get("layer")
        if type(layer) is int and 0 <= layer < len(self.items):
            name = getattr(self.items[layer], "name", None)
        return f"{step['step']} {shown(name)}" if type(name) is str else f"step {number}"

    def _item(self, index):
        """The item of an earlier step."""
        if type(index) is not int or not 0 <= index < len(self.items):
            raise Refused(f"no earlier step {shown(index)}")
        return self.items[index]

    def _tensor(self, index) -> _Tensor:
        item = self._item(index)
        if not isinstance(item, (_Input, _Call)):
            raise Refused(f"step {index} is no tensor")
        return item.tensor

    def _read_input(self, step):
        _, name, shape, dtype = fields(step, "step", "name", "shape", "dtype")
        shape = layers.SHAPE.check(shape)
        _expect_size(math.prod(shape))
        dtype = layers.choice(*layers.INPUT_DTYPES).check(dtype)
        return _Input(layers.NAME.check(name), _Tensor(shape, dtype))

    def _read_layer(self, step):
        _, kind, name, policy, trainable, config, arrays = fields(
            step, "step", "class", "name", "dtype", "trainable", "config", "arrays"
        )
        name = layers.NAME.check(name)
        policy = layers.choice(*layers.POLICIES).check(policy)
        trainable = layers.FLAG.check(trainable)
        arrays = layers.several(layers.whole(0, 10**6), 0, 10).check(arrays)
        if type(kind) is not str or (kind != "TFOpLambda" and kind not in layers.LAYERS):
            raise Refused(f"a layer of class {shown(kind)} cannot be rebuilt")
        if kind == "TFOpLambda":
            (operation,) = fields(config, "operation")
            operation = layers.choice(*layers.OPERATIONS).check(operation)
            if arrays:
                raise Refused("an operation has no weights")
            return _OperationLayer(name, layers.OPERATIONS[operation], policy)
        entry = layers.LAYERS[kind]
        keys = {**entry.keys, "activity_regularizer": layers.ACTIVITY_REGULARIZER}
        checked = {}
        for (key, setting), value in zip(keys.items(), fields(config, *keys), strict=True):
            try:
                checked[key] = setting.check(value)
            except Refused as refusal:
                raise Refused(f"{key}: {refusal.reason}") from None
        regularizer = checked["activity_regularizer"]
        if regularizer and "distribution_b" in regularizer and not entry.distribution:
            raise Refused("a KL regularizer belongs to a distribution layer")
        if isinstance(checked.get("activation"), layers.ActivationLayer):
            layer = self._item(checked["activation"].index)
            if not isinstance(layer, _Layer) or not layer.entry.activation:
                raise Refused("an activation that is no activation layer")
            if isinstance(layer.config.get("activation"), layers.ActivationLayer):
                raise Refused("activations inside activations")
        return _Layer(name, entry, checked, policy, trainable, arrays)

    def _read_call(self, step):
        _, index, inputs, training, options = fields(step, "step", "layer", "inputs", "training", "options")
        layer = self._item(index)
        if isinstance(layer, _OperationLayer):
            return self._read_operation(index, layer, inputs, training, options)
        fields(options)
        if training is not None:
            layers.FLAG.check(training)
        if type(inputs) is not list or not 0 < len(inputs) <= 50:
            raise Refused("no list of inputs")
        tensors = [self._tensor(i) for i in inputs]
        if isinstance(layer, _Layer):
            if not layer.entry.many and len(inputs) != 1:
                raise Refused("a layer with one input is given more")
            output, work = self._apply(layer, tensors)
            return _Call(index, inputs, output, work, calls=1, depth=0, training=training)
        if isinstance(layer, _Model):
            if len(inputs) != 1 or not _fits(tensors[0].shape, self._tensor(layer.input).shape):
                raise Refused("a model is called with another shape than its own")
            output = self._tensor(layer.output)
            return _Call(index, inputs, output, layer.work, layer.calls, layer.depth, training)
        raise Refused(f"step {index} is no layer")

    def _apply(self, layer: _Layer, tensors) -> tuple[_Tensor, int]:
        """What a layer makes of the tensors. Its first call decides the shapes of its weights."""
        computed, stored = layers.POLICIES[layer.policy]
        if layer.entry is layers.LAYERS["KLDivergenceAddLoss"] and not tensors[0].distribution:
            raise Refused("a KL needs a distribution")
        shapes = [tensor.shape for tensor in tensors]
        effect = layer.entry.effect(layer.config, shapes)
        settings = {**(layer.config["activity_regularizer"] or {}), **layer.config}
        prior = settings.get("distribution_b")
        if prior and layers.broadcast([layers.prior_shape(prior), effect.output]) != effect.output:
            raise Refused("a prior that does not fit the distribution")
        _expect_size(math.prod(effect.output), effect.largest)
        if layer.effect is None:
            self._claim(layer, effect, stored)
            layer.shapes, layer.effect = shapes, effect
        elif effect.weights != layer.effect.weights:
            raise Refused("called again with a shape that its weights do not fit")
        distribution = layer.entry.distribution or (
            layer.entry is layers.LAYERS["KLDivergenceAddLoss"] and tensors[0].distribution
        )
        output, work = _Tensor(effect.output, computed, distribution), effect.work
        activation = layer.config.get("activation")
        if isinstance(activation, layers.ActivationLayer):
            _, more = self._apply(self.items[activation.index], [output])
            work += more
        return output, work

    def _claim(self, layer, effect, dtype):
        if len(layer.arrays) != len(effect.weights):
            raise Refused(f"expected {len(effect.weights)} arrays, found {len(layer.arrays)}")
        for index, (name, shape) in zip(layer.arrays, effect.weights.items(), strict=True):
            if index >= len(self.arrays) or index in self.used:
                raise Refused(f"array {index} is missing or taken")
            array = self.arrays[index]
            if array.shape != shape or array.dtype != dtype:
                raise Refused(f"{name}: expected {shape} of {dtype}, found {array.shape} of {array.dtype}")
            self.used.add(index)

    def _read_operation(self, index, layer, inputs, training, options):
        operation = layer.operation
        if training is not None:
            raise Refused("an operation has no training phase")
        if type(inputs) is not list or len(inputs) != len(operation.operands):
            raise Refused(f"expected {len(operation.operands)} inputs")
        if type(options) is not dict or not set(options) <= set(operation.options):
            raise Refused("unknown options")
        options = {name: operation.options[name].check(value) for name, value in options.items()}
        if not set(operation.required) <= set(options):
            raise Refused("missing options")
        tensors = [self._tensor(i) for i in inputs if type(i) is int]
        if not tensors:
            raise Refused("an operation without a tensor")
        first = tensors[0]
        if any(len(t.shape) != len(first.shape) or t.dtype != first.dtype for t in tensors):
            raise Refused("tensors that do not fit together")
        operands = [i if type(i) is int else layers.check_constant(i) for i in inputs]
        shapes = [self._tensor(i).shape if type(i) is int else _without_batch(i.shape, first.shape) for i in operands]
        effect = operation.effect(options, shapes)
        _expect_size(math.prod(effect.output))
        layer.called = True
        output = _Tensor(effect.output, first.dtype)
        return _Call(index, operands, output, work=0, calls=1, depth=0, options=options)

    def _read_model(self, step):
        _, kind, name, trainable, source, target = fields(step, "step", "class", "name", "trainable", "input", "output")
        kind = layers.choice("Sequential", "Functional").check(kind)
        if not isinstance(self._item(source), _Input):
            raise Refused("a model begins with an input")
        self._tensor(target)
        calls = self._calls_between(source, target)
        work = sum(call.work for call in calls)
        run = sum(call.calls for call in calls)
        depth = 1 + max((call.depth for call in calls), default=0)
        # Of small images a rule looks at thousands, of large ones at a hundred.
        ends = [math.prod(self._tensor(end).shape) for end in (source, target)]
        values = max(layers.SMALLEST_IMAGE, *ends)
        if work > layers.MOST_WORK * values:
            raise TooLarge("more computation than any network of the course needs, by far")
        if max((math.prod(call.tensor.shape) for call in calls), default=0) > layers.MOST_WIDENED * values:
            raise TooLarge(f"a tensor with more than {layers.MOST_WIDENED} values for each one of an image")
        if run > layers.MOST_CALLS_RUN or depth > layers.DEEPEST_NESTING:
            raise TooLarge("too many models inside models")
        return _Model(
            layers.NAME.check(name),
            kind == "Sequential",
            layers.FLAG.check(trainable),
            source,
            target,
            work,
            run,
            depth,
        )

    def _calls_between(self, source: int, target: int) -> list[_Call]:
        """The calls that lead from a model's input to its output."""
        found, open_ends, seen = [], [target], set()
        while open_ends:
            index = open_ends.pop()
            if index in seen or index == source:
                continue
            seen.add(index)
            item = self.items[index]
            if isinstance(item, _Input):
                raise Refused("an output that needs another input")
            found.append(item)
            open_ends += [i for i in item.inputs if type(i) is int]
        return found


def _expect_size(*sizes):
    if max(sizes) > layers.LARGEST_TENSOR:
        raise TooLarge(f"a tensor of more than {layers.LARGEST_TENSOR:,} values an image")


def _fits(shape, wanted):
    """Whether Keras lets a model for `wanted` be called with `shape`: a last axis of 1 is optional."""
    return shape == wanted or (*shape, 1) == wanted or shape == (*wanted, 1)


def _without_batch(constant_shape, tensor_shape):
    if len(constant_shape) > len(tensor_shape):
        if len(constant_shape) > len(tensor_shape) + 1 or constant_shape[0] != 1:
            raise Refused("a constant that does not fit the images")
        return constant_shape[1:]
    return constant_shape


# --------------------------------------------------------------------------------------------------- building


def _build(checker: _Checker, arrays) -> dict[str, keras.Model]:
    made: list = []  # for each step its layer, model or tensor
    tensors: dict[int, object] = {}
    for index, item in enumerate(checker.items):
        if isinstance(item, _Input):
            dtype = _quick(item.tensor.dtype)
            made.append(keras.layers.InputLayer(input_shape=item.tensor.shape, dtype=dtype, name=item.name))
            tensors[index] = made[-1].output
        elif isinstance(item, _Layer):
            made.append(_make_layer(item, made))
        elif isinstance(item, _OperationLayer):
            made.append(TFOpLambda(item.operation.function, name=item.name, dtype=_dtype(item.policy)))
        elif isinstance(item, _Call):
            _build_weights(checker.items, made, item.layer, arrays)
            tensors[index] = _enter_call(checker.items[item.layer], made[item.layer], item, tensors)
            made.append(None)
        else:
            made.append(_make_model(item, made, tensors))
    _freeze(checker.items, made)
    return {name: made[index] for name, index in checker.models.items()}


def _make_layer(item: _Layer, made):
    kinds = {**item.entry.keys, "activity_regularizer": layers.ACTIVITY_REGULARIZER}
    settings = {
        key: made[value.index] if isinstance(value, layers.ActivationLayer) else kinds[key].make(value)
        for key, value in item.config.items()
    }
    # Zeros are cheaper than random numbers, and leave TensorFlow's random state alone.
    settings |= {_initializer(name): "zeros" for name in item.entry.weights}
    layer = item.entry.find()(**settings, name=item.name, dtype=_dtype(item.policy))
    layer.described_dtype, _ = layers.POLICIES[item.policy]
    return layer


def _dtype(policy: str) -> str:
    """The policy that a layer is made with."""
    computed, stored = layers.POLICIES[policy]
    return stored if computed in layers.COMPUTED_AS else policy


def _quick(dtype: str) -> str:
    """The type that a tensor has in a rebuilt network."""
    return layers.COMPUTED_AS.get(dtype, dtype)


def _initializer(weight: str) -> str:
    return "kernel_initializer" if weight == "kernel" else f"{weight.removesuffix('_kernel')}_initializer"


def _build_weights(items, made, index, arrays):
    item, layer = items[index], made[index]
    if not isinstance(item, _Layer) or layer.built:
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
    if isinstance(activation, layers.ActivationLayer):
        _build_weights(items, made, activation.index, arrays)


def _enter_call(item, layer, call: _Call, tensors):
    """Enter a call into Keras's graph, as if the layer had been called with the tensors; its output."""
    dtype = _quick(call.tensor.dtype)
    spec = tf.TensorSpec((None, *call.tensor.shape), dtype)
    output = keras.__internal__.KerasTensor(spec)
    outputs, settings = output, {}
    if isinstance(item, _OperationLayer):
        inputs = [tensors[i] if type(i) is int else tf.constant(i, dtype) for i in call.inputs]
        settings = call.options
    else:
        inputs = [tensors[i] for i in call.inputs]
        if isinstance(item, _Layer) and item.entry.many:
            inputs = [inputs]
        if isinstance(item, _Layer) and item.entry.distribution:
            # Such a layer gives a distribution and its value. Here both are entered as plain tensors: what
            # the next layer gets when the network runs is the distribution all the same.
            outputs = (output, keras.__internal__.KerasTensor(spec))
        if call.training is not None:
            settings = {"training": call.training}
    Node(layer, call_args=tuple(inputs), call_kwargs=settings, outputs=outputs)
    return output


def _make_model(item: _Model, made, tensors):
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
