"""A learner's loss as Keras calls it in training: on tensors without values yet, and asked for its gradient.

A formula in NumPy gives the right numbers when it is called by hand, and cannot be trained with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from autoencoder_helpers.checks.answers import Function, as_array


class NoGradient(Exception):
    """No gradient comes through a function."""


class Loss(Function):
    """A function that a network is trained with: it works on tensors, and gradients come through it."""

    def in_training(self, value) -> Callable:
        """The function, run as training runs it; it raises what goes wrong there."""
        over_there = getattr(value, "in_training", None)  # a stand-in, in grading
        return over_there() if over_there else in_training(value)


def in_training(function: Callable) -> Callable:
    """The function (images, reconstructions) -> values, run in a graph; NoGradient if none reaches the reconstructions."""

    def run(images, reconstructions):
        import tensorflow as tf

        @tf.function(autograph=True)
        def graph(x, p):
            with tf.GradientTape() as tape:
                tape.watch(p)
                value = function(x, p)
            return value, tape.gradient(value, p)

        value, gradient = graph(tf.constant(images), tf.constant(reconstructions))
        if gradient is None:
            raise NoGradient("no gradient reaches the reconstructions")
        return value

    return run


def expect_trainable(step, function, images, reconstructions, *, name) -> None:
    """Inside a step: fail unless a network could be trained with the loss.

    function: what Loss reads. images, reconstructions: arrays (N, ...), float32. name: the loss's, for messages.
    """
    try:
        value = as_array(Loss().in_training(function)(images, reconstructions))
        problem = "" if np.isfinite(value).all() else "values that are not finite"
    except Exception as error:  # noqa: BLE001 - whatever TensorFlow makes of a learner's function
        said = str(error)
        numpy = "numpy" in said.lower() or "symbolic" in said.lower() or type(error).__name__ == "NoGradient"
        problem = f"{type(error).__name__}: {said.strip().splitlines()[0] if said.strip() else ''}"
        if numpy:
            problem = "NumPy, or `.numpy()`, which knows numbers and no gradients: Keras cannot train with it"
    step.expect(
        not problem,
        expected=f"`{name}` works in training, where Keras hands it tensors and asks for a gradient",
        found=problem,
        look="Every step as a function of tf or keras: tf.reduce_sum, tf.math.log, keras.losses.",
        mistake="not-for-training",
    )
