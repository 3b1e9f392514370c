"""The rules of chapter 1: the dense autoencoder."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Array, Function, Images, Model, call
from autoencoder_helpers.checks.expectations import (
    expect_bce_loss,
    expect_bends,
    expect_ends,
    expect_floor_first,
    expect_greys,
    expect_joined,
    expect_mnist_split,
    expect_scaled_once,
    expect_shapes,
    expect_trained,
    expect_uses_code,
    expect_widths,
    some_rows,
)
from autoencoder_helpers.checks.models import precision, predict, stages
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.reference.values import threshold

_PIXELS = 784


@rule(
    "dense.data",
    points=1,
    title="Images are rows of 784 numbers between 0 and 1",
    answers={"x_train": Images(), "x_test": Images()},
)
def data(step, x_train, x_test):
    with step("Each image is one row of 784 numbers"):
        for name, images in (("x_train", x_train), ("x_test", x_test)):
            step.expect(
                len(images.shape) == 2 and images.shape[1] == _PIXELS and len(images) > 0,
                expected=f"{name} of shape (number of images, 784)",
                found=images.shape,
                look="load_mnist(flatten=True), or reshape each image to one row",
                mistake="not-flattened",
            )
    samples = {name: some_rows(step, images) for name, images in (("x_train", x_train), ("x_test", x_test))}
    with step("Grey values are scaled once, to the range from 0 to 1"):
        for name, (_, images) in samples.items():
            expect_scaled_once(step, name, images)
    with step("They are the images of MNIST, in their order", points=1):
        expect_mnist_split(
            step, x_train, x_test, look="the order of what load_mnist returns: (x_train, y_train), (x_test, y_test)"
        )
        for name, (rows, found) in samples.items():
            wanted = step.data.mnist(name, rows).reshape(-1, _PIXELS)
            step.expect(
                np.allclose(found, wanted, atol=1e-3),
                expected=f"{name} holds MNIST's images, each divided by 255",
                found="other numbers",
                look="Scale once: divide by 255, and change nothing else.",
                mistake="other-images",
            )


@rule(
    "dense.encoder",
    points=2,
    title="The encoder squeezes 784 pixels into 2 numbers",
    answers={"encoder": Model(input_shape=(_PIXELS,))},
)
def encoder(step, encoder):
    with step("784 numbers go in, 2 come out", points=0.5):
        expect_shapes(step, encoder, input_shape=(_PIXELS,), output_shape=(2,))
    with step("The widths go down: 100, 20, 2 (80,562 parameters)", points=0.5, stop=False):
        expect_widths(step, encoder, [100, 20, 2])
        step.expect(
            encoder.count_params() == 80_562,
            expected="80,562 parameters: weights and one bias for each unit",
            found=f"{encoder.count_params():,}",
            look="use_bias, and layers beyond the three",
            mistake="wrong-parameter-count",
        )
    if len(stages(encoder)) < 2:  # nothing is hidden, so there is nothing more to look at
        return
    with step("The hidden layers have an activation", points=0.5, stop=False):
        expect_bends(step, stages(encoder)[:-1])
    with step("The bottleneck is linear: a code may be any number", points=0.5, stop=False):
        last = stages(encoder)[-1].activation
        step.expect(
            last == "linear",
            expected="no activation on the last layer",
            found=last,
            look="A code may be negative or large: the last layer takes no activation.",
            mistake="bottleneck-activation",
        )


@rule(
    "dense.decoder",
    points=1,
    title="The decoder turns 2 numbers into 784 pixels between 0 and 1",
    answers={"decoder": Model(input_shape=(2,))},
)
def decoder(step, decoder):
    with step("2 numbers go in, 784 come out"):
        expect_shapes(step, decoder, input_shape=(2,), output_shape=(_PIXELS,))
    with step("The widths go up: 20, 100, 784", points=0.25, stop=False):
        expect_widths(step, decoder, [20, 100, _PIXELS])
    if len(stages(decoder)) < 2:
        return
    with step("The hidden layers have an activation", points=0.25, stop=False):
        expect_bends(step, stages(decoder)[:-1])
    with step("Every output is a grey value between 0 and 1", points=0.25, stop=False):
        expect_greys(step, decoder, step.rng.normal(0, 20, (256, 2)).astype(np.float32))
    with step("Other codes give other images", points=0.25):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (64, 2)).astype(np.float32))


@rule(
    "dense.autoencoder",
    points=1,
    title="The autoencoder is encoder and decoder, joined",
    answers={
        "autoencoder": Model(input_shape=(_PIXELS,)),
        "encoder": Model(input_shape=(_PIXELS,)),
        "decoder": Model(input_shape=(2,)),
    },
)
def autoencoder(step, autoencoder, encoder, decoder):
    with step("What the encoder takes goes in, what the decoder gives comes out"):
        expect_ends(step, autoencoder, encoder, decoder)
    with step("It decodes what the encoder made, with the same weights", points=1):
        images = step.rng.random((16, *encoder.input_shape[1:])).astype(np.float32)
        expect_joined(step, autoencoder, encoder, decoder, images)


@rule(
    "dense.bce_per_image",
    points=1,
    title="The binary cross-entropy of each image, summed over its pixels",
    answers={"bce_per_image": Function()},
)
def bce_per_image(step, bce_per_image):
    x = step.rng.random((7, _PIXELS))
    x[step.rng.random(x.shape) < 0.5] = 0.0
    x[step.rng.random(x.shape) < 0.2] = 1.0
    p = step.rng.uniform(0.01, 0.99, x.shape)
    wanted = measures.bce_per_image(x, p)
    with step("It gives one number for each image"):
        found = call(bce_per_image, x, p, name="bce_per_image")
        step.expect(
            found.shape != (),
            expected="7 numbers for 7 images",
            found="one number for all",
            look="Sum over the pixels (the last axis) only, not over the images.",
            mistake="reduced-over-images",
        )
        step.expect(
            found.shape != x.shape,
            expected="7 numbers for 7 images",
            found=f"one number for each pixel, shape {found.shape}",
            look="Sum over the pixels: .sum(axis=...)",
            mistake="not-summed",
        )
        step.expect(
            found.shape == (7,),
            expected="shape (7,) for 7 images",
            found=f"shape {found.shape}",
            look="the axis of your sum: pixels are the last one",
            mistake="wrong-axis",
        )
    with step("It is the binary cross-entropy, in nats", points=0.5, stop=False):

        def is_near(other):
            return np.allclose(found, other, rtol=1e-3)

        step.expect(
            not is_near(wanted / _PIXELS),
            expected="the sum over 784 pixels",
            found="the mean over the pixels: 784 times smaller",
            look="sum or mean? Here each image's pixels are summed",
            mistake="mean-over-pixels",
        )
        step.expect(
            not is_near(-wanted),
            expected="positive numbers",
            found="the right size with the wrong sign",
            look="the minus in front: logarithms of numbers below 1 are negative",
            mistake="wrong-sign",
        )
        step.expect(
            not is_near(wanted / np.log(2)),
            expected="natural logarithms (nats)",
            found="logarithms to the base 2 (bits)",
            look="np.log, not np.log2",
            mistake="bits",
        )
        step.expect(
            not is_near(measures.bce_per_image(p, x.clip(1e-7, 1 - 1e-7))),
            expected="bce_per_image(x, p): the image first, the prediction second",
            found="the two in each other's place",
            look="x stands before the logarithm, p inside it",
            mistake="swapped-arguments",
        )
        step.expect(
            not is_near(-(x * np.log(p)).sum(-1)),
            expected="both halves of the formula",
            found="only the half with x ln p",
            look="black pixels count too: (1 - x) ln(1 - p)",
            mistake="half-of-the-formula",
        )
        step.expect(
            is_near(wanted),
            expected=f"{wanted[0]:.2f} nats for the first image",
            found=f"{found[0]:.2f} for the first image",
            look="-x ln p - (1 - x) ln(1 - p), pixel by pixel, then summed",
            mistake="wrong-value",
        )
    if step.mistake == "wrong-value":  # of another quantity nothing more can be said
        return
    with step("It stays finite where p is exactly 0 or 1", points=0.5):
        sharp = (x > 0.5).astype(float)
        found = call(bce_per_image, x, sharp, name="bce_per_image")
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found="inf or nan",
            look="Clip p first, for instance to the range from 1e-7 to 1 - 1e-7.",
            mistake="not-clipped",
        )
        perfect = call(bce_per_image, sharp, sharp, name="bce_per_image")
        step.expect(
            float(np.abs(perfect).max()) < 1,
            expected="about 0 nats for a black-and-white image that is met exactly",
            found=f"{float(np.abs(perfect).max()):.3g} nats",
            look="the clip: its limits must be close to 0 and 1",
            mistake="clipped-too-much",
        )


@rule(
    "dense.floor_and_baseline",
    points=1,
    title="What a loss must be compared with: floor and baseline",
    answers={"floor_and_baseline": Function()},
    builds_on=("bce_per_image",),
)
def floor_and_baseline(step, floor_and_baseline):
    profile = step.rng.uniform(0, 1, _PIXELS)
    x_train = (step.rng.random((60, _PIXELS)) * profile).astype(np.float32)
    x = (step.rng.random((40, _PIXELS)) * profile).astype(np.float32) ** 2
    wanted_floor = float(measures.entropy_per_image(x).mean())
    wanted_baseline = float(measures.bce_per_image(x, np.broadcast_to(x_train.mean(0), x.shape)).mean())
    with step("It returns two numbers: the floor, then the baseline"):
        found = call(floor_and_baseline, x_train, x, name="floor_and_baseline")
        step.expect(
            found.shape == (2,),
            expected="two numbers",
            found=f"shape {found.shape}",
            look="Average over the images; end with: return floor, baseline",
            mistake="wrong-shape",
        )
        floor, baseline = (float(value) for value in found)
        for name, value, wanted in (("floor", floor, wanted_floor), ("baseline", baseline, wanted_baseline)):
            step.expect(
                not np.isclose(value, wanted / _PIXELS, rtol=1e-3),
                expected=f"a {name} of {wanted:.2f} nats per image",
                found=f"{value:.4f}: nats per pixel, 784 times smaller",
                look="use your bce_per_image, and average over the images only",
                mistake="per-pixel",
            )
        expect_floor_first(step, (floor, baseline), (wanted_floor, wanted_baseline))
    with step("The floor is what a perfect copy scores", points=0.5, stop=False):
        step.expect(
            abs(floor) > 1e-6,
            expected=f"{wanted_floor:.2f} nats per image",
            found="0",
            look="A grey pixel costs something even if it is predicted exactly. Score x against itself.",
            mistake="floor-zero",
        )
        step.expect(
            np.isclose(floor, wanted_floor, rtol=2e-3),
            expected=f"{wanted_floor:.2f} nats per image",
            found=f"{floor:.2f} nats per image",
            look="the floor scores each image of x against itself",
            mistake="wrong-floor",
        )
    with step("The baseline is what the mean training image scores", points=0.5, stop=False):
        own_mean = float(measures.bce_per_image(x, np.broadcast_to(x.mean(0), x.shape)).mean())
        step.expect(
            not np.isclose(baseline, own_mean, rtol=1e-4),
            expected="the mean image of x_train",
            found="the mean image of x itself",
            look="A prediction may only use what was there for training.",
            mistake="mean-of-test-images",
        )
        grey = float(measures.bce_per_image(x, np.full(x.shape, float(x_train.mean()))).mean())
        step.expect(
            not np.isclose(baseline, grey, rtol=1e-4),
            expected="a mean for each pixel: x_train.mean(axis=0)",
            found="one mean grey for the whole image",
            look="the axis of the mean",
            mistake="one-grey",
        )
        step.expect(
            np.isclose(baseline, wanted_baseline, rtol=2e-3),
            expected=f"{wanted_baseline:.2f} nats per image",
            found=f"{baseline:.2f} nats per image",
            look="the baseline scores each image of x against the mean image of x_train",
            mistake="wrong-baseline",
        )


@rule(
    "dense.trained",
    points=1,
    title="The trained autoencoder explains digits that it has not seen",
    answers={"autoencoder": Model(input_shape=(_PIXELS,))},
)
def trained(step, autoencoder):
    with step("It is trained on the binary cross-entropy", points=0.5, stop=False):
        expect_bce_loss(step, autoencoder, (_PIXELS,))
    with step("Its loss on test digits is low enough", points=0.5):
        images = step.data.unseen_digits.reshape(-1, _PIXELS)
        expect_trained(
            step, autoencoder, images, threshold("dense.trained"), "dense.data", "dense.encoder", "dense.decoder"
        )
        expect_squeezed(step, autoencoder, _PIXELS, 2, "dense.encoder", "dense.decoder", "dense.autoencoder")


@rule(
    "dense.pca",
    points=1,
    title="PCA writes an image with 2 numbers and restores it",
    answers={"pca_reconstruct": Function()},
)
def pca(step, pca_reconstruct):
    basis = step.rng.normal(size=(3, 30))
    offset = step.rng.uniform(2, 3, 30)
    scales = np.array([3.0, 2.0, 0.7])
    x_train = (step.rng.normal(size=(120, 3)) * scales) @ basis + offset
    x = (step.rng.normal(size=(25, 3)) * scales) @ basis + offset
    mean, components = _principal_components(x_train)
    wanted = (x - mean) @ components.T @ components + mean
    with step("It returns an array as large as x"):
        found = call(pca_reconstruct, x_train, x, name="pca_reconstruct")
        step.expect(
            found.shape != (25, 2),
            expected="the restored images, shape (25, 30)",
            found="the 2 numbers of each image, shape (25, 2)",
            look="There is a way back: inverse_transform.",
            mistake="codes-not-images",
        )
        step.expect(
            found.shape == x.shape,
            expected=f"shape {x.shape}",
            found=found.shape,
            look="which images come back: those of x, not those of x_train",
            mistake="wrong-shape",
        )
    with step("The images are restored from 2 components, the mean included", points=1):

        def is_near(other):
            return np.allclose(found, other, rtol=1e-3, atol=1e-3)

        step.expect(
            not is_near(wanted - mean),
            expected="images around the mean image",
            found="images around 0: the mean was taken away and not put back",
            look="add the mean at the end",
            mistake="mean-not-restored",
        )
        singular = np.linalg.svd(x_train, full_matrices=False)[2][:2]
        step.expect(
            not is_near(x @ singular.T @ singular),
            expected="components of the centred images",
            found="components of images that were not centred",
            look="Subtract the mean training image first.",
            mistake="not-centred",
        )
        own_mean, own = _principal_components(x)
        step.expect(
            not is_near((x - own_mean) @ own.T @ own + own_mean),
            expected="components of x_train",
            found="components of x itself",
            look="Fit on x_train, then transform x: test images must not shape the components.",
            mistake="fitted-on-test-images",
        )
        for count in (1, 3):
            mean, components = _principal_components(x_train, count)
            step.expect(
                not is_near((x - mean) @ components.T @ components + mean),
                expected="2 components",
                found=f"{count} component{'s' if count > 1 else ''}",
                look="n_components=2",
                mistake="wrong-number-of-components",
            )
        step.expect(
            is_near(wanted),
            expected="the images that 2 principal components restore",
            found="other numbers",
            look="fit on x_train, transform x, transform back",
            mistake="wrong-value",
        )


def _principal_components(x, count=2):
    mean = x.mean(axis=0)
    return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:count]


# What the usual mistakes make of images between 0 and 1: not scaled, cut to whole numbers, scaled twice, shifted.
_OTHER_SCALES = (
    lambda x: x * np.float32(255),
    np.floor,
    lambda x: x / np.float32(255),
    lambda x: x * 2 - 1,
    lambda x: 1 - x,
)


def _are_near(codes, wanted):
    return np.allclose(codes, wanted, atol=1e-3 * float(np.abs(wanted).max()))


@rule(
    "dense.codes",
    points=1,
    title="The latent plane shows the codes of the test digits",
    answers={"codes": Array(), "encoder": Model(input_shape=(_PIXELS,))},
)
def codes(step, codes, encoder):
    with step("There are 2 numbers for each of the 10,000 test digits"):
        shape = (10_000, *encoder.output_shape[1:])  # (10000, 2); how wide a code is, is for the encoder's check to say
        step.expect(
            codes.shape != (10_000, _PIXELS) or codes.shape == shape,
            expected=f"codes of shape {shape}",
            found="10,000 images of 784 pixels",
            look="Ask the encoder, not the autoencoder.",
            mistake="images-not-codes",
        )
        step.expect(
            codes.shape == shape,
            expected=f"shape {shape}",
            found=codes.shape,
            look="x_test goes through the encoder: 10,000 digits, 2 numbers each",
            mistake="wrong-shape",
        )
    with step("They are the encoder's, in the order of the labels", points=1):
        wanted = predict(encoder, step.data.mnist_images.reshape(-1, _PIXELS))
        # In half precision another order of the same sums gives other last digits.
        tolerance = max(1e-3, 4 * precision(encoder)) * float(np.abs(wanted).max())
        if np.allclose(codes, wanted, atol=tolerance):
            return
        if step.charged("dense.data") and any(
            _are_near(codes, predict(encoder, change(step.data.mnist_images).reshape(-1, _PIXELS)))
            for change in _OTHER_SCALES
        ):
            return  # the right codes of images that were wrong before
        step.expect(
            not np.allclose(np.sort(codes, axis=0), np.sort(wanted, axis=0), atol=tolerance),
            expected="code i belongs to digit i",
            found="the right codes in another order",
            look="Do not shuffle: the labels would belong to other digits.",
            mistake="shuffled",
        )
        step.fail(
            expected="encoder.predict(x_test), with the encoder as it is now",
            found="other numbers",
            look="Was the encoder trained again, or built again, after the codes were made? Run the cell again.",
            mistake="other-codes",
        )
