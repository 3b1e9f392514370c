"""What a kernel prints on its stderr before a client can talk to it: the only one who knows why it does not start."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time

_MOST = 4096  # bytes that are kept, the last ones
_LONGEST = 300  # characters of a line for people
_PAUSE = 0.05  # seconds; a learner's code may print without end, and must not keep this process busy
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class LastWords:
    """Keeps the end of what is written to the file descriptor `writes`; whoever has started the writer closes it."""

    def __init__(self):
        self._reads, self.writes = os.pipe()
        self._tail = b""
        self._thread = threading.Thread(target=self._read, name="last words", daemon=True)

    def begin(self) -> None:
        """The writer has started: close this process's end, and listen until all others are closed."""
        os.close(self.writes)
        self._thread.start()

    def text(self, seconds: float = 2.0) -> str:
        """The end of what was written. seconds: to wait for the rest, where the writer is about to end."""
        if self._thread.ident:
            self._thread.join(seconds)
        return self._tail.decode(errors="replace")

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._reads, 1 << 16):
                self._tail = (self._tail + data)[-_MOST:]
                time.sleep(_PAUSE)
        os.close(self._reads)


def last_line(text: str) -> str:
    """The last line that says anything, without what a terminal stumbles over; "" if there is none."""
    for line in reversed(_COLOURS.sub("", text).splitlines()):
        said = " ".join("".join(sign if sign.isprintable() else " " for sign in line).split())
        if said:
            return said[:_LONGEST]
    return ""
