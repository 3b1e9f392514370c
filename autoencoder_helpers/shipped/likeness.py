"""Whether a network is one that the course carries, or nearly: then it is nobody's own answer.

Compared are the numbers, part by part, and not by their order: however layers are called or joined, whichever part of a
network is the course's is found.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from autoencoder_helpers.reference import values as reference
from autoencoder_helpers.shipped import files

# Of the length of a part's numbers, as one vector. Measured: 0.0003 for what half precision changes, 0.26 and more for
# trainings of the same network on the same images from the same start, with batches in another order.
NEAR = 0.05


class Likeness(NamedTuple):
    """Whose numbers a network has: the name of the shipped one, which part of it, and how far apart, as a share."""

    name: str
    part: str
    apart: float


def likeness(model) -> Likeness | None:
    """The shipped network of which a tf_keras model has the encoder or the decoder, but for little; None if there is none."""
    shapes = {tuple(weight.shape) for weight in model.weights}
    count = sum(int(np.prod(weight.shape)) for weight in model.weights)
    own: list[np.ndarray] = []
    for name, table in reference.networks().items():
        if count < min(table["parameters"][part] for part in ("encoder", "decoder")):
            continue
        for part, arrays in _parts(name).items():
            if not {array.shape for array in arrays} <= shapes:
                continue
            own = own or [np.asarray(weight.numpy(), np.float32) for weight in model.weights]
            apart = _apart(arrays, own)
            if apart < NEAR:
                return Likeness(name, part, apart)
    return None


@functools.cache
def _parts(name: str) -> dict[str, list[np.ndarray]]:
    """The numbers of a shipped network's encoder and decoder."""
    _, arrays = files.read(name)
    wanted, encoder = reference.network(name)["parameters"]["encoder"], 0
    for number, array in enumerate(arrays):
        if encoder == wanted:
            return {"encoder": arrays[:number], "decoder": arrays[number:]}
        encoder += array.size
    return {}


def _apart(arrays, own) -> float:
    """How far some numbers are from those of a network, each array from the nearest of its shape, as a share of their length."""
    apart = 0.0
    for array in arrays:
        apart += min(float(np.square(other - array).sum()) for other in own if other.shape == array.shape)
    return float(np.sqrt(apart / sum(float(np.square(array).sum()) for array in arrays)))
