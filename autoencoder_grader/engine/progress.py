"""A progress bar over submissions whose length is time: it knows how long each should take."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping

from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn
from rich.text import Text

_SECONDS_BETWEEN_LINES = 20  # where there is no terminal to draw a bar on, as in a log file
_MOST_SHOWN = 4  # submissions that are being graded, by name


class GradingProgress:
    """Shows how many submissions are graded, with what status, which ones run at which cell, and the time left.

    expected: for each submission's label the seconds that it should take (an estimate; as submissions finish, the
    rest is scaled by how the estimates compared with the clock). workers: how many run at the same time.
    """

    def __init__(self, expected: Mapping[str, float], console: Console, workers: int = 1):
        self._expected = dict(expected)
        self._console = console
        self._workers = max(1, workers)
        self._running: dict[str, float] = {}  # label: when it began
        self._events: dict[str, dict] = {}
        self._statuses: Counter[str] = Counter()
        self._began = time.monotonic()
        self._spent = self._spent_expected = 0.0  # seconds of the finished ones: real, expected
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._bar = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=20),
            _Words(self),
            console=console,
            refresh_per_second=2,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=max(sum(self._expected.values()), 1e-6))

    def __enter__(self) -> GradingProgress:
        self._bar.start()
        if not self._console.is_terminal:
            threading.Thread(target=self._lines, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._bar.stop()

    def event(self, label: str, event: Mapping) -> None:
        """Tell that a submission begins ({"begins": True}) or what goes on in it: cell, cells, id, detail."""
        with self._lock:
            if event.get("begins"):
                self._running[label] = time.monotonic()
                self._events.pop(label, None)
                first = not self._statuses and len(self._running) == 1
            else:
                self._events[label] = dict(event)
                first = False
        if first and not self._console.is_terminal:
            self._line()

    def finish(self, label: str, line: str, status: str, seconds: float | None = None) -> None:
        """End a submission with a status and show `line` above the bar. seconds: it took; as the clock says if None."""
        with self._lock:
            took = time.monotonic() - self._running.pop(label, time.monotonic()) if seconds is None else seconds
            self._running.pop(label, None)
            self._events.pop(label, None)
            self._spent += took
            self._spent_expected += self._expected.pop(label, 0.0)
            self._statuses[status] += 1
        self._console.print(f"{line} ({duration(took)})", soft_wrap=True, markup=False, highlight=False)

    def words(self) -> str:
        """How far all is, in one line."""
        with self._lock:
            done, now = sum(self._statuses.values()), time.monotonic()
            all_of_them = done + len(self._expected)
            scale = self._spent / self._spent_expected if self._spent_expected else 1.0
            rest = longest = overrun = 0.0
            for label, seconds in self._expected.items():
                elapsed = now - self._running[label] if label in self._running else 0.0
                left = max(seconds * scale - elapsed, 1.0 if elapsed else 0.0)
                overrun = max(overrun, elapsed / seconds if seconds else 0.0)
                rest += left
                longest = max(longest, left)
            # One that overruns its estimate tells about the rest before it is finished.
            left = max(rest * max(1.0, overrun / max(scale, 1e-9)) / self._workers, longest)
            self._bar.update(self._task, completed=self._spent_expected)
            counts = ", ".join(f"{count} {status}" for status, count in self._statuses.most_common())
            minutes = (now - self._began) / 60
            rate = f"{done / minutes:.1f} a minute" if done > 1 and minutes > 0.1 else ""
            current = [self._at(label) for label in list(self._running)[:_MOST_SHOWN]]
            ending = f"about {duration(left)} left" if self._expected else ""
        return " · ".join(word for word in (f"{done} of {all_of_them}", counts, rate, ending, *current) if word)

    def _at(self, label: str) -> str:
        event = self._events.get(label, {})
        cell = f"cell {event['cell']} of {event['cells']} {event['id']}".rstrip() if "cell" in event else ""
        words = " ".join(word for word in (label, cell, event.get("detail", "")) if word)
        return harmless_text(words).replace("\n", " ")  # a name of a folder may hold anything

    def _line(self) -> None:
        self._console.print(f"  {self.words()}", soft_wrap=True, markup=False, highlight=False)

    def _lines(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_LINES):
            self._line()


class _Words(ProgressColumn):
    """Draws the words of a GradingProgress."""

    max_refresh = 0.4

    def __init__(self, progress: GradingProgress):
        super().__init__()
        self._progress = progress

    def render(self, task):
        return Text(self._progress.words())


def duration(seconds: float) -> str:
    """Say a time for people: 45 s, 3 min 20 s."""
    seconds = round(seconds)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"
