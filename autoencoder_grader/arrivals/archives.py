"""Looks into archives that strangers packed: nothing leaves its folder, and nothing grows without bound.

Nothing here writes to the disk. What is not a plain file with a plain name becomes a line, as does what is damaged,
encrypted or too large; all else goes on.
"""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import lzma
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

MOST_FILES = 2000  # of one student, those of archives in archives too
MOST_BYTES = 500_000_000  # of one student, unpacked
MOST_OF_ONE = 200_000_000  # bytes of one file, about as in grading
DEEPEST_FOLDER, DEEPEST_ARCHIVE = 20, 3
_MOST_RATIO, _FREE_OF_RATIO = 200, 10 << 20  # so many times its packed size, where it is larger than so many bytes
_LIST_OF_CLASS, _LIST_OF_STUDENT = 32 << 20, 1 << 20  # bytes of the list of files in an archive, which is read whole

_ARCHIVE = re.compile(r"\.(zip|tar|tar\.gz|tgz|tar\.bz2|tbz2|tar\.xz|txz)$", re.IGNORECASE)
_CLOSED = re.compile(r"\.(rar|7z|zipx|arj|lzh|cab|iso|dmg)$", re.IGNORECASE)
_STREAMS = {"gz": gzip.open, "tgz": gzip.open, "bz2": bz2.open, "tbz2": bz2.open, "xz": lzma.open, "txz": lzma.open}
#: What operating systems leave lying about, by their names in lower case.
_LEFT_ABOUT = {
    *(".ds_store", ".localized", ".apdisk", ".volumeicon.icns", "icon\r", ".appledouble", "__macosx"),
    *(".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems", ".documentrevisions-v100"),
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *(".directory", "lost+found"),
}
_LEFT_ABOUT_BEGINS = ("._", ".trash-")
#: All that reading a damaged or a hostile archive can raise.
UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    *(RuntimeError, NotImplementedError, IndexError, struct.error, OverflowError, MemoryError, UnicodeError),
)


class TooMuch(ValueError):
    """A file is larger than anybody hands in."""


class Full(TooMuch):
    """All files of a student together are more than anybody hands in."""


@dataclass(frozen=True)
class Piece:
    """One plain file of a download.

    path: names of folders and archives that it lies in, then its own. where: for a person, where it comes from.
    read: gives its bytes. time: seconds, as the archive says; 0 if it does not.
    """

    path: tuple[str, ...]
    where: str
    read: Callable[[], bytes] = field(repr=False)
    size: int = 0
    time: float = 0.0

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1]

    @property
    def folder(self) -> tuple[str, ...]:
        """The names of what it lies in."""
        return self.path[:-1]


@dataclass
class Budget:
    """What the files of one student may still use."""

    files: int = MOST_FILES
    size: int = MOST_BYTES

    def take(self, size: int) -> None:
        """Take a file of so many bytes from it; Full if that is too much."""
        self.files, self.size = self.files - 1, self.size - size
        if self.files < 0:
            raise Full(f"more than {MOST_FILES} files of one student")
        if self.size < 0:
            raise Full(f"more than {MOST_BYTES / 1e6:.0f} MB of one student, unpacked")


def refuse_large(size: int, packed: int | None = None) -> None:
    """Raise TooMuch for a file of so many bytes, that were so many when packed, where nobody hands such a file in."""
    if size > MOST_OF_ONE:
        raise TooMuch(f"a file of {size / 1e6:.0f} MB; at most {MOST_OF_ONE / 1e6:.0f} MB are taken")
    if packed is not None and size > _FREE_OF_RATIO and size > _MOST_RATIO * max(packed, 1):
        raise TooMuch(f"it would grow from {packed} to {size} bytes, which no honest file does")


def is_left_about(path: tuple[str, ...]) -> bool:
    """Whether a path names what an operating system leaves lying about."""
    names = [name.casefold() for name in path]
    return any(name in _LEFT_ABOUT or name.startswith(_LEFT_ABOUT_BEGINS) for name in names)


def is_archive(name: str) -> bool:
    """Whether a file of this name is an archive that can be opened here."""
    return bool(_ARCHIVE.search(name))


def is_closed(name: str) -> bool:
    """Whether a file of this name is an archive that cannot be opened here."""
    return bool(_CLOSED.search(name))


def without_ending(name: str) -> str:
    """The name of an archive without its ending."""
    return _ARCHIVE.sub("", name)


def safe_path(name: str) -> tuple[str, ...]:
    """The parts of a name in an archive; ValueError, with the reason, for one that leads anywhere else."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise ValueError("its name begins at the top of a disk")
    parts = tuple(part.strip() if part != "Icon\r" else part for part in name.split("/"))
    parts = tuple(part for part in parts if part not in ("", "."))
    if ".." in parts:
        raise ValueError("its name leads out of its folder")
    if not parts or is_left_about(parts):
        return parts
    if any(not part.isprintable() for part in parts):
        raise ValueError("its name holds signs that cannot be written")
    if len(parts) > DEEPEST_FOLDER:
        raise ValueError(f"it lies in more than {DEEPEST_FOLDER} folders")
    if any(len(part.encode("utf-8", "replace")) > 200 for part in parts):
        raise ValueError("its name is too long")
    return parts


class ZipDownload:
    """A class's zip file, kept open while its files are read one by one."""

    def __init__(self, path: Path):
        """Raises one of UNREADABLE."""
        self._file = path.open("rb")
        try:
            _refuse_long_list(self._file, _LIST_OF_CLASS)
            self._zip = zipfile.ZipFile(self._file)
        except BaseException:
            self._file.close()
            raise
        self._path = path

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def pieces(self, problems: list[str]) -> Iterator[Piece]:
        """Its files; a line for each thing in it that is none."""
        yield from _zip_pieces(self._zip, str(self._path), (), problems, None)


def folder_pieces(folder: Path, problems: list[str]) -> Iterator[Piece]:
    """The plain files below a folder; a line for each thing in it that is none. A link is never followed."""
    folders = [folder]
    while folders:
        top = folders.pop()
        for path in sorted(top.iterdir(), reverse=True):
            parts = tuple(unicodedata.normalize("NFC", part) for part in path.relative_to(folder).parts)
            if is_left_about(parts):
                continue
            mode = path.lstat()
            if stat.S_ISDIR(mode.st_mode) and len(parts) <= DEEPEST_FOLDER:
                folders.append(path)
            elif stat.S_ISREG(mode.st_mode):
                yield Piece(parts, str(path), _reader_of(path), mode.st_size, mode.st_mtime)
            else:
                problems.append(f"{path}: no plain file, or in too many folders; left out")


def file_piece(path: Path) -> Piece:
    """One file on the disk as a piece of its own."""
    about = path.stat()
    return Piece((unicodedata.normalize("NFC", path.name),), str(path), _reader_of(path), about.st_size, about.st_mtime)


def _reader_of(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        if path.stat().st_size > MOST_OF_ONE:
            raise TooMuch(f"more than {MOST_OF_ONE / 1e6:.0f} MB")
        return path.read_bytes()

    return read


def unpacked(pieces: list[Piece], budget: Budget, problems: list[str]) -> list[Piece]:
    """Pieces with archives replaced by what is in them, in whichever depth; a line for each that cannot be opened.

    Raises TooMuch where they are too many as they are.
    """
    found, waiting = [], [(piece, 0) for piece in pieces]
    while waiting:
        piece, depth = waiting.pop(0)
        if is_closed(piece.name):
            problems.append(f"{piece.where}: cannot be opened here; unpack it by hand, and collect the folder")
        elif not is_archive(piece.name):
            if not depth:  # what comes out of archives has been counted
                budget.take(piece.size)
            found.append(piece)
        elif depth == DEEPEST_ARCHIVE:
            problems.append(f"{piece.where}: an archive in more than {DEEPEST_ARCHIVE} archives; left out")
        else:
            try:
                waiting += [(inner, depth + 1) for inner in _inside(piece, budget, problems)]
            except UNREADABLE as error:
                problems.append(f"{piece.where}: {why_unreadable(error)}")
    return found


def why_unreadable(error: BaseException) -> str:
    """Why an archive or a file in it was left out, in a few words."""
    if isinstance(error, TooMuch):
        return f"{error}; left out"
    if "password" in str(error) or "encrypted" in str(error):
        return "locked with a password; left out"
    if isinstance(error, NotImplementedError):
        return "packed in a way that is not known here; left out: unpack it by hand, and collect the folder"
    if isinstance(error, PermissionError):
        return "cannot be read (Permission denied); left out"
    return "damaged; left out"


def _inside(piece: Piece, budget: Budget, problems: list[str]) -> list[Piece]:
    data = piece.read()
    folder = (*piece.folder, without_ending(piece.name))
    if piece.name.lower().endswith(".zip"):
        source = io.BytesIO(data)
        _refuse_long_list(source, _LIST_OF_STUDENT)
        with zipfile.ZipFile(source) as archive:
            lazy = list(_zip_pieces(archive, piece.where, folder, problems, budget))
            found = []
            for inner in lazy:
                try:
                    found.append(_read_now(inner))
                except UNREADABLE as error:
                    problems.append(f"{inner.where}: {why_unreadable(error)}")
            return found
    return list(_tar_pieces(piece, data, folder, budget, problems))


def _read_now(piece: Piece) -> Piece:
    data = piece.read()
    return replace(piece, read=lambda: data)


def _zip_pieces(archive, where: str, folder: tuple, problems: list[str], budget: Budget | None) -> Iterator[Piece]:
    for info in archive.infolist():
        name = _name_of(info)
        place = f"{where}: {name}"
        try:
            path = (*folder, *safe_path(name))
            kind = stat.S_IFMT(info.external_attr >> 16)
            if info.is_dir() or name.endswith("\\") or path == folder or is_left_about(path[len(folder) :]):
                continue
            if kind not in (0, stat.S_IFREG):
                raise ValueError("a link or a device, which no submission needs")
            if info.flag_bits & 0x1:
                raise ValueError("locked with a password")
            size, packed = info.file_size, info.compress_size
            refuse_large(size, packed)
            if budget:
                budget.take(size)
        except Full:
            raise
        except ValueError as error:
            problems.append(f"{place}: {error}; left out")
            continue
        yield Piece(path, place, lambda info=info: archive.read(info), size, _time_of(info.date_time))


def _name_of(info: zipfile.ZipInfo) -> str:
    """A file's name; macOS writes UTF-8 and does not say so, which Python then reads as letters of DOS."""
    if not info.flag_bits & 0x800:
        try:
            return info.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return info.filename


def _time_of(stamp: tuple) -> float:
    try:
        return datetime.datetime(*stamp).timestamp()
    except (ValueError, OverflowError, OSError, TypeError):
        return 0.0


def _tar_pieces(piece: Piece, data: bytes, folder: tuple, budget: Budget, problems: list[str]) -> Iterator[Piece]:
    ending = piece.name.lower().rpartition(".")[2]
    raw = io.BytesIO(data)
    stream = _Counted(_STREAMS[ending](raw) if ending in _STREAMS else raw, MOST_BYTES)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            place = f"{piece.where}: {entry.name}"
            try:
                path = (*folder, *safe_path(entry.name))
                if entry.isdir() or path == folder or is_left_about(path[len(folder) :]):
                    continue
                if not entry.isreg() or entry.issparse():
                    raise ValueError("a link or a device, which no submission needs")
                refuse_large(entry.size)
                budget.take(entry.size)
            except Full:
                raise
            except ValueError as error:
                problems.append(f"{place}: {error}; left out")
                continue
            content = archive.extractfile(entry).read()
            yield Piece(path, place, lambda content=content: content, len(content), float(entry.mtime))


class _Counted:
    """A stream that ends with TooMuch when more is read from it than it may give."""

    def __init__(self, stream: IO[bytes], most: int):
        self._stream, self._left = stream, most

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise Full(f"more than {MOST_BYTES / 1e6:.0f} MB of one student, unpacked")
        return data


def _refuse_long_list(file: IO[bytes], most: int) -> None:
    """Raise TooMuch for a zip file whose list of files, which is read at once, is longer than so many bytes."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - (1 << 16) - 22 - 76))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < 22:
        raise zipfile.BadZipFile("no end")
    size = struct.unpack("<I", tail[place + 12 : place + 16])[0]
    if size == 0xFFFFFFFF:  # then the true number stands before it
        place = tail.rfind(b"PK\x06\x06", 0, place)
        if place < 0:
            raise zipfile.BadZipFile("no end")
        size = struct.unpack("<Q", tail[place + 40 : place + 48])[0]
    if size > most:
        raise TooMuch("a list of more files than anybody hands in")
    file.seek(0)
