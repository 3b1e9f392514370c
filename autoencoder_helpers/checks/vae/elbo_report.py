"""`vae.elbo_report`: reconstruction, KL and negative ELBO of the test images."""

import contextlib

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, as_array
from autoencoder_helpers.checks.clouds import clouds_of
from autoencoder_helpers.checks.expectations import expect_no_known_mistake
from autoencoder_helpers.checks.models import predict
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.numbers import about
from autoencoder_helpers.checks.vae.sizes import IMAGE, PIXELS
from autoencoder_helpers.checks.vae.wrong_kls import wrong_kls

_OWN = 400  # images, each with a cloud of its own


@rule(
    "vae.elbo_report",
    points=1,
    title="Reconstruction, KL and negative ELBO, each once and each named",
    answers={"elbo_report": Function()},
    builds_on=("reconstruction_loss", "gaussian_kl", "sample_z"),
)
def elbo_report(step, elbo_report):
    images = step.rng.random((500, *IMAGE)).astype(np.float32) ** 3
    probe_encoder, probe_decoder = _probe_vae(step.rng)
    decoded = _Costs(images, probe_encoder, probe_decoder)
    mean, stddev = decoded.mean, decoded.stddev
    exact_of_each = measures.gaussian_kl(mean, stddev)
    exact = float(exact_of_each.mean())
    _, wanted, tolerance = decoded.right(step.rng)  # K and decoded means lie at least twice as far
    with step("It returns three numbers: R, K, R + K"):
        found = elbo_report(images, probe_encoder, probe_decoder)
        if isinstance(found, dict):
            found = list(found.values())
            step.note("The next cells take three numbers apart by their order: return R, K, R + K, without names.")
        step.expect(
            found is not None,
            expected="three numbers",
            found="None",
            look="the return at the end of the function",
            mistake="no-return",
        )
        if isinstance(found, (tuple, list)):
            found = [as_array(part, "the result of elbo_report") for part in found]
            step.expect(
                all(part.size == 1 for part in found),
                expected="each number a mean over the images",
                found=f"arrays of shape {', '.join(str(part.shape) for part in found)}",
                look="tf.reduce_mean over the images",
                mistake="not-averaged",
            )
            found = [float(part.reshape(())) for part in found]
        found = as_array(found, "the result of elbo_report").astype(float)
        step.expect(
            found.shape == (3,),
            expected="three numbers: R, K, R + K",
            found=f"shape {found.shape}",
            look="return R, K, R + K",
            mistake="wrong-shape",
        )
        R, K, total = (float(value) for value in found)
        step.expect(
            not (about(R, exact, 1e-3 * exact) and about(K, wanted, tolerance)),
            expected="R first, then K, then their sum",
            found="K first",
            look="the order in the return",
            mistake="swapped-results",
        )
        R_again, K_again, _ = _numbers(elbo_report(images, probe_encoder, probe_decoder))
        returned = K
    with step("K is the exact KL, counted once, mean over the images", points=0.5, stop=False):
        if about(K, exact, 5e-5 * exact):  # so is one estimate in two hundred
            K = K_again
        if not about(K, exact, 5e-5 * exact):  # float32 is good for 1e-6, an estimate from draws for 1e-2
            expected = f"{exact:.3f} nats per image"
            step.expect(
                not about(K, exact_of_each[0], 5e-5 * exact),
                expected=expected,
                found=f"{K:.3f}, the KL of the first image",
                look="tf.reduce_mean over all images, not the first of them",
                mistake="first-image-only",
            )
            expect_no_known_mistake(
                step,
                (
                    (2 * exact, "kl-twice", "twice the KL", "encoder.losses counts it twice; use your gaussian_kl"),
                    (exact / 2, "kl-half", "half of the KL", "No weight appears in a report: K itself, once."),
                    (exact * len(images), "summed-over-images", "the sum over all images",
                     "tf.reduce_mean over the images"),
                    (-exact, "wrong-sign", "the right size with the wrong sign", "K itself is reported, not - K"),
                ),
                lambda value: about(K, value, 3e-3 * abs(value)),
                is_right=False,
                expected=expected,
                before=f"{K:.3f}, ",
            )  # fmt: skip
            near = about(K, exact, 0.15 * exact)
            step.expect(
                not near or _gives_again(K, elbo_report, images, probe_encoder, probe_decoder),
                expected=f"{exact:.3f} nats per image, by formula",
                found=f"{K:.3f}, and another K in a second call: an estimate from draws",
                look="gaussian_kl(cloud.mean(), cloud.stddev()), or tfd.kl_divergence",
                mistake="estimate-not-exact",
            )
            expect_no_known_mistake(
                step,
                [
                    (values, mistake, name, f"the formula of K, in your gaussian_kl: {look}")
                    for values, mistake, name, look in wrong_kls(mean, stddev)
                ],
                lambda values: np.isclose(K, np.mean(values), rtol=1e-4),
                is_right=False,
                expected=expected,
                before=f"{K:.3f}: ",
            )
            step.fail(
                expected=expected,
                found=f"{K:.3f}, in a second call, too: no draws, but another formula" if near else f"{K:.3f}",
                look="the formula of K: does your gaussian_kl pass its check?"
                + ("" if near else " And is the encoder the one that is given, or the notebook's?"),
                mistake="kl-formula" if near else "wrong-kl",
            )
    with step("R comes from one draw per image, and the third number is R + K", points=0.5, stop=False):
        at_mean = float(decoded(mean).mean())
        shared = float(decoded(mean + stddev * step.rng.normal(size=(len(mean), 1))).mean())
        step.expect(
            about(R, wanted, tolerance)
            or not np.isclose(R, decoded(mean)[0], rtol=0.3)
            or not _looks_at_first_alone(R, elbo_report, images, probe_encoder, probe_decoder),
            expected=f"{wanted:.1f} nats per image",
            found=f"{R:.4g}, as of the first image alone",
            look="tf.reduce_mean over all images, not the first of them",
            mistake="first-image-only",
        )
        expect_no_known_mistake(
            step,
            (
                (wanted / PIXELS, "per-pixel", "nats per pixel", "the sum over the pixels, as in reconstruction_loss"),
                (wanted * len(images), "summed-over-images", "the sum over all images",
                 "tf.reduce_mean over the images"),
                (-wanted, "wrong-sign", "the right size with the wrong sign", "R is a loss: positive"),
                (at_mean, "mean-not-drawn", "decoded means",
                 "R is an average over the cloud: decode a draw, cloud.sample()"),
                (wanted + exact, "kl-in-reconstruction", "R with the KL in it", "R is the reconstruction alone"),
            ),
            lambda value: about(R, value, tolerance * abs(value) / wanted),
            is_right=about(R, wanted, tolerance),
            expected=f"{wanted:.1f} nats per image",
            before=f"{R:.4g}, ",
        )  # fmt: skip
        beside = about(R, shared, tolerance) and not about(R, wanted, tolerance)  # so is mean + stddev
        step.expect(
            not (beside and np.isclose(R, R_again, rtol=1e-6)),
            expected=f"{wanted:.1f} nats per image",
            found=f"{R:.4g}, in a second call, too: without chance",
            look="R is an average over the cloud: decode a draw, cloud.sample()",
            mistake="mean-not-drawn",
        )
        step.expect(
            not beside,
            expected=f"{wanted:.1f} nats per image",
            found=f"{R:.4g}, as with one random number for both latent variables",
            look="eps has the shape of the means, (images, 2): cloud.sample()",
            mistake="shared-noise",
        )
        of_prior = float(decoded(step.rng.normal(size=mean.shape)).mean())
        step.expect(
            about(R, wanted, tolerance) or not np.isclose(R, of_prior, rtol=0.1),
            expected=f"{wanted:.1f} nats per image",
            found=f"{R:.4g}, about as much as draws from the prior cost",
            look="R restores each image from a draw of its own cloud: encoder(images).sample(). "
            "Or does the function use the notebook's networks, not those it is given?",
            mistake="prior-not-cloud",
        )
        step.expect(
            about(R, wanted, tolerance),
            expected=f"{wanted:.1f} nats per image (draws move it by {tolerance / 6:.1f})",
            found=f"{R:.4g}",
            look="Does the function use the encoder and the decoder it is given, or the notebook's?",
            mistake="wrong-reconstruction",
        )
        _expect_own_draws(step, elbo_report)
        if about(total, R + exact, 1e-2):  # right, even if the K that is returned is not
            return
        for value, mistake, look in (
            (-(R + returned), "elbo-sign", "This is the ELBO; the third number is its negative, R + K."),
            (R - returned, "kl-sign", "R + K: both terms are costs"),
            (R + 2 * returned, "kl-twice", "In the ELBO the KL counts once, whatever the training did."),
            (R + returned / 2, "kl-half", "In the ELBO the KL counts once, whatever its weight was."),
            (R, "kl-missing", "the KL belongs to it"),
        ):
            step.expect(
                about(total, R + returned, 1e-2) or not about(total, value, 1e-2),
                expected=f"R + K = {R + returned:.2f} nats per image",
                found=f"{total:.2f}",
                look=look,
                mistake=mistake,
            )
        step.expect(
            about(total, R + returned, 1e-2),
            expected=f"R + K = {R + returned:.2f} nats per image, of the same draw",
            found=f"{total:.2f}",
            look="Add the two numbers that you return; draw once.",
            mistake="wrong-sum",
        )


def _expect_own_draws(step, elbo_report):
    """Inside a step: fail unless each image is compared with what is decoded from a draw of its own cloud."""
    images = step.rng.random((_OWN, *IMAGE)) ** 3 * step.rng.permutation(np.linspace(0.1, 1, _OWN))[:, None, None, None]
    cost = _Costs(images, *_probe_of_own_clouds(step.rng))
    of_each, wanted, tolerance = cost.right(step.rng, draws=4)
    R = _numbers(elbo_report(cost.images, cost.encoder, cost.decoder))[0]
    expect_no_known_mistake(
        step,
        (
            (cost(cost.mean[::-1]).mean(), "other-images", "images compared with copies of others",
             "The draws stand in the order of the images: compare them in that order."),
            (cost(cost.mean[step.rng.permutation(_OWN)]).mean(), "other-images", "images compared with copies of others",
             "The draws stand in the order of the images: compare them in that order."),
            (cost(np.tile(cost.mean.mean(axis=0), (_OWN, 1))).mean(), "shared-cloud", "draws from one cloud for all",
             "Each image has a cloud of its own, with its mean and its standard deviations."),
            (np.median(of_each), "median", "the median over the images", "the mean over the images: tf.reduce_mean"),
            (of_each[0], "first-image-only", "the first image alone", "tf.reduce_mean over all images"),
            (of_each[:32].mean(), "first-images-only", "the first 32 images", "the mean over all images"),
        ),
        lambda value: about(R, value, tolerance),
        is_right=about(R, wanted, tolerance),
        expected=f"{wanted:.1f} nats per image, for images of which some are bright and some are dark",
        before=f"{R:.4g}, as of ",
    )  # fmt: skip
    step.expect(
        about(R, wanted, tolerance),
        expected=f"{wanted:.1f} nats per image, for images of which some are bright and some are dark",
        found=f"{R:.4g}",
        look="Each image is compared with what comes of its own cloud; and R is the mean over all images.",
        mistake="wrong-reconstruction",
    )
    cost = _Costs(step.rng.uniform(0.5, 1, (_OWN, *IMAGE)), *_probe_of_chance(step.rng))
    _, wanted, tolerance = cost.right(step.rng, draws=8)
    found = [_numbers(elbo_report(cost.images, cost.encoder, cost.decoder))[0] for _ in range(3)]
    expected = f"{wanted:.0f} nats per image, and little else in another call: so many draws, one for each image"
    for sign in (1, -1):
        beside = float(cost(cost.mean + sign * cost.stddev).mean())
        step.expect(
            not all(about(number, beside, tolerance) for number in found),
            expected=expected,
            found=f"{found[0]:.4g}, as of mean {'+' if sign > 0 else '-'} stddev, without chance",
            look="A draw is mean + stddev * eps, with eps from a standard normal distribution: cloud.sample()",
            mistake="mean-not-drawn",
        )
    step.expect(
        all(about(number, wanted, tolerance) for number in found),
        expected=expected,
        found=", then ".join(f"{number:.4g}" for number in found),
        look="Does each image have a draw of its own? eps has the shape of the means, (images, 2).",
        mistake="shared-noise",
    )


class _Costs:
    """What the copies of images cost that a decoder makes, by z. Calls return nats for each image."""

    def __init__(self, images, encoder, decoder):
        self.images, self.encoder, self.decoder = images.astype(np.float32), encoder, decoder
        self.mean, self.stddev = clouds_of(encoder, self.images)

    def __call__(self, z) -> np.ndarray:
        return measures.bce_per_image(self.images, predict(self.decoder, np.asarray(z, np.float32)))

    def right(self, rng, draws=16):
        """What draws cost: for each image, in the mean, and how far a right report may be from that."""
        each = np.array([self(self.mean + self.stddev * rng.normal(size=self.mean.shape)) for _ in range(draws)])
        # Draws of different images are independent. Six deviations: a right report misses them once in a hundred million.
        deviation = float(np.sqrt(each.var(axis=0, ddof=1).mean() / each.shape[1]))
        return each[0], float(each.mean()), 6 * deviation + 3e-4 * float(each.mean())


def _numbers(report) -> list[float]:
    """The three numbers of a report, which may have names."""
    parts = report.values() if isinstance(report, dict) else report
    return [float(np.asarray(part).reshape(())) for part in parts]


def _looks_at_first_alone(R, elbo_report, images, *networks) -> bool:
    """Whether R stays about what it is when all images but the first become others, and not when the first does."""
    with contextlib.suppress(Exception):
        stays = []
        for first, others in ((images[:1], 1 - images[1:]), (1 - images[:1], images[1:])):
            report = elbo_report(np.concatenate([first, others]), *networks)
            stays.append(bool(np.isclose(_numbers(report)[0], R, rtol=0.2)))
        return stays == [True, False]
    return False


def _gives_again(K, elbo_report, *arguments) -> bool:
    """Whether a second report has the same K, up to the last digits; not if it cannot be read."""
    with contextlib.suppress(Exception):
        return bool(np.isclose(_numbers(elbo_report(*arguments))[1], K, rtol=1e-5))
    return False


def _probe_vae(rng):
    """A small encoder and decoder with random weights, K of a few nats, and clouds wide enough to matter for R."""
    # Means far from 0 give a K of about 20 nats; the decoder's bias makes up for them, so that R depends on the
    # width of the clouds but little on chance.
    place = rng.uniform(4, 5, 2) * rng.choice([-1, 1], 2)
    kernel = rng.normal(0, 0.01, (PIXELS, 4)) * [1, 1, 0.5, 0.5]
    kernel -= kernel.mean(axis=0)
    # Clouds so narrow that the logarithms add up to more than 1.1: at 1, K with the logarithm of the variance would be K
    # without its - 1, and the wrong one of two mistakes be named.
    biases = np.array([*place, *rng.uniform(-0.5, -0.3, 2)])
    # Both latent variables do about the same to a pixel: one random number for both would move it further.
    weights = rng.normal(0, 0.5, PIXELS) * rng.uniform(0.7, 1.3, (2, PIXELS))
    return _encoder(kernel, biases), _decoder(weights, rng.normal(-1, 0.3, PIXELS) - place @ weights)


def _probe_of_own_clouds(rng):
    """The same with narrow clouds that follow an image's brightness: R hangs on whose cloud it is, hardly on chance."""
    kernel = np.array([*rng.choice([-1, 1], 2) * rng.uniform(3, 4, 2), 0, 0]) * 4 / PIXELS
    biases = np.array([*(-kernel[:2] * PIXELS * 0.14), *rng.uniform(-6, -5, 2)])
    # What is bright in an image is bright in its copy.
    weights = np.sign(kernel[:2, None]) * np.abs(rng.normal(0.5, 0.1, (2, PIXELS)))
    return _encoder(np.tile(kernel, (PIXELS, 1)), biases), _decoder(weights, rng.normal(-2, 0.3, PIXELS))


def _probe_of_chance(rng):
    """The same with wide clouds, and copies of bright images so dark that what they cost is linear in z: chance goes
    into R in full, and cancels over many draws.
    """
    kernel = rng.normal(0, 0.002, (PIXELS, 4))
    kernel -= kernel.mean(axis=0)
    weights = rng.choice([-1, 1]) * np.abs(rng.normal(0.4, 0.05, (2, PIXELS)))
    return _encoder(kernel, np.array([*rng.normal(0, 0.3, 2), 0.0, 0.0])), _decoder(
        weights, rng.normal(-6, 0.3, PIXELS)
    )


def _encoder(kernel, biases):
    """An encoder: image -> cloud over two latent variables, by one matrix of shape (pixels, 4)."""
    import tensorflow as tf
    import tensorflow_probability as tfp
    import tf_keras as keras

    tfd, tfpl = tfp.distributions, tfp.layers
    standard = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)
    regularizer = tfpl.KLDivergenceRegularizer(standard, use_exact_kl=True, weight=1.0)
    encoder = keras.Sequential(
        [
            keras.layers.Input(IMAGE),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
            tfpl.IndependentNormal(2, activity_regularizer=regularizer),
        ]
    )
    encoder.set_weights([kernel, biases])
    return encoder


def _decoder(weights, biases):
    """A decoder: z -> image, by one matrix of shape (2, pixels)."""
    from tf_keras import Sequential, layers

    decoder = Sequential([layers.Input((2,)), layers.Dense(PIXELS, activation="sigmoid"), layers.Reshape(IMAGE)])
    decoder.set_weights([weights, biases])
    return decoder
