"""`flowers.encoder`: a distribution over ten numbers for each image, whose KL joins the loss."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Model
from autoencoder_helpers.checks.clouds import expect_moderate_means
from autoencoder_helpers.checks.expectations import expect_layers
from autoencoder_helpers.checks.flowers.sizes import IMAGE, IN_PLACE, LATENT, SCALE, VALUES
from autoencoder_helpers.checks.free_means import expect_free_means
from autoencoder_helpers.checks.models import added_to_loss, of_one_image, penalty_of_weights
from autoencoder_helpers.checks.rule import rule

_DRAWS = 20  # of an estimated KL: its mean over four images is then known to a tenth or so
PARAMETERS = LATENT + LATENT * (LATENT + 1) // 2  # means, and the triangle of a covariance


@rule(
    "flowers.encoder",
    points=2,
    title="The encoder answers an image with a distribution over ten numbers, and its KL joins the loss",
    answers={"encoder": Model(input_shape=IMAGE, words=IN_PLACE)},
)
def encoder(step, encoder):
    images = step.rng.random((16, *IMAGE)).astype(np.float32)
    with step("Images of 80 x 80 colours go in", points=0.5):
        _expect_input(step, encoder)
    with step("A distribution over 10 numbers comes out"):
        expect_layers(step, encoder)
        cloud = encoder(images)
        _expect_distribution(step, cloud)
    with step("It has a full covariance, and means that may be any number", points=0.5, stop=False):
        _expect_full_covariance(step, cloud)
        expect_free_means(step, encoder, images)
    with step("Another image gets another cloud"):
        mean = np.asarray(cloud.mean())
        step.expect(
            np.isfinite(mean).all(),
            expected="finite means",
            found="inf or nan",
            look="the layers before the distribution",
            mistake="not-finite",
        )
        expect_moderate_means(step, mean)
        step.expect(
            float(np.abs(mean - mean[:1]).max()) > 1e-6,
            expected="means that depend on the image",
            found="the same mean for 16 different images",
            look="Is the image connected to the Dense layer before the distribution?",
            mistake="ignores-image",
        )
    with step("A KL joins the loss, with a small positive weight", points=0.5):
        added = _kl_added(encoder, images)
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
        step.expect(
            _growth_with_images(encoder, images) < 2,
            expected="the mean of the images' KLs, whatever the size of the batch",
            found="their sum: what is added grows with the number of images",
            look="`KLDivergenceAddLoss` adds the exact KLs of a batch up; the KLDivergenceRegularizer of the distribution layer averages.",
            mistake="kl-summed-over-batch",
        )
        beta = added / exact * VALUES / SCALE
        step.expect(
            beta < 0.1,
            expected="the chapter's weight, 0.0002: a KL that counts little beside the reconstruction",
            found=f"{added / exact:.3g} times the KL is added to the loss",
            look="weight=... of the KLDivergenceRegularizer; is the KL averaged over the images?",
            mistake="kl-too-strong",
        )
    with step("It is the KL towards the prior, ten standard normal numbers", points=0.5):
        if _kl_added(encoder, images) != added:
            return  # estimated from draws: of sixteen images that says too little about the prior
        # Brighter images move the clouds away from the prior, whatever the weights are.
        weights = added / exact, _kl_added(encoder, 5 * images) / _exact_kl(encoder(5 * images))
        step.expect(
            np.isclose(*weights, rtol=0.05),
            expected="one and the same weight of the KL, whatever the image",
            found=f"{weights[0]:.3g} times the KL is added for images, {weights[1]:.3g} times for brighter ones",
            look="What is added does not grow like the KL towards `prior`. Which prior did the regularizer get?",
            mistake="other-prior",
        )


def _kl_added(encoder, images) -> float:
    """What the encoder adds to the loss, without what it adds for large weights."""
    penalty = penalty_of_weights(encoder)
    added = added_to_loss(encoder, images) - penalty
    return added if abs(added) > 1e-5 * penalty else 0.0


def _growth_with_images(encoder, images) -> float:
    """What all images add to the loss per nat of KL, over what a quarter of them adds: 1 for a mean, 4 for a sum.

    Of estimates from draws the means of some.
    """
    few = images[: len(images) // 4]
    draws = 1 if _kl_added(encoder, few) == _kl_added(encoder, few) else _DRAWS
    many, fewer = (
        np.mean([_kl_added(encoder, part) for _ in range(draws)]) / _exact_kl(encoder(part)) for part in (images, few)
    )
    return float(many / fewer)


def _expect_input(step, encoder):
    found = of_one_image(encoder.input_shape)
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
        found == IMAGE,
        expected="input shape (80, 80, 3) for each image",
        found=found,
        look="the input layer",
        mistake="wrong-input-shape",
    )


def _expect_distribution(step, cloud):
    shape = tuple(cloud.shape)[1:]
    if not _is_distribution(cloud):
        step.expect(
            shape != (2 * LATENT,),
            expected="a distribution over 10 numbers",
            found="20 plain numbers",
            look="A full covariance needs 65 numbers; tfpl.MultivariateNormalTriL(10) makes a distribution of them.",
            mistake="twenty-outputs",
        )
        step.expect(
            shape != (LATENT,),
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
        not (event == () and tuple(cloud.batch_shape)[1:] == (LATENT,)),
        expected="one distribution of 10 numbers",
        found="10 distributions of one number each",
        look="the layer at the end: MultivariateNormalTriL, or IndependentNormal",
        mistake="not-independent",
    )
    step.expect(
        event == (LATENT,),
        expected="10 latent numbers",
        found=f"{int(np.prod(event))} latent numbers, event shape {event}",
        look="the number that the distribution layer is given",
        mistake="wrong-latent-dim",
    )


def _expect_full_covariance(step, cloud):
    """Inside a step: fail if a cloud's axes are parallel to those of the latent space, whatever the network learns."""
    if hasattr(cloud, "scale_tril"):
        return
    try:
        covariance = np.asarray(cloud.covariance(), np.float64)
        full = bool(np.abs(covariance - covariance * np.eye(LATENT)).max() > 0)
    except NotImplementedError:  # TFP has none for numbers that it takes to be independent
        full = False
    step.expect(
        full,
        expected="a full covariance: 10 means and 55 numbers of a triangle",
        found="10 means and 10 standard deviations: clouds with axes parallel to those of the latent space",
        look="tfpl.MultivariateNormalTriL(10), and the 65 numbers that it takes",
        mistake="diagonal-covariance",
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
