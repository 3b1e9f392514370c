"""How many numbers of an image get through a network: the size of the smallest set of tensors that all of it passes."""

import math
from collections.abc import Sequence

import numpy as np
from autoencoder_helpers.evidence.judging import Call, Checker, Input, Model


def numbers_passed(description: dict, arrays: Sequence[np.ndarray], name: str) -> int:
    """An upper bound, and for a chain of layers exact: the width of the narrowest place between image and output.

    description, arrays: as `describe_models` makes them. name: of a network in it. Raises Refused for a
    description that is not allowed.
    """
    checker = Checker(description, arrays)
    items = checker.items
    # For each step the tensors, {key: size}, through which everything goes that reaches its output.
    cuts: list[dict] = []
    for index, item in enumerate(items):
        if isinstance(item, Input):
            cuts.append({index: math.prod(item.tensor.shape)})
        elif isinstance(item, Call):
            cuts.append(_narrower({index: math.prod(item.tensor.shape)}, _before(index, item, items, cuts)))
        else:
            cuts.append({})
    return sum(cuts[items[checker.models[name]].output].values())


def _before(index, call, items, cuts):
    """What everything goes through that reaches a call's output, the output itself left aside."""
    reaching = {key: size for i in call.inputs if type(i) is int for key, size in cuts[i].items()}
    called = items[call.layer]
    if not isinstance(called, Model):
        return reaching
    inside = cuts[called.output]
    if called.input in inside:  # nothing inside is narrower than what goes in
        return reaching
    return _narrower({(index, key): size for key, size in inside.items()}, reaching)


def _narrower(one, other):
    return one if not other or sum(one.values()) <= sum(other.values()) else other
