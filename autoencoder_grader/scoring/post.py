"""What the grader and the scoring process say to each other: a line of JSON each, some with bytes behind it.

Neither believes more of the other than it must: the scoring process reads what strangers made. So it opens none of
their files. The grader, which reads no message's content, carries over what lies in a mailbox, and puts down there
what is asked; what scores and what runs a learner's code have no folder in common.

    {"look": "7-evidence", "seconds": null}    is there a message of this name? Waits for it, until its cell has ended
    {"fetch": "7-0000", "seconds": 60.0}       the message, when it has come
    {"put": "7-0000"}                          put down the bytes that follow as a message of this name

The first two are answered with {"post": "here"}, {"post": "none"} or {"post": "bad", "reason": "..."}.
"""

from __future__ import annotations

import json
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from autoencoder_helpers.evidence.messages import MOST_BYTES, BadMessage, pack, read_file, rest_between_looks, unpack

_MOST_LINE = 16 << 20  # bytes; results hold tables of words and numbers
_MOST_SECONDS = 300.0
_LOOK = 0.5  # seconds between two looks whether anybody writes any more
_HERE, _NONE, _BAD = "here", "none", "bad"


def say(file: BinaryIO, message: dict, data: bytes = b"") -> None:
    """Write a message. Raises OSError, or ValueError if the file is closed."""
    file.write(json.dumps({**message, "bytes": len(data)}).encode() + b"\n")
    file.write(data)
    file.flush()


def hear(file: BinaryIO) -> tuple[dict, bytes] | None:
    """The next message and its bytes; None if there are no more. Raises ValueError for what is no message."""
    line = file.readline(_MOST_LINE)
    if not line.endswith(b"\n"):
        return None
    try:
        message = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    count = message.pop("bytes", None) if isinstance(message, dict) else None
    if type(count) is not int or not 0 <= count <= MOST_BYTES:
        raise ValueError("no message")
    data = file.read(count)
    return (message, data) if len(data) == count else None


class Postman:
    """The grader's side: carries messages between the mailbox of a submission and the scoring process.

    A thread hears what comes and does what is asked; what else comes, it gives to `heard`, at the end None. Another
    one writes, so that nobody who has something to say waits for a process that does not read.
    """

    def __init__(self, orders: BinaryIO, answers: BinaryIO, heard: Callable[[dict | None], None]):
        self._orders, self._answers, self._heard = orders, answers, heard
        self._folder, self._names = Path(), re.compile(r"(?!)")
        self._ended = threading.Event()
        self._outbox: queue.SimpleQueue = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._listener = threading.Thread(target=self._hear, daemon=True)
        self._writer.start()
        self._listener.start()

    def serve(self, folder: Path, ticket: str) -> None:
        """From now on, carry messages of this ticket, from and to this mailbox."""
        self._ended.clear()
        self._folder, self._names = folder, re.compile(rf"{re.escape(ticket)}-(evidence|\d{{4}})")

    def wait_no_more(self) -> None:
        """The cell has ended: what has not come by now does not come."""
        self._ended.set()

    def tell(self, message: dict) -> None:
        """Write a message, soon."""
        self._outbox.put((message, b"", None))

    def close(self) -> None:
        """Let both threads end; the other side has ended before."""
        self._ended.set()
        self._outbox.put(None)
        self._writer.join()
        self._listener.join()
        for file in (self._orders, self._answers):
            try:
                file.close()
            except OSError:  # of what was not taken any more
                continue

    def _write(self) -> None:
        gone = False
        while (item := self._outbox.get()) is not None:
            message, data, written = item
            try:
                if not gone:
                    say(self._orders, message, data)
            except (OSError, ValueError):
                gone = True
            if written:
                written.set()

    def _hear(self) -> None:
        try:
            while (found := hear(self._answers)) is not None:
                message, data = found
                if "put" in message:
                    self._put(message["put"], data)
                elif "look" in message or "fetch" in message:
                    self._reply(message)
                else:
                    self._heard(message)
        except (OSError, ValueError):  # it was killed, or is no more what it was
            return
        finally:
            self._heard(None)

    def _reply(self, message: dict) -> None:
        post, data = self._find(message.get("look") or message.get("fetch"), message.get("seconds"))
        written = threading.Event()
        # One at a time: however much is asked for and not read, no more than this one waits.
        self._outbox.put((post, b"" if "look" in message else data, written))
        while not written.wait(_LOOK):
            if not self._writer.is_alive():
                raise OSError("nobody writes any more")

    def _find(self, name: Any, seconds: Any) -> tuple[dict, bytes]:
        if not self._is_ours(name):
            return {"post": _NONE}, b""
        wait = float(seconds) if type(seconds) in (int, float) else None
        began = time.monotonic()
        end = None if wait is None else began + min(wait, _MOST_SECONDS)
        while True:
            ended = self._ended.is_set()  # before the look: what came at the last moment counts
            try:
                data = read_file(self._folder / "answers" / name)
            except BadMessage as reason:
                return {"post": _BAD, "reason": str(reason)}, b""
            if data is not None:
                return {"post": _HERE}, data
            if ended or (end is not None and time.monotonic() > end):
                return {"post": _NONE}, b""
            rest_between_looks(began)

    def _put(self, name: Any, data: bytes) -> None:
        if not self._is_ours(name) or len(data) > MOST_BYTES:
            return
        questions = self._folder / "questions"
        partial = questions / f"{name}.partial"
        try:
            partial.write_bytes(data)
            os.replace(partial, questions / name)
        except FileNotFoundError:  # the submission's folders are gone: nobody waits for it
            return

    def _is_ours(self, name: Any) -> bool:
        return isinstance(name, str) and self._names.fullmatch(name) is not None


class Letterbox:
    """The scoring process's side: a mailbox that the grader looks into.

    write: sends a message and its bytes to the grader. replies: where the grader's answers to it are put, as (message,
    bytes).
    """

    def __init__(self, write: Callable[[dict, bytes], None], replies: queue.SimpleQueue):
        self._write, self._replies = write, replies

    def wait(self, name: str) -> bool:
        """Whether something comes under this name before its cell has ended, whatever it is."""
        self._write({"look": name, "seconds": None}, b"")
        return self._replies.get()[0].get("post") != _NONE

    def receive(
        self, name: str, seconds: float, cancelled: Callable[[], bool] = lambda: False
    ) -> tuple[Any, list[np.ndarray]] | None:
        """The message ``name``; None if it has not come after ``seconds``, or when its cell has ended.

        Raises BadMessage when what has come is no message.
        """
        self._write({"fetch": name, "seconds": seconds}, b"")
        message, data = self._replies.get()
        if message.get("post") == _BAD:
            raise BadMessage(message["reason"])
        return unpack(data) if message.get("post") == _HERE else None

    def send(self, name: str, tree: Any, arrays: Sequence[np.ndarray] = ()) -> None:
        """Have a message put down."""
        self._write({"put": name}, pack(tree, arrays))
