"""The file of a training: ``<folder>/<name>.npz`` with weights, optimizer state, history and facts.

Plain arrays without pickle, so a stranger's file can be read safely: ``weight_000``.. and ``optimizer_000``..
in the order Keras lists them, ``history_<name>`` with one float64 an epoch, and ``facts``, one JSON string. A
file is written beside its final name and moved there in one step: after a kill the file is the old one or the
new one, never half.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.moving import move

FORMAT = 1
_MOST_FACTS = 4_000_000  # bytes; facts of a large model are below 200 kB
_MOST_EPOCHS = 100_000


class Damaged(Exception):
    """The file cannot be used; the text says why in a few words."""


@dataclass
class Stored:
    """What a file holds. ``weights``, ``optimizer``: lists of arrays; ``history``: name -> floats, one an
    epoch."""

    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    history: dict[str, list[float]]
    facts: dict[str, Any]

    @property
    def epochs(self) -> int:
        return max((len(values) for values in self.history.values()), default=0)


def path_of(name: str, folder: str | os.PathLike) -> Path:
    """``<folder>/<name>.npz``; CourseError for a name that is no plain file name."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise CourseError(
            f"train: name={name!r} becomes a file name; use letters, digits, _ and -, such as 'dense_ae'."
        )
    return Path(folder) / f"{name}.npz"


def write(path: Path, stored: Stored) -> None:
    """Write whole or not at all; OSError when the folder or the disk refuses."""
    arrays = {f"weight_{i:03}": array for i, array in enumerate(stored.weights)}
    arrays |= {f"optimizer_{i:03}": array for i, array in enumerate(stored.optimizer)}
    arrays |= {f"history_{key}": np.asarray(values, np.float64) for key, values in stored.history.items()}
    arrays["facts"] = np.array(json.dumps({"format": FORMAT, **stored.facts}))
    path.parent.mkdir(parents=True, exist_ok=True)
    # One fixed temporary name: what a kill leaves behind is overwritten by the next epoch instead of piling
    # up.
    temporary = path.with_name(path.name + ".tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())  # a full disk is sometimes reported only here
        move(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def read_facts(path: Path) -> dict[str, Any]:
    """The facts alone, read before any array is trusted. FileNotFoundError, or Damaged with the reason."""

    def facts_of(archive):
        facts = json.loads(str(_array(archive, "facts", most_bytes=_MOST_FACTS)))
        if not isinstance(facts, dict) or facts.get("format") != FORMAT:
            raise Damaged("it has no facts that this version can read")
        return facts

    return _open(path, facts_of)


def read(path: Path, weights_like: list, optimizer_like: list | None = None) -> Stored:
    """Everything, checked against what the model has: number, shape and dtype of the arrays, finite values.

    ``weights_like``, ``optimizer_like``: the arrays or variables which the stored ones must resemble;
    ``optimizer_like`` None leaves the optimizer's state unread. FileNotFoundError, or Damaged.
    """
    patterns = {"weight": _patterns(weights_like)}
    if optimizer_like is not None:
        patterns["optimizer"] = _patterns(optimizer_like)

    def all_of(archive):
        history = {}
        for member in archive.namelist():
            if member.startswith("history_") and member.endswith(".npy"):
                values = _array(archive, member[:-4], most_bytes=8 * _MOST_EPOCHS)
                if values.ndim != 1 or values.dtype != np.float64:
                    raise Damaged("its history is not a list of numbers")
                history[member[len("history_") : -4]] = values.tolist()
        arrays = {kind: _arrays(archive, kind, like) for kind, like in patterns.items()}
        return Stored(arrays["weight"], arrays.get("optimizer", []), history, {})

    stored = _open(path, all_of)
    stored.facts = read_facts(path)
    if not stored.epochs or len(stored.history.get("loss", ())) != stored.epochs:
        raise Damaged("its history is not whole")
    return stored


def old_of(path: Path) -> Path:
    """Where ``keep_as_old`` puts the file of a training: ``x.old.npz`` for ``x.npz``."""
    return path.with_name(f"{path.stem}.old.npz")


def change_places_with_old(path: Path) -> bool:
    """Make ``x.old.npz`` the file of the training again, and the one that is there the old one; False: not allowed."""
    old, between = old_of(path), path.with_name(path.name + ".tmp")
    try:
        move(path, between)
        try:
            move(old, path)
        except OSError:
            move(between, path)  # where it was: the next epoch would write over it
            return False
        move(between, old)
    except OSError:
        return False
    return True


def keep_as_old(path: Path) -> Path | None:
    """Move ``x.npz`` to ``x.old.npz``; the new path, or None when that is not allowed."""
    old = old_of(path)
    try:
        move(path, old)
    except OSError:
        return None
    return old


def _open(path, use):
    try:
        with zipfile.ZipFile(path) as archive:
            return use(archive)
    except (FileNotFoundError, Damaged, MemoryError):
        raise
    except zipfile.BadZipFile:
        raise Damaged("it is cut short or no .npz file") from None
    except Exception as error:  # noqa: BLE001 - whatever a wrong byte can lead to: a damaged file must never stop a lesson
        raise Damaged(f"{type(error).__name__} while reading") from None


def _array(archive, name, most_bytes):
    """One array, never unpickled, and never larger than announced: a small file may unpack to gigabytes."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise Damaged(f"it has no {name}") from None
    if info.file_size > most_bytes + 4096:
        raise Damaged(f"{name} is too large")
    with archive.open(info) as member:
        try:
            return np.lib.format.read_array(member, allow_pickle=False)
        except ValueError:
            raise Damaged(f"{name} is no plain array") from None


def _patterns(like):
    """(shape, dtype) of each array or TensorFlow variable."""
    return [
        (tuple(int(side) for side in array.shape), np.dtype(getattr(array.dtype, "as_numpy_dtype", array.dtype)))
        for array in like
    ]


def _arrays(archive, kind, like):
    found = sum(1 for member in archive.namelist() if member.startswith(f"{kind}_"))
    if found != len(like):
        raise Damaged(f"it has {found} {kind} arrays, the network {len(like)}")
    arrays = []
    for i, (shape, dtype) in enumerate(like):
        name = f"{kind}_{i:03}"
        array = _array(archive, name, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        if array.shape != shape or array.dtype != dtype:
            raise Damaged(f"{name} is {array.dtype} {array.shape}, the network has {dtype} {shape}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Damaged(f"{name} holds values that are no numbers (NaN or infinite)")
        arrays.append(array)
    return arrays
