"""The pictures of the class report, each for a light and for a dark page, with a text that says the same."""

from __future__ import annotations

import base64
import io
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from autoencoder_grader.results.class_results import CheckCost
from autoencoder_helpers.pictures.style import family
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_WIDTH = 4.2  # inches: about as wide as a phone, so that nothing must shrink there
_MOST_CHECKS = 10
# Letters become shapes, so that the picture is the same where the font is missing; the ground is the page's.
_SVG = {
    "svg.fonttype": "path",
    "svg.hashsalt": "report",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
}


def in_points(value: float) -> str:
    """Points as the report writes them, with at most two digits after the point."""
    return f"{round(value, 2):g}"


@dataclass(frozen=True)
class Picture:
    """A picture as two `data:` addresses of SVG, and what it shows in words."""

    light: str
    dark: str
    alt: str


def points_picture(points: list[float], most: float) -> Picture:
    """Draw how many submissions reached how many points.

    points: of each submission. most: the points of a submission without a mistake, positive.
    """
    edges = np.linspace(0, most, min(10, max(1, round(most))) + 1)
    counts, _ = np.histogram(np.clip(points, 0, most), edges)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar(edges[:-1], counts, width=np.diff(edges) * 0.92, align="edge", color="C0")
        median = statistics.median(points)
        axes.axvline(median, color="C1", linestyle="--", clip_on=False, label=f"median {in_points(median)}")
        axes.set(xlim=(0, most), xlabel="points of the checks", ylabel="submissions")
        axes.set_ylim(0, max(counts) * 1.25)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(visible=False, axis="x")
        axes.legend(loc="upper left")

    bins = [
        f"{count} from {in_points(low)} to {in_points(high)}"
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
        if count
    ]
    alt = (
        f"Histogram of the points of {len(points)} submissions, of at most {in_points(most)}: "
        f"{', '.join(bins)}; median {in_points(statistics.median(points))}."
    )
    return _picture(draw, 2.4, alt)


def costs_picture(costs: list[CheckCost]) -> Picture:
    """Draw the points that the costliest checks took, as bars; costs: the costliest first, at least one."""
    shown = costs[:_MOST_CHECKS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        bars = axes.barh([_short(cost.check) for cost in shown], [cost.lost for cost in shown], color="C1")
        axes.bar_label(bars, [in_points(cost.lost) for cost in shown], padding=3)
        axes.invert_yaxis()
        axes.set(xlabel="points lost in the whole class", xlim=(0, max(cost.lost for cost in shown) * 1.18))
        axes.grid(visible=False, axis="y")

    bars = ", ".join(f"{cost.check} {in_points(cost.lost)}" for cost in shown)
    return _picture(draw, 0.9 + 0.3 * len(shown), f"Bars of the points lost in the whole class by check: {bars}.")


def times_picture(seconds: dict[str, list[float]]) -> Picture:
    """Draw how long grading each submission took; seconds: for each assignment, of its submissions."""
    shift = np.random.default_rng(0)  # dots that would hide each other, beside each other; the same in each report

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, own in enumerate(seconds.values()):
            height = place + shift.uniform(-0.18, 0.18, len(own)) * (len(own) > 1)
            axes.scatter(own, height, s=22, alpha=0.75, color="C0", linewidths=0)
            axes.plot([statistics.median(own)] * 2, [place - 0.32, place + 0.32], color="C1")
        axes.set_yticks(range(len(seconds)), [_short(name) for name in seconds])
        axes.set(xlabel="seconds; the line is the median", ylim=(len(seconds) - 0.5, -0.5))
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")

    rows = [
        f"{name} {len(own)} submissions, median {statistics.median(own):.0f} s, longest {max(own):.0f} s"
        for name, own in seconds.items()
    ]
    return _picture(draw, 0.9 + 0.4 * len(seconds), f"Dots of the time each grading took: {'; '.join(rows)}.")


def _picture(draw: Callable[[Figure], None], height: float, alt: str) -> Picture:
    """Draw for both kinds of page; height in inches."""
    pages = []
    for dark in (False, True):
        with family(dark), mpl.rc_context(_SVG):
            figure = Figure(figsize=(_WIDTH, height))
            draw(figure)
            out = io.BytesIO()
            figure.savefig(out, format="svg", metadata={"Date": None})
        pages.append("data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode("ascii"))
    return Picture(*pages, alt)


def _short(name: str, longest: int = 26) -> str:
    """A name that leaves room for the picture; dollars are no formula here."""
    name = name.replace("_", " ").replace("$", r"\$")
    return name if len(name) <= longest else name[: longest - 1] + "…"
