"""The handwritten digits: carried whole inside the package, unpacked once, shared by all notebooks.

The set is MNIST (LeCun, Cortes, Burges; CC BY-SA 3.0). The package holds it as ``data/mnist.npz.xz``: an
uncompressed NumPy archive inside xz, which packs better than the archive's own compression.
"""

from __future__ import annotations

import io
import lzma
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from autoencoder_helpers.errors import DataUnavailable
from autoencoder_helpers.images import cache

PACKED = Path(__file__).parent / "data" / "mnist.npz.xz"


class _Facts(NamedTuple):
    shape: tuple[int, ...]
    sha256: str  # of the elements, in C order


FACTS = {
    "x_train": _Facts((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": _Facts((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": _Facts((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": _Facts((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}

_verified: dict[Path, tuple[int, int, int]] = {}  # files whose hash this process has seen to be right


def load_mnist(flatten: bool = False) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the digits as ``(x_train, y_train), (x_test, y_test)``.

    ``x_train`` is uint8 of shape (60000, 28, 28), ``x_test`` uint8 of shape (10000, 28, 28): raw grey values
    from 0 (background) to 255 (ink), not scaled. With ``flatten=True`` the same memory is seen as
    (60000, 784) and (10000, 784). ``y_train`` and ``y_test`` are uint8 labels 0 to 9 of shape (60000,) and
    (10000,).

    The arrays are read-only: their memory is a file in ``cache.cache_dir()``, which all notebooks share.
    The first call on a computer unpacks the files; later calls compare their SHA-256 with the recorded one
    and unpack again what is damaged. Raises DataUnavailable when the cache cannot be written to or when
    the file in the package is damaged.
    """
    arrays = _cached()
    if arrays is None:
        with cache.lock("mnist"):
            arrays = _cached()  # another process may have unpacked them while this one waited
            if arrays is None:
                _unpack()
                arrays = _cached()
        if arrays is None:
            raise DataUnavailable(
                f"The MNIST files in {_folder()} are damaged again right after they were unpacked: check the "
                "disk, or set the environment variable AUTOENCODER_CACHE to a folder on another disk."
            )
    if flatten:
        for name in ("x_train", "x_test"):
            arrays[name] = arrays[name].reshape(len(arrays[name]), -1)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _folder() -> Path:
    return cache.cache_dir() / "mnist"


def _cached() -> dict[str, np.ndarray] | None:
    """Return the four mapped arrays, or None when one is missing or not what was recorded."""
    arrays = {}
    for name in FACTS:
        array = _mapped(name)
        if array is None:
            return None
        arrays[name] = array
    return arrays


def _mapped(name: str) -> np.ndarray | None:
    path = _folder() / f"{name}.npy"
    try:
        stamp = cache.file_stamp(path)
        array = cache.map_array(path)
    except (OSError, ValueError):
        return None
    if array.dtype != np.uint8 or array.shape != FACTS[name].shape or not array.flags.c_contiguous:
        return None
    # Size and date alone would miss a byte changed by a bad disk, so a process hashes each file once, and
    # again after the file has been touched. All four together take about 0.06 s.
    if _verified.get(path) != stamp:
        if cache.array_sha256(array) != FACTS[name].sha256:
            return None
        _verified[path] = stamp
    return array


def _unpack() -> None:
    """Write the arrays that are missing or damaged into the cache. The caller holds the lock."""
    for name, array in _packed_arrays().items():
        if _mapped(name) is None:
            cache.save_array(_folder() / f"{name}.npy", array)


def _packed_arrays() -> dict[str, np.ndarray]:
    """Unpack the four arrays from the package into memory and compare them with the recorded hashes."""
    repair = "install the course again (pip install --force-reinstall, or fetch the repository anew)."
    try:
        with np.load(io.BytesIO(lzma.decompress(PACKED.read_bytes())), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in FACTS}
    except FileNotFoundError:
        raise DataUnavailable(f"The course's MNIST file {PACKED} is missing: {repair}") from None
    except (OSError, EOFError, ValueError, KeyError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DataUnavailable(f"The course's MNIST file {PACKED} is damaged ({error}): {repair}") from error
    for name, facts in FACTS.items():
        array = arrays[name]
        if array.dtype != np.uint8 or array.shape != facts.shape or cache.array_sha256(array) != facts.sha256:
            raise DataUnavailable(f"The course's MNIST file {PACKED} is damaged ({name} is wrong): {repair}")
    return arrays
