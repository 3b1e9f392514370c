"""A file moved into the place of another, in one step, also where another program has that open for a moment.

On Windows nobody can replace a file that is open: a notebook in another kernel, a scanner for viruses or a folder in a
cloud has it so for the blink of an eye, and then lets go.
"""

from __future__ import annotations

import os
import time

_TRIES, _SECONDS_BETWEEN = (40, 0.05) if os.name == "nt" else (1, 0.0)


def move(source: os.PathLike, target: os.PathLike) -> None:
    """As ``os.replace``; on Windows tried for two seconds, and then PermissionError after all."""
    for _ in range(_TRIES - 1):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(_SECONDS_BETWEEN)
    os.replace(source, target)
