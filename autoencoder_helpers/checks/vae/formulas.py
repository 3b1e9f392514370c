"""Asking a function for the value of its formula, and naming the mistake in a wrong one."""

import numpy as np
from autoencoder_helpers.checks.answers import call
from autoencoder_helpers.checks.expectations import expect_no_known_mistake, first_difference, where
from autoencoder_helpers.checks.rule import NotYet


def call_formula(function, *arrays, name, changed=None):
    """`call` with NumPy arrays, or with tensors if the function wants tensors (`mean.numpy()`): both are right.

    changed: as for `call`; tensors cannot be changed.
    """
    try:
        return call(function, *arrays, name=name, changed=changed)
    except NotYet:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a learner's network raises
        import tensorflow as tf

        try:
            return call(function, *(tf.constant(array) for array in arrays), name=name)
        except Exception:  # noqa: BLE001 - the first error is the one to show
            raise error from None


def name_the_mistake(step, found, wanted, *, expected, known, look, unit, own_noise=None):
    """Inside a step: fail unless `found` is `wanted`; if it equals a known wrong value, say which.

    known: the known ones, as in expect_no_known_mistake. unit: of a value, for the message. own_noise: calls the function again, to find one that draws.
    """

    def near(value):
        return np.allclose(found, value, rtol=2e-3, atol=2e-3)

    if near(wanted):
        return
    expect_no_known_mistake(step, known, near, is_right=False, expected=expected)
    if own_noise is not None:
        step.expect(
            near(own_noise()),
            expected=expected,
            found="another result in a second call with the same noise",
            look="Use the noise that is given; draw none.",
            mistake="own-noise",
        )
    if found.shape != wanted.shape:
        step.fail(
            expected=f"{expected}: shape {wanted.shape}", found=f"shape {found.shape}", look=look, mistake="wrong-value"
        )
    place = first_difference(found, wanted, rtol=2e-3, atol=2e-3)
    step.fail(
        expected=f"{expected}: {wanted[place]:.3f} {unit} {where(place)}",
        found=f"{found[place]:.3f} there",
        look=look,
        mistake="wrong-value",
    )
