"""`vae.prior`: the distribution that latent vectors have before any image is seen."""

import numpy as np
from autoencoder_helpers.checks.answers import Distribution, as_array
from autoencoder_helpers.checks.rule import rule
from autoencoder_helpers.checks.vae.numbers import in_words, log_normal


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
            look="Your prior scores each latent number alone. tfd.Independent(..., reinterpreted_batch_ndims=1) makes one of "
            "the two; without that number it leaves them as they are.",
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
        wanted = log_normal(z, np.zeros_like(z), np.ones_like(z))
        found = as_array(prior.log_prob(z.astype(prior.dtype)), "prior.log_prob(z)")
        if step.mistake == "unwrapped-prior" and found.shape == z.shape:
            found = found.sum(axis=1)
        if found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-3):
            if not step.mistake and prior.dtype != "float32":
                step.note(
                    f"It computes in {prior.dtype}, the encoder's layers in float32: together they will raise in the next "
                    "exercise. `tf.zeros(2)` is float32; NumPy's zeros are with `dtype=np.float32`."
                )
            if not step.mistake and not prior.exact_kl:
                step.note(
                    "The same distribution, in a class for which TFP has no exact KL from the clouds of the next part: "
                    "its layer will raise with `use_exact_kl=True`. `tfd.Independent(tfd.Normal(...), ...)` has one."
                )
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
            found=f"means {in_words(mean)}",
            look="`loc`, the mean of the normal distribution",
            mistake="mean-not-zero",
        )
        step.expect(
            float(np.abs(stddev - 1).max()) < 0.1,
            expected="standard deviations 1 and 1",
            found=f"standard deviations {in_words(stddev)}",
            look="`scale`, the standard deviation of the normal distribution",
            mistake="stddev-not-one",
        )
        step.fail(
            expected="two independent normal numbers",
            found="another distribution with the same means and standard deviations",
            look="tfd.Normal, and nothing that ties the two numbers together",
            mistake="not-normal",
        )
