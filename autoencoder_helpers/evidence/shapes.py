"""What layers make of given shapes: the shape of the output, the shapes of the weights, how much is computed.

Plain arithmetic, so a description is judged before anything is allocated for it. Each function takes a layer's checked
settings and the shapes of its inputs: those of one image, without the batch axis.
"""

import math
from dataclasses import dataclass, field

from autoencoder_helpers.evidence.limits import LARGEST_PATCHES
from autoencoder_helpers.evidence.refusals import TooLarge, expect

_PASSES_OF_A_NORM = 5  # a mean, a spread, and what is done with both
# TensorFlow spreads smoothly one value after the other, over as many neighbours as the kernel has.
_PASSES_OF_INTERPOLATIONS, _SMOOTH = {"nearest": 1, "bilinear": 4}, 50


@dataclass(frozen=True)
class Effect:
    """What one call of a layer comes to.

    output: shape of the output. weights: shape of each weight, by attribute.
    work: multiplications for one image.
    largest: values of the largest tensor inside the layer, when that is not the output.
    passes: how often each value of the output is computed, read or written, about.
    """

    output: tuple[int, ...]
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)
    work: int = 0
    largest: int = 0
    passes: int = 1


def _image(shape):
    expect(len(shape) == 3, "expected images of shape (height, width, channels)")
    return shape


def _axis(axis, shape):
    """A positive axis that is not the batch's, counted with the batch axis."""
    positive = axis if axis >= 0 else axis + len(shape) + 1
    expect(0 < positive <= len(shape), f"no axis {axis} in an input with {len(shape) + 1} axes")
    return positive


def unchanged(config, shapes):
    return Effect(shapes[0])


def unchanged_images(config, shapes):
    return Effect(_image(shapes[0]))


def dense(config, shapes):
    (shape,), units = shapes, config["units"]
    expect(shape, "a Dense layer needs at least one axis beside the batch")
    weights = {"kernel": (shape[-1], units)}
    if config["use_bias"]:
        weights["bias"] = (units,)
    output = (*shape[:-1], units)
    return Effect(output, weights, work=math.prod(output) * shape[-1])


def _window(length, width, stride, padding, dilation=1):
    """How often a window fits into a length."""
    if padding == "valid":
        length -= (width - 1) * dilation
    expect(length > 0, "a window larger than the image")
    return -(-length // stride)


def _windows(shape, config, sizes="kernel_size"):
    """Height and width after a convolution or a pooling."""
    dilations = config.get("dilation_rate", (1, 1))
    expect(max(dilations) == 1 or max(config["strides"]) == 1, "strides and dilation together")
    return tuple(
        _window(length, width, stride, config["padding"], dilation)
        for length, width, stride, dilation in zip(shape[:2], config[sizes], config["strides"], dilations, strict=True)
    )


def _padded_size(shape, config):
    """Values of an image with as much around it as a window can reach."""
    sides = zip(shape[:2], config["kernel_size"], config["dilation_rate"], strict=True)
    return math.prod(length + (width - 1) * dilation for length, width, dilation in sides) * shape[2]


def convolution(config, shapes):
    height, width, channels = _image(shapes[0])
    filters, groups = config["filters"], config["groups"]
    expect(channels % groups == 0 and filters % groups == 0, "groups do not divide the channels")
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
        expect(extra < stride, "an output padding that is not smaller than the stride")
        output = (length - 1) * stride + width + extra - (2 * (width // 2) if padding == "same" else 0)
    expect(output > 0, "an output without pixels")
    # TensorFlow accepts only a side that the convolution would bring back to `length`.
    expect(_window(output, width, stride, padding) == length, "an output padding that does not fit")
    return output


def transposed_convolution(config, shapes):
    height, width, channels = _image(shapes[0])
    filters, dilations = config["filters"], config["dilation_rate"]
    expect(dilations[0] == dilations[1], "dilation must be the same on both sides")
    expect(max(dilations) == 1 or max(config["strides"]) == 1, "strides and dilation together")
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


def depthwise(config, shapes):
    height, width, channels = _image(shapes[0])
    expect(config["strides"][0] == config["strides"][1], "strides must be the same on both sides")
    deep = channels * config["depth_multiplier"]
    weights = {"depthwise_kernel": (*config["kernel_size"], channels, config["depth_multiplier"])}
    if config["use_bias"]:
        weights["bias"] = (deep,)
    places = _windows((height, width), config)
    work = math.prod(places) * math.prod(weights["depthwise_kernel"])
    return Effect((*places, deep), weights, work, largest=_padded_size(shapes[0], config))


def separable(config, shapes):
    between = depthwise({**config, "use_bias": False}, shapes)
    *places, deep = between.output
    weights = {**between.weights, "pointwise_kernel": (1, 1, deep, config["filters"])}
    if config["use_bias"]:
        weights["bias"] = (config["filters"],)
    work = between.work + math.prod(between.output) * config["filters"]
    largest = max(between.largest, math.prod(between.output))
    return Effect((*places, config["filters"]), weights, work, largest)


def pooling(config, shapes):
    height, width, channels = _image(shapes[0])
    places = _windows((height, width), config, "pool_size")
    return Effect((*places, channels), work=math.prod(places) * channels * math.prod(config["pool_size"]))


def global_pooling(config, shapes):
    channels = _image(shapes[0])[2]
    return Effect((1, 1, channels) if config["keepdims"] else (channels,))


def upsampling(config, shapes):
    height, width, channels = _image(shapes[0])
    output = (height * config["size"][0], width * config["size"][1], channels)
    return Effect(output, passes=_PASSES_OF_INTERPOLATIONS.get(config["interpolation"], _SMOOTH))


def resized(config, shapes):
    height, width, channels = _image(shapes[0])
    output = (config["height"], config["width"], channels)
    passes = _PASSES_OF_INTERPOLATIONS.get(config["interpolation"], _SMOOTH)
    # A mean over an area reads each value that goes in.
    return Effect(output, work=height * width * channels, passes=passes)


def padded(config, shapes):
    height, width, channels = _image(shapes[0])
    rows, columns = config["padding"]
    return Effect((height + sum(rows), width + sum(columns), channels))


def cropped(config, shapes):
    height, width, channels = _image(shapes[0])
    rows, columns = config["cropping"]
    expect(height > sum(rows) and width > sum(columns), "nothing is left after the cropping")
    return Effect((height - sum(rows), width - sum(columns), channels))


def normalization(config, shapes, moving=()):
    axes = config["axis"] if isinstance(config["axis"], tuple) else (config["axis"],)
    axes = [_axis(axis, shapes[0]) for axis in axes]
    expect(len(set(axes)) == len(axes), "an axis named twice")
    sizes = tuple(shapes[0][axis - 1] for axis in axes)
    names = [name for name, on in (("gamma", config["scale"]), ("beta", config["center"])) if on]
    return Effect(shapes[0], dict.fromkeys((*names, *moving), sizes), passes=_PASSES_OF_A_NORM)


def batch_normalization(config, shapes):
    expect(not isinstance(config["axis"], tuple) or len(config["axis"]) == 1, "more than one axis")
    return normalization(config, shapes, moving=("moving_mean", "moving_variance"))


def group_normalization(config, shapes):
    effect = normalization(config, shapes)
    size = shapes[0][_axis(config["axis"], shapes[0]) - 1]
    groups = size if config["groups"] == -1 else config["groups"]
    expect(groups > 0 and size % groups == 0, "groups do not divide the channels")
    return effect


def prelu(config, shapes):
    sizes, shared = list(shapes[0]), config["shared_axes"] or ()
    for axis in shared:
        sizes[_axis(axis, shapes[0]) - 1] = 1
    expect(all(axis > 0 for axis in shared), "shared axes must be positive")
    return Effect(shapes[0], {"alpha": tuple(sizes)})


def softmax(config, shapes):
    for axis in config["axis"] if isinstance(config["axis"], tuple) else (config["axis"],):
        _axis(axis, shapes[0])
    return Effect(shapes[0], passes=_PASSES_OF_A_NORM)


def filled(target, shape):
    """A target shape with its one -1 replaced."""
    known = math.prod(side for side in target if side != -1)
    expect(target.count(-1) <= 1, "more than one side left open")
    output = tuple(math.prod(shape) // known if side == -1 else side for side in target)
    expect(math.prod(output) == math.prod(shape), f"{math.prod(shape)} values do not fit the new shape")
    return output


def reshaped(config, shapes):
    return Effect(filled(config["target_shape"], shapes[0]))


def flat(config, shapes):
    return Effect((math.prod(shapes[0]),))


def permuted(config, shapes):
    (shape,), dims = shapes, config["dims"]
    expect(sorted(dims) == list(range(1, len(shape) + 1)), "dims must name each axis once")
    return Effect(tuple(shape[dim - 1] for dim in dims))


def repeated(config, shapes):
    expect(len(shapes[0]) == 1, "RepeatVector needs one axis beside the batch")
    return Effect((config["n"], *shapes[0]))


def broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape to which these spread, their last axes aligned; Refused if they do not fit together."""
    output = ()
    for shape in shapes:
        longest = max(len(output), len(shape))
        pairs = zip((1,) * (longest - len(output)) + output, (1,) * (longest - len(shape)) + tuple(shape), strict=True)
        sides = []
        for a, b in pairs:
            expect(a == b or 1 in (a, b), "shapes that do not fit together")
            sides.append(max(a, b))
        output = tuple(sides)
    return output


def merged(config, shapes):
    return Effect(broadcast(shapes))


def subtracted(config, shapes):
    expect(len(shapes) == 2, "Subtract takes two inputs")
    return Effect(broadcast(shapes))


def concatenated(config, shapes):
    output = list(shapes[0])
    axis = _axis(config["axis"], shapes[0]) - 1
    for shape in shapes[1:]:
        same = len(shape) == len(output)
        expect(
            same and all(a == b for i, (a, b) in enumerate(zip(shape, output, strict=True)) if i != axis),
            "shapes that do not fit together",
        )
        output[axis] += shape[axis]
    return Effect(tuple(output))


def independent(numbers_each):
    def effect(config, shapes):
        (shape,), event = shapes, config["event_shape"]
        event = (event,) if isinstance(event, int) else event
        needed = numbers_each * math.prod(event)
        expect(shape and shape[-1] == needed, f"the distribution needs {needed} numbers on the last axis")
        return Effect((*shape[:-1], *event))

    return effect


def multivariate(config, shapes):
    (shape,), size = shapes, config["event_size"]
    needed = size + size * (size + 1) // 2
    expect(shape and shape[-1] == needed, f"the distribution needs {needed} numbers on the last axis")
    return Effect((*shape[:-1], size), largest=math.prod(shape[:-1]) * size * size)
