"""The folder that all notebooks share: where it lies, how it is locked, how files get into it whole.

A file of the cache is written under a name of its own and moved into place in one step. So a reader finds
the old file or the new one, never half of one, and a reader that has mapped the old file keeps it.
Reading takes no lock: a cache folder that cannot be written to serves as well, as long as it is filled.
On Windows a file that is mapped cannot be replaced, so there arrays are read instead.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import numpy as np
import platformdirs
from autoencoder_helpers.errors import DataUnavailable
from autoencoder_helpers.moving import move

_MAPS = os.name != "nt"
LOCK_SECONDS = 900.0  # the longest job done under a lock is the download of the flower photos


def cache_dir() -> Path:
    """Return the course's cache folder as an absolute path; it need not exist yet.

    The environment variable ``AUTOENCODER_CACHE`` names it; without that it is the user's own cache folder
    of the operating system, in it ``autoencoder-course``.
    """
    named = os.environ.get("AUTOENCODER_CACHE", "").strip()
    if named:
        return Path(named).expanduser().absolute()
    return Path(platformdirs.user_cache_dir("autoencoder-course", appauthor=False))


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` raised inside the block into one line about ``path`` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            what = "the disk is full"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            what = "writing is not allowed there"
        else:
            what = error.strerror or str(error) or type(error).__name__
        raise DataUnavailable(
            f"Cannot write to the course's cache at {path}: {what}. Make room or set the environment "
            "variable AUTOENCODER_CACHE to a folder that can be written to, then restart the kernel."
        ) from error


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the cache's lock ``name`` inside the block, so that one process at a time does the job.

    Raises DataUnavailable when the cache cannot be written to, or when another process holds the lock for
    longer than ``LOCK_SECONDS``.
    """
    path = cache_dir() / f"{name}.lock"
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    held = filelock.FileLock(path)
    try:
        with explain_write_errors(path):
            try:
                held.acquire(timeout=LOCK_SECONDS)
            except filelock.Timeout:  # an OSError too, but no write error
                raise DataUnavailable(
                    f"Another process has held {path} for more than {LOCK_SECONDS / 60:.0f} minutes: "
                    "close the other notebooks and run this again."
                ) from None
    except NotImplementedError as error:
        raise DataUnavailable(
            f"The file system of {path} knows no locks: set the environment variable AUTOENCODER_CACHE to a "
            "folder on a local disk, then restart the kernel."
        ) from error
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; what the block writes there becomes ``path`` when it ends well.

    When the block raises, the temporary file is removed and ``path`` stays as it was. Write errors become
    a DataUnavailable error that says what to do.
    """
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())  # a full disk is sometimes reported only here
            os.chmod(temporary, 0o644)  # mkstemp makes it private; a shared cache is read by others
            move(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def save_array(path: Path, array: np.ndarray) -> None:
    """Write ``array`` to ``path`` as a C-ordered ``.npy`` file without pickle, whole or not at all."""
    with write_whole(path) as temporary, open(temporary, "wb") as file:
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)


def map_array(path: Path) -> np.ndarray:
    """Return the array in the ``.npy`` file ``path``, mapped read-only: pages are read when they are used.

    The result is a plain ``numpy.ndarray`` that cannot be written to; its memory is the file, or on Windows a copy. A
    file that is cut short or is no ``.npy`` file raises ``ValueError``, a missing one ``FileNotFoundError``.
    """
    try:
        array = np.asarray(np.load(path, mmap_mode="r" if _MAPS else None, allow_pickle=False))
    except EOFError as error:  # what NumPy raises for an empty file
        raise ValueError(f"{path} is empty") from error
    array.flags.writeable = False
    return array


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays to ``path`` as one ``.npz`` file, not compressed, whole or not at all; no pickle."""
    with write_whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Return what ``save_arrays`` wrote to ``path``, or None when the file is missing or damaged.

    The format keeps a checksum of each array (CRC-32) and compares it while reading: a changed byte is found.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    except (AttributeError, NotImplementedError):  # a lone .npy under this name; damaged flags in the zip
        return None


def array_sha256(array: np.ndarray) -> str:
    """Return the SHA-256 of the array's elements in C order, as 64 hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8)).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file is replaced or written to: inode, size (bytes), date (ns)."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
