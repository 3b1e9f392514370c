"""`vae.encoder`: a distribution over two latent numbers for each image."""

import numpy as np
from autoencoder_helpers import measures
from autoencoder_helpers.checks.answers import Function, Model, as_array
from autoencoder_helpers.checks.clouds import cloud_of, clouds_of, expect_moderate_means
from autoencoder_helpers.checks.expectations import expect_finite, expect_layers
from autoencoder_helpers.checks.free_means import expect_free_means
from autoencoder_helpers.checks.models import added_to_loss
from autoencoder_helpers.checks.repeatable import expect_repeatable
from autoencoder_helpers.checks.rule import describe, rule
from autoencoder_helpers.checks.vae.numbers import log_normal
from autoencoder_helpers.checks.vae.sizes import IMAGE, IN_PLACE


@rule(
    "vae.encoder",
    points=1,
    title="The encoder answers each image with a distribution over two latent numbers",
    answers={"encoder": Model(input_shape=IMAGE, words=IN_PLACE), "make_encoder": Function(optional=True)},
)
def encoder(step, encoder, make_encoder):
    import tensorflow as tf

    images = step.rng.random((7, *IMAGE)).astype(np.float32)
    with step("Images of 28 x 28 x 1 go in"):
        step.expect(
            tuple(encoder.input_shape[1:]) == IMAGE,
            expected=f"input shape {IMAGE} for each image",
            found=encoder.input_shape[1:],
            look="the first layer",
            mistake="wrong-input-shape",
        )
    with step("A distribution over two numbers comes out"):
        expect_layers(step, encoder)
        cloud = cloud_of(encoder, images)
        mean, stddev = as_array(cloud.mean()), as_array(cloud.stddev())
        step.expect(
            mean.shape == stddev.shape == (7, 2),
            expected="means and standard deviations of shape (7, 2) for 7 images",
            found=f"shape {mean.shape}",
            look="IndependentNormal(2) gives two latent numbers; it needs four numbers for each image.",
            mistake="wrong-latent-dim",
        )
        expect_finite(step, np.stack([mean, stddev]))
        expect_moderate_means(step, mean)
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
        expect_repeatable(step, "encoder", lambda: as_array(cloud_of(encoder, images).mean()), "means")
        drawn = as_array(tf.convert_to_tensor(cloud_of(encoder, images)))
        step.expect(
            float(np.abs(drawn - mean).max()) > 1e-6 * float(stddev.max()),
            expected="the layer hands on a draw from the cloud",
            found="the cloud's mean, every time: the decoder would never meet the cloud",
            look="convert_to_tensor_fn of the distribution layer: a draw is the default",
            mistake="nothing-drawn",
        )
        z = mean + step.rng.normal(size=mean.shape).astype(np.float32)
        step.expect(
            np.allclose(as_array(cloud.log_prob(z)), log_normal(z, mean, stddev), atol=1e-2),
            expected="two independent normal numbers for each image",
            found="another distribution",
            look="tfpl.IndependentNormal(2): two means and two standard deviations, no covariance",
            mistake="not-independent-normal",
        )
        expect_free_means(step, encoder, images)
        other = as_array(cloud_of(encoder, images**3).mean())
        step.expect(
            float(np.abs(other - mean).max()) > 1e-6,
            expected="another cloud for another image",
            found="the same cloud for all images",
            look="Do the convolutions reach the last two layers?",
            mistake="ignores-image",
        )
    with step("It adds a KL to the loss, more of it with a larger weight", points=0.5, stop=False):
        encoder(images)
        step.expect(
            len(encoder.losses) > 0,
            expected="an entry in encoder.losses",
            found="none",
            look="activity_regularizer=tfpl.KLDivergenceRegularizer(prior, ...) in the distribution layer",
            mistake="kl-missing",
        )
        found = added_to_loss(encoder, images)
        step.expect(
            np.isfinite(found) and found != 0,
            expected="a KL that is not 0",
            found=f"{found:g} in encoder.losses",
            look="Does the regularizer get the weight that make_encoder was given?",
            mistake="kl-weight-zero",
        )
        if make_encoder is not None:
            _expect_weight_used(step, make_encoder, images)


def _expect_weight_used(step, make_encoder, images):
    """Inside a step: fail if three times the weight adds no more to the loss: the next exercise would choose in vain."""
    import tensorflow as tf
    import tf_keras as keras

    models = []
    for weight in (1.0, 3.0):
        made = make_encoder(weight)
        parts = made if isinstance(made, (list, tuple)) else [made]  # perhaps with something beside it
        found = [part for part in parts if isinstance(part, keras.Model)]
        step.expect(
            len(found) == 1,
            expected=f"make_encoder({weight}) returns the encoder",
            found=describe(made),
            look="the return at the end of make_encoder",
            mistake="no-return" if made is None else "no-model",
        )
        models += found
    inputs = 0.1 * images, 5 * images  # whose clouds are near to each other, and far apart
    added = np.array([[_added(model, models[0].get_weights(), x) for x in inputs] for model in models])
    estimated = _added(models[0], None, images) != _added(models[0], None, images)
    tf.random.set_seed(int(step.rng.integers(2**31)))
    once, thrice = added[:, 0]
    expected = "make_encoder(3.0) adds three times what make_encoder(1.0) adds"
    step.expect(
        abs(thrice - once) > 0.05 * abs(once),
        expected=expected,
        found=f"{once:.3g} for both",
        look="`weight`, the function's argument, goes into the regularizer: weight=weight",
        mistake="weight-ignored",
    )
    of_weight = (added[1] - added[0]) / 2
    beside = added[0] - of_weight  # such as a penalty of large kernels, the same for all images
    step.expect(
        (of_weight > 0).all() and np.ptp(beside) <= 0.05 * np.ptp(added[0]) and (beside > -0.05 * of_weight).all(),
        expected=expected,
        found=f"{once:.3g} and {thrice:.3g}",
        look="`weight` goes into the regularizer as it is: weight=weight",
        mistake="weight-misused",
    )
    if estimated or step.charged("vae.prior"):
        return
    exact = [float(measures.gaussian_kl(*clouds_of(models[0], x)).mean()) for x in inputs]
    step.expect(
        np.isclose(of_weight[0] / exact[0], of_weight[1] / exact[1], rtol=0.1),
        expected="what is added is a KL: of clouds that are further from the prior it is more",
        found=f"{of_weight[0] / exact[0]:.3g} x the KL for dark images, {of_weight[1] / exact[1]:.3g} x for bright ones",
        look="activity_regularizer=tfpl.KLDivergenceRegularizer(prior, ...) in the distribution layer. Has it your prior?",
        mistake="kl-missing",
    )


def _added(model, weights, x) -> float:
    """What a model adds to its loss with these weights, with the same draws each time; other draws for None."""
    import tensorflow as tf

    if weights is not None:
        model(x)  # builds it
        model.set_weights(weights)
        tf.random.set_seed(1)
    return added_to_loss(model, x)
