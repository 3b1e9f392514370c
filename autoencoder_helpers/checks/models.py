"""What rules ask about networks. Asked of what a network is and does, not of how it was written down."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from autoencoder_helpers.checks.rule import NotYet


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
            width = getattr(layer, "units", None) or layer.filters
            bend = getattr(layer, "activation", None)
            found.append(Stage(type(layer).__name__, int(width), _activation(layer), layer, bend))
        elif found and found[-1].activation == "linear" and _activation(layer) != "linear":
            found[-1] = replace(found[-1], activation=_activation(layer), bend=layer)
    return found


_BENDING_OPERATIONS = {"sigmoid", "relu", "relu6", "leaky_relu", "elu", "selu", "tanh", "softplus", "softmax", "clip_by_value"}


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


def predict(model, x, batch_size=1000) -> np.ndarray:
    """A model's output for x as a NumPy array. A network that samples gives one sample; batches keep memory low."""
    parts = [np.asarray(model(x[i : i + batch_size], training=False)) for i in range(0, len(x), batch_size)]
    return np.concatenate(parts)


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
