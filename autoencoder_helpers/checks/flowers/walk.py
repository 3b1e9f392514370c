"""The rules of chapter 4: a variational autoencoder for flowers, of which only the interface is given."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Anything, Function, Model, Number, as_array, call
from autoencoder_helpers.checks.expectations import (
    best_reading,
    expect_ends,
    expect_floor_first,
    expect_greys,
    expect_layers,
    expect_shapes,
    expect_uses_code,
    is_like_fresh,
)
from autoencoder_helpers.checks.models import precision, predict
from autoencoder_helpers.checks.rule import describe, rule
from autoencoder_helpers.checks.squeezing import expect_squeezed
from autoencoder_helpers.images.flower_drawing import draw_flowers
from autoencoder_helpers.reference.values import threshold

_IMAGE = (80, 80, 3)
_LATENT = 10
_VALUES = 80 * 80 * 3
_SCALE = 80 * 80  # the chapter's losses: 6,400 x the mean over the 19,200 values
_LIKE_FRESH = 40  # on that scale: a loss nearer to that of fresh weights tells of no training
_SOURCES = ("synthetic", "photos")
_UNIT = " (nats, 6,400 x the mean over the values of an image)"
_ENDS = ("first", "last")  # of a walk
# How strongly the chapter's loss weighs the KL: weight 0.0002, counted twice, three colours averaged.
_BETA = measures.effective_beta(_SCALE, 0.0002, 2, _VALUES)


@rule(
    "flowers.yardsticks",
    points=1,
    title="The floor scores each image against itself, the baseline against the mean training image",
    answers={"yardsticks": Function()},
)
def yardsticks(step, yardsticks):
    profile = step.rng.uniform(0, 1, _IMAGE) * (1.0, 0.7, 0.4)
    x_train = (step.rng.random((12, *_IMAGE)) * profile).astype(np.float32)
    x = (step.rng.random((8, *_IMAGE)) * profile).astype(np.float32) ** 2

    def scaled(total):
        return float(np.mean(total)) * _SCALE / _VALUES

    wanted_floor = scaled(measures.entropy_per_image(x))
    wanted_baseline = scaled(measures.bce_per_image(x, measures.mean_image(x_train)))
    with step("It returns two numbers: the floor, then the baseline"):
        found = call(yardsticks, x_train, x, name="yardsticks")
        step.expect(
            found.shape == (2,),
            expected="two numbers",
            found=f"shape {found.shape}",
            look="Average over images and values; end with: return floor, baseline",
            mistake="wrong-shape",
        )
        floor, baseline = (float(value) for value in found)
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found=f"{floor:g} and {baseline:g}",
            look="A logarithm of 0? Clip predictions away from 0 and 1 first.",
            mistake="not-finite",
        )
    with step("They are 6,400 times the mean over the values of an image"):
        for name, value, wanted in (("floor", floor, wanted_floor), ("baseline", baseline, wanted_baseline)):
            _expect_scale(step, name, value, wanted)
        expect_floor_first(step, (floor, baseline), (wanted_floor, wanted_baseline))
    with step("The floor is what a perfect copy scores", points=0.5, stop=False):
        step.expect(
            abs(floor) > 1e-3,
            expected=f"{wanted_floor:,.1f}{_UNIT}",
            found="0",
            look="A value between 0 and 1 costs something even if predicted exactly. Score x against itself.",
            mistake="floor-zero",
        )
        step.expect(
            np.isclose(floor, wanted_floor, rtol=2e-3),
            expected=f"{wanted_floor:,.1f}{_UNIT}",
            found=f"{floor:,.1f}",
            look="the floor scores each image of x against itself",
            mistake="wrong-floor",
        )
    with step("The baseline is what the mean training image scores", points=0.5, stop=False):
        others = {
            "mean-of-test-images": (
                measures.mean_image(x),
                "the mean image of x itself",
                "A prediction may only use what was there for training.",
            ),
            "one-colour": (
                np.broadcast_to(x_train.mean(axis=(0, 1, 2)), (1, *_IMAGE)),
                "one mean colour for the whole image",
                "A mean for each value of the image: over axis 0 only.",
            ),
            "one-grey": (
                np.full((1, *_IMAGE), x_train.mean()),
                "one mean value for the whole image",
                "A mean for each value of the image: over axis 0 only.",
            ),
        }
        for mistake, (image, what, look) in others.items():
            step.expect(
                not np.isclose(baseline, scaled(measures.bce_per_image(x, image)), rtol=1e-5),
                expected="the mean image of x_train as the prediction",
                found=what,
                look=look,
                mistake=mistake,
            )
        step.expect(
            np.isclose(baseline, wanted_baseline, rtol=5e-4),
            expected=f"{wanted_baseline:,.1f}{_UNIT}",
            found=f"{baseline:,.1f}",
            look="the mean of x_train over the images, as the prediction for every image of x",
            mistake="wrong-baseline",
        )


def _expect_scale(step, name, value, wanted):
    """Inside a step: name the usual wrong scales, compared with `wanted` on the chapter's scale."""
    for factor, what, mistake in (
        (_VALUES / _SCALE, "the sum over an image: nats per image, 3 times as large", "nats-per-image"),
        (1 / _SCALE, "the mean over the values, without the factor 6,400", "not-scaled"),
        (-1, "the right size with the wrong sign", "wrong-sign"),
        (1 / np.log(2), "logarithms to the base 2 (bits)", "bits"),
        (1 / 3, "a third of it: 6,400 times a mean that was divided by three once more", "divided-twice"),
    ):
        step.expect(
            not np.isclose(value, factor * wanted, rtol=1e-3),
            expected=f"a {name} of {wanted:,.1f}{_UNIT}",
            found=f"{value:,.4g}: {what}",
            look="what is averaged, and what it is multiplied by afterwards",
            mistake=mistake,
        )


@rule(
    "flowers.encoder",
    points=2,
    title="The encoder answers an image with a distribution over ten numbers, and its KL joins the loss",
    answers={"encoder": Model(input_shape=_IMAGE)},
)
def encoder(step, encoder):
    images = step.rng.random((16, *_IMAGE)).astype(np.float32)
    with step("Images of 80 x 80 colours go in", points=0.5):
        _expect_input(step, encoder)
    with step("A distribution over 10 numbers comes out", points=0.5):
        expect_layers(step, encoder)
        cloud = encoder(images)
        _expect_distribution(step, cloud)
    with step("Another image gets another cloud"):
        mean = np.asarray(cloud.mean())
        step.expect(
            np.isfinite(mean).all(),
            expected="finite means",
            found="inf or nan",
            look="the layers before the distribution",
            mistake="not-finite",
        )
        step.expect(
            float(np.abs(mean - mean[:1]).max()) > 1e-6,
            expected="means that depend on the image",
            found="the same mean for 16 different images",
            look="Is the image connected to the Dense layer before the distribution?",
            mistake="ignores-image",
        )
    with step("Its KL towards the prior joins the loss", points=1):
        encoder(images)
        added = float(sum(float(np.sum(loss)) for loss in encoder.losses))
        exact = _exact_kl(cloud)
        step.expect(
            added != 0,
            expected="a KL in encoder.losses",
            found="nothing: this would be trained as an ordinary autoencoder",
            look="the activity_regularizer of the distribution layer, and its weight",
            mistake="kl-missing",
        )
        step.expect(
            added > 0,
            expected="a positive weight of the KL",
            found=f"{added:.3g} is added to the loss",
            look="the sign of the weight",
            mistake="negative-weight",
        )
        beta = added / exact * _VALUES / _SCALE
        step.expect(
            beta < 0.1,
            expected="the chapter's weight, 0.0002: a KL that counts little beside the reconstruction",
            found=f"{added / exact:.3g} times the KL is added to the loss",
            look="weight=... of the KLDivergenceRegularizer; is the KL averaged over the images?",
            mistake="kl-too-strong",
        )


def _expect_input(step, encoder):
    found = encoder.input_shape
    found = tuple(found[1:]) if isinstance(found, tuple) else found
    step.expect(
        found != (3, 80, 80),
        expected="input shape (80, 80, 3) for each image",
        found="(3, 80, 80): the colours stand before height and width",
        look="the input layer: colours are the last axis",
        mistake="channel-first",
    )
    step.expect(
        found != (80, 80, 1),
        expected="input shape (80, 80, 3) for each image",
        found="(80, 80, 1): one channel is grey",
        look="Red, green and blue are three channels.",
        mistake="one-channel",
    )
    step.expect(
        found == _IMAGE,
        expected="input shape (80, 80, 3) for each image",
        found=found,
        look="the input layer",
        mistake="wrong-input-shape",
    )


def _expect_distribution(step, cloud):
    shape = tuple(cloud.shape)[1:]
    if not _is_distribution(cloud):
        step.expect(
            shape != (2 * _LATENT,),
            expected="a distribution over 10 numbers",
            found="20 plain numbers",
            look="A full covariance needs 65 numbers; tfpl.MultivariateNormalTriL(10) makes a distribution of them.",
            mistake="twenty-outputs",
        )
        step.expect(
            shape != (_LATENT,),
            expected="a distribution over 10 numbers",
            found="10 plain numbers: a point for each image, no cloud",
            look="The last layer has to be one of tfpl that makes a distribution.",
            mistake="point-not-distribution",
        )
        step.fail(
            expected="a distribution over 10 numbers",
            found=f"plain numbers of shape {shape} for each image",
            look="End with tfpl.MultivariateNormalTriL(10); the Dense layer before it gives what it needs.",
            mistake="no-distribution",
        )
    event = tuple(cloud.event_shape)
    step.expect(
        not (event == () and tuple(cloud.batch_shape)[1:] == (_LATENT,)),
        expected="one distribution of 10 numbers",
        found="10 distributions of one number each",
        look="the layer at the end: MultivariateNormalTriL, or IndependentNormal",
        mistake="not-independent",
    )
    step.expect(
        event == (_LATENT,),
        expected="10 latent numbers",
        found=f"{int(np.prod(event))} latent numbers, event shape {event}",
        look="the number that the distribution layer is given",
        mistake="wrong-latent-dim",
    )


def _is_distribution(value) -> bool:
    return all(hasattr(value, name) for name in ("log_prob", "mean", "event_shape"))


def _exact_kl(cloud) -> float:
    """K towards N(0, I) in nats per image: exact for normal distributions, otherwise from many draws."""
    mean = np.asarray(cloud.mean(), np.float64)
    if hasattr(cloud, "scale_tril"):
        triangles = np.tril(np.asarray(cloud.scale_tril, np.float64))
        return float(measures.gaussian_kl_tril(mean, triangles).mean())
    try:
        return float(measures.gaussian_kl(mean, np.asarray(cloud.stddev(), np.float64)).mean())
    except NotImplementedError:
        z = cloud.sample(200)
        prior = -0.5 * np.sum(np.asarray(z, np.float64) ** 2 + np.log(2 * np.pi), axis=-1)
        return float(np.mean(np.asarray(cloud.log_prob(z)) - prior))


@rule(
    "flowers.decoder",
    points=2,
    title="The decoder turns ten numbers into an image of 80 x 80 colours",
    answers={"decoder": Model(input_shape=(_LATENT,))},
)
def decoder(step, decoder):
    with step("10 numbers go in, an image of 80 x 80 colours comes out", points=1, stop=False):
        found = decoder.output_shape
        found = tuple(found[1:]) if isinstance(found, tuple) else found
        step.expect(
            found == _IMAGE or not (isinstance(found, tuple) and len(found) == 3 and found[:2] != (80, 80)),
            expected="images of 80 x 80 colours",
            found=f"{found}",
            look="Write the sides down: a transposed convolution makes (n - 1) * stride + width of n.",
            mistake="wrong-side",
        )
        step.expect(
            found != (80, 80, 1),
            expected="three channels: red, green, blue",
            found="one channel, which is grey",
            look="the number of filters of the last layer",
            mistake="one-channel",
        )
        expect_shapes(step, decoder, input_shape=(_LATENT,), output_shape=_IMAGE)
    if tuple(decoder.input_shape[1:]) != (_LATENT,):
        return
    with step("Every value lies between 0 and 1", points=0.5, stop=False):
        expect_greys(step, decoder, step.rng.normal(0, 20, (16, _LATENT)).astype(np.float32))
    with step("Other codes give other images", points=0.5, stop=False):
        expect_uses_code(step, decoder, step.rng.normal(0, 5, (12, _LATENT)).astype(np.float32))


@rule(
    "flowers.vae",
    points=1,
    title="The whole network decodes a draw from the encoder's cloud, with the weights of both",
    answers={
        "vae": Model(input_shape=_IMAGE),
        "encoder": Model(input_shape=_IMAGE),
        "decoder": Model(input_shape=(_LATENT,)),
    },
)
def vae(step, vae, encoder, decoder):
    images = step.rng.random((4, *encoder.input_shape[1:])).astype(np.float32)
    with step("What the encoder takes goes in, what the decoder gives comes out"):
        expect_ends(step, vae, encoder, decoder)
    with step("It contains your encoder and your decoder themselves", points=0.5):
        owned = {id(weight) for weight in vae.weights}
        for name, part in (("encoder", encoder), ("decoder", decoder)):
            step.expect(
                all(id(weight) in owned for weight in part.weights),
                expected=f"the network contains your {name} itself",
                found=f"a copy, or another one: training it would not change your {name}",
                look=f"Call your `{name}` like a layer. Was it built again afterwards? Then join again.",
                mistake="not-joined",
            )
    with step("It decodes a draw from the cloud, a new one in each call", points=0.5):
        first, second = (np.asarray(vae(images)) for _ in range(2))
        step.expect(
            not np.array_equal(first, second),
            expected="two calls that differ, as two draws do",
            found="twice the same images",
            look="Hand the decoder the encoder's output itself, not its mean.",
            mistake="mean-not-sample",
        )
        step.expect(
            _same_with_one_seed(vae, lambda x: decoder(encoder(x)), images),
            expected="vae(x) equals decoder(encoder(x)) for the same random numbers",
            found="other images",
            look="The decoder must receive what the encoder made, and nothing may follow it.",
            mistake="not-joined",
        )


def _same_with_one_seed(first, second, images) -> bool:
    """Whether two ways to an image agree when they draw the same random numbers."""
    import tensorflow as tf

    results = []
    for way in (first, second):
        tf.random.set_seed(1)
        results.append(np.asarray(way(images)))
    tf.random.set_seed(int(np.random.default_rng().integers(2**31)))
    return results[0].shape == results[1].shape and np.allclose(*results, atol=1e-3)


@rule(
    "flowers.loss",
    points=1,
    title="The loss is 6,400 times the mean cross-entropy over all values of an image",
    answers={"flower_loss": Function()},
)
def loss(step, flower_loss):
    x = step.rng.random((5, *_IMAGE)).astype(np.float32)
    p = step.rng.uniform(0.02, 0.98, x.shape).astype(np.float32) ** (1 + np.arange(5)[:, None, None, None])
    p = np.clip(p, 1e-4, 1 - 1e-4).astype(np.float32)
    wanted = measures.bce_per_image(x, p) * _SCALE / _VALUES
    with step("It gives one number for each image"):
        found = _loss_values(flower_loss, x, p)
        step.expect(
            found.shape != (5, 80, 80),
            expected="5 numbers for 5 images",
            found="a number for each pixel, shape (5, 80, 80)",
            look="Average over height and width too: axis=(1, 2).",
            mistake="not-averaged",
        )
        step.expect(
            found.shape in ((5,), ()),
            expected="5 numbers for 5 images",
            found=f"shape {found.shape}",
            look="the axes of the mean: 0 is the image, 1 and 2 are height and width",
            mistake="wrong-axis",
        )
        if found.shape == ():  # one number for the batch: Keras averages over the batch anyway
            wanted = wanted.mean()
    scale = 1.0
    with step("It has the scale of the chapter", points=0.5, stop=False):
        for factor, what, look, mistake in (
            (
                3,
                "three times as large: 19,200 times the mean, the sum over all values",
                "The multiplier is 80 x 80. Three times as much would make beta a third.",
                "times-19200",
            ),
            (1 / _SCALE, "the mean over the values, not multiplied", "times 80 x 80", "not-scaled"),
            (784 / _SCALE, "784 times the mean, as for the digits", "Images have other sides here.", "times-784"),
            (-1, "the right size with the wrong sign", "Keras's function is positive already.", "wrong-sign"),
        ):
            if np.allclose(found, factor * wanted, rtol=1e-3):
                scale = factor
                step.fail(
                    expected=f"{float(np.ravel(wanted)[0]):,.1f}{_UNIT}",
                    found=f"{float(np.ravel(found)[0]):,.1f}: {what}",
                    look=look,
                    mistake=mistake,
                )
    with step("It is the binary cross-entropy", points=0.5):
        found = found / scale
        swapped = measures.bce_per_image(p, np.clip(x, 1e-7, 1 - 1e-7)) * _SCALE / _VALUES
        step.expect(
            not np.allclose(found, swapped if found.shape else swapped.mean(), rtol=1e-3),
            expected="flower_loss(x, p): the image first, the prediction second",
            found="the two in each other's place",
            look="the order of the arguments of binary_crossentropy",
            mistake="swapped-arguments",
        )
        squares = _SCALE * ((x - p) ** 2).mean(axis=(1, 2, 3))
        step.expect(
            not np.allclose(found, squares if found.shape else squares.mean(), rtol=1e-3),
            expected="binary cross-entropy",
            found="the squared error",
            look="keras.losses.binary_crossentropy",
            mistake="squared-error",
        )
        step.expect(
            np.allclose(found, wanted, rtol=1e-3),
            expected=f"{float(np.ravel(wanted)[0]):,.1f}{_UNIT}",
            found=f"{float(np.ravel(found)[0]):,.1f}",
            look="80 x 80 times the mean of binary_crossentropy(x, p)",
            mistake="wrong-value",
        )


def _loss_values(function, x, p):
    """The values of a learner's loss; a Keras loss object averages over the batch."""
    import tensorflow as tf

    value = function(tf.constant(x), tf.constant(p))
    return call(lambda: value, name="flower_loss")


@rule(
    "flowers.beta",
    points=1,
    title="The effective beta puts reconstruction and KL on one scale, nats per image",
    answers={"beta": Number()},
)
def beta(step, beta):
    with step("It is c x w x P / s", points=1):
        for value, what, look, mistake in (
            (0.0002, "0.0002: the weight itself", "What is the other term multiplied by?", "weight-itself"),
            (
                0.0006,
                "0.0006: the KL counted once",
                "Look at what the cell above measured: how often is the KL added?",
                "counted-once",
            ),
            (
                0.0004,
                "0.0004: the reconstruction taken for a sum over all values",
                "6,400 times a mean of 19,200 values is not their sum.",
                "colours-forgotten",
            ),
            (
                0.0002 * 2 * 784,
                f"{0.0002 * 2 * 784:g}: with the 784 of chapter 3",
                "How many values has an image here?",
                "digits",
            ),
            (
                0.0002 * 2 * _SCALE,
                f"{0.0002 * 2 * _SCALE:g}: the multiplier instead of values over multiplier",
                "beta is c x w x P / s; s has gone into the wrong place.",
                "times-multiplier",
            ),
            (
                0.0002 * 2 / 3,
                "0.000133: divided by three instead of multiplied",
                "Multiply the whole loss by what makes its first term R.",
                "upside-down",
            ),
            (
                0.0002 * 2 * _VALUES,
                f"{0.0002 * 2 * _VALUES:g}: not divided by the multiplier",
                "beta is c x w x P / s.",
                "multiplier-missing",
            ),
        ):
            step.expect(
                not np.isclose(beta, value, rtol=0.02),
                expected="the factor of K once both terms are in nats per image",
                found=what,
                look=look,
                mistake=mistake,
            )
        step.expect(
            np.isclose(beta, _BETA, rtol=0.02),
            expected="the factor of K once both terms are in nats per image",
            found=f"{beta:.6g}",
            look="c: how often the KL is counted; w: the weight; P: values of an image; s: the multiplier",
            mistake="wrong-value",
        )


@rule(
    "flowers.trained",
    points=1,
    title="The network explains a good share of what can be explained, on flowers that it has not seen",
    answers={"vae": Model(input_shape=_IMAGE), "source": Anything('"synthetic" or "photos"')},
)
def trained(step, vae, source):
    with step("It is a network for the flowers that you chose"):
        source = str(source)
        step.expect(
            source in _SOURCES,
            expected='the source of your flowers, "synthetic" or "photos"',
            found=describe(source),
            look="Hand in `flowers.source`, as the cell does.",
            mistake="unknown-source",
        )
        expect_shapes(step, vae, input_shape=_IMAGE, output_shape=_IMAGE)
    with step("Its images beat the mean image", points=0.5):
        mean, images = step.data.flowers(source)
        copies, per_value = best_reading(images, predict(vae, images, batch_size=50))
        loss = per_value * _SCALE
        floor, baseline = (
            float(values.mean()) * _SCALE / _VALUES
            for values in (measures.entropy_per_image(images), measures.bce_per_image(images, mean))
        )
        expected = f"a loss below the baseline, {baseline:,.1f}{_UNIT}"
        step.expect(
            abs(loss - _SCALE * np.log(2)) > _LIKE_FRESH,
            expected=expected,
            found=f"{loss:,.1f}, close to 6,400 x ln 2 = 4,436: that of a network that was not trained",
            look="Run the training cell; was it this network that was trained?",
            mistake="untrained",
        )
        # What a wrong encoder, decoder or loss makes of a training has cost its points; that nothing was trained has not.
        charged = step.charged("flowers.encoder", "flowers.decoder", "flowers.loss")
        forgiven = charged and not is_like_fresh(step, vae, images, _LIKE_FRESH / _SCALE)
        step.expect(
            forgiven or float(copies.std(axis=0).max()) > 0.02,
            expected=expected,
            found=f"{loss:,.1f}, with nearly the same image for every flower",
            look="It has learned the mean image only: train for longer; does the decoder use the code?",
            mistake="mean-image",
        )
        step.expect(
            loss < baseline or forgiven,
            expected=expected,
            found=f"{loss:,.1f}",
            look="Were the images scaled to the range from 0 to 1, and used as targets, too? Otherwise train for longer.",
            mistake="worse-than-mean-image",
        )
        expect_squeezed(step, vae, _VALUES, _LATENT, "flowers.encoder", "flowers.decoder", "flowers.vae")
    with step("It explains a good share of what can be explained", points=0.5):
        limit = threshold(f"flowers.{source}")
        share = float(measures.share_explained(loss, baseline, floor))
        step.expect(
            share >= limit or forgiven,
            expected=f"a share explained of at least {limit:.2f}",
            found=f"{share:.2f}: {loss:,.1f} between floor {floor:,.1f} and baseline {baseline:,.1f}",
            look="Train for more epochs; if the loss no longer falls, look for a layer that is too narrow.",
            mistake="trained-too-little",
        )


@rule(
    "flowers.walk",
    points=1,
    title="The walk goes in equal steps through the latent space, from one flower's code to the other's",
    answers={
        "walk": Function(),
        "encoder": Model(input_shape=_IMAGE),
        "decoder": Model(input_shape=(_LATENT,)),
    },
)
def walk(step, walk, encoder, decoder):
    first, last = draw_flowers(2, seed=int(step.rng.integers(2**31)))[0] / np.float32(255)
    steps = 5
    image = tuple(decoder.output_shape[1:])  # (80, 80, 3); whether it is right is for the decoder's check to say
    tolerance = max(2e-3, 4 * max(precision(encoder), precision(decoder)))  # half precision rounds on its way
    with step("It returns as many images as there are steps"):
        found = call(walk, first, last, steps, name="walk")
        step.expect(
            found.shape != (steps, _LATENT),
            expected=f"{steps} images",
            found=f"{steps} codes of 10 numbers",
            look="Decode them.",
            mistake="codes-not-images",
        )
        step.expect(
            found.shape[0:1] != (steps + 1,) and found.shape[0:1] != (steps - 1,),
            expected=f"{steps} images, both ends included",
            found=f"{found.shape[0] if found.ndim else 0} images",
            look="np.linspace(0, 1, steps) has both ends; np.arange has not.",
            mistake="wrong-number-of-steps",
        )
        step.expect(
            found.shape == (steps, *image),
            expected=f"shape {(steps, *image)}",
            found=f"shape {found.shape}",
            look="the decoder takes a batch of codes, one row for each step",
            mistake="wrong-shape",
        )
    with step("It is the same walk whenever it is asked"):
        again = call(walk, first, last, steps, name="walk")
        step.expect(
            np.allclose(found, again, atol=1e-4),
            expected="the same images in a second call",
            found="other images: the codes are draws",
            look="encoder(...).mean() does not change from call to call.",
            mistake="draws-not-means",
        )
    with step("It goes in equal steps on the line between the two codes", points=1):
        start, end = as_array(encoder(np.stack([first, last])).mean())
        t = np.linspace(0, 1, steps)[:, None]
        wanted = predict(decoder, ((1 - t) * start + t * end).astype(np.float32))
        if np.allclose(found, wanted, atol=tolerance):
            return
        fades = {
            "the two images mixed, pixel by pixel": (first, last),
            "the two reconstructions mixed, pixel by pixel": (wanted[0], wanted[-1]),
        }
        for what, (a, b) in fades.items():
            mix = (1 - t[..., None, None]) * a + t[..., None, None] * b
            step.expect(
                found.shape != mix.shape or not np.allclose(found, mix, atol=tolerance),
                expected="codes mixed, then decoded",
                found=what,
                look="Which of the two comes first: mixing or decoding?",
                mistake="pixel-fade",
            )
        step.expect(
            not np.allclose(found, wanted[::-1], atol=tolerance),
            expected="from `first` to `last`",
            found="from `last` to `first`",
            look="At t = 0 all of the mixture is `first`.",
            mistake="backwards",
        )
        _expect_ends_of_walk(step, found, wanted, (first, last), (start, end), decoder, tolerance)
        step.fail(
            expected="equal steps on a straight line",
            found="the right ends with other images between them",
            look="(1 - t) * start + t * end, for t in equal steps from 0 to 1",
            mistake="uneven-steps",
        )


def _expect_ends_of_walk(step, found, wanted, images, codes, decoder, tolerance):
    """Inside a step: fail unless the walk's first and last image are right; say which is not, and what stands there.

    found, wanted: the images of the walk. images: the two flowers. codes: their posterior means.
    tolerance: how far values of the same image may lie apart.
    """
    start, end = codes
    shares = sorted({i / parts for parts in range(len(found) - 1, len(found) + 2) for i in range(parts + 1)})
    on_the_line = predict(decoder, np.array([(1 - t) * start + t * end for t in shares], np.float32))
    known = [(image, f"the code {t:.0%} of the way, decoded") for t, image in zip(shares, on_the_line, strict=True)]
    known += [(image, f"`{name}` itself, not decoded") for image, name in zip(images, _ENDS, strict=True)]
    known = [(image, what) for image, what in known if image.shape == found.shape[1:]]
    wrong = {}
    for place, name in zip((0, -1), _ENDS, strict=True):
        if np.allclose(found[place], wanted[place], atol=tolerance):
            continue
        nearest, what = min(known, key=lambda pair: np.abs(found[place] - pair[0]).mean())
        if not np.allclose(found[place], nearest, atol=tolerance):
            away = float(np.abs(found[place] - wanted[place]).mean())
            what = f"another image, {away:.2g} away per value on average (values reach 1)"
        wrong[name] = what
    step.expect(
        not wrong,
        expected="; ".join(f"{name} image: the posterior mean of `{name}`, decoded" for name in wrong),
        found="; ".join(f"{name} image: {what}" for name, what in wrong.items()),
        look="t runs from 0 (`first`) to 1 (`last`), both included: np.linspace(0, 1, steps)."
        if any("of the way" in what for what in wrong.values())
        else "Does the function use its own arguments, and the encoder and decoder as they are now?",
        mistake="wrong-ends",
    )
