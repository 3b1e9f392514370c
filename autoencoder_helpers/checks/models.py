"""What rules ask about networks. Asked of what a network is and does, not of how it was written down."""

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from autoencoder_helpers.checks.rule import NotYet
from autoencoder_helpers.evidence.values import plain_floats

_BENT = 0.005  # as a share of its range, the least that counts; a leaky relu has that up to a slope of 0.98


@dataclass(frozen=True)
class Stage:
    """A layer with weights, and what acts on each of its values after that.

    parts: functions and layers, in order: its own activation and activation layers behind it.
    """

    kind: str
    width: int
    layer: object
    parts: tuple

    @functools.cached_property
    def activation(self) -> str:
        """A name for what bends the layer's values; "linear" if nothing does, whatever it is called."""
        return self._called[0] if self._called and self._bends() else "linear"

    @property
    def bends_nothing(self) -> str:
        """The name of an activation that is none, such as a leaky relu of slope 1; empty if there is no such."""
        return self._called[0] if self._called and self.activation == "linear" else ""

    @property
    def _called(self) -> list[str]:
        return [name for name in map(_name_of, self.parts) if name != "linear"]

    def bend(self, values) -> np.ndarray:
        """What the parts make of pre-activations, an array of the shape of the layer's output."""
        return functools.reduce(lambda found, part: _applied(part, found), self.parts, values)

    def _bends(self) -> bool:
        """Whether the parts together are more than a factor and a shift, on values as networks have them."""
        shape, dtype = _shape_of(self.layer), self.layer.compute_dtype
        bent, found = False, _line(shape, dtype)
        for part in self.parts:
            if _shape_of(part, shape) != shape:  # behind a pooling or a reshape
                bent, shape = bent or _is_bent(found), _shape_of(part, shape)
                found = _line(shape, dtype)
            found = _applied(part, found)
        return bent or _is_bent(found)


def _shape_of(part, otherwise=(1,)) -> tuple:
    """The shape of one image's values in a layer; `otherwise` for what has none of its own."""
    try:
        return tuple(side or 1 for side in part.output_shape[1:])
    except (AttributeError, TypeError):  # a function, or a layer with several outputs
        return otherwise


def _line(shape, dtype):
    """A tensor: five points on a line through 0, at equal distances, that reach some units to either side in every value."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    direction = rng.uniform(0.5, 1.5, shape) * rng.choice((-1, 1), shape)
    return tf.constant(np.multiply.outer(np.linspace(-8, 8, 5), direction), dtype)


def _is_bent(values) -> bool:
    """Whether what became of points on a line is no line."""
    values = plain_floats(np.asarray(values)).astype(np.float64)
    if not np.isfinite(values).all():
        return True
    bent = values[2:] - 2 * values[1:-1] + values[:-2]
    return bool(np.abs(bent).max() > _BENT * np.ptp(values, axis=0).max())


def all_layers(model) -> list:
    """The layers of a model in order, those of models inside it included."""
    layers = []
    for layer in model.layers:
        layers += all_layers(layer) if hasattr(layer, "layers") else [layer]
    return layers


def give_graphs(model) -> None:
    """Let Keras work out the shapes of Sequential models without an input, inside a model and itself.

    It does so by itself when such a model is called with numbers, and never if the first call was with a distribution,
    as a decoder's is. And one input that stands in a dict is one input. The weights and what is computed stay as they are.
    """
    import tf_keras as keras

    if isinstance(getattr(model, "_nested_inputs", None), dict) and len(model.inputs) == 1:
        model._nested_inputs = model.inputs[0]
    for layer in getattr(model, "layers", ()):
        give_graphs(layer)
    shape = getattr(model, "_build_input_shape", None)
    if type(model) is keras.Sequential and not model._is_graph_network and isinstance(shape, tuple):
        model._use_legacy_deferred_behavior = False
        with contextlib.suppress(ValueError):  # a layer with several outputs, of which the description speaks
            model._build_graph_network_for_inferred_shape((None, *shape[1:]))


def stages(model) -> list[Stage]:
    """The layers with weights (Dense, Conv2D, ...), each with what acts on its output, value by value."""
    found: list[list] = []
    for layer in all_layers(model):
        if _has_width(layer):
            own = getattr(layer, "activation", None)
            found.append([layer, *([] if own is None else [own])])
        elif found and _acts_value_by_value(layer):
            found[-1].append(layer)
    return [_stage(layer, parts) for layer, *parts in found]


def last_with_weights(model) -> list:
    """The layers with weights (Dense, Conv2D, ...) behind which there is no other: one, or a network's heads."""
    import tf_keras as keras

    if _has_width(model):
        return [model]
    if not hasattr(model, "layers"):
        return []
    if isinstance(model, keras.Sequential):
        return next(filter(None, map(last_with_weights, reversed(model.layers))), [])
    found = []
    waiting = list(model.outputs or [])
    while waiting:
        history = getattr(waiting.pop(), "_keras_history", None)
        if history is None:
            continue
        own = last_with_weights(history.layer)
        found += [layer for layer in own if layer not in found]
        if not own and history.layer._inbound_nodes:
            waiting += history.layer._inbound_nodes[history.node_index].keras_inputs
    return found


def _has_width(layer) -> bool:
    return hasattr(layer, "units") or hasattr(layer, "filters")


def _stage(layer, parts):
    width = getattr(layer, "units", None) or layer.filters or layer.output_shape[-1]  # of a DepthwiseConv2D
    return Stage(type(layer).__name__, int(width), layer, tuple(parts))


_ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "PReLU": "prelu",
    "Softmax": "softmax",
}
_BENDING_OPERATIONS = {
    *(
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "softsign",
        "softplus",
        "softmax",
        "sigmoid",
        "tanh",
    ),
    *("exp", "square", "maximum", "minimum", "clip_by_value"),
}


def _acts_value_by_value(layer) -> bool:
    kind = type(layer).__name__
    return kind in _ACTIVATION_LAYERS or kind in ("Activation", "Rescaling") or _is_operation_on_one(layer)


def _is_operation_on_one(layer) -> bool:
    """Whether it is tf.sigmoid(x), 1 - x and the like, called on one layer's output."""
    if type(layer).__name__ != "TFOpLambda" or layer.symbol.rpartition(".")[2] == "reshape":
        return False
    return sum(hasattr(part, "_keras_history") for part in _arguments(layer)) == 1


def _arguments(layer) -> list:
    import tensorflow as tf

    node = layer._inbound_nodes[0]
    return tf.nest.flatten((node.call_args, node.call_kwargs))


def _name_of(part) -> str:
    """The name of an activation function or layer; "linear" for what is called nothing that bends."""
    kind = type(part).__name__
    if kind in _ACTIVATION_LAYERS:
        return _ACTIVATION_LAYERS[kind]
    if kind == "TFOpLambda":
        operation = part.symbol.rpartition(".")[2]
        return operation if operation in _BENDING_OPERATIONS else "linear"
    function = getattr(part, "activation", part)  # of an Activation layer, or the function itself
    if type(function).__name__ == "Rescaling":
        return "linear"
    return getattr(function, "__name__", type(function).__name__.lower())


def tail_values(model, values) -> np.ndarray:
    """What a model makes of pre-activations of its last layer with weights: all that follows, up to its output.

    values: an array of the shape of that layer's output, with the batch axis.
    """
    import tensorflow as tf

    end = stages(model)[-1]
    values = tf.cast(values, end.layer.compute_dtype)  # hard_sigmoid, for one, takes no NumPy array
    layers = all_layers(model)
    after = layers[max(i for i, layer in enumerate(layers) if layer is end.layer) + 1 :]
    own = getattr(end.layer, "activation", None)
    try:
        found = values if own is None else own(values)
        for layer in after:
            found = _applied(layer, found)
    except Exception:  # noqa: BLE001 - the network branches there: what can be said is what the activation does
        found = end.bend(values)
    return plain_floats(numbers(found))


def _applied(part, values):
    """What a layer or function makes of values; an operation, such as the minus of 1 - x, keeps its other arguments."""
    if type(part).__name__ != "TFOpLambda":
        return part(values)
    import tensorflow as tf

    node = part._inbound_nodes[0]
    args, kwargs = tf.nest.map_structure(
        lambda other: values if hasattr(other, "_keras_history") else other, (node.call_args, node.call_kwargs)
    )
    return part.function(*args, **kwargs)


def of_one_image(shape):
    """A shape without the batch axis, which may be None or the size of the batch that built the model."""
    return tuple(shape[1:]) if isinstance(shape, tuple) else shape


def holds(model, part) -> bool:
    """Whether a model has the very weights of another, and no copies of them: what trains the one trains the other."""
    owned = {id(weight) for weight in model.weights}
    return all(id(weight) in owned for weight in part.weights)


def predict(model, x, batch_size=1000) -> np.ndarray:
    """A model's output for x as a NumPy array. A network that samples gives one sample; batches keep memory low."""
    parts = [numbers(model(x[i : i + batch_size], training=False)) for i in range(0, len(x), batch_size)]
    return plain_floats(np.concatenate(parts))


def numbers(output) -> np.ndarray:
    """What a network or a layer gives out, as numbers: a distribution gives what the next layer would get of it."""
    if hasattr(output, "log_prob"):
        import tensorflow as tf

        output = tf.convert_to_tensor(output)
    return np.asarray(output)


def output_shape_in(model, layer) -> tuple:
    """The shape of a layer's output in a model, with the batch axis: elsewhere the same layer may have another."""
    node = _node_in(model, layer)
    return node.output_shapes if node else layer.output_shape


def input_shape_in(model, layer) -> tuple:
    """The shape of a layer's input in a model, with the batch axis."""
    node = _node_in(model, layer)
    return node.input_shapes if node else layer.input_shape


def _node_in(model, layer):
    """The call of a layer in a model, or in a model inside it; None if Keras has not noted any."""
    for nodes in getattr(model, "_nodes_by_depth", {}).values():
        for node in nodes:
            if node.layer is layer:
                return node
    inside = (part for part in getattr(model, "layers", ()) if hasattr(part, "layers"))
    return next(filter(None, (_node_in(part, layer) for part in inside)), None)


_PRECISIONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}


def precision(model) -> float:
    """The relative precision of the numbers that a model gives out: 1e-7 in float32, 0.008 in bfloat16.

    That of its coarsest layer, as it computes in the notebook: rebuilt for grading, half precision is float32.
    """
    found = [getattr(layer, "described_dtype", layer.compute_dtype) for layer in all_layers(model)]
    return max((_PRECISIONS[dtype] for dtype in found if dtype in _PRECISIONS), default=2.0**-23)


def answers_to_scaling(model, layer, answer: Callable) -> bool:
    """Whether what a network gives out grows as what one of its layers computes, to any size.

    layer: with weights whose values grow with all of its weights, as a Dense layer's. answer: the model -> an array,
    for the same images each time.
    """
    weights, factors = layer.get_weights(), (-20.0, -1.0, 0.0, 1.0, 20.0)
    rng = np.random.default_rng(1)
    tried = [rng.normal(0, 0.3, array.shape) for array in weights]  # its own may be 0
    found = []
    try:
        for factor in factors:
            layer.set_weights([factor * array for array in tried])
            found.append(plain_floats(np.asarray(answer(model))))
    finally:
        layer.set_weights(weights)
    nothing, once = found[2], found[3]
    wanted = [nothing + factor * (once - nothing) for factor in factors]
    size = float(np.abs(found[-1] - found[0]).max())
    near = max(1e-3, 8 * precision(model)) * size
    return bool(np.isfinite(found).all() and size > 0 and np.allclose(found, wanted, rtol=0, atol=near))


@contextlib.contextmanager
def with_random_weights(layer, rng):
    """While inside, the layer has weights and biases of which none is 0."""
    weights = layer.get_weights()
    try:
        layer.set_weights([rng.normal(0, 0.3, array.shape) for array in weights])
        yield
    finally:
        layer.set_weights(weights)


@contextlib.contextmanager
def with_fresh_weights(model, rng):
    """While inside, the model has weights that it could begin with: Glorot's for kernels, as the layers have it by default."""
    weights = model.get_weights()
    try:
        model.set_weights([_fresh(rng, variable) for variable in model.weights])
        yield
    finally:
        model.set_weights(weights)


def _fresh(rng, variable) -> np.ndarray:
    shape = tuple(variable.shape)
    if len(shape) < 2:
        return np.full(shape, 1.0 if any(word in variable.name for word in ("gamma", "variance")) else 0.0)
    field = int(np.prod(shape[:-2]))  # of a convolution; 1 for a dense layer
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / (field * (shape[-2] + shape[-1])))


@contextlib.contextmanager
def with_any_weights(model, rng, size=1.0):
    """While inside, the model has random weights, none of which stands for nothing: biases other than 0, normalizations
    that move and stretch. So two networks agree only if they compute the same.

    size: of kernels, as a multiple of Glorot's, and of biases.
    """
    weights = model.get_weights()
    try:
        model.set_weights([_any(rng, variable, size) for variable in model.weights])
        yield
    finally:
        model.set_weights(weights)


def _any(rng, variable, size) -> np.ndarray:
    if not variable.dtype.is_floating:  # a count or a seed
        return variable.numpy()
    if len(variable.shape) > 1:
        return size * _fresh(rng, variable)
    if any(word in variable.name for word in ("gamma", "variance")):
        return rng.uniform(0.5, 2, variable.shape)
    return rng.normal(0, size / 2, variable.shape)


def added_to_loss(model, x) -> float:
    """What the model's layers add to the loss when it is called with x."""
    model(x)
    return float(np.sum([float(np.sum(entry)) for entry in model.losses]))


def penalty_of_weights(model) -> float:
    """What is added to the loss for large kernels or biases, such as weight decay: it is no part of the KL."""
    found = 0.0
    for layer in all_layers(model):
        for name, penalty in vars(layer).items():
            weights = getattr(layer, name.removesuffix("_regularizer"), None)
            if name.endswith("_regularizer") and callable(penalty) and hasattr(weights, "numpy"):
                found += float(penalty(weights))
    return found


def loss_of(model):
    """The loss that a network of one output was compiled with, which may stand in a list or a dict; None if none."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        loss = list(loss.values())
    return loss[0] if isinstance(loss, (list, tuple)) and len(loss) == 1 else loss


def compiled_loss(model, y_true, y_pred) -> float:
    """The value of a model's compiled loss, averaged over the images; NotYet if it was not compiled.

    y_true, y_pred: arrays of the output's shape with the batch axis.
    """
    import tf_keras as keras

    if getattr(model, "optimizer", None) is None or loss_of(model) is None:
        raise NotYet(
            expected="a compiled model with a loss and an optimizer",
            found="a model without a loss",
            look="model.compile(optimizer=..., loss=...)",
            mistake="not-compiled",
        )
    return float(np.mean(np.asarray(keras.losses.get(loss_of(model))(y_true, y_pred))))
