"""What a learner sees of a training: a bar, the time left and the falling loss; afterwards one line and one
picture.

In a Jupyter kernel one output is redrawn in place; in a terminal a tqdm bar runs on stdout; into a file goes
one line an epoch. Never anything on stderr: nbgrader counts a cell that writes there as failed.
"""

from __future__ import annotations

import base64
import html
import io
import math
import sys
import time

from autoencoder_helpers.pictures.style import LINES, family
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

TEXT_EVERY = 0.5  # seconds between two updates of the text
PICTURE_EVERY = 4.0  # seconds between two updates of the picture, which takes a tenth of a second to draw


def duration(seconds: float) -> str:
    """``"8 s"``, ``"2 min 05 s"``, ``"1 h 10 min"``."""
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"


def make(name: str, done: int, epochs: int, note: str = "", beside=None):
    """The display that fits where we run. ``done``: epochs already there; ``note``: said while training; ``beside``:
    the reference's Curve, drawn beside the loss, or None."""
    kind = _Notebook if _in_kernel() else _Terminal if sys.stdout.isatty() else _Lines
    return kind(name, done, epochs, note, beside)


def show_finished(line: str, history: dict, title: str, beside=None) -> None:
    """One line and the picture of the loss, with the reference's Curve ``beside`` it (outside a notebook: the line)."""
    if not _in_kernel():
        print(line, flush=True)
        return
    from IPython.display import display

    display(*[_finished(line, history, title, beside)], raw=True)


class _Progress:
    """Shared bookkeeping; subclasses draw. ``update`` is cheap unless ``due`` says it is time to draw."""

    def __init__(self, name, done, epochs, note="", beside=None):
        self.name, self.done, self.epochs, self.note, self.beside = name, done, epochs, note, beside
        self.steps, self.epoch, self.step = 1, done, 0
        self.started = self.counted = time.monotonic()
        self.first = None  # batches done when the clock for the time left was started
        self.last_text = self.last_picture = float("-inf")  # never yet: a clock may have started a minute ago
        self.running = []  # (epochs as a decimal number, running mean of the loss) of the present run
        self.history = {}

    def begin(self, steps, history):
        self.steps, self.history = max(steps or 1, 1), history

    def due(self):
        return time.monotonic() - self.last_text >= TEXT_EVERY

    def tick(self):
        """After every batch. The first batch compiles the network, so the clock starts after it."""
        if self.first is None:
            self.first, self.counted = self._batches(), time.monotonic()

    def update(self, loss):
        self.last_text = time.monotonic()
        if loss is not None:
            self.running.append((self.epoch + self.step / self.steps, loss))
        self.draw(loss)

    def _batches(self):
        return self.epoch * self.steps + self.step

    def batches_left(self):
        """How many batches this training still takes."""
        return self.epochs * self.steps - self._batches()

    def time_left(self):
        done = self._batches() - (self.first or 0)
        elapsed = time.monotonic() - self.counted
        if self.first is None or done <= 0 or elapsed < 0.3:
            return None
        return elapsed / done * self.batches_left()

    def text(self, loss):
        left = self.time_left()
        return ", ".join(
            filter(
                None,
                [
                    f"{self.name}: epoch {min(self.epoch + 1, self.epochs)} of {self.epochs}",
                    None if loss is None else f"loss {loss:.4g}",
                    None if left is None else f"about {duration(left)} left",
                ],
            )
        )

    def draw(self, loss):
        raise NotImplementedError

    def epoch_ended(self):
        pass

    def close(self, line=None):
        if line:
            print(line, flush=True)


class _Lines(_Progress):
    """Output that goes into a file: one line an epoch."""

    def __init__(self, *args):
        super().__init__(*args)
        if self.note:
            print(f"{self.name}: {self.note}", flush=True)

    def draw(self, loss):
        pass

    def epoch_ended(self):
        left = self.time_left()
        print(
            f"{self.name}: epoch {self.epoch} of {self.epochs}, loss {self.history['loss'][-1]:.4g}"
            + (f", about {duration(left)} left" if left else ""),
            flush=True,
        )


class _Terminal(_Progress):
    def __init__(self, *args):
        super().__init__(*args)
        if self.note:
            print(f"{self.name}: {self.note}", flush=True)
        self.bar = None

    def begin(self, steps, history):
        super().begin(steps, history)
        from tqdm import tqdm

        # tqdm's own default is stderr
        self.bar = tqdm(
            total=self.epochs * self.steps,
            initial=self._batches(),
            file=sys.stdout,
            leave=False,
            dynamic_ncols=True,
            unit="batch",
            desc=self.name,
            mininterval=0,
        )

    def draw(self, loss):
        if self.bar is None:
            return
        self.bar.set_postfix_str(
            f"epoch {min(self.epoch + 1, self.epochs)}/{self.epochs}" + ("" if loss is None else f", loss {loss:.4g}"),
            refresh=False,
        )
        self.bar.update(self._batches() - self.bar.n)

    def close(self, line=None):
        if self.bar is not None:
            self.bar.close()
        super().close(line)


class _Notebook(_Progress):
    def __init__(self, *args):
        super().__init__(*args)
        self.handle, self.picture = None, ""

    def begin(self, steps, history):
        super().begin(steps, history)
        self.draw(None)

    def draw(self, loss):
        now = time.monotonic()
        if len(self.running) > 1 and now - self.last_picture >= PICTURE_EVERY:
            self.picture, self.last_picture = _image(self.history, self.name, self.running, self.beside), now
        text = self.text(loss) + (f" ({self.note})" if self.note else "")
        share = 100 * self._batches() / (self.epochs * self.steps)
        self._put(
            {
                "text/html": f'<div><progress max="100" value="{share:.1f}" style="width:22em" '
                f'aria-label="progress of the training">{share:.0f} %</progress> '
                f"{html.escape(text)}</div>{self.picture}",
                "text/plain": f"[{share:.0f} %] {text}",
            }
        )

    def _put(self, bundle):
        from IPython.display import display

        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)

    def close(self, line=None):
        if line:
            self._put(_finished(line, self.history, self.name, self.beside))


def _finished(line, history, title, beside=None):
    picture = _image(history, title, beside=beside) if len(history.get("loss", ())) > 1 else ""
    return {"text/html": f"<div>{html.escape(line)}</div>{picture}", "text/plain": line}


def _image(history, title, running=(), beside=None):
    """The loss by epoch as an HTML image with its text; ``running`` are values within the epochs of this
    run, ``beside`` is the reference's Curve."""
    with family():
        figure = Figure(figsize=(5.2, 2.5), layout="constrained")
        FigureCanvasAgg(figure)  # no pyplot: nothing here may appear among the learner's own figures
        ax = figure.subplots()
        if beside:
            _draw_beside(ax, beside)
        within = _of_the_present_epoch(running)
        if len(within) > 1:
            ax.plot(*zip(*within), color="#B0B0B0", linewidth=1.2, label="running mean within an epoch")
        for look, (key, label) in zip(LINES, (("loss", "train"), ("val_loss", "test"))):
            values = history.get(key, ())
            if len(values):
                look = {**look, "marker": look["marker"] if len(values) <= 40 else ""}
                ax.plot(range(1, len(values) + 1), values, **look, label=label)
        ax.set(title=title, xlabel="epoch", ylabel="loss")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=160)
    losses = history.get("loss", ())
    alt = (
        "Loss while training"
        if not len(losses)
        else (
            f"Loss by epoch: {losses[0]:.4g} after epoch 1"
            + (f", {losses[-1]:.4g} after epoch {len(losses)}" if len(losses) > 1 else "")
        )
    )
    if beside:
        last = len(beside.mean)
        alt += (
            f". The reference's training loss: {beside.mean[0]:.4g} after epoch 1, {beside.mean[-1]:.4g} after "
            f"epoch {last}, between {beside.least[-1]:.4g} and {beside.greatest[-1]:.4g} over {beside.seeds} seeds"
        )
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img alt="{html.escape(alt)}" width="520" src="data:image/png;base64,{data}">'


def _draw_beside(ax, beside):
    """The reference's training loss: its mean, and from the least to the greatest of its seeds as a band."""
    epochs = range(1, len(beside.mean) + 1)
    ax.fill_between(epochs, beside.least, beside.greatest, color="#B0B0B0", alpha=0.6, linewidth=0)
    ax.plot(
        epochs,
        beside.mean,
        color="#767676",
        linewidth=4,
        alpha=0.5,
        solid_capstyle="round",
        label=f"reference, train, {beside.seeds} seeds",
    )


def _of_the_present_epoch(running):
    """Of the running means those since the last epoch began: between epochs they start anew, and a line would lie."""
    return [point for point in running if math.ceil(point[0]) == math.ceil(running[-1][0])]


def _in_kernel():
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
