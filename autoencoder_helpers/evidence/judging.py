"""Judges a description of networks, whoever wrote it, in plain Python and before anything is made of it.

Every class, setting, shape and size is looked at, and each array against the weight that it is for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from autoencoder_helpers.evidence import limits
from autoencoder_helpers.evidence.distributions import ACTIVITY_REGULARIZER, prior_shape
from autoencoder_helpers.evidence.layers import LAYERS, Allowed
from autoencoder_helpers.evidence.operations import OPERATIONS, Operation
from autoencoder_helpers.evidence.refusals import Refused, TooLarge, fields, shown
from autoencoder_helpers.evidence.settings import (
    FLAG,
    INPUT_DTYPES,
    NAME,
    POLICIES,
    SHAPE,
    ActivationLayer,
    check_constant,
    choice,
    expect_regularizer_fits,
    several,
    whole,
)
from autoencoder_helpers.evidence.shapes import Effect, broadcast

VERSION = 1
_NO_ACTIVATION = ("linear", "tf.identity")


def check_description(description: dict, arrays: Sequence[np.ndarray]) -> None:
    """Judge a description and its arrays without making anything. Raises Refused."""
    Checker(description, arrays)


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph: shape without the batch axis, and whether it is a distribution."""

    shape: tuple[int, ...]
    dtype: str
    distribution: bool = False


@dataclass
class Input:
    name: str
    tensor: Tensor


@dataclass
class Layer:
    name: str
    entry: Allowed
    config: dict
    policy: str
    trainable: bool
    arrays: tuple[int, ...]
    shapes: list | None = None  # of the inputs of its first call
    effect: Effect | None = None


@dataclass
class OperationLayer:
    name: str
    operation: Operation
    policy: str
    called: bool = False


@dataclass
class Call:
    layer: int
    inputs: list  # of indices, and of constants as arrays
    tensor: Tensor
    work: int
    calls: int
    depth: int  # of models inside the called one
    training: bool | None = None
    options: dict = field(default_factory=dict)


@dataclass
class Model:
    name: str
    sequential: bool
    trainable: bool
    input: int
    output: int
    work: int
    calls: int
    depth: int


class Checker:
    """Judges a description. `items` has an object for each step, `models` the index of each name."""

    def __init__(self, description, arrays):
        version, steps, models = fields(description, "version", "steps", "models")
        if type(version) is not int or version != VERSION:
            raise Refused(f"an unknown version, {shown(version)}")
        self.arrays = arrays
        self.items: list = []
        self.used: set[int] = set()  # indices of arrays that have their layer
        self._check_arrays()
        if type(steps) is not list or len(steps) > limits.MOST_LAYERS + limits.MOST_CALLS:
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
        if sum(array.size for array in self.arrays) > limits.MOST_PARAMETERS:
            raise TooLarge(f"more than {limits.MOST_PARAMETERS:,} weights")
        if not all(np.isfinite(array).all() for array in self.arrays):
            raise Refused("weights that are not finite numbers")

    def _check_counts(self):
        calls = sum(isinstance(item, Call) for item in self.items)
        if calls > limits.MOST_CALLS:
            raise TooLarge(f"more than {limits.MOST_CALLS} calls of layers")
        if len(self.items) - calls > limits.MOST_LAYERS:
            raise TooLarge(f"more than {limits.MOST_LAYERS} layers")
        for item in self.items:
            if (isinstance(item, Layer) and item.effect is None) or (
                isinstance(item, OperationLayer) and not item.called
            ):
                raise Refused(f"layer {shown(item.name)} is never called")
        if len(self.used) != len(self.arrays):
            raise Refused("arrays that belong to no layer")

    def _read_names(self, models):
        if type(models) is not dict or not 0 < len(models) <= limits.MOST_LAYERS:
            raise Refused("no dict of models")
        for name, index in models.items():
            NAME.check(name)
            if not isinstance(self._item(index), Model):
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

    def _tensor(self, index) -> Tensor:
        item = self._item(index)
        if not isinstance(item, (Input, Call)):
            raise Refused(f"step {index} is no tensor")
        return item.tensor

    def _read_input(self, step):
        _, name, shape, dtype = fields(step, "step", "name", "shape", "dtype")
        shape = SHAPE.check(shape)
        _expect_size(math.prod(shape))
        dtype = choice(*INPUT_DTYPES).check(dtype)
        return Input(NAME.check(name), Tensor(shape, dtype))

    def _read_layer(self, step):
        _, kind, name, policy, trainable, config, arrays = fields(
            step, "step", "class", "name", "dtype", "trainable", "config", "arrays"
        )
        name = NAME.check(name)
        policy = choice(*POLICIES).check(policy)
        trainable = FLAG.check(trainable)
        arrays = several(whole(0, 10**6), 0, 10).check(arrays)
        if type(kind) is not str or (kind != "TFOpLambda" and kind not in LAYERS):
            raise Refused(f"a layer of class {shown(kind)} cannot be rebuilt")
        if kind == "TFOpLambda":
            (operation,) = fields(config, "operation")
            operation = choice(*OPERATIONS).check(operation)
            if arrays:
                raise Refused("an operation has no weights")
            return OperationLayer(name, OPERATIONS[operation], policy)
        entry = LAYERS[kind]
        keys = {**entry.keys, "activity_regularizer": ACTIVITY_REGULARIZER}
        checked = {}
        for (key, setting), value in zip(keys.items(), fields(config, *keys), strict=True):
            try:
                checked[key] = setting.check(value)
            except Refused as refusal:
                raise Refused(f"{key}: {refusal.reason}") from None
        regularizer = checked["activity_regularizer"]
        if regularizer and "distribution_b" in regularizer and not entry.distribution:
            raise Refused("a KL regularizer belongs to a distribution layer")
        if isinstance(checked.get("activation"), ActivationLayer):
            layer = self._item(checked["activation"].index)
            if not isinstance(layer, Layer) or not layer.entry.activation:
                raise Refused("an activation that is no activation layer")
            if isinstance(layer.config.get("activation"), ActivationLayer):
                raise Refused("activations inside activations")
        return Layer(name, entry, checked, policy, trainable, arrays)

    def _read_call(self, step):
        _, index, inputs, training, options = fields(step, "step", "layer", "inputs", "training", "options")
        layer = self._item(index)
        if isinstance(layer, OperationLayer):
            return self._read_operation(index, layer, inputs, training, options)
        fields(options)
        if training is not None:
            FLAG.check(training)
        if type(inputs) is not list or not 0 < len(inputs) <= 50:
            raise Refused("no list of inputs")
        tensors = [self._tensor(i) for i in inputs]
        if isinstance(layer, Layer):
            if not layer.entry.many and len(inputs) != 1:
                raise Refused("a layer with one input is given more")
            output, work = self._apply(layer, tensors)
            return Call(index, inputs, output, work, calls=1, depth=0, training=training)
        if isinstance(layer, Model):
            if len(inputs) != 1 or not _fits(tensors[0].shape, self._tensor(layer.input).shape):
                raise Refused("a model is called with another shape than its own")
            output = self._tensor(layer.output)
            return Call(index, inputs, output, layer.work, layer.calls, layer.depth, training)
        raise Refused(f"step {index} is no layer")

    def _apply(self, layer: Layer, tensors) -> tuple[Tensor, int]:
        """What a layer makes of the tensors. Its first call decides the shapes of its weights."""
        computed, stored = POLICIES[layer.policy]
        if layer.entry is LAYERS["KLDivergenceAddLoss"] and not tensors[0].distribution:
            raise Refused("a KL needs a distribution")
        shapes = [tensor.shape for tensor in tensors]
        effect = layer.entry.effect(layer.config, shapes)
        settings = {**(layer.config["activity_regularizer"] or {}), **layer.config}
        prior = settings.get("distribution_b")
        if prior and broadcast([prior_shape(prior), effect.output]) != effect.output:
            raise Refused("a prior that does not fit the distribution")
        _expect_size(math.prod(effect.output), effect.largest)
        if layer.effect is None:
            self._claim(layer, effect, stored)
            layer.shapes, layer.effect = shapes, effect
        elif effect.weights != layer.effect.weights:
            raise Refused("called again with a shape that its weights do not fit")
        distribution = layer.entry.distribution or (
            layer.entry is LAYERS["KLDivergenceAddLoss"] and tensors[0].distribution
        )
        output, work = Tensor(effect.output, computed, distribution), _work(effect, shapes)
        activation = layer.config.get("activation")
        if isinstance(activation, str) and activation not in _NO_ACTIVATION:
            work += _work(Effect(effect.output), [effect.output])
        if isinstance(activation, ActivationLayer):
            _, more = self._apply(self.items[activation.index], [output])
            work += more
        return output, work

    def _claim(self, layer, effect, dtype):
        if len(layer.arrays) != len(effect.weights):
            raise Refused(f"expected {len(effect.weights)} arrays, found {len(layer.arrays)}")
        for index, (name, shape) in zip(layer.arrays, effect.weights.items(), strict=True):
            expect_regularizer_fits(layer.config.get(f"{name.removesuffix('_kernel')}_regularizer"), shape)
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
        operands = [i if type(i) is int else check_constant(i) for i in inputs]
        shapes = [self._tensor(i).shape if type(i) is int else _without_batch(i.shape, first.shape) for i in operands]
        effect = operation.effect(options, shapes)
        _expect_size(math.prod(effect.output))
        layer.called = True
        output = Tensor(effect.output, first.dtype)
        return Call(index, operands, output, _work(effect, shapes), calls=1, depth=0, options=options)

    def _read_model(self, step):
        _, kind, name, trainable, source, target = fields(step, "step", "class", "name", "trainable", "input", "output")
        kind = choice("Sequential", "Functional").check(kind)
        if not isinstance(self._item(source), Input):
            raise Refused("a model begins with an input")
        self._tensor(target)
        calls = self._calls_between(source, target)
        work = sum(call.work for call in calls)
        run = sum(call.calls for call in calls)
        depth = 1 + max((call.depth for call in calls), default=0)
        # Of small images a rule looks at thousands, of large ones at a hundred.
        ends = [math.prod(self._tensor(end).shape) for end in (source, target)]
        values = max(limits.SMALLEST_IMAGE, *ends)
        if work > limits.MOST_WORK * values:
            raise TooLarge("more computation than any network of the course needs, by far")
        if max((math.prod(call.tensor.shape) for call in calls), default=0) > limits.MOST_WIDENED * values:
            raise TooLarge(f"a tensor with more than {limits.MOST_WIDENED} values for each one of an image")
        if run > limits.MOST_CALLS_RUN or depth > limits.DEEPEST_NESTING:
            raise TooLarge("too many models inside models")
        return Model(
            NAME.check(name),
            kind == "Sequential",
            FLAG.check(trainable),
            source,
            target,
            work,
            run,
            depth,
        )

    def _calls_between(self, source: int, target: int) -> list[Call]:
        """The calls that lead from a model's input to its output."""
        found, open_ends, seen = [], [target], set()
        while open_ends:
            index = open_ends.pop()
            if index in seen or index == source:
                continue
            seen.add(index)
            item = self.items[index]
            if isinstance(item, Input):
                raise Refused("an output that needs another input")
            found.append(item)
            open_ends += [i for i in item.inputs if type(i) is int]
        return found


def _work(effect: Effect, shapes) -> int:
    """What a layer computes for one image, in multiplications: its values have to be read and written, too."""
    values = sum(map(math.prod, shapes)) + effect.passes * math.prod(effect.output)
    return effect.work + limits.WORK_OF_A_VALUE * values


def _expect_size(*sizes):
    if max(sizes) > limits.LARGEST_TENSOR:
        raise TooLarge(f"a tensor of more than {limits.LARGEST_TENSOR:,} values an image")


def _fits(shape, wanted):
    """Whether Keras lets a model for `wanted` be called with `shape`: a last axis of 1 is optional."""
    return shape == wanted or (*shape, 1) == wanted or shape == (*wanted, 1)


def _without_batch(constant_shape, tensor_shape):
    if len(constant_shape) > len(tensor_shape):
        if len(constant_shape) > len(tensor_shape) + 1 or constant_shape[0] != 1:
            raise Refused("a constant that does not fit the images")
        return constant_shape[1:]
    return constant_shape
