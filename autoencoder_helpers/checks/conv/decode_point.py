"""The rules of chapter 2: the convolutional autoencoder."""

import contextlib

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, Images, Model, Number, as_array, call
from autoencoder_helpers.checks.expectations import (
    expect_bce_loss,
    expect_bends,
    expect_ends,
    expect_greys,
    expect_joined,
    expect_layers,
    expect_mnist_split,
    expect_scaled_once,
    expect_shapes,
    expect_trained,
    expect_uses_code,
    some_rows,
)
from autoencoder_helpers.checks.models import all_layers, predict, stages
from autoencoder_helpers.checks.rule import describe, rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.evidence.values import Recorder
from autoencoder_helpers.reference.values import threshold

_IMAGE = (28, 28, 1)
_LOOK_CHANNEL = "Grey is one channel: the last axis has length 1, as in (images, height, width, channels)."


@rule(
    "conv.data",
    points=1,
    title="The images are grids of 28 x 28 grey values between 0 and 1, with one channel",
    answers={"x_train": Images(), "x_test": Images()},
)
def data(step, x_train, x_test):
    with step("Each image has the axes height, width, channel", points=0.5, stop=False):
        for name, images in (("x_train", x_train), ("x_test", x_test)):
            _expect_channel_axis(step, name, images)
    if any(len(images.shape) < 2 or np.prod(images.shape[1:]) != 784 for images in (x_train, x_test)):
        return  # other axes can be looked through, other numbers of values cannot
    samples = {name: some_rows(step, images) for name, images in (("x_train", x_train), ("x_test", x_test))}
    with step("Grey values are scaled once, to the range from 0 to 1"):
        for name, (_, images) in samples.items():
            expect_scaled_once(step, name, images)
    with step("They are the images of MNIST, in their order", points=0.5):
        expect_mnist_split(step, x_train, x_test, look="which of raw_train and raw_test goes where")
        for name, (rows, images) in samples.items():
            wanted, found = step.data.mnist(name, rows), images.reshape(-1, 28, 28)
            step.expect(
                not np.allclose(found, wanted.swapaxes(1, 2), atol=1e-3),
                expected="rows stay rows and columns stay columns",
                found="every image mirrored at its diagonal",
                look="Add an axis, and leave the others where they are.",
                mistake="transposed",
            )
            step.expect(
                np.allclose(found, wanted, atol=1e-3),
                expected=f"{name} holds MNIST's images, each divided by 255, every pixel at its place",
                found="other numbers",
                look="Scale once and add one axis, and change nothing else.",
                mistake="other-images",
            )


def _expect_channel_axis(step, name, images):
    expected = f"{name} of shape (number of images, 28, 28, 1)"
    step.expect(
        len(images.shape) != 3,
        expected=expected,
        found=f"3 axes, {images.shape}",
        look=_LOOK_CHANNEL,
        mistake="missing-channel",
    )
    step.expect(
        len(images.shape) != 2,
        expected=expected,
        found=f"2 axes, {images.shape}: each image is one flat row",
        look="A convolution must know who is whose neighbour: do not flatten.",
        mistake="flattened",
    )
    step.expect(
        images.shape[1:] != (1, 28, 28),
        expected=expected,
        found=f"{images.shape}: the channel stands before height and width",
        look=_LOOK_CHANNEL,
        mistake="channel-first",
    )
    step.expect(
        images.shape[1:] == _IMAGE and len(images) > 0,
        expected=expected,
        found=images.shape,
        look=_LOOK_CHANNEL,
        mistake="wrong-shape",
    )


@rule(
    "conv.sides",
    points=1,
    title="The side of an image after a convolution and after pooling",
    answers={"after_conv": Function(), "after_pool": Function()},
)
def sides(step, after_conv, after_pool):
    with step("A convolution with padding 'same' keeps the side; 'valid' costs kernel - 1", points=0.5, stop=False):
        for side, kernel in ((28, 3), *zip(step.rng.integers(12, 90, 4), (1, 3, 5, 7), strict=True)):
            side = int(side)
            same = _whole(step, after_conv, side, kernel, "same")
            valid = _whole(step, after_conv, side, kernel, "valid")
            wanted = side - kernel + 1
            case = f"for side {side} and kernel {kernel}"
            step.expect(
                not (same == wanted and valid == side) or kernel == 1,
                expected=f"{side} with 'same', {wanted} with 'valid', {case}",
                found="the two in each other's place",
                look="Which padding lays a frame of zeros around the image?",
                mistake="swapped-paddings",
            )
            step.expect(
                same == side,
                expected=f"{side} with padding 'same', {case}",
                found=same,
                look="With a frame of zeros the window can sit on every pixel.",
                mistake="same-changes-side",
            )
            step.expect(
                valid != side - kernel,
                expected=f"{wanted} with padding 'valid', {case}",
                found=f"{valid}: one too few",
                look="Count the places of a window as wide as the image: it has one, not none.",
                mistake="off-by-one",
            )
            step.expect(
                not (kernel != 3 and valid == side - 2),
                expected=f"{wanted} with padding 'valid', {case}",
                found=f"{valid}: right for a kernel of 3",
                look="The kernel is an argument; use it.",
                mistake="kernel-ignored",
            )
            step.expect(
                valid == wanted,
                expected=f"{wanted} with padding 'valid', {case}",
                found=valid,
                look="At how many places can the window lie wholly inside?",
                mistake="wrong-valid-side",
            )
    with step("Pooling by 2 halves the side, and an incomplete last block counts", points=0.5):
        for side in (28, 7, *(2 * step.rng.integers(5, 60, 3) + 1)):
            side = int(side)
            found = _number_of(after_pool, side, name="after_pool")
            wanted = (side + 1) // 2
            step.expect(
                found != side / 2 or side % 2 == 0,
                expected=f"{wanted} for side {side}: a whole number of blocks",
                found=found,
                look="There are no half blocks: which way is rounded?",
                mistake="not-whole",
            )
            step.expect(
                not (found == side // 2 and side % 2),
                expected=f"{wanted} for side {side}",
                found=f"{found:g}: rounded down",
                look="With padding 'same' the last block may be half empty, and it still counts.",
                mistake="rounded-down",
            )
            step.expect(
                found == wanted,
                expected=f"{wanted} for side {side}",
                found=f"{found:g}",
                look="How many blocks of 2 cover the side?",
                mistake="wrong-pooled-side",
            )


def _number_of(function, *arguments, name) -> float:
    return Number().read(call(function, *arguments, name=name), f"the result of {name}")


def _whole(step, after_conv, side, kernel, padding):
    found = _number_of(after_conv, side, kernel, padding, name="after_conv")
    step.expect(
        found == int(found),
        expected=f"a whole number for after_conv({side}, {kernel}, {padding!r})",
        found=found,
        look="A window sits on a whole number of places; is there a division?",
        mistake="not-whole",
    )
    return int(found)


@rule(
    "conv.encoder",
    points=1,
    title="The encoder turns an image into 2 numbers by three convolutions",
    answers={"encoder": Model(input_shape=_IMAGE)},
)
def encoder(step, encoder):
    with step("An image of 28 x 28 x 1 goes in, 2 numbers come out", points=0.25):
        _expect_image_side(step, "input", encoder.input_shape)
        expect_layers(step, encoder)
        output = encoder.output_shape
        step.expect(
            not isinstance(output, tuple) or len(output) != 4,
            expected="a row of 2 numbers for each image",
            found=f"a grid, {_shape(output)}",
            look="Flatten the grid before the last Dense layer.",
            mistake="missing-flatten",
        )
        step.expect(
            _shape(output) == (2,),
            expected="2 numbers for each image, shape (2,)",
            found=_shape(output),
            look="The code is what the last Dense layer gives out: how wide is it?",
            mistake="no-bottleneck",
        )
    with step(
        "Its layers are those of the table: 16, 8, 8 filters, then 2 units (2,162 parameters)",
        points=0.25,
        stop=False,
    ):
        _expect_layers(step, encoder, convolutions=[16, 8, 8], units=[2], count=2_162)
    if step.mistake == "no-convolution":  # another network altogether
        return
    with step("The convolutions have an activation", points=0.25, stop=False):
        expect_bends(step, stages(encoder)[:-1])
    with step("The bottleneck is linear: a code may be any number", points=0.25, stop=False):
        last = stages(encoder)[-1].activation
        step.expect(
            last == "linear",
            expected="no activation on the last layer",
            found=last,
            look="A code may be negative or large: the last layer takes no activation.",
            mistake="bottleneck-activation",
        )


@rule(
    "conv.decoder",
    points=2,
    title="The decoder turns 2 numbers into an image of 28 x 28 grey values",
    answers={"decoder": Model(input_shape=(2,))},
)
def decoder(step, decoder):
    with step("2 numbers go in, an image of 28 x 28 x 1 comes out", points=0.5, stop=False):
        expect_shapes(step, decoder, input_shape=(2,), output_shape=_shape(decoder.output_shape))
        expect_layers(step, decoder)
        _expect_grid(step, decoder)
        _expect_image_side(step, "output", decoder.output_shape)
    if step.mistake == "wrong-input-shape":
        return
    if not step.mistake:  # a wrong size comes from a wrong piece: the same news
        with step("Its layers are the pieces of the puzzle (2,865 parameters)", points=0.5, stop=False):
            _expect_layers(step, decoder, convolutions=[8, 8, 16, 1], units=[128], count=2_865)
    if not any(stage.kind != "Dense" for stage in stages(decoder)):  # another network altogether
        return
    with step("The hidden layers have an activation", points=0.25, stop=False):
        expect_bends(step, stages(decoder)[:-1])
    with step("Every output is a grey value between 0 and 1", points=0.5, stop=False):
        expect_greys(step, decoder, step.rng.normal(0, 20, (256, 2)).astype(np.float32))
    with step("Other codes give other images", points=0.25, stop=False):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (64, 2)).astype(np.float32))


def _shape(shape):
    return tuple(shape[1:]) if isinstance(shape, tuple) else shape


def _expect_grid(step, decoder):
    """Fail if a Reshape makes another grid than 4 x 4 x 8: every side after it is then wrong too."""
    for layer in all_layers(decoder):
        grid = getattr(layer, "target_shape", None)
        step.expect(
            grid is None or tuple(grid) not in _OTHER_GRIDS,
            expected="a first grid of 4 x 4 with 8 channels",
            found=f"Reshape to {grid}",
            look="Height and width come first, channels last; the way down ended with 4 x 4 x 8.",
            mistake="wrong-reshape",
        )


# The other ways to lay 128 values out as a grid.
_OTHER_GRIDS = {(a, b, 128 // a // b) for a in (1, 2, 4, 8, 16) for b in (1, 2, 4, 8, 16) if a * b <= 128} - {(4, 4, 8)}


def _expect_image_side(step, side, shape):
    """Fail unless one end of a network is an image of 28 x 28 x 1; name the usual ways to miss it."""
    found = _shape(shape)
    expected = f"{side} shape {_IMAGE} for each image"
    step.expect(
        found != (28, 28),
        expected=expected,
        found="(28, 28), without a channel",
        look=_LOOK_CHANNEL,
        mistake="missing-channel",
    )
    step.expect(
        found != (784,),
        expected=expected,
        found="a flat row of 784 numbers",
        look="A convolution must know who is whose neighbour: images stay grids here.",
        mistake="flattened",
    )
    square = isinstance(found, tuple) and len(found) == 3 and found[0] == found[1]
    if side == "output" and square:
        step.expect(
            found[0] != 32,
            expected=expected,
            found="a side of 32: 4, doubled three times",
            look="Found 32, expected 28; inspect the third convolution. Does it lose a border?",
            mistake="no-border-lost",
        )
        step.expect(
            found[0] != 24 and found[0] != 16 and found[0] != 30,
            expected=expected,
            found=f"a side of {found[0]}",
            look="A border is lost at the wrong place. 28 is twice 14, and 14 is 16 without its border.",
            mistake="border-lost-elsewhere",
        )
        step.expect(
            found[0] != 14 and found[0] != 7,
            expected=expected,
            found=f"a side of {found[0]}",
            look="How many doublings are there? The puzzle has three.",
            mistake="missing-upsampling",
        )
        step.expect(
            found[0] != 28 or found[2] == 1,
            expected=expected,
            found=f"{found[2]} channels",
            look="The last convolution paints one grey value for each pixel: how many filters has it?",
            mistake="wrong-channels",
        )
    step.expect(
        found == _IMAGE,
        expected=expected,
        found=found,
        look=f"the {'first' if side == 'input' else 'last'} layers, and the side after each: model.summary()",
        mistake=f"wrong-{side}-shape",
    )


def _expect_layers(step, model, convolutions, units, count):
    """Fail unless the network has exactly the convolutions and dense layers that the exercise names."""
    found = stages(model)
    filters = [stage.width for stage in found if stage.kind != "Dense"]
    step.expect(
        bool(filters),
        expected=f"convolutions with {_row(convolutions)} filters",
        found="no convolution at all",
        look="This chapter's network looks at neighbourhoods: keras.layers.Conv2D.",
        mistake="no-convolution",
    )
    step.expect(
        filters == convolutions or sorted(filters) != sorted(convolutions),
        expected=f"{_row(convolutions)} filters, in this order",
        found=_row(filters),
        look="The right widths in another order: which convolution comes first?",
        mistake="swapped-widths",
    )
    step.expect(
        filters == convolutions,
        expected=f"convolutions with {_row(convolutions)} filters",
        found=_row(filters),
        look="the number of filters of each convolution, its first argument",
        mistake="wrong-filters",
    )
    kernels = [tuple(stage.layer.kernel_size) for stage in found if stage.kind != "Dense"]
    step.expect(
        all(kernel == (3, 3) for kernel in kernels),
        expected="windows of 3 x 3",
        found=", ".join(f"{a} x {b}" for a, b in kernels),
        look="the kernel size, the second argument of each convolution",
        mistake="wrong-kernel",
    )
    dense = [stage.layer for stage in found if stage.kind == "Dense"]
    widths = [int(layer.units) for layer in dense]
    step.expect(
        widths == units,
        expected=f"Dense layers of width {_row(units)}",
        found=_row(widths) or "none",
        look="the table: how many Dense layers are there, and how wide?",
        mistake="wrong-widths",
    )
    if units == [2]:
        _expect_flat_grid(step, dense[-1])
    step.expect(
        model.count_params() == count,
        expected=f"{count:,} parameters: filters x (weights of a window + 1) for each layer",
        found=f"{model.count_params():,}",
        look="The exercise asks for exactly this network: look at use_bias, and for layers too many.",
        mistake="wrong-parameter-count",
    )


def _expect_flat_grid(step, dense):
    """Fail unless 128 values reach the encoder's last layer: then sides and paddings are right."""
    values = int(dense.kernel.shape[0])
    step.expect(
        values != 72,
        expected="128 values (4 x 4 x 8) after Flatten",
        found="72 (3 x 3 x 8)",
        look="Pooling rounded 7 / 2 down. It too has a padding.",
        mistake="pooling-valid",
    )
    step.expect(
        values not in (392, 1_568, 6_272),
        expected="128 values (4 x 4 x 8) after Flatten",
        found=f"{values:,}",
        look="The side is halved after each of the three convolutions; is a pooling missing?",
        mistake="missing-pooling",
    )
    step.expect(
        values == 128,
        expected="128 values (4 x 4 x 8) after Flatten",
        found=f"{values:,}",
        look="the paddings, and what stands before the last layer: encoder.summary()",
        mistake="wrong-grid",
    )


def _row(numbers) -> str:
    return ", ".join(map(str, numbers))


@rule(
    "conv.autoencoder",
    points=1,
    title="The autoencoder is the encoder, then the decoder, with their own weights",
    answers={
        "autoencoder": Model(input_shape=_IMAGE),
        "encoder": Model(input_shape=_IMAGE),
        "decoder": Model(input_shape=(2,)),
    },
)
def autoencoder(step, autoencoder, encoder, decoder):
    with step("What the encoder takes goes in, what the decoder gives comes out"):
        expect_ends(step, autoencoder, encoder, decoder)
    with step("It decodes what the encoder made, with the same weights", points=1):
        images = step.rng.random((16, *_shape(encoder.input_shape))).astype(np.float32)
        expect_joined(step, autoencoder, encoder, decoder, images)


@rule(
    "conv.trained",
    points=1,
    title="The trained autoencoder explains digits that it has not seen",
    answers={"autoencoder": Model(input_shape=_IMAGE)},
)
def trained(step, autoencoder):
    with step("It is trained on the binary cross-entropy", points=0.5, stop=False):
        expect_bce_loss(step, autoencoder, _IMAGE)
    with step("An image goes in, an image comes out"):
        _expect_image_side(step, "input", autoencoder.input_shape)
        _expect_image_side(step, "output", autoencoder.output_shape)
    with step("Its loss on test digits is low enough", points=0.5):
        images = step.data.unseen_digits[..., np.newaxis]
        expect_trained(
            step, autoencoder, images, threshold("conv.trained"), "conv.data", "conv.encoder", "conv.decoder"
        )
        expect_squeezed(step, autoencoder, 28 * 28, 2, "conv.encoder", "conv.decoder", "conv.autoencoder")


@rule(
    "conv.decode_point",
    points=2,
    title="decode_point returns the image at a point and the distance to the nearest code",
    answers={"decode_point": Function()},
)
def decode_point(step, decode_point):
    decoder, other_decoder = _small_decoder(step.rng), _small_decoder(step.rng)
    point, codes = _point_and_codes(step.rng)
    with step("It returns an image and a distance"):
        image, distance = _pair(step, _decode(step, decode_point, point, decoder, codes))
    with step("The image is what the decoder paints at the point", points=1, stop=False):
        wanted = predict(decoder, np.array([point], np.float32))[0, ..., 0]
        _expect_decoded(step, image, wanted, decoder, point)
        repeated, _ = _pair(step, _decode(step, decode_point, point, other_decoder, codes))
        step.expect(
            not np.allclose(_plain(repeated), wanted, atol=1e-4),
            expected="another image from another decoder",
            found="the same image",
            look="Use the decoder that the function is handed.",
            mistake="other-decoder",
        )
    with step("The distance is the Euclidean distance to the nearest code", points=1):
        _expect_distance(step, distance, np.array(point), codes.astype(float))


def _point_and_codes(rng):
    """A point and 300 codes of which the nearest lies slantwise, so that no other kind of distance is as long."""
    while True:
        codes = rng.normal(1, 3, (300, 2)).astype(np.float32)
        point = rng.uniform(4, 9, 2) * (1, -1)
        away = np.abs(codes - point)
        wanted = np.sqrt((away**2).sum(1)).min()
        if away.max(1).min() < 0.97 * wanted and away.sum(1).min() > 1.03 * wanted:
            return tuple(float(z) for z in point), codes


def _small_decoder(rng):
    """A fresh decoder, (2,) -> (28, 28, 1), that a function cannot know."""
    import tf_keras as keras

    model = keras.Sequential(
        [
            keras.layers.Input((2,)),
            keras.layers.Dense(784, activation="sigmoid"),
            keras.layers.Reshape(_IMAGE),
        ]
    )
    model.set_weights([rng.normal(0, 0.3, (2, 784)), rng.normal(0, 0.3, 784)])
    return model


def _decode(step, decode_point, point, decoder, codes):
    """What the learner's function returns; if it fails, was the decoder handed a point that is no batch?"""
    try:
        return decode_point(point, decoder, codes.copy())
    except Exception:
        recorder = Recorder(_IMAGE)
        with contextlib.suppress(Exception):  # what counts is what it asked of the decoder before
            decode_point(point, recorder, codes.copy())
        step.expect(
            recorder.shape not in ((2,), (2, 1)),
            expected="a batch of one point, shape (1, 2), for the decoder",
            found=f"shape {recorder.shape}",
            look="A decoder takes a batch; make one row.",
            mistake="no-batch-axis",
        )
        raise


def _pair(step, found):
    step.expect(
        found is not None,
        expected="an image and a distance",
        found="None",
        look="the return at the end of the function",
        mistake="no-return",
    )
    step.expect(
        isinstance(found, (tuple, list)) and len(found) == 2,
        expected="two things: return image, distance",
        found=describe(found),
        look="the return: both, with a comma between them",
        mistake="not-a-pair",
    )
    first, second = (as_array(part, name) for part, name in zip(found, ("the image", "the distance"), strict=True))
    step.expect(
        not (first.size == 1 and second.size == 784),
        expected="the image first, then the distance",
        found="the two in each other's place",
        look="the order in the return",
        mistake="swapped-results",
    )
    return first, second


def _plain(image):
    """(28, 28) of an image that may still carry its channel."""
    return image[..., 0] if image.shape == _IMAGE else image


def _expect_decoded(step, image, wanted, decoder, point):
    step.expect(
        image.ndim != 4,
        expected="one image, shape (28, 28)",
        found=f"shape {image.shape}: still a batch",
        look="Take the one image out of the batch, and its one channel: [0, ..., 0]",
        mistake="still-a-batch",
    )
    image = _plain(image)
    step.expect(
        image.shape == (28, 28),
        expected="one image, shape (28, 28)",
        found=f"shape {image.shape}",
        look="what the decoder returns is (1, 28, 28, 1)",
        mistake="wrong-image-shape",
    )
    swapped = predict(decoder, np.array([point[::-1]], np.float32))[0, ..., 0]
    step.expect(
        not np.allclose(image, swapped, atol=1e-4),
        expected="the image at (z1, z2)",
        found="the image at (z2, z1)",
        look="the order of the two numbers",
        mistake="swapped-coordinates",
    )
    step.expect(
        np.allclose(image, wanted, atol=1e-4),
        expected="what the given decoder paints at the given point",
        found="another image",
        look="Use the decoder and the point that the function is handed; leave the grey values as they are.",
        mistake="wrong-image",
    )


def _expect_distance(step, distance, point, codes):
    away = codes - point
    lengths = np.sqrt((away**2).sum(1))
    wanted = float(measures.nearest_distance(point[None], codes)[0])
    expected = f"{wanted:.3f}, the smallest of {len(codes)} distances"
    step.expect(
        distance.size != len(codes),
        expected=expected,
        found=f"all {len(codes)} distances",
        look="Only the nearest one is asked for.",
        mistake="not-reduced",
    )
    step.expect(
        distance.size == 1,
        expected="one number",
        found=f"{distance.size} numbers of shape {distance.shape}",
        look="the axis of the norm: the two coordinates of a code belong together",
        mistake="not-a-number",
    )
    value = Number().read(distance, "the distance")
    for other, found, look, mistake in (
        (wanted**2, "the square of it", "A distance is a length: is a root missing?", "squared-distance"),
        (
            np.sqrt(((point - codes.mean(0)) ** 2).sum()),
            "the distance to the mean code",
            "The mean may lie in a hole: first all distances, then the smallest.",
            "distance-to-mean",
        ),
        (
            lengths.mean(),
            "the mean distance",
            "Which code counts: all of them, or the nearest?",
            "mean-distance",
        ),
        (
            np.median(lengths),
            "the median distance",
            "Which code counts: the middle one, or the nearest?",
            "mean-distance",
        ),
        (
            lengths.max(),
            "the distance to the farthest code",
            "The nearest one is asked for: min, not max.",
            "farthest",
        ),
        (
            np.abs(away).sum(1).min(),
            "a sum of absolute differences",
            "Euclidean: the root of the sum of squares",
            "city-block",
        ),
        (
            np.abs(away).max(1).min(),
            "a largest absolute difference",
            "Euclidean: the root of the sum of squares",
            "not-euclidean",
        ),
        (
            np.abs(away).min(),
            "the smallest difference in one coordinate",
            "The two coordinates of a code belong together: the axis of the norm.",
            "wrong-axis",
        ),
        (
            np.sqrt((away**2).sum()),
            "one length of all differences together",
            "One distance for each code: give the norm an axis.",
            "no-axis",
        ),
        (lengths.argmin(), "the number of the nearest code", "argmin says which; min says how far.", "index"),
        (
            np.sqrt(((point[::-1] - codes) ** 2).sum(1)).min(),
            "the distance from (z2, z1)",
            "the order of the two numbers",
            "swapped-coordinates",
        ),
    ):
        step.expect(
            not np.isclose(value, other, rtol=1e-4) or np.isclose(wanted, other, rtol=1e-3),
            expected=expected,
            found=f"{value:.4g}: {found}",
            look=look,
            mistake=mistake,
        )
    step.expect(
        np.isclose(value, wanted, rtol=1e-3, atol=1e-4),
        expected=expected,
        found=f"{value:.4g}",
        look="Use the codes and the point that are handed in: root of the summed squares, then the smallest.",
        mistake="wrong-distance",
    )


@rule(
    "conv.neighbours",
    points=1,
    title="The share of digits that their 5 nearest neighbours name rightly",
    answers={"neighbour_accuracy": Function()},
)
def neighbours(step, neighbour_accuracy):
    known, known_labels, new, new_labels, wanted, others = _neighbour_task(step.rng)
    with step("It returns one number from 0 to 1"):
        found = call(neighbour_accuracy, known, known_labels, new, new_labels, name="neighbour_accuracy")
        step.expect(
            found.size == 1,
            expected="the share of right labels, one number",
            found=f"{found.size} numbers of shape {found.shape}",
            look="Compare the named labels with the true ones, and average.",
            mistake="not-reduced",
        )
        value = Number().read(found, "the result of neighbour_accuracy")
        step.expect(
            not (wanted > 0 and np.isclose(value, 100 * wanted)),
            expected=f"a share, {wanted:.3f}",
            found=f"{value:g}: in percent",
            look="A share lies between 0 and 1.",
            mistake="percent",
        )
        step.expect(
            not np.isclose(value, wanted * len(new)),
            expected=f"a share, {wanted:.3f}",
            found=f"{value:g}: a count",
            look="Divide by the number of new codes: a mean in place of a sum.",
            mistake="count",
        )
        step.expect(
            0 <= value <= 1,
            expected="a number from 0 to 1",
            found=f"{value:g}",
            look="right answers / all answers",
            mistake="not-a-share",
        )
    with step("It is the accuracy on new codes, judged by known ones", points=1):
        for other, texts, look, mistake in others:
            step.expect(
                not np.isclose(value, other, atol=1e-6),
                expected=f"an accuracy of {wanted:.3f}",
                found=f"{value:.3f}: {texts}",
                look=look,
                mistake=mistake,
            )
        step.expect(
            np.isclose(value, wanted, atol=1e-6),
            expected=f"an accuracy of {wanted:.3f}",
            found=f"{value:.3f}",
            look="fit on the known codes and labels, score on the new ones, with n_neighbors=5",
            mistake="wrong-accuracy",
        )


def _neighbour_task(rng):
    """Two overlapping classes and the accuracies that right and wrong classifiers have on them.

    Two classes and an odd number of neighbours: no vote is a tie, so every right classifier agrees.
    """
    while True:
        size = 90
        known_labels = rng.permutation(np.repeat([3, 8], size)).astype(np.uint8)
        new_labels = rng.permutation(np.repeat([3, 8], size // 2 + 8)).astype(np.uint8)
        known, new = (
            (rng.normal(size=(len(labels), 2)) + 1.3 * (labels == 8)[:, None]).astype(np.float32)
            for labels in (known_labels, new_labels)
        )

        def accuracy(codes, labels, asked, truth, count=5):
            return float((_vote(codes, labels, asked, count) == truth).mean())

        wanted = accuracy(known, known_labels, new, new_labels)
        others = [
            (
                accuracy(new, new_labels, new, new_labels),
                "the accuracy of a classifier that has seen the answers",
                "Fit on the known codes, not on those that are asked.",
                "fitted-on-questions",
            ),
            (
                accuracy(known, known_labels, known, known_labels),
                "the accuracy on the known codes themselves",
                "Score on the new codes and their labels.",
                "scored-on-known",
            ),
            (
                accuracy(new, new_labels, known, known_labels),
                "known and new in each other's place",
                "fit takes the known ones, score the new ones.",
                "swapped-roles",
            ),
            (1 - wanted, "the share of wrong answers", "Count the right ones.", "error-rate"),
            *(
                (
                    accuracy(known, known_labels, new, new_labels, count),
                    f"that of {count} neighbour{'s' if count > 1 else ''}",
                    "n_neighbors=5",
                    "wrong-number-of-neighbours",
                )
                for count in (1, 3, 7)
            ),
        ]
        if min(abs(other[0] - wanted) for other in others) > 1e-3:  # else a wrong answer could pass by luck
            return known, known_labels, new, new_labels, wanted, others


def _vote(codes, labels, asked, count):
    squared = ((asked[:, None].astype(float) - codes[None]) ** 2).sum(-1)
    nearest = labels[np.argsort(squared, axis=1)[:, :count]]
    return np.where((nearest == 8).sum(1) * 2 > count, 8, 3)
