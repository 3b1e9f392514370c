"""What rules ask about networks. Asked of what a network is and does, not of how it was written down."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from autoencoder_helpers.checks.rule import NotYet
from autoencoder_helpers.evidence.values import plain_floats


@dataclass(frozen=True)
class Stage:
    """A layer with weights, and the activation that follows it, given as argument or as a layer of its own.

    bend: the activation itself, called with an array of pre-activations; None where there is none.
    """

    kind: str
    width: int
    activation: str
    layer: object
    bend: Callable | None = None


def all_layers(model) -> list:
    """The layers of a model in order, those of models inside it included."""
    layers = []
    for layer in model.layers:
        layers += all_layers(layer) if hasattr(layer, "layers") else [layer]
    return layers


def stages(model) -> list[Stage]:
    """The layers with weights (Dense, Conv2D, ...), each with the activation that acts on its output."""
    found: list[Stage] = []
    for layer in all_layers(model):
        if hasattr(layer, "units") or hasattr(layer, "filters"):
            width = getattr(layer, "units", None) or layer.filters or layer.output_shape[-1]  # of a DepthwiseConv2D
            bend = getattr(layer, "activation", None)
            found.append(Stage(type(layer).__name__, int(width), _activation(layer), layer, bend))
        elif found and found[-1].activation == "linear" and _activation(layer) != "linear":
            found[-1] = replace(found[-1], activation=_activation(layer), bend=layer)
    return found


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


def _activation(layer) -> str:
    name = {
        "ReLU": "relu",
        "LeakyReLU": "leaky_relu",
        "ELU": "elu",
        "PReLU": "prelu",
        "Softmax": "softmax",
    }.get(type(layer).__name__)
    if name:
        return name
    if type(layer).__name__ == "TFOpLambda":  # tf.sigmoid(x) and the like, called on a layer's output
        operation = layer.symbol.rpartition(".")[2]
        return operation if operation in _BENDING_OPERATIONS else "linear"
    function = getattr(layer, "activation", None)
    if function is None:
        return "linear"
    return getattr(function, "__name__", type(function).__name__.lower())


def tail_values(model, values) -> np.ndarray:
    """What a model makes of pre-activations of its last layer with weights: all that follows, up to its output.

    values: an array of the shape of that layer's output, with the batch axis.
    """
    end = stages(model)[-1]
    layers = all_layers(model)
    after = layers[max(i for i, layer in enumerate(layers) if layer is end.layer) + 1 :]
    own = getattr(end.layer, "activation", None)
    found = values if own is None else own(values)
    try:
        for layer in after:
            found = _applied(layer, found)
    except Exception:  # noqa: BLE001 - the network branches there: what can be said is what the activation does
        found = end.bend(values)
    return plain_floats(np.asarray(found))


def _applied(layer, values):
    """A layer's output; an operation, such as the minus of 1 - x, keeps its other arguments."""
    if type(layer).__name__ != "TFOpLambda":
        return layer(values)
    import tensorflow as tf

    node = layer._inbound_nodes[0]
    args, kwargs = tf.nest.map_structure(
        lambda part: values if hasattr(part, "_keras_history") else part, (node.call_args, node.call_kwargs)
    )
    return layer.function(*args, **kwargs)


def of_one_image(shape):
    """A shape without the batch axis, which may be None or the size of the batch that built the model."""
    return tuple(shape[1:]) if isinstance(shape, tuple) else shape


def holds(model, part) -> bool:
    """Whether a model has the very weights of another, and no copies of them: what trains the one trains the other."""
    owned = {id(weight) for weight in model.weights}
    return all(id(weight) in owned for weight in part.weights)


def predict(model, x, batch_size=1000) -> np.ndarray:
    """A model's output for x as a NumPy array. A network that samples gives one sample; batches keep memory low."""
    parts = [np.asarray(model(x[i : i + batch_size], training=False)) for i in range(0, len(x), batch_size)]
    return plain_floats(np.concatenate(parts))


_PRECISIONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}


def precision(model) -> float:
    """The relative precision of the numbers that a model gives out: 1e-7 in float32, 0.008 in bfloat16.

    That of its coarsest layer, as it computes in the notebook: rebuilt for grading, half precision is float32.
    """
    found = [getattr(layer, "described_dtype", layer.compute_dtype) for layer in all_layers(model)]
    return max((_PRECISIONS[dtype] for dtype in found if dtype in _PRECISIONS), default=2.0**-23)


def compiled_loss(model, y_true, y_pred) -> float:
    """The value of a model's compiled loss, averaged over the images; NotYet if it was not compiled.

    y_true, y_pred: arrays of the output's shape with the batch axis.
    """
    import tf_keras as keras

    if getattr(model, "optimizer", None) is None or getattr(model, "loss", None) is None:
        raise NotYet(
            expected="a compiled model with a loss and an optimizer",
            found="a model without a loss",
            look="model.compile(optimizer=..., loss=...)",
            mistake="not-compiled",
        )
    loss = model.loss[0] if isinstance(model.loss, (list, tuple)) else model.loss
    return float(np.mean(np.asarray(keras.losses.get(loss)(y_true, y_pred))))
