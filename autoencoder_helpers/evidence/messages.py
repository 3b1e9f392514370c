"""Messages between the process that ran a learner's code and the one that scores it: data only, in one file each.

A message is a JSON tree and the arrays that it refers to, packed into an uncompressed zip archive: the member
``message.json``, and ``0.npy``, ``1.npy``, ... Reading one trusts nothing: not the kind of file, not its size, not
what it claims about itself. No pickle, no compression (so no bomb), no name from the outside becomes a path.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import stat
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENT = "AUTOENCODER_EVIDENCE"  # the variable that names the mailbox's folder, in grading
ASKED_FOR = "asked-for"  # the file in it that says for which check evidence is wanted now
NOT_WHOLE = "not-whole"  # the file in it that says that cells are left out: nothing is to be trained now
TRAINS = "trains"  # the file among the answers that says that something would have been trained
MOST_BYTES = 64 << 20  # the largest honest message: a colour network's weights, 10 MB
MOST_JSON_BYTES = 4 << 20
MOST_ARRAYS = 4000
DTYPES = frozenset(
    [
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "float32",
        "float64",
    ]
)
_NAME = "message.json"
_ENTRY = b"PK\x01\x02"  # how an entry of a zip archive's directory begins
_MAGIC = b"\x93NUMPY\x01\x00"
# What write_array writes for plain numbers, and nothing else: NumPy would evaluate a literal to read it.
_HEADER = re.compile(
    rb"\{'descr': '([<|][a-z]\d)', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,9}, ?)*(?:\d{1,9})?)\), \} *\n"
)
_MOST_AXES = 16
_AT_FIRST = os.environ.get(ENVIRONMENT)  # a learner may clear the environment, and is right all the same


class BadMessage(Exception):
    """What arrived is no message; the text says why, in one line."""


def grading_folder() -> str | None:
    """The mailbox's folder where this session is graded; None where it is not."""
    return os.environ.get(ENVIRONMENT) or _AT_FIRST


def pack(tree: Any, arrays: Sequence[np.ndarray] = ()) -> bytes:
    """Return ``tree`` (JSON-ready) and ``arrays`` (numbers or booleans, native byte order) as one message."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_NAME, json.dumps(tree))
        for index, array in enumerate(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array).reshape(np.shape(array)), allow_pickle=False)
            archive.writestr(f"{index}.npy", member.getvalue())
    return buffer.getvalue()


def unpack(data: bytes) -> tuple[Any, list[np.ndarray]]:
    """Return the tree and the arrays of a message. Raises BadMessage for anything that ``pack`` does not make."""
    try:
        if count_entries(data) > 2 * MOST_ARRAYS:
            raise BadMessage(f"it holds too many parts; at most {MOST_ARRAYS:,} arrays are read")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MOST_ARRAYS + 1:
                raise BadMessage(f"it holds {len(members):,} parts; at most {MOST_ARRAYS:,} arrays are read")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise BadMessage("it is compressed, which no message is")
            if sum(member.file_size for member in members) > len(data):
                raise BadMessage("its parts claim to be larger than the whole")
            wanted = [_NAME, *(f"{index}.npy" for index in range(len(members) - 1))]
            if [member.filename for member in members] != wanted:
                raise BadMessage("its parts are not those of a message")
            if members[0].file_size > MOST_JSON_BYTES:
                raise BadMessage(f"its text is larger than {MOST_JSON_BYTES >> 20} MB")
            tree = json.loads(archive.read(members[0]).decode("utf-8"))
            return tree, [_array(archive.read(member)) for member in members[1:]]
    except (BadMessage, MemoryError):  # memory is the machine's affair
        raise
    except RecursionError:
        raise BadMessage("its text is nested too deeply") from None
    except Exception as error:
        raise BadMessage(f"it cannot be read ({type(error).__name__})") from error


def count_entries(data: bytes) -> int:
    """How many files a zip archive lists, at most: told without reading the list, each line of which takes a kilobyte."""
    return data.count(_ENTRY)


def _array(data: bytes) -> np.ndarray:
    start = len(_MAGIC) + 2
    length = int.from_bytes(data[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(data[start : start + length]) if data.startswith(_MAGIC) else None
    if header is None:
        raise BadMessage("an array without the plain header that every array has")
    dtype = np.dtype(header[1].decode("ascii"))
    if dtype.name not in DTYPES:
        raise BadMessage(f"an array of dtype {dtype.name}; only plain numbers are read")
    shape = tuple(int(side) for side in header[3].replace(b" ", b"").split(b",") if side)
    rest = data[start + length :]
    # Long sides are refused even beside a side of 0. Python's integers do not wrap around, NumPy's would.
    if len(shape) > _MOST_AXES or max(shape, default=0) > MOST_BYTES:
        raise BadMessage("an array with too many axes, or with an axis longer than any message")
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise BadMessage(f"an array of shape {str(shape)[:60]} does not fit its {len(rest):,} bytes")
    if dtype == bool and rest.strip(b"\0\1"):  # noqa: E721 - a dtype, not a type
        raise BadMessage("an array of truth values that are neither true nor false")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if header[2] == b"True" else "C")


def part_of(arrays: Sequence[np.ndarray], span: Any) -> list[np.ndarray]:
    """The arrays that ``span`` = [first, how many] names. Raises BadMessage if there are none such."""
    if not (isinstance(span, list) and len(span) == 2 and all(type(part) is int and part >= 0 for part in span)):
        raise BadMessage("arrays that are not there")
    first, count = span
    if first + count > len(arrays):
        raise BadMessage("arrays that are not there")
    return list(arrays[first : first + count])


def rest_between_looks(began: float) -> None:
    """Sleep for a tenth of the time since ``began``, half a millisecond to 20: so much later what comes is found.

    A check exchanges dozens of messages, most of them milliseconds apart. Pauses that double let each wait up to twice as long.
    """
    time.sleep(min(max(0.0005, (time.monotonic() - began) / 10), 0.02))


class Mailbox:
    """Two folders of messages: what one side writes to its ``outgoing`` the other finds in its ``incoming``.

    Each message has a name of its own and appears in one step. A name is never reused.
    """

    def __init__(self, incoming: Path, outgoing: Path):
        self.incoming, self.outgoing = Path(incoming), Path(outgoing)

    def send(self, name: str, tree: Any, arrays: Sequence[np.ndarray] = ()) -> None:
        """Write a message. Raises OSError where the folder cannot be written to."""
        partial = self.outgoing / f"{name}.partial"
        partial.write_bytes(pack(tree, arrays))
        os.replace(partial, self.outgoing / name)

    def receive(
        self, name: str, seconds: float, cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[Any, list[np.ndarray]] | None:
        """Wait for the message ``name``; None if it has not come after ``seconds`` or ``cancelled()`` is true.

        Raises BadMessage when what has come is no message.
        """
        began = time.monotonic()
        while True:
            data = read_file(self.incoming / name)
            if data is not None:
                return unpack(data)
            if cancelled() or time.monotonic() > began + seconds:
                return None
            rest_between_looks(began)

    def has(self, name: str) -> bool:
        """Whether something has come under this name; without a list, which a stranger can make very long."""
        return os.path.lexists(self.incoming / name)

    def names(self) -> list[str]:
        """The names of the messages that have come, in order."""
        try:
            return sorted(name for name in os.listdir(self.incoming) if not name.endswith(".partial"))
        except OSError:
            return []


def read_file(path: Path, most_bytes: int = MOST_BYTES) -> bytes | None:
    """Return the bytes of a plain file; None if there is none.

    Follows no link and never waits for a FIFO or a device. Raises BadMessage for anything but a plain file of at
    most ``most_bytes``.
    """
    try:
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadMessage(f"{path.name} is no plain file ({error.strerror})") from None
    facts = os.fstat(opened)
    if not stat.S_ISREG(facts.st_mode):
        os.close(opened)  # fdopen would raise for a folder, and leave it open
        raise BadMessage(f"{path.name} is no plain file")
    with os.fdopen(opened, "rb") as file:
        if facts.st_size > most_bytes:
            raise BadMessage(f"{path.name} is larger than {most_bytes >> 20} MB")
        data = file.read(most_bytes + 1)  # the file may have grown since
    if len(data) > most_bytes:
        raise BadMessage(f"{path.name} is larger than {most_bytes >> 20} MB")
    return data
