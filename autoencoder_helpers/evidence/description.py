"""Writes networks down as data: their layers, the layers' settings, how they are joined, and their weights.

A description is one list of steps. Each makes one thing out of things of earlier steps: an input, a layer, a
call of a layer, a model. Whatever several networks share (a layer, a model, the call of a layer) is one step,
so that it is one thing again when they are rebuilt.
"""

import inspect
import sys
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
import tensorflow as tf
import tf_keras as keras
from autoencoder_helpers.evidence.distributions import CONVERSIONS, KL, PRIORS, probability
from autoencoder_helpers.evidence.judging import VERSION, check_description
from autoencoder_helpers.evidence.layers import LAYERS
from autoencoder_helpers.evidence.limits import LARGEST_CONSTANT
from autoencoder_helpers.evidence.operations import OPERATIONS
from autoencoder_helpers.evidence.refusals import Refused, TooLarge
from autoencoder_helpers.evidence.settings import ACTIVATIONS, INPUT_DTYPES
from tf_keras.src.engine.functional import Functional
from tf_keras.src.layers.core.tf_op_layer import SlicingOpLambda, TFOpLambda

_SUPPORTED = "Build it from keras.layers such as Dense, Conv2D and Flatten, and from tfpl.IndependentNormal."
_OWN_CODE = "Python code cannot be handed over."
_SMALLER = "Make it smaller: fewer or narrower layers."
_INSTEAD = {  # what to use in the place of a class that is not on the list
    "Lambda": f"Use a layer in its place, such as Reshape, Rescaling or Activation. {_OWN_CODE}",
    "DistributionLambda": "Use tfpl.IndependentNormal or tfpl.MultivariateNormalTriL.",
    "AddLoss": "Give the loss to model.compile, or a KL to the layer: tfpl.KLDivergenceRegularizer.",
    "Conv1D": "Use Conv2D on images of shape (height, width, channels).",
    "Dot": "Use Multiply, Add or Dense.",
}


class NotDescribable(Exception):
    """A network has a part that cannot be written down as data.

    reason: what it is, in a few words. look: what to use instead; may be empty.
    """

    def __init__(self, reason: str, look: str = ""):
        super().__init__(reason)
        self.reason = reason
        self.look = look


def describe_models(models: Mapping[str, keras.Model]) -> tuple[dict, list[np.ndarray]]:
    """Networks as a JSON-ready description, and the weights to which it refers by index, each variable once.

    models: Sequential or functional ones by name, with one input and one output each. They are not changed.
    Batch sizes are left open, whatever they are. Raises NotDescribable, also for what grading would refuse to
    rebuild because of its size.
    """
    writer = _Writer()
    try:
        description = {
            "version": VERSION,
            "steps": writer.steps,
            "models": {str(name): writer.model(model) for name, model in models.items()},
        }
        check_description(description, writer.arrays)
    except NotDescribable:
        raise
    except Refused as refusal:
        look = _SMALLER if isinstance(refusal, TooLarge) else _SUPPORTED
        raise NotDescribable(refusal.reason, look) from refusal
    except Exception as error:
        raise NotDescribable(f"a network that cannot be read ({type(error).__name__})", _SUPPORTED) from error
    return description, writer.arrays


class _Writer:
    def __init__(self):
        self.steps: list[dict] = []
        self.arrays: list[np.ndarray] = []
        # Indices of the steps of live objects, by id. The models keep all these objects alive.
        self._layers: dict[int, int] = {}
        self._tensors: dict[int, int] = {}
        self._nodes: dict[int, int] = {}
        self._variables: set[int] = set()

    def _add(self, **step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    # ------------------------------------------------------------------------------------------------- models

    def model(self, model) -> int:
        """The step of a model, after the steps of all that it consists of."""
        if id(model) in self._layers:
            return self._layers[id(model)]
        _expect_model(model)
        source, target = self._chain(model) if _is_plain_chain(model) else self._graph(model)
        self._layers[id(model)] = self._add(
            step="model",
            **{"class": type(model).__name__},
            name=model.name,
            trainable=bool(model.trainable),
            input=source,
            output=target,
        )
        return self._layers[id(model)]

    def _graph(self, model):
        """The steps of a model's input and output, after all that lies between."""
        for node in _nodes_to(model.outputs[0], model):
            self._node(node)
        return self._tensor(model.inputs[0]), self._tensor(model.outputs[0])

    def _chain(self, model):
        """The same for a Sequential model that Keras runs layer by layer, without a graph."""
        name, dtype = f"{model.layers[0].name}_input", model.layers[0].dtype
        source = target = self._input_step(name, tuple(model._build_input_shape), dtype)
        for layer in model.layers:
            index = self._layer(layer)
            target = self._add(step="call", layer=index, inputs=[target], training=None, options={})
        return source, target

    def _tensor(self, tensor) -> int:
        if id(tensor) not in self._tensors:
            raise NotDescribable("a network whose parts are joined in an unusual way", _SUPPORTED)
        return self._tensors[id(tensor)]

    def _node(self, node):
        """The step of a call, and that of its layer if it has none yet."""
        if id(node) in self._nodes:
            return
        layer = node.layer
        if isinstance(layer, keras.layers.InputLayer):
            index = self._input(layer)
        elif isinstance(layer, TFOpLambda):
            index = self._operation_call(node)
        else:
            index = self._call(node)
        self._nodes[id(node)] = index
        # Of a distribution layer's two outputs the first, the distribution, is what other layers get.
        self._tensors[id(tf.nest.flatten(node.outputs)[0])] = index

    def _input(self, layer):
        if layer.sparse or layer.ragged:
            raise NotDescribable("a sparse or ragged input", "keras.Input with nothing but a shape")
        return self._input_step(layer.name, layer._batch_input_shape, layer.dtype)

    def _input_step(self, name, shape, dtype):
        if shape is None or None in shape[1:]:
            raise NotDescribable(
                "an input with open sides", "Give all sides of an image: keras.Input(shape=(28, 28, 1))."
            )
        if dtype not in INPUT_DTYPES:
            raise NotDescribable(f"an input of type {dtype}", "keras.Input without a dtype")
        return self._add(step="input", name=name, shape=_plain(list(shape[1:])), dtype=dtype)

    def _call(self, node):
        inputs, args, kwargs = node.layer._call_spec.split_out_first_arg(node.call_args, node.call_kwargs)
        inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        settings = {**dict(enumerate(args)), **kwargs}
        training = settings.pop("training", None)
        if any(value is not None for value in settings.values()):
            raise NotDescribable(f"{_where(node.layer)} called with further arguments", "Give it its input.")
        if not all(hasattr(tensor, "_keras_history") for tensor in inputs):
            raise NotDescribable(f"{_where(node.layer)} called with a constant", "Call it with a tensor.")
        return self._add(
            step="call",
            layer=self._layer(node.layer),
            inputs=[self._tensor(tensor) for tensor in inputs],
            training=_plain(training),
            options={},
        )

    # ------------------------------------------------------------------------------------------------- layers

    def _layer(self, layer) -> int:
        if isinstance(layer, keras.Model):
            return self.model(layer)
        if id(layer) not in self._layers:
            self._layers[id(layer)] = self._new_layer(layer)
        return self._layers[id(layer)]

    def _new_layer(self, layer):
        name, entry = _entry_of(layer)
        for attribute, wanted in entry.only.items():
            found = getattr(layer, attribute, wanted)
            if found != wanted:
                raise NotDescribable(f"{_where(layer)} with {attribute.lstrip('_')}={found}", _SUPPORTED)
        config = {key: self._setting(layer, key) for key in entry.keys}
        config["activity_regularizer"] = _activity_regularizer(layer)
        variables = [getattr(layer, attribute, None) for attribute in entry.weights]
        variables = [variable for variable in variables if isinstance(variable, tf.Variable)]
        self._expect_nothing_else(layer, variables, config)
        return self._add(
            step="layer",
            **{"class": name},
            name=layer.name,
            dtype=layer._dtype_policy.name,
            trainable=bool(layer.trainable),
            config=config,
            arrays=[self._array(layer, variable) for variable in variables],
        )

    def _setting(self, layer, key):
        if key == "activation":
            return self._activation(layer)
        if key.endswith("_regularizer"):
            return _regularizer(layer, getattr(layer, key))
        if key in KL and type(layer).__name__ == "KLDivergenceAddLoss":
            return _kl(layer, layer._regularizer)[key]
        if key == "convert_to_tensor_fn":
            return _conversion(layer)
        if key == "event_shape":
            return _plain(layer._event_shape)
        if key == "event_size":
            # The layer keeps it in nothing but the function that it was made with.
            make = layer._make_distribution_fn
            kept = dict(zip(make.__code__.co_freevars, make.__closure__, strict=True))
            return _plain(kept[key].cell_contents)
        return _plain(getattr(layer, key))

    def _activation(self, layer):
        function = layer.activation
        if isinstance(function, keras.layers.Layer):
            return {"layer": self._layer(function)}
        for name, known in ACTIVATIONS.items():
            if function is known or (function is None and name == "linear"):
                return name
            if function is getattr(keras.backend, name, self):  # the same function, by its older name
                return name
        raise NotDescribable(
            f"{_where(layer)} with an activation of its own, {getattr(function, '__name__', 'a function')!r}",
            'Use one of Keras\'s, such as "relu", or a layer, such as keras.layers.LeakyReLU(0.1).',
        )

    def _array(self, layer, variable) -> int:
        if id(variable) in self._variables:
            raise NotDescribable(f"{_where(layer)} with weights of another layer", "Use that layer twice.")
        self._variables.add(id(variable))
        array = np.array(variable.numpy())
        if not np.isfinite(array).all():
            raise NotDescribable(
                f"{_where(layer)} with weights that are not finite numbers",
                "Training went astray: build the network anew, and train it with a lower learning rate.",
            )
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _expect_nothing_else(self, layer, variables, config):
        """NotDescribable if a layer has weights or losses that do not come from its settings."""
        own = {id(variable) for variable in variables}
        activation = getattr(layer, "activation", None)
        if isinstance(activation, keras.layers.Layer):
            own |= {id(variable) for variable in activation.weights}
        regularizer = getattr(layer, "_regularizer", None) or layer.activity_regularizer
        if isinstance(regularizer, tf.Module):  # a KL whose weight is a variable; see _kl
            own |= {id(variable) for variable in regularizer.variables}
        if any(id(variable) not in own for variable in layer.weights):
            raise NotDescribable(f"{_where(layer)} with weights of your own making", _SUPPORTED)
        regularized = sum(
            config.get(key) is not None and isinstance(getattr(layer, weight, None), tf.Variable)
            for weight in ("kernel", "bias", "depthwise_kernel", "pointwise_kernel", "gamma", "beta", "alpha")
            for key in [f"{weight.removesuffix('_kernel')}_regularizer"]
        )
        if len(layer._callable_losses) != regularized:
            raise NotDescribable(f"{_where(layer)} with a loss of your own", _INSTEAD["AddLoss"])

    # --------------------------------------------------------------------------------------------- operations

    def _operation_call(self, node):
        layer = node.layer
        operation = OPERATIONS.get(layer.symbol)
        if operation is None or isinstance(layer, SlicingOpLambda):
            raise NotDescribable(f"the operation {_operation_name(layer)}", "Use a layer of keras.layers in its place.")
        if id(layer) not in self._layers:
            self._layers[id(layer)] = self._add(
                step="layer",
                **{"class": "TFOpLambda"},
                name=layer.name,
                dtype=layer._dtype_policy.name,
                trainable=bool(layer.trainable),
                config={"operation": layer.symbol},
                arrays=[],
            )
        given = _bound(layer.function, node)
        operands = [given.pop(name, None) for name in operation.operands]
        options = {name: _plain(value) for name, value in given.items() if value is not None}
        if not set(options) <= set(operation.options):
            raise NotDescribable(f"the operation {_operation_name(layer)} with these arguments", _SUPPORTED)
        return self._add(
            step="call",
            layer=self._layers[id(layer)],
            inputs=[
                self._tensor(value) if hasattr(value, "_keras_history") else _constant(value, np.float64)
                for value in operands
            ],
            training=None,
            options=options,
        )


# ------------------------------------------------------------------------------------------ looking at models


def _expect_model(model):
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        raise NotDescribable(f"an object of type {kind}, which is no network of tf_keras", _SUPPORTED)
    if type(model) not in (keras.Sequential, Functional):
        raise NotDescribable(
            f"a subclassed model, {type(model).__name__!r}",
            "Build it with keras.Sequential or keras.Model(x, y).",
        )
    if not model.built or not (_is_plain_chain(model) or (model._is_graph_network and model.outputs)):
        raise NotDescribable(
            f"the model {model.name!r}, which has not been built", "Begin it with keras.Input(shape=...)."
        )
    if model._is_graph_network and (len(model.inputs), len(model.outputs)) != (1, 1):
        raise NotDescribable(
            f"the model {model.name!r} with {len(model.inputs)} inputs and {len(model.outputs)} outputs",
            "Give each model one input and one output.",
        )
    if model._callable_losses or any(type(layer).__name__ == "AddLoss" for layer in model.layers):
        raise NotDescribable(f"the model {model.name!r} with a loss from add_loss", _INSTEAD["AddLoss"])


def _is_plain_chain(model) -> bool:
    """Whether Keras built a model without a graph: a Sequential one without input, after a distribution."""
    return (
        type(model) is keras.Sequential
        and not model._is_graph_network
        and bool(model.layers)
        and getattr(model, "_build_input_shape", None) is not None
    )


def _nodes_to(target, model) -> list:
    """The calls that lead to a model's output, each after those that it needs.

    Tensors are followed by identity, as Keras itself does when it runs a model: the numbers that a tensor
    keeps of the call that made it become wrong when a Sequential model without an input is built again.
    """
    depths = sorted(model._nodes_by_depth)
    needed, nodes = {id(target)}, []
    for depth in depths:
        for node in model._nodes_by_depth[depth]:
            if any(id(tensor) in needed for tensor in tf.nest.flatten(node.outputs)):
                nodes.append(node)
                needed |= {id(tensor) for tensor in node.keras_inputs}
    return nodes[::-1]


def _entry_of(layer):
    for name, entry in LAYERS.items():
        # Without TFP in this process no layer can be one of TFP's: no need to import it.
        if entry.from_tfp and "tensorflow_probability" not in sys.modules:
            continue
        if type(layer) is entry.find():
            return name, entry
    kind = type(layer).__name__
    if type(layer).__module__.split(".")[0] in ("tf_keras", "tensorflow_probability"):
        raise NotDescribable(f"a {kind} layer, {layer.name!r}", _INSTEAD.get(kind, _SUPPORTED))
    raise NotDescribable(f"a layer class of your own, {kind!r}", f"{_SUPPORTED} {_OWN_CODE}")


def _where(layer) -> str:
    return f"the layer {layer.name!r}"


def _operation_name(layer) -> str:
    return f"tf.{layer.symbol.removeprefix('compat.v1.')}" if layer.symbol else repr(layer.name)


def _bound(function, node) -> dict:
    """The arguments of an operation's call, by the names of its parameters."""
    arguments = inspect.signature(function).bind(*node.call_args, **node.call_kwargs).arguments
    arguments.pop("name", None)
    return dict(arguments)


# ---------------------------------------------------------------------------------------- looking at settings


def _plain(value):
    """A setting as a JSON value. Numbers of NumPy and TensorFlow become Python's, tuples become lists."""
    if isinstance(value, (tf.Tensor, np.ndarray, np.generic)) and not hasattr(value, "_keras_history"):
        value = np.asarray(value).tolist()
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    raise NotDescribable(f"a setting of type {type(value).__name__}", "a plain number or text")


def _constant(value, dtype) -> dict:
    """Numbers, a list, an array or a tensor as a JSON value."""
    array = np.asarray(value, dtype)
    if array.size > LARGEST_CONSTANT:
        raise NotDescribable(f"a constant of {array.size:,} numbers", "Use it before the network.")
    return {"shape": list(array.shape), "values": [float(part) for part in array.ravel()]}


def _regularizer(layer, regularizer):
    if regularizer is None:
        return None
    if type(regularizer) is keras.regularizers.OrthogonalRegularizer:
        return {"orthogonal": float(regularizer.factor), "mode": regularizer.mode}
    kinds = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    if type(regularizer) not in kinds:
        kind = type(regularizer)
        what = f"a {kind.__name__}" if kind.__module__.startswith("tf_keras.") else "a regularizer of your own"
        raise NotDescribable(f"{_where(layer)} with {what}", "keras.regularizers.L2 or L1")
    return {"l1": float(getattr(regularizer, "l1", 0)), "l2": float(getattr(regularizer, "l2", 0))}


def _activity_regularizer(layer):
    regularizer = layer.activity_regularizer
    if type(regularizer).__name__ == "KLDivergenceRegularizer":
        return _kl(layer, regularizer)
    return _regularizer(layer, regularizer)


def _kl(layer, regularizer) -> dict:
    if type(regularizer) is not probability().layers.KLDivergenceRegularizer:
        raise NotDescribable(f"{_where(layer)} with a regularizer of your own", _INSTEAD["AddLoss"])
    if regularizer.test_points_fn is not tf.convert_to_tensor:
        raise NotDescribable(f"{_where(layer)} with a KL at points of your own", "Leave test_points_fn out.")
    weight = regularizer.weight
    if isinstance(weight, tf.Variable):
        if weight.trainable:
            raise NotDescribable(f"{_where(layer)} with a KL weight that is trained", "a number as weight")
        weight = weight.numpy()  # annealed by hand: its value now
    axes = _plain(regularizer.test_points_reduce_axis)
    return {
        "distribution_b": _prior(layer, regularizer.distribution_b),
        "use_exact_kl": bool(regularizer.use_exact_kl),
        "test_points_reduce_axis": axes if axes is None or isinstance(axes, list) else [axes],
        "weight": None if weight is None else float(np.asarray(weight).item()),
    }


def _prior(layer, prior) -> dict:
    distributions = probability().distributions
    kinds = {getattr(distributions, name): name for name in PRIORS}
    if type(prior) not in kinds:
        known = isinstance(prior, distributions.Distribution)
        what = type(prior).__name__ if known else "none of tfd's distributions"
        raise NotDescribable(
            f"{_where(layer)} with a prior that is {what}",
            "tfd.Independent(tfd.Normal(...), reinterpreted_batch_ndims=1) or tfd.MultivariateNormalDiag",
        )
    if prior.variables:
        raise NotDescribable(f"{_where(layer)} with a prior that is trained", "constant numbers in the prior")
    name, given = kinds[type(prior)], prior.parameters
    settings = {"class": name}
    for key in PRIORS[name]:
        if key == "dtype":
            settings[key] = prior.dtype.name
        elif key == "distribution":
            settings[key] = _prior(layer, prior.distribution)
        elif key == "reinterpreted_batch_ndims":
            settings[key] = int(tf.get_static_value(prior.reinterpreted_batch_ndims))
        elif key == "sample_shape":
            shape = np.asarray(given[key])
            settings[key] = [int(side) for side in shape.ravel()]
        else:
            dtype = prior.dtype.as_numpy_dtype
            settings[key] = None if given[key] is None else _constant(given[key], dtype)
    return settings


def _conversion(layer) -> str:
    distribution = probability().distributions.Distribution
    for name in CONVERSIONS:
        if layer._convert_to_tensor_fn is getattr(distribution, name):
            return name
    raise NotDescribable(
        f"{_where(layer)} with a convert_to_tensor_fn of your own",
        "Leave it out, or give tfd.Distribution.sample, mean or mode.",
    )
