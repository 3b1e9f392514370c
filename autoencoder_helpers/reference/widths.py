"""What more latent variables buy: `widths.toml`, written by `autoencoder-course references --widths`, read here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from autoencoder_helpers.errors import CourseError

PATH = Path(__file__).with_name("widths.toml")


@dataclass(frozen=True)
class Widths:
    """Chapter 1's network with other numbers of latent variables, on the test digits; one number for each width.

    latent: the widths. bce, mse: nats per pixel, and squared grey per pixel, the mean over `seeds` trainings; bce_sd and
    mse_sd: their standard deviation over the seeds. pca_mse: of as many principal components.
    """

    latent: tuple[int, ...]
    bce: tuple[float, ...]
    bce_sd: tuple[float, ...]
    mse: tuple[float, ...]
    mse_sd: tuple[float, ...]
    pca_mse: tuple[float, ...]
    seeds: int


def measured_widths() -> Widths:
    """What was measured. Raises CourseError when the file is missing or damaged."""
    try:
        found = tomllib.loads(PATH.read_text(encoding="utf-8"))
        bce, mse = (found["autoencoder"][what] for what in ("bce_per_pixel", "mse_per_pixel"))
        columns = (bce["mean"], bce["standard_deviation"], mse["mean"], mse["standard_deviation"])
        return Widths(
            tuple(found["latent_variables"]),
            *map(tuple, columns),
            tuple(found["pca"]["mse_per_pixel"]),
            len(found["seeds"]),
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError):
        raise CourseError(
            f"What was measured of other widths cannot be read ({PATH}); install the course again."
        ) from None
