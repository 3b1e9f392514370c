"""Networks that are random when they are used, as with a Dropout that is never switched off."""

import numpy as np

_SAME = 1e-4  # as a share of the largest number: sums in another order differ by less


def expect_repeatable(step, name, answer, what="numbers") -> None:
    """Inside a step: fail if a network gives two answers to the same images.

    name: the network's. answer: gives the network's answer, an array, to the same images each time. what: it is.
    """
    once, again = answer(), answer()
    step.expect(
        np.allclose(once, again, rtol=0, atol=_SAME * size_of(once), equal_nan=True),
        expected=f"the same {what} for the same images, each time that the {name} is called",
        found=f"others in a second call: the {name} is random when it is used",
        look="Dropout, or noise, that is called with training=True is never switched off. Without it, Keras switches it "
        "on in training alone.",
        mistake="random-when-used",
    )


def size_of(values) -> float:
    """How large the largest finite number of an array is; 0 if there is none."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0))
