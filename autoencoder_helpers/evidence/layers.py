"""What a described network may consist of: layers, activations, regularizers, distributions, and limits.

Nothing outside these tables is ever built. Each layer of the list says which settings matter and what values
they may have, and what it makes of given shapes: the shape of its output, the shapes of its weights, how much
it computes. That is plain arithmetic, so a description is judged before anything is allocated for it.

Left out because they do not change what a network computes: initializers (the weights are given), constraints
(they act only in training), seeds, and `validate_args` of distributions.

Shapes here are those of one image, without the batch axis.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
import tf_keras as keras

MOST_LAYERS = 200  # input layers and models count as layers
MOST_CALLS = 300  # written down; Keras follows a chain of calls by recursion
MOST_CALLS_RUN = 1_000  # once all models inside models are unfolded
DEEPEST_NESTING = 10
MOST_PARAMETERS = 20_000_000  # the largest network of the course has 2.4 million
LARGEST_TENSOR = 2_000_000  # values of one image; the course needs 190,000
MOST_WIDENED = 400  # as many values for each one of an image; the course needs 20
SMALLEST_IMAGE = 784  # values; parts of a network with fewer at both ends may do as much as one with these
LARGEST_PATCHES = 32_000_000  # values of one image that a transposed convolution spreads out before adding
MOST_WORK = 260_000  # multiplications for one image, for each of its values; the course needs 26,000
LARGEST_CONSTANT = 20_000  # numbers in a prior's parameter, or in a constant of an operation
MOST_AXES = 6
LONGEST_NAME = 200

POLICIES = {  # a layer's dtype policy: the type it computes in, the type of its weights
    "float32": ("float32", "float32"),
    "float64": ("float64", "float64"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
}
INPUT_DTYPES = ("float16", "float32", "float64")
#: What a type is computed in when a network is rebuilt. How fast half precision is depends on the processor, by a factor
#: of a hundred, and what it gives on its sums' order: in float32 a verdict depends on neither.
COMPUTED_AS = {"float16": "float32", "bfloat16": "float32"}


class Refused(Exception):
    """A description is not exactly of the allowed form. `reason` says in a line what is wrong."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class TooLarge(Refused):
    """A description breaks a limit."""


def shown(value: object) -> str:
    """A short text for any value of a description. Never an error: an integer may have a million digits."""
    if isinstance(value, str):
        return ascii(value[:40])
    if value is None or isinstance(value, (bool, float)):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if abs(value) < 10**15 else "a huge number"
    return f"a value of type {type(value).__name__}"


def fields(value: object, *names: str) -> list:
    """The values of a dict under exactly these names; Refused if it is no dict, or if it has other names."""
    if type(value) is not dict:
        raise Refused(f"expected a dict, found {shown(value)}")
    if set(value) != set(names):
        strange = sorted(shown(key) for key in set(value) ^ set(names))
        raise Refused(f"missing or unknown: {', '.join(strange[:5])}")
    return [value[name] for name in names]


# --------------------------------------------------------------------------------------------------- settings


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
SHAPE = several(SIZE, 0, MOST_AXES)
AXIS = whole(-MOST_AXES, MOST_AXES)
AXES = several(AXIS, 1, MOST_AXES)
AXIS_OR_AXES = Kind(either(AXIS, AXES).check, lambda axes: list(axes) if isinstance(axes, tuple) else axes)
PAIR = several(whole(1, 10_000), 2, 2)
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
    l1, l2 = fields(value, "l1", "l2")
    return {"l1": number().check(l1), "l2": number().check(l2)}


def _make_regularizer(value):
    return None if value is None else keras.regularizers.L1L2(**value)


REGULARIZER = Kind(_check_regularizer, _make_regularizer)


# ---------------------------------------------------------------------------------------------- distributions


@functools.cache
def probability():
    """TensorFlow Probability. It takes seconds to import, so only networks with distributions do so."""
    import tensorflow_probability

    return tensorflow_probability


_DTYPE = choice("float32", "float64")
_CONSTANT = Kind(check_constant)
_OPTIONAL_CONSTANT = either(NOTHING, _CONSTANT)
_DEEPEST_PRIOR = 4

PRIORS: dict[str, dict[str, Kind | None]] = {  # None stands for a distribution inside
    "Normal": {"dtype": _DTYPE, "loc": _CONSTANT, "scale": _CONSTANT},
    "MultivariateNormalDiag": {"dtype": _DTYPE, "loc": _OPTIONAL_CONSTANT, "scale_diag": _OPTIONAL_CONSTANT},
    "MultivariateNormalTriL": {"dtype": _DTYPE, "loc": _OPTIONAL_CONSTANT, "scale_tril": _CONSTANT},
    "Independent": {"distribution": None, "reinterpreted_batch_ndims": whole(0, MOST_AXES)},
    "Sample": {"distribution": None, "sample_shape": SHAPE},
}


def _check_prior(value, depth=1):
    if type(value) is not dict or type(value.get("class")) is not str or value["class"] not in PRIORS:
        raise Refused(f"expected a prior of class {', '.join(PRIORS)}")
    if depth > _DEEPEST_PRIOR:
        raise Refused("too many distributions inside each other")
    kinds = PRIORS[value["class"]]
    given = dict(zip(kinds, fields(value, "class", *kinds)[1:], strict=True))
    checked = {
        key: kind.check(given[key]) if kind else _check_prior(given[key], depth + 1) for key, kind in kinds.items()
    }
    return {"class": value["class"], **checked}


def _make_prior(value):
    distributions = probability().distributions
    settings = {key: part for key, part in value.items() if key not in ("class", "dtype")}
    for key, part in settings.items():
        if key == "distribution":
            settings[key] = _make_prior(part)
        elif isinstance(part, np.ndarray):
            settings[key] = tf.constant(part, value["dtype"])
    classes = {name: getattr(distributions, name) for name in PRIORS}
    return classes[value["class"]](**settings)


def prior_shape(value: dict) -> tuple[int, ...]:
    """The shape of one draw from a checked prior, batch and event together; Refused if its parts do not fit.

    TensorFlow Probability would spread a small prior over a large distribution, and the other way round.
    """
    batch, event = _prior_shapes(value)
    return batch + event


def _prior_shapes(value):
    name = value["class"]
    if name == "Normal":
        return broadcast([value["loc"].shape, value["scale"].shape]), ()
    if name == "Independent":
        (batch, event), moved = _prior_shapes(value["distribution"]), value["reinterpreted_batch_ndims"]
        _expect(moved <= len(batch), "a prior without so many axes")
        return batch[: len(batch) - moved], batch[len(batch) - moved :] + event
    if name == "Sample":
        batch, event = _prior_shapes(value["distribution"])
        return batch, value["sample_shape"] + event
    shapes = [value[key].shape for key in ("loc", "scale_diag") if value.get(key) is not None]
    if name == "MultivariateNormalTriL":
        shapes.append(value["scale_tril"].shape[:-1])
    whole = broadcast(shapes)
    _expect(whole, "a prior without numbers")
    return whole[:-1], whole[-1:]


PRIOR = Kind(_check_prior, _make_prior)
KL: dict[str, Kind] = {  # settings of both KLDivergenceRegularizer and KLDivergenceAddLoss
    "distribution_b": PRIOR,
    "use_exact_kl": FLAG,
    "test_points_reduce_axis": either(NOTHING, several(AXIS, 0, MOST_AXES)),
    "weight": either(NOTHING, number()),
}


def _check_activity_regularizer(value):
    if type(value) is dict and "distribution_b" in value:
        parts = fields(value, *KL)
        return {key: kind.check(part) for (key, kind), part in zip(KL.items(), parts, strict=True)}
    return _check_regularizer(value)


def _make_activity_regularizer(value):
    if value is not None and "distribution_b" in value:
        settings = {key: kind.make(value[key]) for key, kind in KL.items()}
        return probability().layers.KLDivergenceRegularizer(**settings)
    return _make_regularizer(value)


ACTIVITY_REGULARIZER = Kind(_check_activity_regularizer, _make_activity_regularizer)

# How a distribution becomes a tensor.
CONVERSIONS = ("sample", "mean", "mode")
_CONVERSION = Kind(choice(*CONVERSIONS).check, lambda name: getattr(probability().distributions.Distribution, name))


# ----------------------------------------------------------------------------- what layers make of the shapes


@dataclass(frozen=True)
class Effect:
    """What one call of a layer comes to.

    output: shape of the output. weights: shape of each weight, by attribute.
    work: multiplications for one image.
    largest: values of the largest tensor inside the layer, when that is not the output.
    """

    output: tuple[int, ...]
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)
    work: int = 0
    largest: int = 0


def _expect(holds, reason):
    if not holds:
        raise Refused(reason)


def _image(shape):
    _expect(len(shape) == 3, "expected images of shape (height, width, channels)")
    return shape


def _axis(axis, shape):
    """A positive axis that is not the batch's, counted with the batch axis."""
    positive = axis if axis >= 0 else axis + len(shape) + 1
    _expect(0 < positive <= len(shape), f"no axis {axis} in an input with {len(shape) + 1} axes")
    return positive


def _unchanged(config, shapes):
    return Effect(shapes[0])


def _dense(config, shapes):
    (shape,), units = shapes, config["units"]
    _expect(shape, "a Dense layer needs at least one axis beside the batch")
    weights = {"kernel": (shape[-1], units)}
    if config["use_bias"]:
        weights["bias"] = (units,)
    output = (*shape[:-1], units)
    return Effect(output, weights, work=math.prod(output) * shape[-1])


def _window(length, width, stride, padding, dilation=1):
    """How often a window fits into a length."""
    if padding == "valid":
        length -= (width - 1) * dilation
    _expect(length > 0, "a window larger than the image")
    return -(-length // stride)


def _windows(shape, config, sizes="kernel_size"):
    """Height and width after a convolution or a pooling."""
    dilations = config.get("dilation_rate", (1, 1))
    _expect(max(dilations) == 1 or max(config["strides"]) == 1, "strides and dilation together")
    return tuple(
        _window(length, width, stride, config["padding"], dilation)
        for length, width, stride, dilation in zip(shape[:2], config[sizes], config["strides"], dilations, strict=True)
    )


def _padded_size(shape, config):
    """Values of an image with as much around it as a window can reach."""
    sides = zip(shape[:2], config["kernel_size"], config["dilation_rate"], strict=True)
    return math.prod(length + (width - 1) * dilation for length, width, dilation in sides) * shape[2]


def _convolution(config, shapes):
    height, width, channels = _image(shapes[0])
    filters, groups = config["filters"], config["groups"]
    _expect(channels % groups == 0 and filters % groups == 0, "groups do not divide the channels")
    weights = {"kernel": (*config["kernel_size"], channels // groups, filters)}
    if config["use_bias"]:
        weights["bias"] = (filters,)
    places = _windows((height, width), config)
    work = math.prod(places) * math.prod(weights["kernel"])
    return Effect((*places, filters), weights, work, largest=_padded_size(shapes[0], config))


def _transposed_side(length, width, stride, padding, extra):
    if extra is None:
        output = length * stride + (max(width - stride, 0) if padding == "valid" else 0)
    else:
        _expect(extra < stride, "an output padding that is not smaller than the stride")
        output = (length - 1) * stride + width + extra - (2 * (width // 2) if padding == "same" else 0)
    _expect(output > 0, "an output without pixels")
    # TensorFlow accepts only a side that the convolution would bring back to `length`.
    _expect(_window(output, width, stride, padding) == length, "an output padding that does not fit")
    return output


def _transposed_convolution(config, shapes):
    height, width, channels = _image(shapes[0])
    filters, dilations = config["filters"], config["dilation_rate"]
    _expect(dilations[0] == dilations[1], "dilation must be the same on both sides")
    _expect(max(dilations) == 1 or max(config["strides"]) == 1, "strides and dilation together")
    weights = {"kernel": (*config["kernel_size"], filters, channels)}
    if config["use_bias"]:
        weights["bias"] = (filters,)
    extras = config["output_padding"] or (None, None)
    sides = [
        _transposed_side(length, (size - 1) * dilation + 1, stride, config["padding"], extra)
        for length, size, dilation, stride, extra in zip(
            (height, width), config["kernel_size"], dilations, config["strides"], extras, strict=True
        )
    ]
    patches = height * width * math.prod(config["kernel_size"]) * filters
    if patches > LARGEST_PATCHES:
        raise TooLarge("a transposed convolution that is too large")
    largest = _padded_size((*sides, channels), config) if max(dilations) > 1 else 0
    return Effect((*sides, filters), weights, patches * channels, largest)


def _depthwise(config, shapes):
    height, width, channels = _image(shapes[0])
    _expect(config["strides"][0] == config["strides"][1], "strides must be the same on both sides")
    deep = channels * config["depth_multiplier"]
    weights = {"depthwise_kernel": (*config["kernel_size"], channels, config["depth_multiplier"])}
    if config["use_bias"]:
        weights["bias"] = (deep,)
    places = _windows((height, width), config)
    work = math.prod(places) * math.prod(weights["depthwise_kernel"])
    return Effect((*places, deep), weights, work, largest=_padded_size(shapes[0], config))


def _separable(config, shapes):
    between = _depthwise({**config, "use_bias": False}, shapes)
    *places, deep = between.output
    weights = {**between.weights, "pointwise_kernel": (1, 1, deep, config["filters"])}
    if config["use_bias"]:
        weights["bias"] = (config["filters"],)
    work = between.work + math.prod(between.output) * config["filters"]
    largest = max(between.largest, math.prod(between.output))
    return Effect((*places, config["filters"]), weights, work, largest)


def _pooling(config, shapes):
    height, width, channels = _image(shapes[0])
    places = _windows((height, width), config, "pool_size")
    return Effect((*places, channels), work=math.prod(places) * channels * math.prod(config["pool_size"]))


def _global_pooling(config, shapes):
    channels = _image(shapes[0])[2]
    return Effect((1, 1, channels) if config["keepdims"] else (channels,))


def _upsampling(config, shapes):
    height, width, channels = _image(shapes[0])
    return Effect((height * config["size"][0], width * config["size"][1], channels))


def _padded(config, shapes):
    height, width, channels = _image(shapes[0])
    rows, columns = config["padding"]
    return Effect((height + sum(rows), width + sum(columns), channels))


def _cropped(config, shapes):
    height, width, channels = _image(shapes[0])
    rows, columns = config["cropping"]
    _expect(height > sum(rows) and width > sum(columns), "nothing is left after the cropping")
    return Effect((height - sum(rows), width - sum(columns), channels))


def _normalization(config, shapes, moving=()):
    axes = config["axis"] if isinstance(config["axis"], tuple) else (config["axis"],)
    axes = [_axis(axis, shapes[0]) for axis in axes]
    _expect(len(set(axes)) == len(axes), "an axis named twice")
    sizes = tuple(shapes[0][axis - 1] for axis in axes)
    names = [name for name, on in (("gamma", config["scale"]), ("beta", config["center"])) if on]
    return Effect(shapes[0], dict.fromkeys((*names, *moving), sizes))


def _batch_normalization(config, shapes):
    _expect(not isinstance(config["axis"], tuple) or len(config["axis"]) == 1, "more than one axis")
    return _normalization(config, shapes, moving=("moving_mean", "moving_variance"))


def _group_normalization(config, shapes):
    effect = _normalization(config, shapes)
    size = shapes[0][_axis(config["axis"], shapes[0]) - 1]
    groups = size if config["groups"] == -1 else config["groups"]
    _expect(groups > 0 and size % groups == 0, "groups do not divide the channels")
    return effect


def _prelu(config, shapes):
    sizes, shared = list(shapes[0]), config["shared_axes"] or ()
    for axis in shared:
        sizes[_axis(axis, shapes[0]) - 1] = 1
    _expect(all(axis > 0 for axis in shared), "shared axes must be positive")
    return Effect(shapes[0], {"alpha": tuple(sizes)})


def _softmax(config, shapes):
    for axis in config["axis"] if isinstance(config["axis"], tuple) else (config["axis"],):
        _axis(axis, shapes[0])
    return Effect(shapes[0])


def _filled(target, shape):
    """A target shape with its one -1 replaced."""
    known = math.prod(side for side in target if side != -1)
    _expect(target.count(-1) <= 1, "more than one side left open")
    output = tuple(math.prod(shape) // known if side == -1 else side for side in target)
    _expect(math.prod(output) == math.prod(shape), f"{math.prod(shape)} values do not fit the new shape")
    return output


def _reshaped(config, shapes):
    return Effect(_filled(config["target_shape"], shapes[0]))


def _flat(config, shapes):
    return Effect((math.prod(shapes[0]),))


def _permuted(config, shapes):
    (shape,), dims = shapes, config["dims"]
    _expect(sorted(dims) == list(range(1, len(shape) + 1)), "dims must name each axis once")
    return Effect(tuple(shape[dim - 1] for dim in dims))


def _repeated(config, shapes):
    _expect(len(shapes[0]) == 1, "RepeatVector needs one axis beside the batch")
    return Effect((config["n"], *shapes[0]))


def broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape to which these spread, their last axes aligned; Refused if they do not fit together."""
    output = ()
    for shape in shapes:
        longest = max(len(output), len(shape))
        pairs = zip((1,) * (longest - len(output)) + output, (1,) * (longest - len(shape)) + tuple(shape), strict=True)
        sides = []
        for a, b in pairs:
            _expect(a == b or 1 in (a, b), "shapes that do not fit together")
            sides.append(max(a, b))
        output = tuple(sides)
    return output


def _merged(config, shapes):
    return Effect(broadcast(shapes))


def _subtracted(config, shapes):
    _expect(len(shapes) == 2, "Subtract takes two inputs")
    return Effect(broadcast(shapes))


def _concatenated(config, shapes):
    output = list(shapes[0])
    axis = _axis(config["axis"], shapes[0]) - 1
    for shape in shapes[1:]:
        same = len(shape) == len(output)
        _expect(
            same and all(a == b for i, (a, b) in enumerate(zip(shape, output, strict=True)) if i != axis),
            "shapes that do not fit together",
        )
        output[axis] += shape[axis]
    return Effect(tuple(output))


def _independent(numbers_each):
    def effect(config, shapes):
        (shape,), event = shapes, config["event_shape"]
        event = (event,) if isinstance(event, int) else event
        needed = numbers_each * math.prod(event)
        _expect(shape and shape[-1] == needed, f"the distribution needs {needed} numbers on the last axis")
        return Effect((*shape[:-1], *event))

    return effect


def _multivariate(config, shapes):
    (shape,), size = shapes, config["event_size"]
    needed = size + size * (size + 1) // 2
    _expect(shape and shape[-1] == needed, f"the distribution needs {needed} numbers on the last axis")
    return Effect((*shape[:-1], size), largest=math.prod(shape[:-1]) * size * size)


# ----------------------------------------------------------------------------------------------------- layers


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
    effect: Callable[[dict, list], Effect]
    weights: tuple[str, ...] = ()
    many: bool = False
    activation: bool = False
    distribution: bool = False
    from_tfp: bool = False
    only: dict[str, object] = field(default_factory=dict)


def _keras_layer(cls, keys=None, effect=_unchanged, weights=(), **traits):
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
        _dense,
        ("kernel", "bias"),
    ),
    "Conv2D": _keras_layer(
        keras.layers.Conv2D,
        {"filters": SIZE, "groups": SIZE, "kernel_regularizer": REGULARIZER, **_WINDOW},
        _convolution,
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
        _transposed_convolution,
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
        _separable,
        ("depthwise_kernel", "pointwise_kernel", "bias"),
    ),
    "DepthwiseConv2D": _keras_layer(
        keras.layers.DepthwiseConv2D,
        {"depth_multiplier": SIZE, "depthwise_regularizer": REGULARIZER, **_WINDOW},
        _depthwise,
        ("depthwise_kernel", "bias"),
    ),
    "MaxPooling2D": _keras_layer(keras.layers.MaxPooling2D, _POOL, _pooling),
    "AveragePooling2D": _keras_layer(keras.layers.AveragePooling2D, _POOL, _pooling),
    "GlobalMaxPooling2D": _keras_layer(keras.layers.GlobalMaxPooling2D, _GLOBAL_POOL, _global_pooling),
    "GlobalAveragePooling2D": _keras_layer(keras.layers.GlobalAveragePooling2D, _GLOBAL_POOL, _global_pooling),
    "UpSampling2D": _keras_layer(
        keras.layers.UpSampling2D,
        {"size": PAIR, "data_format": CHANNELS_LAST, "interpolation": choice(*_INTERPOLATIONS)},
        _upsampling,
    ),
    "ZeroPadding2D": _keras_layer(
        keras.layers.ZeroPadding2D, {"padding": BORDERS, "data_format": CHANNELS_LAST}, _padded
    ),
    "Cropping2D": _keras_layer(keras.layers.Cropping2D, {"cropping": BORDERS, "data_format": CHANNELS_LAST}, _cropped),
    "BatchNormalization": _keras_layer(
        keras.layers.BatchNormalization,
        {"axis": AXIS_OR_AXES, "momentum": RATE, **_NORM},
        _batch_normalization,
        ("gamma", "beta", "moving_mean", "moving_variance"),
        only={"renorm": False, "virtual_batch_size": None},
    ),
    "LayerNormalization": _keras_layer(
        keras.layers.LayerNormalization,
        {"axis": AXIS_OR_AXES, **_NORM},
        _normalization,
        ("gamma", "beta"),
    ),
    "GroupNormalization": _keras_layer(
        keras.layers.GroupNormalization,
        {"axis": AXIS, "groups": whole(-1, LARGEST_TENSOR), **_NORM},
        _group_normalization,
        ("gamma", "beta"),
    ),
    "Dropout": _keras_layer(keras.layers.Dropout, {"rate": RATE}, only={"noise_shape": None}),
    "SpatialDropout2D": _keras_layer(
        keras.layers.SpatialDropout2D,
        {"rate": RATE, "data_format": CHANNELS_LAST},
        lambda config, shapes: Effect(_image(shapes[0])),
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
        _prelu,
        ("alpha",),
        activation=True,
    ),
    "Softmax": _keras_layer(keras.layers.Softmax, {"axis": AXIS_OR_AXES}, _softmax, activation=True),
    "Reshape": _keras_layer(
        keras.layers.Reshape,
        {"target_shape": several(either(whole(-1, -1), SIZE), 0, MOST_AXES)},
        _reshaped,
    ),
    "Flatten": _keras_layer(keras.layers.Flatten, {"data_format": CHANNELS_LAST}, _flat),
    "Permute": _keras_layer(keras.layers.Permute, {"dims": several(whole(1, MOST_AXES), 1, MOST_AXES)}, _permuted),
    "RepeatVector": _keras_layer(keras.layers.RepeatVector, {"n": SIZE}, _repeated),
    "Add": _keras_layer(keras.layers.Add, effect=_merged, many=True),
    "Subtract": _keras_layer(keras.layers.Subtract, effect=_subtracted, many=True),
    "Multiply": _keras_layer(keras.layers.Multiply, effect=_merged, many=True),
    "Average": _keras_layer(keras.layers.Average, effect=_merged, many=True),
    "Maximum": _keras_layer(keras.layers.Maximum, effect=_merged, many=True),
    "Minimum": _keras_layer(keras.layers.Minimum, effect=_merged, many=True),
    "Concatenate": _keras_layer(keras.layers.Concatenate, {"axis": AXIS}, _concatenated, many=True),
    "Rescaling": _keras_layer(keras.layers.Rescaling, {"scale": number(), "offset": number()}),
    "IndependentNormal": _tfp_layer(
        "IndependentNormal",
        {"event_shape": either(SIZE, SHAPE), "convert_to_tensor_fn": _CONVERSION},
        _independent(2),
        distribution=True,
    ),
    "IndependentBernoulli": _tfp_layer(
        "IndependentBernoulli",
        {"event_shape": either(SIZE, SHAPE), "convert_to_tensor_fn": _CONVERSION},
        _independent(1),
        distribution=True,
        only={"_sample_dtype": None},
    ),
    "MultivariateNormalTriL": _tfp_layer(
        "MultivariateNormalTriL",
        {"event_size": SIZE, "convert_to_tensor_fn": _CONVERSION},
        _multivariate,
        distribution=True,
    ),
    "KLDivergenceAddLoss": _tfp_layer("KLDivergenceAddLoss", KL, _unchanged),
}


# ------------------------------------------------------------------------------------------------- operations


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
    return Operation(function, (parameter,), options, _unchanged)


def _of_two(function):
    return Operation(function, ("x", "y"), {}, _merged)


def _softmax_operation(config, shapes):
    return _softmax({"axis": config.get("axis", -1)}, shapes)


def _reshape_operation(config, shapes):
    target = config["shape"]
    _expect(target[0] == -1, "tf.reshape must leave the batch axis open: (-1, ...)")
    _expect(-1 not in target[1:], "more than one side left open")
    return Effect(_filled(target[1:], shapes[0]))


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
        _unchanged,
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
