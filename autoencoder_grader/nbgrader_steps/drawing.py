"""Turns learners' texts into HTML within bounds of size, time and memory: whatever a text is, its page gets done.

Much of what draws a text takes four times as long for one twice as long, and some of it fails for texts that are odd.
So a long one is cut, and drawn by a process of its own that is ended when it takes too much; what cannot be drawn is
shown as it was written. Whatever is not shown as usual says so.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import queue
import subprocess
import sys
import threading
import time
from html import escape

from autoencoder_grader.nbgrader_steps.drawn import DRAWERS

#: Characters of one text that are drawn, by what it is, and that are shown where it could not be drawn.
MOST = {"markdown": 100_000, "code": 200_000, "terminal": 200_000, "html": 4_000_000}
MOST_PLAIN = 20_000
#: Texts up to this length are drawn here: none is known that takes long, and most are short.
SMALL = 2_000
#: How many texts are remembered as they were drawn, up to this length: the course's own come with every submission.
REMEMBERED, LONGEST_REMEMBERED = 1_000, 20_000
#: Seconds of a processor for all texts of a page, for one of them, and seconds on the clock where a machine is busy.
PAGE_SECONDS, TEXT_SECONDS, PATIENCE = 30.0, 5.0, 120.0
MEMORY = 2 << 30  # bytes of the drawing process
_SIZES = "{shown:,} of {all:,} characters are shown"


class Drawn(str):
    """Harmless HTML: what `draw` made of a learner's text."""


class _Process:
    """A running drawing process."""

    def __init__(self):
        command = [sys.executable, "-m", "autoencoder_grader.nbgrader_steps.drawn", str(MEMORY)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self._lines: queue.Queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._lines.get(timeout=PATIENCE)  # it has imported what it needs
        except BaseException:
            self.close()
            raise

    def draw(self, order: dict) -> dict:
        """The answer to an order. Raises OSError when the process has ended, queue.Empty when it does not answer."""
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        line = self._lines.get(timeout=PATIENCE)
        if not line:
            raise OSError("it has ended")
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # an order that it did not take any more
                pipe.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")


class _Drawing:
    """What this process has left to draw a page with."""

    def __init__(self):
        self._process: _Process | None = None
        self._lock = threading.Lock()
        self._remembered = functools.lru_cache(REMEMBERED)(self._new)
        self.left = PAGE_SECONDS

    def draw(self, kind: str, text: str, more: dict) -> str:
        """A text as HTML. Raises ValueError, with the reason for a person, when that is not possible."""
        with self._lock:
            if self.left <= 0:
                raise ValueError("the texts of this page take too long to draw")
            if len(text) <= LONGEST_REMEMBERED and not any(more.values()):
                return self._remembered(kind, text)
            return self._new(kind, text, more)

    def _new(self, kind: str, text: str, more: dict | None = None) -> str:
        more = more or {}
        if len(text) <= SMALL and not more.get("attachments"):
            return self._here(kind, text, more)
        return self._there(kind, text, more)

    def close(self) -> None:
        """End the drawing process, if there is one."""
        if self._process:
            self._process.close()
            self._process = None

    def _here(self, kind: str, text: str, more: dict) -> str:
        before = time.thread_time()
        try:
            return DRAWERS[kind](text, **more)
        except Exception as error:
            raise ValueError(f"it cannot be drawn ({type(error).__name__})") from error
        finally:
            self.left -= time.thread_time() - before

    def _there(self, kind: str, text: str, more: dict) -> str:
        seconds = min(TEXT_SECONDS, self.left)
        try:
            if self._process is None:
                self._process = _Process()
            answer = self._process.draw({"kind": kind, "text": text, "more": more, "seconds": seconds})
        except (OSError, queue.Empty):
            self.close()
            self.left -= seconds
            raise ValueError("it takes too long to draw") from None
        except BaseException:  # its answer, which nobody waits for, would be taken for that to the next order
            self.close()
            raise
        self.left -= answer["seconds"]
        if "html" not in answer:
            raise ValueError(f"it cannot be drawn ({answer['error']})")
        return answer["html"]


_drawing = _Drawing()


def begin_page() -> None:
    """The texts that follow are those of another page."""
    _drawing.left = PAGE_SECONDS


def draw(kind: str, text: str, **more) -> Drawn:
    """A learner's text as harmless HTML; a text over the bounds is shown cut, or as it was written, and says so.

    kind: "markdown", "code", "terminal" (with codes of colours) or "html". more: for the function of that kind in `drawn`.
    """
    whole = len(text)
    cut = ""
    if whole > MOST[kind]:
        text = text[: MOST[kind]]
        cut = _told(f"cut here: {_SIZES.format(shown=len(text), all=whole)}")
    try:
        return Drawn(_drawing.draw(kind, text, more) + cut)
    except ValueError as error:
        shown = text[:MOST_PLAIN]
        sizes = "" if len(shown) == whole else f"; {_SIZES.format(shown=len(shown), all=whole)}"
        return Drawn(f"<pre>{escape(shown)}</pre>" + _told(f"shown as it was written: {error}{sizes}"))


def _told(what: str) -> str:
    return f'<div style="font-style:italic">[{escape(what)}]</div>'


atexit.register(_drawing.close)


def close() -> None:
    """End the drawing process; the next long text starts another."""
    _drawing.close()
