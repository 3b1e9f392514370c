"""The loss curves of the course's own networks: ``reference_curves.toml``, written by ``autoencoder-course references``.

They are there to be looked at beside one's own; no check uses them.
"""

from __future__ import annotations

import functools
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("reference_curves.toml")


@dataclass(frozen=True)
class Curve:
    """Training loss after each epoch over ``seeds`` trainings: ``least``, ``mean`` and ``greatest``, one float each."""

    seeds: int
    least: tuple[float, ...]
    mean: tuple[float, ...]
    greatest: tuple[float, ...]


def curve(
    name: str, images: int, shape: tuple[int, ...], batch_size: int, optimizer: str, learning_rate: float
) -> Curve | None:
    """The curve of the training ``name``; None if there is none, or it was trained on other images or by another recipe.

    ``images``: how many; ``shape``: of one; ``optimizer``: its class. Then the two would not show the same thing.
    """
    facts, asked = _curves(PATH).get(name), [images, list(shape), batch_size, optimizer]
    if not facts or asked != [facts[key] for key in ("images", "shape", "batch_size", "optimizer")]:
        return None
    # A schedule is no number; a rate is one of float32.
    if not isinstance(learning_rate, float) or not math.isclose(learning_rate, facts["learning_rate"], rel_tol=1e-6):
        return None
    return Curve(facts["seeds"], *(tuple(facts[key]) for key in ("least", "mean", "greatest")))


def read(path: Path) -> dict:
    """All curves of a file, by the name of the training; none if the file is missing or damaged."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))["curves"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
        return {}  # a training must not fail for want of something to look at


_curves = functools.cache(read)
