"""`vae.kl_weight`: the KL counts once in what is minimised."""

import numpy as np
from autoencoder_helpers.checks.answers import Model, Number
from autoencoder_helpers.checks.clouds import clouds_of, expect_moderate_means
from autoencoder_helpers.checks.counted_kl import CountedKL, counted_kl, told_kl
from autoencoder_helpers.checks.expectations import expect_shapes
from autoencoder_helpers.checks.models import added_to_loss, all_layers
from autoencoder_helpers.checks.rule import registered_rules, rule, run_rule
from autoencoder_helpers.checks.vae.numbers import about, two_digits
from autoencoder_helpers.checks.vae.parts import expect_parts
from autoencoder_helpers.checks.vae.sizes import IMAGE, IN_PLACE

# An exact KL has no error of chance. One that is estimated from a draw has one of about 1 percent with so many digits, and
# what is allowed for it is measured with it; half of the KL and twice the KL are further away.
_DIGITS = 500
_BATCH = 32  # images at a time in the chapter's training


@rule(
    "vae.kl_weight",
    points=2,
    title="The network is trained with the KL counted once",
    answers={
        "vae": Model(input_shape=IMAGE, words=IN_PLACE),
        "encoder": Model(input_shape=IMAGE, words=IN_PLACE),
        "kl_weight": Number(optional=True),
    },
)
def kl_weight(step, vae, encoder, kl_weight):
    # An encoder without a KL, or one that is deaf to its weight, has cost its points. Then the number alone tells.
    well_chosen = step.charged("vae.encoder") and kl_weight is not None and about(kl_weight, 0.5, 1e-6)
    with step("Images of 28 x 28 x 1 go in and come out"):
        expect_shapes(step, vae, input_shape=IMAGE, output_shape=IMAGE)
    with step("The VAE contains the encoder"):
        expect_parts(step, vae, encoder=encoder)
    digits = step.data.unseen_digits[..., None]
    digits = digits[step.rng.choice(len(digits), min(_DIGITS, len(digits)), replace=False)]
    with step("A KL is part of what is minimised"):
        vae(digits[:100])
        step.expect(
            len(vae.losses) > 0 or well_chosen,
            expected="an entry in vae.losses",
            found="none",
            look="the regularizer in the encoder's distribution layer",
            mistake="kl-missing",
        )
    with step("The sum of vae.losses is the exact KL, once", points=2):
        if not vae.losses:
            return
        mean, _ = clouds_of(encoder, digits)
        expect_moderate_means(step, mean)
        with told_kl(vae, encoder, digits, step.rng) as small:
            _expect_once(step, vae, encoder, kl_weight, digits, small, well_chosen)


def _expect_once(step, vae, encoder, kl_weight, digits, small, well_chosen):
    # Brighter images move the clouds away from the prior, whatever the weights are: an estimate has less noise.
    bright = 5 * digits
    large, in_fifths = counted_kl(vae, encoder, bright), counted_kl(vae, encoder, bright[:200], batch_size=100)
    if not np.isfinite(large.ratio):  # a standard deviation too small for float32
        bright, large, in_fifths = digits, small, counted_kl(vae, encoder, digits[:200], batch_size=100)
    ratio, error = min(small, large, key=lambda counted: counted.error)
    summed = 3 < large.ratio / in_fifths.ratio < 7 and large.error < 0.1  # over the batch
    in_training = counted_kl(vae, encoder, bright, batch_size=_BATCH) if summed else CountedKL(0.0, 0.0)
    if summed and _is_about_once(in_training):
        step.note(
            f"The KL is summed over a batch, and its weight makes up for {_BATCH} images: it counts once in this "
            "training, and otherwise with any other number of images at a time."
        )
        return
    if not summed and _is_about_once(small) and _is_about_once(large):
        if small.error > 0:
            step.note(
                "The KL is estimated from one draw for each image: right on average, and noisier than the exact one, "
                "which two Gaussians have (use_exact_kl=True)."
            )
        return
    own = _own_prior(encoder) if step.charged("vae.prior") else None
    # The prior was another; it counts once. One that only the regularizer has is a mistake of its own.
    once = own is not None and about(_ratio_to_kl(vae, encoder, own, digits), 1, 0.05)
    if once and (step.charged_for("vae.prior", _mistakes_of(own, step.data)) or step.excused("vae.prior")):
        return
    twice = about(ratio, 2, 0.15 + 8 * error)  # weight 1, whatever it was told
    # Where something else may have cost the encoder its points, no more is given back than it has lost.
    if well_chosen and twice and (_is_right_but_deaf(step, encoder) or step.excused("vae.encoder")):
        return
    found = f"{two_digits(ratio)} x the exact KL"
    expected = "1 x the exact KL (within 5 percent)"
    step.expect(
        abs(ratio) > 1e-9,
        expected=expected,
        found="0: the KL has no weight",
        look="the weight of the regularizer",
        mistake="kl-weight-zero",
    )
    step.expect(
        not summed,
        expected=expected,
        found=f"{two_digits(large.ratio)} x in a batch of 500 images, {two_digits(in_fifths.ratio)} x in a batch of 100, "
        f"{two_digits(in_training.ratio)} x in one of {_BATCH}, as in training",
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
        about(small.ratio / large.ratio, 1, 0.1 + 4 * (small.error + large.error)),
        expected=expected,
        found=f"{two_digits(small.ratio)} x on digits, {two_digits(large.ratio)} x on brighter ones",
        look="What is added does not grow like the KL towards your prior. Which prior did the regularizer get?",
        mistake="other-prior",
    )
    step.expect(
        not twice,
        expected=expected,
        found=found,
        look=f"The objective holds {ratio:.1f} x KL: the weight times the entries of vae.losses. {_why_twice(kl_weight)}",
        mistake="kl-twice",
    )
    step.expect(
        not about(ratio, 0.5, 0.04 + 2 * error),
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


def _is_about_once(counted: CountedKL) -> bool:
    return about(counted.ratio, 1, 0.05 + 4 * counted.error)


def _why_twice(kl_weight) -> str:
    """Where to look for it, by the number that was chosen, None if none was."""
    if kl_weight is None:
        return "`kl_weight` is not chosen yet; once it is, run the cell that builds the networks again."
    if about(kl_weight, 0.5, 1e-6):
        return "`kl_weight` has changed since the networks were built? Run that cell again. Or does `make_encoder` not use its `weight`?"
    return "With which weight was the encoder made?"


def _is_right_but_deaf(step, encoder) -> bool:
    """Whether the encoder's own check finds nothing in the network itself: then its points went for make_encoder."""
    return run_rule(registered_rules()["vae.encoder"], (encoder,), {}, data=step.data).passed


def _own_prior(encoder):
    """The prior that the encoder's regularizer has; None where there is none, or not one alone."""
    regularizers = [getattr(layer, "activity_regularizer", None) for layer in all_layers(encoder)]
    priors = [part.distribution_b for part in regularizers if hasattr(part, "distribution_b")]
    return priors[0] if len(priors) == 1 else None


def _mistakes_of(prior, data) -> set[str]:
    """What the prior's own check would have against it."""
    result = run_rule(registered_rules()["vae.prior"], (prior,), {}, data=data)
    return {part.mistake for part in result.failures}


def _ratio_to_kl(vae, encoder, prior, images) -> float:
    """The sum of vae.losses over the exact mean KL towards a prior."""
    import tensorflow_probability as tfp

    exact = np.asarray(tfp.distributions.kl_divergence(encoder(images), prior))
    return added_to_loss(vae, images) / float(exact.mean())
