"""Arrays that a learner's function is handed: copies, so that the question stays what it was, whatever becomes of them."""

import numpy as np
from autoencoder_helpers.evidence.values import is_still


def copies_of(arguments) -> tuple:
    """The arguments of a call, its arrays copied."""
    return tuple(part.copy() if isinstance(part, np.ndarray) else part for part in arguments)


def changed_ones(function, handed, arguments) -> set[int]:
    """Which of its arguments a function has changed in its last call, by their place.

    handed: the copies that it got of arguments. A stand-in of a function that runs elsewhere, in grading, is told by
    that which of them were changed over there; those here never are.
    """
    pairs = enumerate(zip(handed, arguments, strict=True))
    here = {place for place, (now, was) in pairs if isinstance(was, np.ndarray) and not is_still(now, was)}
    there = getattr(function, "changed_arguments", None)
    return here | (there if isinstance(there, frozenset) else set())


def expect_unchanged(step, changed: set[int], *names: str, look: str, found: str = "") -> None:
    """Inside a step: fail if a function has changed an array that it was handed.

    changed: as `call` tells it. names: of the function's arguments, in order. look: how to make a new array there.
    """
    spoiled = [f"`{name}`" for place, name in enumerate(names) if place in changed]
    step.expect(
        not changed,
        expected="what is handed in stays as it is",
        found=found
        or f"{' and '.join(spoiled) or 'an argument'} has been changed, for whoever uses it afterwards, too",
        look=look,
        mistake="changes-its-input",
    )
