"""Expectations that the chapters share. Each is called inside a step, and fails it with the mistake's own message."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.learned import USED, has_learned
from autoencoder_helpers.checks.models import (
    all_layers,
    answers_to_scaling,
    of_one_image,
    output_shape_in,
    predict,
    stages,
    tail_values,
    with_any_weights,
    with_fresh_weights,
)
from autoencoder_helpers.checks.repeatable import expect_repeatable
from autoencoder_helpers.checks.rule import NotYet
from autoencoder_helpers.evidence.training_records import another_was_trained, record_of, sums_of

# What the usual mistakes make of images between 0 and 1: not scaled, cut to whole numbers, scaled twice, shifted.
OTHER_SCALES = (
    lambda x: x * np.float32(255),
    np.floor,
    lambda x: x / np.float32(255),
    lambda x: x * 2 - 1,
    lambda x: 1 - x,
)
_NEAR_BLACK = 0.05  # how near an end must be able to come to 0, and to 1
_WHITE = 0.99  # and above: a grey value that is as good as white
_FAR = 10.0  # times an image: far from all that a network was trained on
_LIKE_FRESH = 0.03  # nats per pixel: a loss nearer to that of fresh weights tells of no training


def expect_no_known_mistake(step, known, is_it, *, is_right, expected, before="") -> None:
    """Inside a step: fail if the answer is what a usual mistake makes of it, and say which.

    is_right: whether the answer is right, in any way that is accepted. Then nothing fails: for some question, a mistake
    may happen to make the same of it.

    known: a table, each row (what the mistake makes of it, slug, what was found, where to look), in the order in which
    the rows are tried. is_it: whether the answer is the first of a row. before: said in front of what was found.
    """
    for mistaken, slug, found, look in () if is_right else known:
        step.expect(not is_it(mistaken), expected=expected, found=before + found, look=look, mistake=slug)


def first_difference(found, wanted, rtol=1e-3, atol=1e-8) -> tuple[int, ...]:
    """The place of the first value that differs, in arrays of one shape; of the first value where none does."""
    differs = ~np.isclose(found, wanted, rtol=rtol, atol=atol)
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(differs)), differs.shape))


def where(place: tuple[int, ...]) -> str:
    """A place in an array of images' values, in words: "the first image", "image 3, value 1" (counted from 0)."""
    image = "the first image" if place[0] == 0 else f"image {place[0]}"
    return f"{image}, value {', '.join(map(str, place[1:]))}" if place[1:] else image


def expect_shapes(step, model, *, input_shape, output_shape, looks=None, each="image") -> None:
    """Inside a step: fail unless the model maps `input_shape` to `output_shape`, both without the axis of `each` image or cell."""
    looks = looks or {}
    for side, wanted in (("input", input_shape), ("output", output_shape)):
        found = of_one_image(getattr(model, f"{side}_shape"))
        if found != tuple(wanted):
            expect_layers(step, model)
        step.expect(
            found == tuple(wanted),
            expected=f"{side} shape {tuple(wanted)} for each {each}",
            found=found,
            look=looks.get(side, f"the {'first' if side == 'input' else 'last'} layer"),
            mistake=f"wrong-{side}-shape",
        )


def expect_layers(step, model) -> None:
    """Inside a step: fail if nothing stands between the network's input and its output."""
    step.expect(
        any(type(layer).__name__ != "InputLayer" for layer in model.layers),
        expected="layers between input and output",
        found="it has no layers yet, only an input",
        look="Add them behind the input: keras.Sequential([keras.Input(shape=...), ...]).",
        mistake="no-layers",
    )


def expect_widths(step, model, wanted):
    """Inside a step: fail unless the Dense layers have these widths, in this order."""
    found = [stage.width for stage in stages(model)]
    step.expect(
        found != wanted[:-1][::-1] + wanted[-1:] or found == wanted,
        expected=" -> ".join(map(str, wanted)),
        found=" -> ".join(map(str, found)),
        look="The two hidden layers are in each other's place.",
        mistake="swapped-widths",
    )
    step.expect(
        found == wanted,
        expected=" -> ".join(map(str, wanted)),
        found=" -> ".join(map(str, found)) or "no Dense layer",
        look="the widths of the Dense layers, from the input to the output",
        mistake="wrong-widths",
    )


def expect_bends(step, hidden):
    """Inside a step: fail if a hidden layer has no activation, or one that bends nothing."""
    for number, stage in enumerate(hidden, start=1):
        step.expect(
            stage.activation != "linear",
            expected=f"hidden layer {number} has an activation, such as relu",
            found=f"one that bends nothing, {stage.bends_nothing}" if stage.bends_nothing else "none",
            look="Without activations the layers collapse into one linear map, which is what PCA has.",
            mistake="missing-activation",
        )


def expect_free_code(step, encoder, shape):
    """Inside a step: fail unless the code is what the last layer with weights computes, however large that is.

    shape: of one image.
    """
    end = stages(encoder)[-1]
    expected, look = (
        "no activation on the last layer",
        "A code may be negative or large: the last layer takes no activation.",
    )
    step.expect(
        end.activation == "linear",
        expected=expected,
        found=end.activation,
        look=look,
        mistake="bottleneck-activation",
    )
    images = step.rng.random((16, *shape)).astype(np.float32)
    expect_repeatable(step, "encoder", lambda: predict(encoder, images))
    step.expect(
        end.kind != "Dense" or answers_to_scaling(encoder, end.layer, lambda model: predict(model, images)),
        expected=f"{expected}, nor anything else that holds the code within bounds",
        found="codes that do not grow with what the last Dense layer computes",
        look=f"{look} What stands behind it?",
        mistake="bottleneck-activation",
    )


def expect_greys(step, decoder, codes):
    """Inside a step: fail unless the decoder's outputs lie between 0 and 1 for codes of any size, and may reach both."""
    found = stages(decoder)
    step.expect(
        bool(found),
        expected="a layer with weights and an activation at the end, such as a sigmoid",
        found="no layer with weights",
        look="What turns a code into pixels? Add the layers that the text names.",
        mistake="no-layers",
    )
    end = found[-1]
    last = end.activation
    kinds = [type(layer).__name__ for layer in all_layers(decoder)]
    bernoulli = "IndependentBernoulli" in kinds  # its mean is a sigmoid
    step.expect(
        not bernoulli or not np.isin(predict(decoder, codes), (0, 1)).all(),
        expected="grey values: the mean of the distribution at the end",
        found="black and white only, and no grey between them",
        look="convert_to_tensor_fn=tfd.Distribution.mean. Through a draw comes no gradient.",
        mistake="draws-not-greys",
    )
    step.expect(
        last != "linear" or bernoulli,
        expected="a sigmoid at the end",
        found="no activation on the last layer, so values of any size (logits)",
        look="The last layer needs an activation that ends in the range from 0 to 1.",
        mistake="missing-sigmoid",
    )
    step.expect(
        last != "softmax",
        expected="each value lies between 0 and 1 by itself, whatever the others are",
        found="softmax, which makes "
        + ("all pixels of an image" if len(decoder.output_shape) == 2 else "the channels of each pixel")
        + " add up to 1",
        look="the activation of the last layer",
        mistake="softmax-output",
    )
    # Both are needed: fresh weights may happen to stay in the range (a relu that is silent everywhere does), and
    # a layer after the activation may leave it.
    ramp = np.linspace(-30, 30, 61, dtype=np.float32)
    shape = output_shape_in(decoder, end.layer)[1:]
    ramps = np.broadcast_to(ramp.reshape(-1, *[1] * len(shape)), (len(ramp), *shape))
    for values in (tail_values(decoder, ramps), predict(decoder, codes)):
        expect_finite(step, values)
        step.expect(
            values.min() >= -1e-6 and values.max() <= 1 + 1e-6,
            expected="values between 0 and 1",
            found=f"values from {values.min():.3g} to {values.max():.3g}, after {'the distribution' if bernoulli else last}",
            look="the activation of the last layer: which one ends in the range from 0 to 1?",
            mistake="wrong-output-activation",
        )
    _expect_black_and_white(step, decoder, codes, shape)


def _expect_black_and_white(step, decoder, codes, shape):
    """Inside a step: fail if no weights whatever would bring the decoder near 0 and near 1.

    shape: of what its last layer with weights gives out. Asked are what follows that layer, and the whole network with
    large weights: either tells, and a network that branches at its end only the second.
    """
    sizes = np.array([-1e4, -1e3, -1e2, -10, 10, 1e2, 1e3, 1e4], np.float32)
    all_alike = np.broadcast_to(sizes.reshape(-1, *[1] * len(shape)), (len(sizes), *shape))
    one_apart = np.zeros(all_alike.shape, np.float32)  # where all are brought to one size, one may still stand out
    one_apart.reshape(len(sizes), -1)[:, 0] = sizes
    found = [tail_values(decoder, values) for values in (all_alike, one_apart)]
    with with_any_weights(decoder, step.rng, size=10.0):
        found.append(predict(decoder, codes))
    values = np.concatenate([part.ravel() for part in found])
    values = values[np.isfinite(values)]  # an exponential of so much may have overflowed
    step.expect(
        not len(values) or (values.min() < _NEAR_BLACK and values.max() > 1 - _NEAR_BLACK),
        expected="values that may come near 0 and near 1: black and white",
        found=f"values from {values.min(initial=1):.2g} to {values.max(initial=0):.2g}, whatever goes into the end",
        look="One activation stands at the end, and nothing before or after it: a second one, or a factor, leaves a part of "
        "the range out of reach.",
        mistake="never-black-or-white",
    )


def expect_uses_code(step, decoder, codes):
    """Inside a step: fail if the decoder makes the same image of every code."""
    images = predict(decoder, codes)
    expect_finite(step, images)
    step.expect(
        float(np.abs(images - images[:1]).max()) > 1e-6,
        expected="another image for another code",
        found=f"one and the same image for {len(codes)} different codes",
        look="Is the first layer connected to the code? Are all its weights 0?",
        mistake="ignores-code",
    )


def expect_low_bce(step, model, images, limit):
    """Inside a step: fail unless the mean BCE per pixel on `images` is at most `limit`; say why it may be high."""
    outputs = predict(model, images)
    step.expect(
        outputs.shape == images.shape,
        expected=f"a copy for each image, shape {images.shape}",
        found=f"shape {outputs.shape}",
        look="Is this the whole network, from image to image?",
        mistake="wrong-output-shape",
    )
    expect_finite(step, outputs)
    reconstructions, loss = best_reading(images, outputs)
    expected = f"at most {limit:.4f} nats per pixel on test digits"
    found = f"{in_steps_of(0.01, loss):.2f} nats per pixel"
    expect_training(
        step,
        model,
        abs(loss - np.log(2)) > 0.03,
        expected=expected,
        found=f"{found}, close to ln 2 = 0.693: that of a network that was not trained",
    )
    step.expect(
        float(reconstructions.std(axis=0).max()) > 0.02,
        expected=expected,
        found=f"{found}, with the same image for every digit",
        look="The network has learned the mean image only. Is an activation dead, or were the targets not the images?",
        mistake="mean-image",
    )
    step.expect(
        loss <= limit,
        expected=expected,
        found=found,
        look="Were the images scaled, and used as targets, too? Otherwise train for more epochs, or in larger steps.",
        mistake="trained-too-little",
    )


def expect_training(step, model, holds, *, expected, found) -> None:
    """Inside a step: fail, unless `holds`, with the news that a network was not trained, or was built again afterwards."""
    again = another_was_trained(model)
    step.expect(
        holds,
        expected=expected,
        found=f"{found}. Another one, with the same layers, was" if again else found,
        look="This network was built again after that training, so its weights are fresh. Run the cells below the one that "
        "builds it once more, the training too: what it has saved is loaded at once."
        if again
        else "Run the training cell; was it this network that was trained?",
        mistake="built-again" if again else "untrained",
    )


def expect_finite(step, outputs) -> None:
    """Inside a step: fail if a network gives out what is no number."""
    step.expect(
        np.isfinite(outputs).all(),
        expected="finite numbers",
        found="inf or nan among what the network gives out",
        look="The training has run away: a smaller learning rate, images between 0 and 1. Build the network again first.",
        mistake="not-finite",
    )


def in_steps_of(width: float, value: float) -> float:
    """A measured value for a message, rounded up; finer digits would tell of the images more than of the network."""
    return float(np.ceil(value / width - 1e-9) * width) if np.isfinite(value) else value


def expect_other_images(step, model, test_images):
    """Inside a step: fail if the training's own record says that it was given the test images.

    Without a record, such as after a bare `fit`, nothing is asked. test_images: all of them, array (N, ...) in [0, 1].
    """
    record = record_of(model)
    if record is None:
        return
    for first in (0, record.count - len(test_images)):  # alone, or behind the training images
        rows = record.rows - first
        there = (rows >= 0) & (rows < len(test_images))
        if there.sum() < 10:
            continue
        wanted = sums_of(test_images[rows[there]])
        step.expect(
            not np.allclose(np.array(record.sums)[there], wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max()),
            expected="a network that is measured on images which it has not seen",
            found="the training was given the test images themselves",
            look="train(model, x_train, ...): test images belong into validation_data alone.",
            mistake="trained-on-test-images",
        )


def expect_trained(step, model, images, limit, data, *parts):
    """Inside a step: fail unless the mean BCE per pixel is at most `limit`.

    data, parts: the checks of what was trained on, and of what was trained. If one of them has taken points, it is
    enough that the network has learned something, whatever came of it.
    """
    expect_other_images(step, model, step.data.mnist_images)
    try:
        expect_low_bce(step, model, images, limit)
    except NotYet:
        if not step.charged(data, *parts) or not _is_trained(step, model, images[:1000], data):
            raise
        step.excused(data, *parts)


def _is_trained(step, model, images, data):
    """Whether a network has learned something of the images, seen as they are or as they were in its training."""
    other = step.charged(data)
    scales = (lambda x: x, *(OTHER_SCALES if other else ()))
    return not is_like_fresh(step, model, images) and any(
        _has_learned_from(model, change(images), saturated=other) for change in scales
    )


def _has_learned_from(model, seen, saturated):
    outputs = predict(model, seen)
    if outputs.shape != seen.shape:
        return False
    if saturated and seen.max() > 1 and outputs.min() > _WHITE:
        return True  # what grey values beyond 1 as targets make of a network: white, wherever one looks
    # A bottleneck with bounds may be at the same one for all images; what lies on the other side gives another image.
    other = predict(model, -_FAR * seen[:100])
    saturated = saturated or float(np.abs(other - outputs[:100]).max()) > USED
    return has_learned(seen, best_reading(seen.clip(0, 1), outputs)[0], saturated)


def is_like_fresh(step, model, images, nearness=_LIKE_FRESH) -> bool:
    """Whether a network's loss on the images could be that of fresh weights: then nothing tells of a training.

    nearness: nats per value, beside the spread of five fresh networks.
    """
    outputs = predict(model, images, batch_size=100)
    if outputs.shape != images.shape:
        return True
    fresh = []
    for _ in range(5):
        with with_fresh_weights(model, step.rng):
            fresh.append(best_reading(images, predict(model, images, batch_size=100))[1])
    margin = nearness + 2 * (max(fresh) - min(fresh))
    return bool(min(fresh) - margin < best_reading(images, outputs)[1] < max(fresh) + margin)


def best_reading(images, outputs):
    """(outputs as grey values, their mean BCE per value).

    Outputs beyond 0 and 1 are cut off there, as Keras's loss does it, or read as logits, whichever fits better: that
    a decoder lacks its sigmoid is for the decoder's check to say.
    """
    readings = [outputs]
    if not (np.isfinite(outputs).all() and outputs.min() >= 0 and outputs.max() <= 1):
        outputs = np.nan_to_num(outputs.astype(np.float64), nan=0.0)
        readings = [outputs.clip(0, 1), 1 / (1 + np.exp(-outputs.clip(-50, 50)))]
    losses = [float(measures.bce_per_image(images, greys).mean() / images[0].size) for greys in readings]
    best = int(np.argmin(losses))
    return readings[best], losses[best]
