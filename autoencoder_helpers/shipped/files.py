"""The files of the trained networks that the course carries, and what reference.toml says of each.

A file is an .npz without pickle: `description`, a JSON text as `evidence.description` writes it, and `weight_000` and so
on, the numbers that it refers to, in half precision where that changes no loss by more than another seed does. Its
SHA-256 stands in reference.toml, beside the losses: what is read is what was measured.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.reference import values as reference

FOLDER = Path(__file__).with_name("stored")
#: What a file holds a model of, in this order: so the numbers of the encoder come first, then those of the decoder.
PARTS = ("encoder", "decoder", "whole")
#: What the network of the flowers has learned: there is one for each.
SOURCES = ("synthetic", "photos")


def facts(name: str) -> dict:
    """What was measured of a network; CourseError for one that this version of the course does not carry."""
    return reference.network(name)


def as_called(name: str) -> str:
    """How a notebook asks for a network: 'trained("flower_vae", "photos")'."""
    plain, _, source = name.rpartition("_")
    return f'trained("{plain}", "{source}")' if source in SOURCES else f'trained("{name}")'


def path_of(name: str) -> Path:
    """The file of a network."""
    return FOLDER / f"{name}.npz"


def read(name: str) -> tuple[dict, list[np.ndarray]]:
    """The description of a network, and its numbers, float32. CourseError for a file that is missing or damaged."""
    path, wanted = path_of(name), facts(name)["sha256"]
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CourseError(f"The trained network {name} is missing ({path}); install the course again.") from None
    except OSError as error:
        raise CourseError(f"The trained network {name} cannot be read ({path}: {error.strerror}).") from None
    if hashlib.sha256(data).hexdigest() != wanted:
        raise CourseError(f"The trained network {name} is damaged ({path}); install the course again.")
    return unpack(data)


def pack(description: dict, arrays: Sequence[np.ndarray]) -> bytes:
    """A file's bytes; the same network gives the same bytes."""
    data = io.BytesIO()
    numbers = {f"weight_{number:03}": array for number, array in enumerate(arrays)}
    np.savez_compressed(data, description=np.array(json.dumps(description, sort_keys=True)), **numbers)
    return data.getvalue()


def unpack(data: bytes) -> tuple[dict, list[np.ndarray]]:
    """The inverse of `pack`, the numbers in float32 whatever they are kept in."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            names = sorted(name for name in stored.files if name.startswith("weight_"))
            return json.loads(str(stored["description"])), [stored[name].astype(np.float32) for name in names]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise CourseError(f"This is no file of a trained network ({type(error).__name__}).") from None
