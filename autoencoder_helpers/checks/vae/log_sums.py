"""Logarithms of sums: the sum of numbers of which only the logarithms fit into a float, and how it goes wrong."""

import numpy as np
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference, where


def log_sum(values, axis):
    """ln of the sum of exp(values) along an axis, in float64, whatever is too small for a float."""
    values = np.asarray(values, dtype=np.float64)
    highest = values.max(axis=axis, keepdims=True)
    return np.log(np.exp(values - highest).sum(axis=axis)) + np.squeeze(highest, axis=axis)


def expect_logarithms(step, found, count):
    """Inside a step: fail unless there is one finite number for each of `count` images."""
    step.expect(
        found.size != 1,
        expected=f"{count} numbers for {count} images",
        found="one number for all",
        look="Sum over the latent vectors only: each image has a probability of its own.",
        mistake="reduced-over-images",
    )
    step.expect(
        found.shape == (count,),
        expected=f"shape ({count},) for {count} images",
        found=f"shape {found.shape}",
        look="Which axis is that of the images? It is the one that stays.",
        mistake="wrong-axis",
    )
    step.expect(
        not np.isneginf(found).any(),
        expected="logarithms near -200, as those that went in",
        found="-inf: the sum of exp(...) was 0",
        look="exp(-200) is too small for a float32. tf.reduce_logsumexp sums without ever leaving the logarithms.",
        mistake="underflow",
    )
    step.expect(
        np.isfinite(found).all(),
        expected="finite numbers",
        found="inf or nan",
        look="tf.reduce_logsumexp sums without ever leaving the logarithms.",
        mistake="not-finite",
    )
    step.expect(
        (np.abs(found) > 1e-6).any(),
        expected="logarithms near -200, as those that went in",
        found="0 for each image: a probability that is too small for a float",
        look="Return the logarithm, without an exp at the end.",
        mistake="probability-not-logarithm",
    )


def expect_log_sum(step, found, wanted, *, known, expected, look):
    """Inside a step: fail unless `found` is `wanted`; known: usual mistakes, as in expect_no_known_mistake."""

    def near(values):
        return np.allclose(found, values, rtol=0, atol=0.02)

    if near(wanted):
        return
    expect_no_known_mistake(step, known, near, is_right=False, expected=expected)
    place = first_difference(found, wanted, rtol=0, atol=0.02)
    step.fail(
        expected=f"{expected}: {wanted[place]:.2f} for {where(place)}",
        found=f"{found[place]:.2f} there",
        look=look,
        mistake="wrong-value",
    )
