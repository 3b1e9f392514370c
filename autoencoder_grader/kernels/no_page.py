"""Which files of a learner are carried on, beside a graded notebook: weights, data and pictures.

Formgrader serves what lies there from an instructor's own server, so nothing that a browser could take for a page, or
for a program, may get there: not from what was handed in, and not from what a notebook wrote.
"""

from pathlib import PurePath

#: The endings of files that are carried on, each with how such a file begins.
_BEGINNINGS = {
    ".npz": (b"PK\x03\x04", b"PK\x05\x06"),
    ".npy": (b"\x93NUMPY",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".gif": (b"GIF87a", b"GIF89a"),
    ".webp": (b"RIFF",),
    # Numbers in lines, and nbgrader's time of the submission: text without any of the signs that tags are made of.
    ".csv": (),
    ".tsv": (),
    ".txt": (),
}


def is_no_page(name: str, data: bytes) -> bool:
    """Whether a file that was handed in is weights, data or a picture, by its name and its bytes."""
    beginnings = _BEGINNINGS.get(PurePath(name).suffix.lower())
    if beginnings is None:
        return False
    if beginnings:
        return data.startswith(beginnings)
    try:
        return not set("<>&\0") & set(data.decode("utf-8"))
    except ValueError:
        return False
