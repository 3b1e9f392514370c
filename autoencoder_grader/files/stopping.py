"""A command that is told to end: a SIGTERM is what Ctrl-C is, and processes that were started end, too."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator

_NAMES = ("SIGTERM", "SIGHUP")  # from a task scheduler or `kill`; from a terminal that is closed
_SECONDS = 30  # for a process to end by itself


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Take SIGTERM and SIGHUP, in a ``with`` block, for Ctrl-C: KeyboardInterrupt, and all that follows from it.

    Ctrl-C reaches all processes of a terminal, these one alone; and without a handler it would end with nothing put away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number, frame):
        if callable(signal.getsignal(signal.SIGINT)):
            signal.raise_signal(signal.SIGINT)  # whoever waits for Ctrl-C just now waits for this
        else:  # it is ignored, as a process does that a shell has put into the background
            raise KeyboardInterrupt

    before = {}
    for number in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
        if signal.getsignal(number) is signal.SIG_DFL:  # else somebody has another wish, as `nohup`
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(processes: Iterable[subprocess.Popen], number: int = signal.SIGINT) -> None:
    """End processes that may have started others: by a signal that lets them end those, by force what is left."""
    processes = [process for process in processes if process.poll() is None]
    for process in processes:
        with contextlib.suppress(OSError):
            process.send_signal(number)
    for process in processes:
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
