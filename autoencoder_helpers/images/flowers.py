"""The flowers of chapter 4: photos or drawn ones, split into training and test in the same way everywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images import cache, flower_drawing, flower_photos

SOURCES = ("auto", "synthetic", "photos")
SMALLEST, LARGEST = 8, 256  # side of an image in pixels
FEWEST, MOST = 10, 100_000  # images; fewer leave nothing to test with, more do not fit into a laptop's memory
TEST_EVERY = 10


@dataclass(frozen=True, eq=False, repr=False)
class Flowers:
    """A set of colour images of flowers, split into training and test. The arrays are read-only."""

    x_train: np.ndarray  # uint8 (N, size, size, 3), red, green, blue, 0 to 255
    y_train: np.ndarray  # uint8 (N,), indices into class_names
    x_test: np.ndarray  # uint8 (M, size, size, 3)
    y_test: np.ndarray  # uint8 (M,)
    class_names: tuple[str, ...]
    factors_train: np.ndarray | None  # structured array (N,), what each image was drawn from; None for photos
    factors_test: np.ndarray | None  # structured array (M,)
    source: str  # "synthetic" or "photos"

    def __repr__(self) -> str:
        side = self.x_train.shape[1]
        return (
            f"Flowers({self.source}: {len(self.x_train):,} training and {len(self.x_test):,} test images, "
            f"{side} x {side} x 3, {', '.join(self.class_names)})"
        )


def load_flowers(
    source: str = "auto",
    *,
    count: int = 3000,
    size: int = 80,
    seed: int = 321,
    path: str | os.PathLike | None = None,
) -> Flowers:
    """Return at most ``count`` images of flowers, ``size`` x ``size`` pixels, as ``Flowers``.

    source
        "synthetic": drawn by the course itself, with the table of the factors that drew them.
        "photos": from the archive or folder that ``path`` or the environment variable AUTOENCODER_FLOWERS
        names; when neither does, from the public archive, downloaded once (229 MB).
        "auto": photos when ``path`` or AUTOENCODER_FLOWERS names some or the public ones are in the cache
        already, else synthetic; prints one line that says which.
    count
        how many images in all, 10 to 100,000. Of fewer photos, all are taken.
    size
        side in pixels, 8 to 256; the networks of the course take 80.
    seed
        draws the synthetic flowers, and shuffles either kind before the split.
    path
        a folder or tar archive with the layout ``flower_photos/<species>/<photo>.jpg``.

    The images are permuted by ``seed`` and the first ``count`` are taken. Of these every tenth, from the
    first on, goes to the test set. All is kept in the cache, so that the next call takes no time.

    Raises CourseError, one line, for an unknown source, a count, size or seed out of range, and when
    photos are missing, damaged or cannot be downloaded.
    """
    if source not in SOURCES:
        raise CourseError(f"load_flowers: there is no source {source!r}; choose one of {', '.join(SOURCES)}.")
    count = _whole_number("count", count, FEWEST, MOST)
    size = _whole_number("size", size, SMALLEST, LARGEST, " (the networks of the course take 80)")
    seed = _whole_number("seed", seed, 0, 2**32 - 1)
    if path is not None and source == "synthetic":
        raise CourseError('load_flowers: path names photos, but source is "synthetic": leave one out.')
    named = path or os.environ.get("AUTOENCODER_FLOWERS", "").strip() or None

    if source == "photos" or (source == "auto" and (named or flower_photos.public_photos_at_hand(size))):
        photos = flower_photos.load_photos(named, size)
        chosen = _split(len(photos.images), count, seed)
        flowers = _assemble(chosen, photos.images, photos.labels, photos.class_names, None, "photos")
        why = f" from {Path(named).expanduser() if named else 'the public archive'}."
    else:
        images, species, factors = _synthetic(count, size, seed)
        chosen = _split(count, count, seed)
        flowers = _assemble(chosen, images, species, flower_drawing.SPECIES, factors, "synthetic")
        why = ", because no photos are at hand; source='photos' downloads them (229 MB)."
    if source == "auto":
        kind = "flower photos" if flowers.source == "photos" else "synthetic flowers"
        print(f"{len(flowers.x_train) + len(flowers.x_test):,} {kind}{why}")
    return flowers


def _whole_number(name: str, value: object, least: int, most: int, note: str = "") -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not least <= value <= most:
        raise CourseError(
            f"load_flowers: {name} must be a whole number from {least:,} to {most:,}{note}; found {value!r}."
        )
    return int(value)


def _split(total: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (training, test) of at most ``count`` of ``total`` images."""
    # RandomState and not default_rng: NumPy promises that its numbers stay the same in every later version.
    order = np.random.RandomState(seed).permutation(total)[:count]
    in_test = np.arange(len(order)) % TEST_EVERY == 0
    return order[~in_test], order[in_test]


def _assemble(chosen, images, labels, class_names, factors, source) -> Flowers:
    train, test = chosen
    arrays = {
        "x_train": images[train],
        "y_train": labels[train],
        "x_test": images[test],
        "y_test": labels[test],
        "factors_train": None if factors is None else factors[train],
        "factors_test": None if factors is None else factors[test],
    }
    for array in arrays.values():
        if array is not None:
            array.flags.writeable = False  # as the digits: a cell run twice starts from the same data
    return Flowers(**arrays, class_names=tuple(class_names), source=source)


def _synthetic(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first ``count`` drawn images, species and factors, from the cache when it holds as many."""
    # The drawing's own source is part of the name: other code draws other flowers.
    drawing = cache.file_sha256(Path(flower_drawing.__file__))[:16]
    kept_file = cache.cache_dir() / "flowers" / f"synthetic-{drawing}-{seed}-{size}.npz"
    kept = _read_synthetic(kept_file, count, size)
    if kept is None:
        kept = flower_drawing.draw_flowers(count, size=size, seed=seed)
        try:
            with cache.lock("drawings"):
                if _read_synthetic(kept_file, count, size) is None:
                    cache.save_arrays(kept_file, images=kept[0], species=kept[1], factors=kept[2])
        except CourseError as error:
            print(f"The flowers are drawn anew each time. {error}")  # they can be had all the same
    return tuple(array[:count] for array in kept)


def _read_synthetic(path: Path, count: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    kept = cache.load_arrays(path)
    if kept is None or set(kept) != {"images", "species", "factors"}:
        return None
    images, species, factors = kept["images"], kept["species"], kept["factors"]
    drawn = len(images)
    shapes = (images.shape, species.shape, factors.shape) == ((drawn, size, size, 3), (drawn,), (drawn,))
    types = (images.dtype, species.dtype, factors.dtype) == (np.uint8, np.uint8, flower_drawing.FACTORS)
    return (images, species, factors) if drawn >= count and shapes and types else None
