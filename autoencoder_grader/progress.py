"""A progress bar over submissions whose length is time: it knows how long each should take."""

import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.text import Text

_SECONDS_BETWEEN_LINES = 20  # where there is no terminal to draw a bar on, as in a log file


class GradingProgress:
    """Shows which submission is being graded, at which cell, and the time left for all of them.

    expected: for each submission in turn, its label and the seconds it should take (an estimate; as
    submissions finish, the rest is scaled by how the estimates compared with the clock).
    """

    def __init__(self, expected: list[tuple[str, float]], console: Console):
        self._expected = expected
        self._console = console
        self._current: int | None = None
        self._cell, self._cells, self._cell_id = 0, 1, ""
        self._detail: Callable[[float], str] | None = None
        self._cell_started = 0.0
        self._stop = threading.Event()
        self._started = 0.0
        self._spent = 0.0  # seconds that the finished ones took
        self._spent_expected = 0.0  # seconds that they were expected to take
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            _Step(self),
            console=console,
            refresh_per_second=2,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=max(sum(seconds for _, seconds in expected), 1e-6))

    def __enter__(self):
        self._bar.start()
        if not self._console.is_terminal:
            threading.Thread(target=self._lines, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._bar.stop()

    def start(self, index: int, cells: int, detail: Callable[[float], str] | None = None) -> None:
        """Begin with one submission.

        cells: how many its notebook has.
        detail: says in a few words what goes on inside a cell; called with the time (as time.time) when it
        began.
        """
        self._current, self._cell, self._cells, self._cell_id = index, 0, cells, ""
        self._detail, self._cell_started = detail, time.time()
        self._started = time.monotonic()
        self._bar.update(self._task, description=self._heading(index))
        if not self._console.is_terminal:
            self._line()

    def cell(self, index: int, cell_id: str) -> None:
        """Tell that a cell (counted from 0) begins."""
        self._cell, self._cell_id, self._cell_started = index, cell_id, time.time()

    def finish(self, line: str) -> float:
        """End the submission; show `line` above the bar; return the seconds it took."""
        took = time.monotonic() - self._started
        self._spent += took
        self._spent_expected += self._expected[self._current][1]
        self._current = None
        self._bar.update(self._task, completed=self._spent_expected)
        self._console.print(f"{line} ({duration(took)})", soft_wrap=True, markup=False, highlight=False)
        return took

    def step(self) -> str:
        """Return the words after the bar: the cell, what goes on in it, the time left."""
        current = self._current
        if current is None:
            return ""
        elapsed = time.monotonic() - self._started
        expected = self._expected[current][1]
        self._bar.update(self._task, completed=self._spent_expected + min(elapsed, 0.95 * expected))
        scale = self._spent / self._spent_expected if self._spent_expected else 1.0
        # One that overruns its estimate tells about the rest before it is finished.
        scale = max(scale, (self._spent + elapsed) / (self._spent_expected + expected))
        rest = sum(seconds for _, seconds in self._expected[current + 1 :]) * scale
        left = rest + max(expected * scale - elapsed, 1.0)
        words = [
            f"cell {self._cell + 1} of {self._cells} {self._cell_id}".rstrip(),
            self._detail(self._cell_started) if self._detail else "",
            f"about {duration(left)} left",
        ]
        return " · ".join(word for word in words if word)

    def _heading(self, current: int) -> str:
        return f"{current + 1} of {len(self._expected)} · {self._expected[current][0]}"

    def _line(self) -> None:
        current, step = self._current, self.step()
        if step:
            line = f"  {self._heading(current)} · {step}"
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)

    def _lines(self) -> None:
        while not self._stop.wait(_SECONDS_BETWEEN_LINES):
            self._line()


class _Step(ProgressColumn):
    """Draws the words of a GradingProgress."""

    max_refresh = 0.4

    def __init__(self, progress: GradingProgress):
        super().__init__()
        self._progress = progress

    def render(self, task):
        return Text(self._progress.step())


def duration(seconds: float) -> str:
    """Say a time for people: 45 s, 3 min 20 s."""
    seconds = round(seconds)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"
