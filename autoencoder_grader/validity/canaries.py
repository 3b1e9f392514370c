"""Canaries around a grading: things that no submission may reach, looked at again when all is done."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
from autoencoder_grader.kernels.workplace import plain_files

_STAY = "a canary: no submission may touch this\n"


class Canaries:
    """Use it in a ``with`` block around the grading; `harmed` then says what was reached.

    folders: places whose plain files must stay as they are, such as submitted/.
    """

    def __init__(self, folders: list[Path]):
        self._folders = folders
        self._marker = f"canary-{secrets.token_hex(8)}"
        self._visits: list[str] = []
        self.harmed: list[str] = []

    def __enter__(self) -> Canaries:
        self._home = Path.home() / f".{self._marker}"
        self._home.write_text(_STAY, encoding="utf-8")
        self._before = {folder: _digest(folder) for folder in self._folders}
        self._left_before = set(_left_processes())
        self._listeners = [socket.create_server(("127.0.0.1", 0))]
        if hasattr(socket, "AF_UNIX"):
            hidden = socket.socket(socket.AF_UNIX)
            hidden.bind(f"\0{self._marker}" if os.name == "posix" else self._marker)
            hidden.listen()
            self._listeners.append(hidden)
        for listener in self._listeners:
            listener.setblocking(False)
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        os.close(self._wake)
        self._thread.join()
        os.close(self._stop)
        for listener in self._listeners:
            self._take_all(listener)
            listener.close()
        self.harmed += self._visits
        if not self._home.is_file() or self._home.read_text(encoding="utf-8") != _STAY:
            self.harmed.append(f"{self._home}, a file in the home folder, was changed")
        with contextlib.suppress(OSError):
            self._home.unlink()
        self.harmed += [
            f"what lies in {folder} was changed" for folder, before in self._before.items() if _digest(folder) != before
        ]
        left = [process for process in _left_processes() if process not in self._left_before]
        self.harmed += [f"process {process.pid} of a sandbox is still there" for process in left]

    def _listen(self) -> None:
        """Count whoever connects; these sockets have told nobody where they are."""
        with selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._stop, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj == self._stop:
                        return
                    self._take_all(key.fileobj)

    def _take_all(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                listener.accept()[0].close()
                self._visits.append(f"somebody connected to {listener.getsockname()!r}")


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(plain_files(folder)):
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
        with contextlib.suppress(OSError), path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _left_processes() -> Iterator[psutil.Process]:
    """The processes in sandboxes of ours whose grader is gone; those of a grader at work are none."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            above = [process, *process.parents()]
            while above and _is_sandbox(above[0]):
                above.pop(0)
            if above[0] != process and above[0].pid <= 1:
                yield process


def _is_sandbox(process: psutil.Process) -> bool:
    command = process.cmdline()
    marks = ("_autoencoder_kernels", "/opt/system_calls.py")
    return process.name() in ("bwrap", "setpriv") or any(mark in part for part in command for mark in marks)
