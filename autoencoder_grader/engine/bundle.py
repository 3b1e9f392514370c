"""Folders as bytes: how submissions travel to workers and results come back, without a shared file system."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
from collections.abc import Collection, Iterable
from pathlib import Path

from autoencoder_grader.kernels.workplace import MOST_BYTES, plain_files
from autoencoder_helpers.evidence.messages import BadMessage, read_file

_END_BYTES = 2 * tarfile.BLOCKSIZE  # zeros that end an archive


def pack(folder: Path, paths: Iterable[Path] | None = None) -> bytes:
    """The plain files below a folder as bytes, the same for the same files: no times, no owners.

    paths: those wanted; all that `plain_files` finds if None. What cannot be read, is too large, or has a name of
    several lines is left out.
    """
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for path in sorted(plain_files(folder) if paths is None else paths):
            if len(os.fspath(path.relative_to(folder)).splitlines()) > 1:
                continue  # it would write lines of its own wherever nbgrader names it
            with contextlib.suppress(BadMessage, OSError):
                data = read_file(path, MOST_BYTES)
                if data is None:
                    continue
                entry = tarfile.TarInfo(os.fspath(path.relative_to(folder)))
                entry.size, entry.mode = len(data), path.stat().st_mode & 0o777
                archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def contents(data: bytes) -> dict[str, bytes]:
    """The files of a bundle, by their names in it."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r", errors="surrogateescape") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isreg()}


def unpack(data: bytes, folder: Path, only: Collection[str] | None = None) -> None:
    """Write the files of a bundle below a folder; `only` those with these names, if given.

    Raises ValueError for a bundle that is damaged or holds anything but files.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="surrogateescape") as archive:
            entries = archive.getmembers()
            # tarfile takes a damaged header, or none, for the end.
            end = data[archive.offset :]
            if len(end) < _END_BYTES or any(end):
                raise ValueError("a bundle that is damaged: it has no end, or data after it")
            for entry in entries:
                if only is None or entry.name in only:
                    _write_entry(entry, archive, folder)
    except tarfile.TarError as error:
        raise ValueError(f"a bundle that is damaged ({error})") from error


def _write_entry(entry: tarfile.TarInfo, archive: tarfile.TarFile, folder: Path) -> None:
    path = Path(entry.name)
    if not entry.isreg() or path.is_absolute() or ".." in path.parts or not path.name:
        raise ValueError(f"a bundle holds plain files, not {entry.name!r}")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive.extractfile(entry).read())
    target.chmod(entry.mode | 0o600)
