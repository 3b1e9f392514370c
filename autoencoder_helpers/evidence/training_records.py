"""What a network was trained on, as `train` saw it: kept beside the network, and handed over with it.

A summary of some images, not the images. A learner's process writes it, so nothing is proved by it: it names a mistake
that nobody hides, such as test images in the place of training images.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

PROBED_ROWS = 256
_ATTRIBUTE = "autoencoder_course_trained_on"  # as text: Keras looks into lists and dictionaries
_ANOTHER = "another"  # what is handed over of a network that was not trained, where one like it was
_MOST_IMAGES = 10_000_000


@dataclass(frozen=True)
class Record:
    """Of the images that a network was trained on last: how many, and a weighted sum of each of some rows."""

    count: int
    sums: tuple[float, ...]

    @property
    def rows(self) -> np.ndarray:
        """The numbers of the rows that were summed."""
        return probed_rows(self.count)


def probed_rows(count: int) -> np.ndarray:
    """The numbers of up to 256 rows, spread evenly."""
    return np.linspace(0, count - 1, min(count, PROBED_ROWS)).astype(int)


def sums_of(rows: np.ndarray) -> np.ndarray:
    """A weighted sum of each row's values, whatever axes they have."""
    chosen = rows.reshape(len(rows), -1).astype(np.float64)
    return chosen @ np.cos(1.7 * np.arange(chosen.shape[1]))


#: The shapes of the weights of each network that this session has trained.
_trained: set[tuple] = set()


def remember(model, count: int, sums) -> None:
    """Keep beside a network what it is trained on, and that one like it was trained."""
    setattr(model, _ATTRIBUTE, json.dumps([int(count), [float(value) for value in sums]]))
    _trained.add(_shapes(model))


def another_was_trained(model) -> bool:
    """Whether a network with weights of the same shapes was trained, and not this one: it was built again afterwards."""
    if getattr(model, _ATTRIBUTE, None) is not None:
        return getattr(model, _ATTRIBUTE) == _ANOTHER
    return _shapes(model) in _trained


def _shapes(model) -> tuple:
    return tuple(tuple(variable.shape) for variable in model.weights)


def record_of(model) -> Record | None:
    """What a network was trained on last; None where no `train` has said it, or what is said is none."""
    try:
        count, sums = json.loads(getattr(model, _ATTRIBUTE))
        sums = tuple(float(value) for value in sums)
    except (AttributeError, TypeError, ValueError, OverflowError):  # the last: a whole number larger than any float
        return None
    fits = type(count) is int and 0 < count <= _MOST_IMAGES and len(sums) == min(count, PROBED_ROWS)
    return Record(count, sums) if fits and all(map(math.isfinite, sums)) else None


def as_data(model):
    """What is handed over of a network's record: JSON-ready, None where there is nothing to say."""
    record = record_of(model)
    if record is None:
        return _ANOTHER if another_was_trained(model) else None
    return [record.count, list(record.sums)]


def from_data(model, data) -> None:
    """Give a rebuilt network the record that was handed over with it, if it is one."""
    if data == _ANOTHER:
        setattr(model, _ATTRIBUTE, _ANOTHER)
    if isinstance(data, list) and len(data) == 2 and isinstance(data[1], list) and len(data[1]) <= PROBED_ROWS:
        setattr(model, _ATTRIBUTE, json.dumps(data, default=str))
