"""The rules of chapter 3: the variational autoencoder on MNIST.

Functions are asked for their values on fresh random inputs and on small networks made here; networks are asked for
their distributions and for what they add to the loss. The quantities themselves come from `measures`.
"""

import contextlib

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Distribution, Function, Model, as_array, call
from autoencoder_helpers.checks.expectations import expect_layers, expect_shapes
from autoencoder_helpers.checks.models import all_layers, predict, stages
from autoencoder_helpers.checks.rule import NotYet, describe, rule
from autoencoder_helpers.reference.values import threshold

_IMAGE = (28, 28, 1)
_PIXELS = 784
_COLLAPSED, _FREE = 0.5, 12.0  # nats: beta 8 leaves K at 0.1 or less, beta 1 at 4 to 5, beta 0 at 20 or more


@rule(
    "vae.prior",
    points=1,
    title="The prior gives one log density to each latent vector of two numbers",
    answers={"prior": Distribution()},
)
def prior(step, prior):
    with step("It scores two numbers together: event shape [2], batch shape []", points=0.5, stop=False):
        batch, event = prior.batch_shape, prior.event_shape
        found = f"batch shape {batch}, event shape {event}"
        step.expect(
            not (batch == [2] and event == []),
            expected="batch shape [], event shape [2]",
            found=found,
            look="Your prior scores each latent number alone; wrap it in tfd.Independent.",
            mistake="unwrapped-prior",
        )
        step.expect(
            (batch, event) == ([], [2]),
            expected="batch shape [], event shape [2]",
            found=found,
            look="two numbers in loc, and reinterpreted_batch_ndims=1",
            mistake="wrong-latent-dim",
        )
        draws = as_array(prior.sample(5), "prior.sample(5)")
        step.expect(
            draws.shape == (5, 2) and bool((draws != draws[0]).any()),
            expected="another pair of numbers with every draw",
            found=f"draws of shape {draws.shape}" + (", all the same" if draws.shape == (5, 2) else ""),
            look="The prior is a distribution of tfd itself, not something of your own that stands for one.",
            mistake="no-distribution",
        )
    if step.mistake == "wrong-latent-dim":
        return
    with step("Both numbers are standard normal and independent", points=0.5):
        z = step.rng.normal(0, 2, (40, 2)).astype(np.float32)
        wanted = _standard_normal(z)
        found = as_array(prior.log_prob(z.astype(prior.dtype)), "prior.log_prob(z)")
        if step.mistake == "unwrapped-prior" and found.shape == z.shape:
            found = found.sum(axis=1)
        if found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-3):
            return
        step.expect(
            found.shape == wanted.shape,
            expected="40 log densities for 40 latent vectors",
            found=f"shape {found.shape}",
            look="reinterpreted_batch_ndims=1",
            mistake="wrong-shape",
        )
        draws = as_array(prior.sample(4000), "prior.sample(4000)")
        mean, stddev = draws.mean(axis=0), draws.std(axis=0)
        step.expect(
            float(np.abs(mean).max()) < 0.2,
            expected="means 0 and 0",
            found=f"means {_numbers(mean)}",
            look="`loc`, the mean of the normal distribution",
            mistake="mean-not-zero",
        )
        step.expect(
            float(np.abs(stddev - 1).max()) < 0.1,
            expected="standard deviations 1 and 1",
            found=f"standard deviations {_numbers(stddev)}",
            look="`scale`, the standard deviation of the normal distribution",
            mistake="stddev-not-one",
        )
        step.fail(
            expected="two independent normal numbers",
            found="another distribution with the same means and standard deviations",
            look="tfd.Normal, and nothing that ties the two numbers together",
            mistake="not-normal",
        )


@rule(
    "vae.encoder",
    points=1,
    title="The encoder answers each image with a distribution over two latent numbers",
    answers={"encoder": Model(input_shape=_IMAGE)},
)
def encoder(step, encoder):
    images = step.rng.random((7, *_IMAGE)).astype(np.float32)
    with step("Images of 28 x 28 x 1 go in"):
        step.expect(
            tuple(encoder.input_shape[1:]) == _IMAGE,
            expected=f"input shape {_IMAGE} for each image",
            found=encoder.input_shape[1:],
            look="the first layer",
            mistake="wrong-input-shape",
        )
    with step("A distribution over two numbers comes out"):
        expect_layers(step, encoder)
        cloud = _cloud(encoder, images)
        mean, stddev = as_array(cloud.mean()), as_array(cloud.stddev())
        step.expect(
            mean.shape == stddev.shape == (7, 2),
            expected="means and standard deviations of shape (7, 2) for 7 images",
            found=f"shape {mean.shape}",
            look="IndependentNormal(2) gives two latent numbers; it needs four numbers for each image.",
            mistake="wrong-latent-dim",
        )
        step.expect(
            float(stddev.min()) > 0,
            expected="positive standard deviations",
            found=f"one of {stddev.min():.3g}",
            look="the activation in front of the distribution layer",
            mistake="stddev-zero",
        )
    with step(
        "It is a normal cloud of its own for each image, with means that may be any number", points=0.5, stop=False
    ):
        z = mean + step.rng.normal(size=mean.shape).astype(np.float32)
        step.expect(
            np.allclose(as_array(cloud.log_prob(z)), _normal(z, mean, stddev), atol=1e-2),
            expected="two independent normal numbers for each image",
            found="another distribution",
            look="tfpl.IndependentNormal(2): two means and two standard deviations, no covariance",
            mistake="not-independent-normal",
        )
        last = stages(encoder)[-1].activation if stages(encoder) else "linear"
        step.expect(
            last == "linear",
            expected="means that may be any number",
            found=f"{last} on the layer that makes the parameters",
            look="the activation of the last Dense layer: none",
            mistake="activation-on-parameters",
        )
        other = as_array(_cloud(encoder, images**3).mean())
        step.expect(
            float(np.abs(other - mean).max()) > 1e-6,
            expected="another cloud for another image",
            found="the same cloud for all images",
            look="Do the convolutions reach the last two layers?",
            mistake="ignores-image",
        )
    with step("It adds a KL to the loss", points=0.5, stop=False):
        encoder(images)
        step.expect(
            len(encoder.losses) > 0,
            expected="an entry in encoder.losses",
            found="none",
            look="activity_regularizer=tfpl.KLDivergenceRegularizer(prior, ...) in the distribution layer",
            mistake="kl-missing",
        )
        found = _added(encoder)
        step.expect(
            np.isfinite(found) and found != 0,
            expected="a KL that is not 0",
            found=f"{found:g} in encoder.losses",
            look="Does the regularizer get the weight that make_encoder was given?",
            mistake="kl-weight-zero",
        )


@rule(
    "vae.sample_z",
    points=1,
    title="A draw is the mean plus noise stretched by the standard deviation",
    answers={"sample_z": Function()},
)
def sample_z(step, sample_z):
    mean, eps = (step.rng.normal(0, scale, (50, 2)).astype(np.float32) for scale in (2, 1))
    stddev = step.rng.uniform(0.3, 2.5, (50, 2)).astype(np.float32)
    wanted = mean + stddev * eps
    with step("It gives one latent vector for each image"):
        found = _call(sample_z, mean, stddev, eps, name="sample_z")
        step.expect(
            found.shape == wanted.shape,
            expected="shape (50, 2) for 50 images",
            found=f"shape {found.shape}",
            look="Nothing is summed here: each latent number has its own noise.",
            mistake="wrong-shape",
        )
    with step("The given noise reproduces the draw", points=1):
        _name_the_mistake(
            step,
            found,
            wanted,
            expected="mean + stddev * eps",
            known=[
                (
                    mean + stddev**2 * eps,
                    "variance",
                    "the variance in place of the standard deviation",
                    "stddev is already a standard deviation: square nothing",
                ),
                (
                    mean + np.sqrt(stddev) * eps,
                    "root-of-stddev",
                    "the square root of stddev",
                    "stddev is no variance: take no root",
                ),
                (
                    mean + np.exp(stddev) * eps,
                    "exponential",
                    "the exponential of stddev",
                    "stddev is no logarithm: take no exp",
                ),
                (
                    mean + np.exp(stddev / 2) * eps,
                    "log-variance",
                    "stddev read as a log variance",
                    "stddev is a standard deviation: take no exp",
                ),
                (
                    mean + np.log1p(np.exp(stddev)) * eps,
                    "softplus",
                    "the softplus of stddev",
                    "The layer has applied softplus already: use stddev as it is.",
                ),
                (mean - stddev * eps, "wrong-sign", "mean - stddev * eps", "the sign of the noise"),
                (mean + eps, "stddev-ignored", "noise that is not stretched", "where does stddev come in?"),
                (mean, "noise-ignored", "the mean alone", "where does eps come in?"),
                (mean + stddev, "noise-ignored", "no noise", "where does eps come in?"),
                (
                    mean * eps + stddev,
                    "swapped",
                    "mean and stddev in each other's place",
                    "which one moves, which stretches?",
                ),
                ((mean + eps) * stddev, "wrong-order", "(mean + eps) * stddev", "stretch first, then move"),
                (stddev * eps, "mean-ignored", "draws around 0", "where does the mean come in?"),
            ],
            look="With eps = 0 it must be the mean; with eps = 1 one standard deviation above it.",
            unit="for the first number",
            own_noise=lambda: _call(sample_z, mean, stddev, eps, name="sample_z"),
        )


@rule(
    "vae.gaussian_kl",
    points=1,
    title="The KL of a cloud from the prior, by formula, one number per image",
    answers={"gaussian_kl": Function()},
)
def gaussian_kl(step, gaussian_kl):
    mean = step.rng.normal(0, 1.5, (9, 2)).astype(np.float32)
    stddev = step.rng.uniform(0.2, 2.5, (9, 2)).astype(np.float32)
    wanted = measures.gaussian_kl(mean, stddev)
    with step("It gives one number for each image"):
        found = _call(gaussian_kl, mean, stddev, name="gaussian_kl")
        step.expect(
            found.size != 1,
            expected="9 numbers for 9 images",
            found="one number for all",
            look="Sum over the latent variables (the last axis) only, not over the images.",
            mistake="reduced-over-images",
        )
        step.expect(
            found.shape != (9, 2),
            expected="9 numbers for 9 images",
            found="one number for each latent variable, shape (9, 2)",
            look="Independent latent variables add up: sum over the last axis.",
            mistake="not-summed",
        )
        step.expect(
            found.shape == (9,),
            expected="shape (9,) for 9 images",
            found=f"shape {found.shape}",
            look="the axis of your sum: latent variables are the last one",
            mistake="wrong-axis",
        )
    with step("It is the KL towards two standard normal numbers, in nats", points=1):
        _name_the_mistake(
            step,
            found,
            wanted,
            expected="(mean^2 + stddev^2 - 1) / 2 - ln stddev, summed over the latent variables",
            known=_wrong_kls(mean, stddev),
            look="For mean 0 and stddev 1 it must be 0; try mean 1, stddev 0.5: 0.818 for each latent variable.",
            unit="nats for the first image",
        )


def _wrong_kls(mean, stddev):
    """What the usual slips in the formula of the KL give, one number per image: as `known` of _name_the_mistake."""
    wanted = measures.gaussian_kl(mean, stddev)
    square, log = mean**2 + stddev**2 - 1, np.log(stddev)
    return [
        (-wanted, "wrong-sign", "the right size with the wrong sign", "A KL is never negative."),
        (
            wanted / 2,
            "mean-over-latents",
            "half of it",
            "a sum over the two latent variables, not a mean",
        ),
        (2 * wanted, "half-missing", "twice as much", "the factor 1/2 of the first bracket"),
        (
            (square - log).sum(1),
            "half-missing",
            "the first bracket without its factor 1/2",
            "0.5 * (...)",
        ),
        (
            (square / 2 + log).sum(1),
            "log-sign",
            "+ ln stddev",
            "A narrow cloud must cost more: the sign of ln",
        ),
        (
            (square / 2 - 2 * log).sum(1),
            "log-of-variance",
            "the logarithm of the variance",
            "ln of stddev itself, or half of the ln of its square",
        ),
        (
            ((mean**2 + stddev - 1) / 2 - log).sum(1),
            "stddev-not-squared",
            "stddev where its square belongs",
            "the mean of z^2 is mean^2 + stddev^2",
        ),
        (
            ((mean**2 + stddev - 1) / 2 - log / 2).sum(1),
            "variance-as-input",
            "stddev read as a variance",
            "the second argument is a standard deviation",
        ),
        (
            ((mean**2 + np.exp(stddev) - 1 - stddev) / 2).sum(1),
            "log-variance",
            "stddev read as a log variance",
            "the second argument is a standard deviation",
        ),
        (
            (square / 2).sum(1),
            "log-missing",
            "no logarithm",
            "Without - ln stddev nothing keeps a cloud open.",
        ),
        (
            ((mean + stddev**2 - 1) / 2 - log).sum(1),
            "mean-not-squared",
            "the mean where its square belongs",
            "mean^2",
        ),
        (wanted + 1, "one-missing", "no - 1", "What if the cloud is the prior itself? It must be 0."),
        (
            ((1 + mean**2) / (2 * stddev**2) - 0.5 + log).sum(1),
            "wrong-direction",
            "the KL of the prior from the cloud",
            "the cloud q stands first: its means of the terms",
        ),
        (wanted / np.log(2), "bits", "logarithms to the base 2", "natural logarithms"),
    ]


@rule(
    "vae.kl_weight",
    points=2,
    title="The network is trained with the KL counted once",
    answers={"vae": Model(input_shape=_IMAGE), "encoder": Model(input_shape=_IMAGE)},
)
def kl_weight(step, vae, encoder):
    with step("Images of 28 x 28 x 1 go in and come out"):
        expect_shapes(step, vae, input_shape=_IMAGE, output_shape=_IMAGE)
    with step("The VAE contains the encoder"):
        _expect_parts(step, vae, encoder=encoder)
    digits = step.data.unseen_digits[..., None]
    digits = digits[step.rng.choice(len(digits), min(1000, len(digits)), replace=False)]
    with step("A KL is part of what is minimised"):
        vae(digits[:100])
        step.expect(
            len(vae.losses) > 0,
            expected="an entry in vae.losses",
            found="none",
            look="the regularizer in the encoder's distribution layer",
            mistake="kl-missing",
        )
    with step("The sum of vae.losses is the exact KL, once", points=2):
        mean, stddev = _clouds(encoder, digits)
        small, noise = _kl_ratio(vae, digits, mean, stddev)
        in_fifths, _ = _kl_ratio(vae, digits[:500], mean[:500], stddev[:500], batch=100)
        # Brighter images move the clouds away from the prior, whatever the weights are: an estimate has less noise.
        bright = 5 * digits
        large, large_noise = _kl_ratio(vae, bright, *_clouds(encoder, bright))
        if not np.isfinite(large):  # a standard deviation too small for float32
            large, large_noise = small, noise
        ratio, noise_of_ratio = (large, large_noise) if large_noise < noise else (small, noise)
        if _about(small, 1, 0.05 + 4 * noise) and _about(large, 1, 0.05 + 4 * large_noise):
            return
        if step.charged("vae.prior") and _about(_ratio_to_own_kl(vae, encoder, digits), 1, 0.05):
            return  # the prior was another; it counts once
        found = f"{ratio:.3g} x the exact KL"
        expected = "1 x the exact KL (within 5 percent)"
        step.expect(
            abs(ratio) > 1e-9,
            expected=expected,
            found="0: the KL has no weight",
            look="the weight of the regularizer",
            mistake="kl-weight-zero",
        )
        step.expect(
            not (abs(small) > 20 and 3 < small / in_fifths < 7),
            expected=expected,
            found=f"{small:.0f} x in a batch of 500 images, {in_fifths:.0f} x in a batch of 100",
            look="The KL is summed over the batch; it is to be averaged, as the reconstruction is.",
            mistake="kl-summed-over-batch",
        )
        step.expect(
            ratio > 0,
            expected=expected,
            found=found,
            look="the sign of the weight: a reward for clouds far from the prior",
            mistake="kl-wrong-sign",
        )
        step.expect(
            _about(small / large, 1, 0.1 + 4 * (noise + large_noise)),
            expected=expected,
            found=f"{small:.3g} x on digits, {large:.3g} x on brighter ones",
            look="What is added does not grow like the KL towards your prior. Which prior did the regularizer get?",
            mistake="other-prior",
        )
        step.expect(
            not _about(ratio, 2, 0.15 + 8 * noise_of_ratio),
            expected=expected,
            found=found,
            look=f"The objective holds {ratio:.1f} x KL; look at the entries of vae.losses, and at the weight.",
            mistake="kl-twice",
        )
        step.expect(
            not _about(ratio, 0.5, 0.04 + 2 * noise_of_ratio),
            expected=expected,
            found=found,
            look="Half of the KL. How often is it added in your network, and with which weight?",
            mistake="kl-half",
        )
        step.fail(
            expected=expected,
            found=found,
            look="weight x the number of entries in vae.losses must be 1",
            mistake="wrong-kl-weight",
        )


@rule(
    "vae.loss",
    points=1,
    title="The reconstruction loss is in nats per image, summed over 784 pixels",
    answers={"reconstruction_loss": Function()},
)
def loss(step, reconstruction_loss):
    images = step.rng.random((6, *_IMAGE)).astype(np.float32)
    images[step.rng.random(images.shape) < 0.5] = 0
    sharpness = np.linspace(0.05, 0.4, 6, dtype=np.float32).reshape(6, 1, 1, 1)
    reconstructions = step.rng.uniform(0.5 - sharpness, 0.5 + sharpness, images.shape).astype(np.float32)
    wanted = measures.bce_per_image(images, reconstructions)

    def value(x, p):
        # What Keras makes of a loss: the mean over whatever axes it leaves.
        return float(_call(reconstruction_loss, x, p, name="reconstruction_loss").mean())

    with step("It is the binary cross-entropy of the image and its reconstruction", points=0.5):
        found = np.array([value(images[i : i + 1], reconstructions[i : i + 1]) for i in range(6)])
        step.expect(
            np.isfinite(found).all(),
            expected="finite numbers",
            found="inf or nan",
            look="the logarithms: which of the two arguments stands inside?",
            mistake="not-finite",
        )
        ratios = found / wanted
        steady = np.ptp(ratios) < 0.002 * np.abs(ratios).max()
        if not steady:
            swapped = measures.bce_per_image(reconstructions, images)
            squared = np.square(images - reconstructions).reshape(6, -1).sum(1)
            half = -(images * np.log(reconstructions)).reshape(6, -1).sum(1)
            for other, mistake, name, look in (
                (
                    swapped,
                    "swapped-arguments",
                    "the two in each other's place",
                    "the image first, the reconstruction second",
                ),
                (squared, "wrong-loss", "a squared error", "keras.losses.binary_crossentropy"),
                (
                    half,
                    "half-of-the-formula",
                    "only the half with x ln p",
                    "black pixels count too: (1 - x) ln(1 - p)",
                ),
            ):
                other_ratios = found / other
                step.expect(
                    np.ptp(other_ratios) > 0.01 * np.abs(other_ratios).max(),
                    expected="binary cross-entropy",
                    found=name,
                    look=look,
                    mistake=mistake,
                )
        step.expect(
            steady,
            expected="binary cross-entropy, the same multiple of it for every image",
            found="another quantity",
            look="keras.losses.binary_crossentropy(images, reconstructions)",
            mistake="wrong-loss",
        )
    with step("It is summed over pixels, and stays one number per image", points=0.5):
        ratio = float(ratios.mean())
        expected = f"{wanted[0]:.1f} nats for the first image, the sum over 784 pixels"
        for factor, mistake, name, look in (
            (
                1 / _PIXELS,
                "mean-over-pixels",
                "the mean over pixels, nats per pixel",
                "The KL is not divided by 784, so this would make it 784 times too heavy.",
            ),
            (
                1 / 28,
                "summed-over-one-axis",
                "summed over one axis only",
                "Rows and columns: two axes are to be summed.",
            ),
            (_PIXELS, "scaled-twice", "784 times the sum", "A sum over pixels, or the mean times 784: not both."),
            (-1, "wrong-sign", "the right size with the wrong sign", "A loss is minimised: it is positive."),
            (1 / np.log(2), "bits", "logarithms to the base 2 (bits)", "natural logarithms"),
        ):
            step.expect(
                not _about(ratio, factor, 0.003 * abs(factor)),
                expected=expected,
                found=f"{found[0]:.4g}: {name}",
                look=look,
                mistake=mistake,
            )
        step.expect(
            _about(ratio, 1, 0.003),
            expected=expected,
            found=f"{found[0]:.4g}: {ratio:.4g} times the right value",
            look="the factor between what Keras averages and the sum over 28 x 28 pixels",
            mistake="wrong-scale",
        )
        together = value(images, reconstructions)
        step.expect(
            not _about(together / wanted.sum(), 1, 0.003),
            expected="a batch of 6 images has the mean of their losses",
            found="the sum over the images of the batch",
            look="Sum over the pixels' axes only; leave the first axis alone.",
            mistake="summed-over-images",
        )
        step.expect(
            _about(together / wanted.mean(), 1, 0.003),
            expected=f"{wanted.mean():.1f} nats per image, the mean over a batch of 6",
            found=f"{together:.4g}",
            look="Treat every image of the batch alike; leave the first axis alone.",
            mistake="wrong-batch",
        )


@rule(
    "vae.trained",
    points=1,
    title="The trained network explains digits that it has not seen, and its clouds tell digits apart",
    answers={
        "vae": Model(input_shape=_IMAGE),
        "encoder": Model(input_shape=_IMAGE),
        "decoder": Model(input_shape=(2,)),
    },
)
def trained(step, vae, encoder, decoder):
    with step("2 numbers become an image, and the VAE is made of these two parts"):
        expect_shapes(step, decoder, input_shape=(2,), output_shape=_IMAGE)
        _expect_parts(step, vae, encoder=encoder, decoder=decoder)
    digits = step.data.unseen_digits[..., None]
    digits = digits[step.rng.choice(len(digits), min(5000, len(digits)), replace=False)]
    with step("Each digit has a cloud of its own, and the decoder uses it", points=0.5):
        mean, stddev = _clouds(encoder, digits)
        K = float(measures.gaussian_kl(mean, stddev).mean())
        z = (mean + stddev * step.rng.normal(size=mean.shape)).astype(np.float32)
        reconstructions = predict(decoder, z)
        step.expect(
            float(reconstructions.min()) >= 0 and float(reconstructions.max()) <= 1,
            expected="pixels between 0 and 1",
            found=f"from {reconstructions.min():.3g} to {reconstructions.max():.3g}",
            look="the sigmoid at the end of the decoder",
            mistake="missing-sigmoid",
        )
        R = float(measures.bce_per_image(digits, reconstructions).mean())
        found = f"R {R:.1f}, K {K:.2f} nats per image on test digits"
        step.expect(
            abs(R - _PIXELS * np.log(2)) > 25,
            expected="a trained network: R well below 543 nats per image",
            found=f"{found}; an untrained network gives R = 784 ln 2 = 543.4",
            look="Run the training cell; was it this network that was trained?",
            mistake="untrained",
        )
        # What a wrong loss, prior, encoder or weight makes of a training has cost its points.
        forgiven = step.charged("vae.prior", "vae.encoder", "vae.kl_weight", "vae.loss")
        step.expect(
            K > _COLLAPSED or forgiven,
            expected="clouds that differ from image to image: K clearly above 0",
            found=found,
            look="All images share one cloud; compare the scales of the two terms (part 8).",
            mistake="collapsed",
        )
        step.expect(
            float(reconstructions.std(axis=0).max()) > 0.05 or forgiven,
            expected="another image for another z",
            found=f"{found}, and the same image for every z",
            look="the first layers of the decoder: does z reach the image?",
            mistake="ignores-code",
        )
        step.expect(
            K < _FREE or forgiven,
            expected="clouds near the prior: K of a few nats",
            found=found,
            look="The KL hardly counted in this training: the weight, and whether vae.losses holds it at all.",
            mistake="kl-not-trained",
        )
    with step("Its negative ELBO on test digits is low enough", points=0.5):
        limit = threshold("vae.trained")
        step.expect(
            limit >= R + K or forgiven,
            expected=f"a negative ELBO of at most {limit:.1f} nats per image",
            found=f"R + K = {R + K:.1f}: {found}",
            look="the optimizer's learning rate 0.001, 32 images at a time, and enough epochs",
            mistake="trained-too-little",
        )


@rule(
    "vae.elbo_report",
    points=1,
    title="Reconstruction, KL and negative ELBO, each once and each named",
    answers={"elbo_report": Function()},
    builds_on=("reconstruction_loss", "gaussian_kl", "sample_z"),
)
def elbo_report(step, elbo_report):
    images = step.rng.random((500, *_IMAGE)).astype(np.float32) ** 3
    probe_encoder, probe_decoder = _probe_vae(step.rng)
    mean, stddev = _clouds(probe_encoder, images)
    exact = float(measures.gaussian_kl(mean, stddev).mean())

    def reconstruction(noise):
        return float(
            measures.bce_per_image(images, predict(probe_decoder, (mean + stddev * noise).astype("f4"))).mean()
        )

    reports = [reconstruction(step.rng.normal(size=mean.shape)) for _ in range(16)]
    # Eight deviations: a right report misses them once in a million; K and decoded means lie at least twice as far.
    wanted, tolerance = float(np.mean(reports)), 8 * float(np.std(reports)) + 3e-4 * float(np.mean(reports))
    with step("It returns three numbers: R, K, R + K"):
        found = elbo_report(images, probe_encoder, probe_decoder)
        if isinstance(found, dict):
            found = list(found.values())
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
            not (_about(R, exact, 1e-3 * exact) and _about(K, wanted, tolerance)),
            expected="R first, then K, then their sum",
            found="K first",
            look="the order in the return",
            mistake="swapped-results",
        )
    with step("K is the exact KL, counted once, mean over the images", points=0.5, stop=False):
        if not _about(K, exact, 5e-5 * exact):  # float32 is good for 1e-6, an estimate from draws for 1e-2
            for value, mistake, name, look in (
                (
                    2 * exact,
                    "kl-twice",
                    "twice the KL",
                    "encoder.losses counts it twice; use your gaussian_kl",
                ),
                (exact / 2, "kl-half", "half of the KL", "No weight appears in a report: K itself, once."),
                (
                    exact * len(images),
                    "summed-over-images",
                    "the sum over all images",
                    "tf.reduce_mean over the images",
                ),
                (-exact, "wrong-sign", "the right size with the wrong sign", "K itself is reported, not - K"),
            ):
                step.expect(
                    not _about(K, value, 3e-3 * abs(value)),
                    expected=f"{exact:.3f} nats per image",
                    found=f"{K:.3f}, {name}",
                    look=look,
                    mistake=mistake,
                )
            near = _about(K, exact, 0.15 * exact)
            step.expect(
                not near or _gives_again(K, elbo_report, images, probe_encoder, probe_decoder),
                expected=f"{exact:.3f} nats per image, by formula",
                found=f"{K:.3f}, and another K in a second call: an estimate from draws",
                look="gaussian_kl(cloud.mean(), cloud.stddev()), or tfd.kl_divergence",
                mistake="estimate-not-exact",
            )
            for values, mistake, name, look in _wrong_kls(mean, stddev):
                step.expect(
                    not np.isclose(K, np.mean(values), rtol=1e-4),
                    expected=f"{exact:.3f} nats per image",
                    found=f"{K:.3f}: {name}",
                    look=f"the formula of K, in your gaussian_kl: {look}",
                    mistake=mistake,
                )
            step.fail(
                expected=f"{exact:.3f} nats per image",
                found=f"{K:.3f}, in a second call, too: no draws, but another formula" if near else f"{K:.3f}",
                look="the formula of K: does your gaussian_kl pass its check?"
                + ("" if near else " And is the encoder the one that is given, or the notebook's?"),
                mistake="kl-formula" if near else "wrong-kl",
            )
    with step("R comes from one draw per image, and the third number is R + K", points=0.5, stop=False):
        at_mean = reconstruction(0.0)
        for value, mistake, name, look in (
            (
                wanted / _PIXELS,
                "per-pixel",
                "nats per pixel",
                "the sum over the pixels, as in reconstruction_loss",
            ),
            (
                wanted * len(images),
                "summed-over-images",
                "the sum over all images",
                "tf.reduce_mean over the images",
            ),
            (-wanted, "wrong-sign", "the right size with the wrong sign", "R is a loss: positive"),
            (
                at_mean,
                "mean-not-drawn",
                "decoded means",
                "R is an average over the cloud: decode a draw, cloud.sample()",
            ),
            (wanted + exact, "kl-in-reconstruction", "R with the KL in it", "R is the reconstruction alone"),
        ):
            step.expect(
                _about(R, wanted, tolerance) or not _about(R, value, tolerance * abs(value) / wanted),
                expected=f"{wanted:.1f} nats per image",
                found=f"{R:.4g}, {name}",
                look=look,
                mistake=mistake,
            )
        step.expect(
            _about(R, wanted, tolerance),
            expected=f"{wanted:.1f} nats per image (a draw moves it by {np.std(reports):.1f})",
            found=f"{R:.4g}",
            look="Does the function use the encoder and the decoder it is given, or the notebook's?",
            mistake="wrong-reconstruction",
        )
        if _about(total, R + exact, 1e-2):  # right, even if the K that is returned is not
            return
        for value, mistake, look in (
            (-(R + K), "elbo-sign", "This is the ELBO; the third number is its negative, R + K."),
            (R - K, "kl-sign", "R + K: both terms are costs"),
            (R + 2 * K, "kl-twice", "In the ELBO the KL counts once, whatever the training did."),
            (R + K / 2, "kl-half", "In the ELBO the KL counts once, whatever its weight was."),
            (R, "kl-missing", "the KL belongs to it"),
        ):
            step.expect(
                _about(total, R + K, 1e-2) or not _about(total, value, 1e-2),
                expected=f"R + K = {R + K:.2f} nats per image",
                found=f"{total:.2f}",
                look=look,
                mistake=mistake,
            )
        step.expect(
            _about(total, R + K, 1e-2),
            expected=f"R + K = {R + K:.2f} nats per image, of the same draw",
            found=f"{total:.2f}",
            look="Add the two numbers that you return; draw once.",
            mistake="wrong-sum",
        )


def _gives_again(K, elbo_report, *arguments) -> bool:
    """Whether a second report has the same K, up to the last digits; not if it cannot be read."""
    with contextlib.suppress(Exception):
        report = elbo_report(*arguments)
        numbers = list(report.values()) if isinstance(report, dict) else list(report)
        return bool(np.isclose(float(np.asarray(numbers[1])), K, rtol=1e-5))
    return False


@rule(
    "vae.prior_samples",
    points=1,
    title="New digits come from the prior alone",
    answers={"draw_digits": Function()},
    builds_on=("prior",),
)
def prior_samples(step, draw_digits):
    count = 2000
    decoder, kernel = _probe_decoder(step.rng)
    with step("It returns as many images as asked for"):
        found = call(draw_digits, count, decoder, name="draw_digits")
        step.expect(
            found.shape != (count, 2),
            expected=f"images of shape ({count}, 28, 28, 1)",
            found=f"latent vectors, shape ({count}, 2)",
            look="decode them",
            mistake="codes-not-images",
        )
        step.expect(
            found.shape == (count, *_IMAGE),
            expected=f"shape ({count}, 28, 28, 1) for count = {count}",
            found=f"shape {found.shape}",
            look="how many latent vectors are drawn: count, the function's argument",
            mistake="wrong-count" if found.shape[1:] == _IMAGE else "wrong-shape",
        )
    with step("The images are decoded by the decoder it is given"):
        flat = found.reshape(count, -1).astype(float)
        z, *_ = np.linalg.lstsq(kernel.T, flat.T, rcond=None)
        z = z.T
        step.expect(
            np.abs(z @ kernel - flat).max() < 1e-2 * (1 + np.abs(flat).max()),
            expected="what the given decoder makes of latent vectors",
            found="other images",
            look="Use the argument `decoder`, not a network of the notebook.",
            mistake="other-decoder",
        )
    with step("Their latent vectors are standard normal and independent", points=0.5, stop=False):
        mean, stddev = z.mean(axis=0), z.std(axis=0)
        step.expect(
            float(stddev.max()) > 1e-3,
            expected=f"{count} draws",
            found=f"one and the same latent vector {count} times",
            look="draw `count` vectors, not one",
            mistake="one-draw-for-all",
        )
        step.expect(
            float(np.abs(mean).max()) < 0.12,
            expected="latent vectors with mean 0",
            found=f"means {_numbers(mean)}",
            look="Draw from the prior. Clouds of images, for instance, lie elsewhere.",
            mistake="mean-not-zero",
        )
        step.expect(
            float(np.abs(stddev - 1).max()) < 0.09,
            expected="latent vectors with standard deviation 1",
            found=f"standard deviations {_numbers(stddev)}",
            look="Draw from the prior: not from a cloud, not evenly from a square.",
            mistake="stddev-not-one",
        )
        correlation = float(np.corrcoef(z.T)[0, 1])
        step.expect(
            abs(correlation) < 0.12,
            expected="two independent numbers in each latent vector",
            found=f"correlation {correlation:.2f}",
            look="two numbers are drawn for each image, not one number twice",
            mistake="correlated",
        )
        inside = np.mean(np.abs(z) < 1)
        step.expect(
            abs(inside - 0.6827) < 0.05,
            expected="normal numbers: 68 percent within one standard deviation",
            found=f"{100 * inside:.0f} percent",
            look="a normal distribution, not an even one",
            mistake="not-normal",
        )
    with step("Each call draws anew", points=0.5):
        again = call(draw_digits, count, decoder, name="draw_digits")
        step.expect(
            again.shape != found.shape or np.abs(again - found).max() > 1e-6,
            expected="other images in the second call",
            found="the same images again",
            look="a fixed seed, or latent vectors drawn once outside the function",
            mistake="same-each-time",
        )


# ----------------------------------------------------------------------------------------------- what rules share


def _call(function, *arrays, name):
    """`call` with NumPy arrays, or with tensors if the function wants tensors (`mean.numpy()`): both are right."""
    try:
        return call(function, *arrays, name=name)
    except NotYet:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a learner's network raises
        import tensorflow as tf

        try:
            return call(function, *(tf.constant(array) for array in arrays), name=name)
        except Exception:  # noqa: BLE001 - the first error is the one to show
            raise error from None


def _cloud(encoder, images):
    """encoder(images) as a distribution; NotYet with the mistake's name if it is none."""
    try:
        cloud = encoder(images)
    except Exception as error:
        found = stages(encoder)
        width = found[-1].width if found else None
        if width in (1, 2, 3):
            raise NotYet(
                expected="four numbers in front of IndependentNormal(2): two means, two standard deviations",
                found=f"{width}",
                look="the width of the last Dense layer: tfpl.IndependentNormal.params_size(2)",
                mistake="too-few-parameters",
            ) from error
        raise
    if not (hasattr(cloud, "mean") and hasattr(cloud, "stddev") and hasattr(cloud, "log_prob")):
        if tuple(cloud.shape[1:]) == (4,):
            raise NotYet(
                expected="a distribution for each image",
                found="four numbers for each image",
                look="These are the parameters; a distribution layer after them is missing: tfpl.IndependentNormal(2).",
                mistake="parameters-not-distribution",
            )
        raise NotYet(
            expected="a distribution for each image",
            found=f"plain numbers, {describe(cloud)}: one point for each image",
            look="the last layer: tfpl.IndependentNormal(2)",
            mistake="deterministic-encoder",
        )
    return cloud


def _clouds(encoder, images, batch_size=500):
    """Means and standard deviations of the clouds of many images: two float64 arrays (N, 2)."""
    parts = [_cloud(encoder, images[i : i + batch_size]) for i in range(0, len(images), batch_size)]
    mean, stddev = (
        np.concatenate([as_array(getattr(part, name)()) for part in parts]).astype(np.float64)
        for name in ("mean", "stddev")
    )
    if mean.ndim != 2 or mean.shape != stddev.shape or not (stddev >= 0).all():
        raise NotYet(
            expected="means and positive standard deviations of shape (images, 2)",
            found=f"means of shape {mean.shape}, standard deviations of shape {stddev.shape}, or numbers that are not finite",
            look="the distribution layer at the encoder's end",
            mistake="no-posterior",
        )
    return mean, np.maximum(stddev, 1e-38)  # float32 rounds the narrowest clouds to 0


def _added(model) -> float:
    """What the layers added to the loss in the last call of the model."""
    return float(np.sum([np.asarray(entry) for entry in model.losses]))


def _kl_ratio(vae, images, mean, stddev, batch=500):
    """(sum of vae.losses over the exact mean KL, standard error of that ratio if the KL is an estimate).

    The sum of losses is averaged over batches of `batch` images. A network may add an estimate from one draw, whose
    variance for one image is the sum over latent variables of mean^2 stddev^2 + (1 - stddev^2)^2 / 2.
    """
    added = []
    for start in range(0, len(images) - batch + 1, batch):
        vae(images[start : start + batch])
        added.append(_added(vae))
    used = len(added) * batch
    exact = measures.gaussian_kl(mean[:used], stddev[:used]).mean()
    variance = (mean**2 * stddev**2 + (1 - stddev**2) ** 2 / 2).sum(axis=1).mean()
    return float(np.mean(added)) / exact, float(np.sqrt(variance / used) / exact)


def _ratio_to_own_kl(vae, encoder, images) -> float:
    """The sum of vae.losses over the exact mean KL towards the prior that the encoder's own regularizer has."""
    import tensorflow_probability as tfp

    regularizers = [getattr(layer, "activity_regularizer", None) for layer in all_layers(encoder)]
    priors = [part.distribution_b for part in regularizers if hasattr(part, "distribution_b")]
    if len(priors) != 1:
        return 0.0
    vae(images)
    exact = np.asarray(tfp.distributions.kl_divergence(encoder(images), priors[0]))
    return _added(vae) / float(exact.mean())


def _expect_parts(step, vae, **parts):
    """Inside a step: fail unless the VAE holds the very weights of its parts."""
    owned = {id(weight) for weight in vae.weights}
    for name, part in parts.items():
        step.expect(
            all(id(weight) in owned for weight in part.weights),
            expected=f"the VAE contains your {name} itself",
            found=f"another {name}: training the VAE would not change yours",
            look=f"Run the cell that builds the VAE after the one that makes `{name}`.",
            mistake="not-joined",
        )


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
            layers.Input(_IMAGE),
            layers.Flatten(),
            layers.Dense(4),
            tfpl.IndependentNormal(2, activity_regularizer=regularizer),
        ]
    )
    decoder = keras.Sequential(
        [layers.Input((2,)), layers.Dense(_PIXELS, activation="sigmoid"), layers.Reshape(_IMAGE)]
    )
    # Means far from 0 give a K of about 20 nats; the decoder's bias makes up for them, so that R depends on the
    # width of the clouds but little on chance.
    place = rng.uniform(4, 5, 2) * rng.choice([-1, 1], 2)
    kernel = rng.normal(0, 0.01, (_PIXELS, 4)) * [1, 1, 0.5, 0.5]
    kernel -= kernel.mean(axis=0)
    encoder.set_weights([kernel, np.array([*place, *rng.uniform(-0.5, 0, 2)])])
    weights = rng.normal(0, 0.5, (2, _PIXELS))
    decoder.set_weights([weights, rng.normal(-1, 0.3, _PIXELS) - place @ weights])
    return encoder, decoder


def _probe_decoder(rng):
    """(decoder, kernel): a network whose image is a linear map of z, so that z can be read off the image."""
    import tf_keras as keras

    layers = keras.layers
    decoder = keras.Sequential(
        [layers.Input((2,)), layers.Dense(_PIXELS, use_bias=False), layers.Reshape(_IMAGE)], name="decoder"
    )
    kernel = rng.normal(size=(2, _PIXELS)).astype(np.float32)
    decoder.set_weights([kernel])
    return decoder, kernel.astype(np.float64)


def _name_the_mistake(step, found, wanted, *, expected, known, look, unit, own_noise=None):
    """Inside a step: fail unless `found` is `wanted`; if it equals a known wrong value, say which.

    known: (value, slug, what it is, where to look). unit: what the first value is, for the message. own_noise: calls
    the function again, to find one that draws.
    """

    def near(value):
        return np.allclose(found, value, rtol=2e-3, atol=2e-3)

    if near(wanted):
        return
    for value, mistake, name, advice in known:
        if near(value):
            step.fail(expected=expected, found=name, look=advice, mistake=mistake)
    if own_noise is not None:
        step.expect(
            near(own_noise()),
            expected=expected,
            found="another result in a second call with the same noise",
            look="Use the noise that is given; draw none.",
            mistake="own-noise",
        )
    step.fail(
        expected=f"{expected}: {wanted.flat[0]:.3f} {unit}",
        found=f"{found.flat[0]:.3f} {unit}",
        look=look,
        mistake="wrong-value",
    )


def _about(value, wanted, tolerance) -> bool:
    return bool(abs(value - wanted) <= tolerance)


def _numbers(values) -> str:
    return " and ".join(f"{value:.2f}" for value in np.ravel(values))


def _standard_normal(z):
    return _normal(z, np.zeros_like(z), np.ones_like(z))


def _normal(z, mean, stddev):
    """Log density of independent normal numbers, summed over the last axis."""
    return (-np.log(stddev) - ((z - mean) / stddev) ** 2 / 2 - np.log(2 * np.pi) / 2).sum(axis=-1)
