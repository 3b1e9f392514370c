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
    mean, stddev = clouds_of(probe_encoder, images)
    exact_of_each = measures.gaussian_kl(mean, stddev)
    exact = float(exact_of_each.mean())

    def decoded(z):
        return measures.bce_per_image(images, predict(probe_decoder, z.astype("f4")))

    def reconstruction(noise):
        return float(decoded(mean + stddev * noise).mean())

    reports = [reconstruction(step.rng.normal(size=mean.shape)) for _ in range(16)]
    # Eight deviations: a right report misses them once in a million; K and decoded means lie at least twice as far.
    wanted, tolerance = float(np.mean(reports)), 8 * float(np.std(reports)) + 3e-4 * float(np.mean(reports))
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
    with step("K is the exact KL, counted once, mean over the images", points=0.5, stop=False):
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
        at_mean = reconstruction(0.0)
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
            expected=f"{wanted:.1f} nats per image (a draw moves it by {np.std(reports):.1f})",
            found=f"{R:.4g}",
            look="Does the function use the encoder and the decoder it is given, or the notebook's?",
            mistake="wrong-reconstruction",
        )
        if about(total, R + exact, 1e-2):  # right, even if the K that is returned is not
            return
        for value, mistake, look in (
            (-(R + K), "elbo-sign", "This is the ELBO; the third number is its negative, R + K."),
            (R - K, "kl-sign", "R + K: both terms are costs"),
            (R + 2 * K, "kl-twice", "In the ELBO the KL counts once, whatever the training did."),
            (R + K / 2, "kl-half", "In the ELBO the KL counts once, whatever its weight was."),
            (R, "kl-missing", "the KL belongs to it"),
        ):
            step.expect(
                about(total, R + K, 1e-2) or not about(total, value, 1e-2),
                expected=f"R + K = {R + K:.2f} nats per image",
                found=f"{total:.2f}",
                look=look,
                mistake=mistake,
            )
        step.expect(
            about(total, R + K, 1e-2),
            expected=f"R + K = {R + K:.2f} nats per image, of the same draw",
            found=f"{total:.2f}",
            look="Add the two numbers that you return; draw once.",
            mistake="wrong-sum",
        )


def _looks_at_first_alone(R, elbo_report, images, *networks) -> bool:
    """Whether R stays about what it is when all images but the first become others, and not when the first does."""
    with contextlib.suppress(Exception):
        stays = []
        for first, others in ((images[:1], 1 - images[1:]), (1 - images[:1], images[1:])):
            report = elbo_report(np.concatenate([first, others]), *networks)
            numbers = list(report.values()) if isinstance(report, dict) else list(report)
            stays.append(bool(np.isclose(float(np.asarray(numbers[0])), R, rtol=0.2)))
        return stays == [True, False]
    return False


def _gives_again(K, elbo_report, *arguments) -> bool:
    """Whether a second report has the same K, up to the last digits; not if it cannot be read."""
    with contextlib.suppress(Exception):
        report = elbo_report(*arguments)
        numbers = list(report.values()) if isinstance(report, dict) else list(report)
        return bool(np.isclose(float(np.asarray(numbers[1])), K, rtol=1e-5))
    return False


def _probe_vae(rng):
    """A small encoder and decoder with random weights, K of a few nats, and clouds wide enough to matter for R."""
    import tensorflow as tf
    import tensorflow_probability as tfp
    import tf_keras as keras

    tfd, tfpl, layers = tfp.distributions, tfp.layers, keras.layers
    standard = tfd.Independent(tfd.Normal(tf.zeros(2), 1.0), reinterpreted_batch_ndims=1)
    regularizer = tfpl.KLDivergenceRegularizer(standard, use_exact_kl=True, weight=1.0)
    encoder = keras.Sequential(
        [
            layers.Input(IMAGE),
            layers.Flatten(),
            layers.Dense(4),
            tfpl.IndependentNormal(2, activity_regularizer=regularizer),
        ]
    )
    decoder = keras.Sequential([layers.Input((2,)), layers.Dense(PIXELS, activation="sigmoid"), layers.Reshape(IMAGE)])
    # Means far from 0 give a K of about 20 nats; the decoder's bias makes up for them, so that R depends on the
    # width of the clouds but little on chance.
    place = rng.uniform(4, 5, 2) * rng.choice([-1, 1], 2)
    kernel = rng.normal(0, 0.01, (PIXELS, 4)) * [1, 1, 0.5, 0.5]
    kernel -= kernel.mean(axis=0)
    # Clouds so narrow that the logarithms add up to more than 1.1: at 1, K with the logarithm of the variance would be K
    # without its - 1, and the wrong one of two mistakes be named.
    encoder.set_weights([kernel, np.array([*place, *rng.uniform(-0.5, -0.3, 2)])])
    weights = rng.normal(0, 0.5, (2, PIXELS))
    decoder.set_weights([weights, rng.normal(-1, 0.3, PIXELS) - place @ weights])
    return encoder, decoder
