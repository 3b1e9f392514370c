"""Writes a file as a whole: whoever reads it sees what was there before, or all that is new."""

import os
from pathlib import Path

from autoencoder_helpers.errors import CourseError


def write_whole_text(path: Path, text: str) -> None:
    """Write a text to `path` in UTF-8; a file that was there stays until the new one is complete.

    Raises CourseError when that is not possible, and leaves nothing behind then.
    """
    write_whole_bytes(path, text.encode("utf-8"))


def write_whole_bytes(path: Path, data: bytes) -> None:
    """The same for bytes."""
    if path.is_dir():
        raise CourseError(f"{path} is a folder: name a file with --to")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CourseError(f"{path} cannot be written: {error.strerror or error}") from error
