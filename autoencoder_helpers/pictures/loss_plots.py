"""Plots of losses: where they stand, how they fall, and the parts of the ELBO."""

import matplotlib.pyplot as plt
import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.canvas import axes_or_new, number, whole_numbers
from autoencoder_helpers.pictures.style import BLUE, INK, LINES, ORANGE, QUIET, family


def loss_ruler(values, ax=None, unit="nats per pixel"):
    """A ruler that shows where losses stand: ``{"floor": 0.058, "autoencoder": 0.187, ...}`` -> Axes."""
    values = {name: float(value) for name, value in values.items()}
    if not values or not np.isfinite(list(values.values())).all():
        raise CourseError(f"loss_ruler: expected finite numbers, found {values}.")
    with family():
        ax = axes_or_new(ax, figsize=(9, 2.3))
        low, high = min(values.values()), max(values.values())
        width = (high - low) or max(abs(high), 1.0)
        ax.axhline(0, color=INK, linewidth=1.5, zorder=1)
        # Labels alternate between four heights, in the order of the values, so near neighbours do not
        # collide.
        heights = (0.35, -0.35, 0.95, -0.95)
        for i, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
            height = heights[i % 4]
            ax.plot([value, value], [0, height], color=QUIET, linewidth=1, zorder=1)
            ax.plot(value, 0, marker="o", markersize=7, color=BLUE, zorder=2)
            ax.text(
                value,
                height,
                f"{name}\n{number(value)}",
                ha="center",
                va="bottom" if height > 0 else "top",
                fontsize=9,
                linespacing=1.1,
            )
        ax.set(
            xlim=(low - 0.12 * width, high + 0.12 * width),
            ylim=(-1.75, 1.75),
            yticks=[],
            xlabel=unit,
            title="Where a loss stands",
        )
        ax.spines["left"].set_visible(False)
        ax.grid(False)
    return ax


def loss_curves(history, ax=None, unit="nats per pixel", title=None, lines=None):
    """Loss by epoch -> Axes. ``history``: what ``fit`` or ``train`` returned, or its dict; ``loss``, maybe
    ``val_loss``.

    ``lines``: level name -> value, drawn as dashed lines across (a floor, a baseline).
    """
    history = getattr(history, "history", history)
    names = {"loss": "train (epoch average)", "val_loss": "test (end of epoch)"}
    series = [(key, name) for key, name in names.items() if len(history.get(key, ()))]
    if not series:
        raise CourseError("loss_curves: no 'loss' in the history; hand over what train() or fit() returned.")
    with family():
        ax = axes_or_new(ax, figsize=(6.4, 3.6))
        for (key, name), look in zip(series, LINES):
            losses = np.asarray(history[key], float)
            marker = look["marker"] if len(losses) <= 40 else ""
            ax.plot(np.arange(1, len(losses) + 1), losses, **{**look, "marker": marker}, label=name)
        for i, (name, value) in enumerate((lines or {}).items()):
            dashes = ((0, (6, 3)), (0, (2, 2)), (0, (8, 2, 2, 2)))[i % 3]
            ax.axhline(value, color=QUIET, linestyle=dashes, linewidth=1.3, label=f"{name} {number(value)}")
        ax.set(xlabel="epoch", ylabel=unit, title=title or "Loss by epoch")
        whole_numbers(ax.xaxis)
        ax.legend()
    return ax


def elbo_curves(epochs, R, K):
    """Three panels by epoch: R, K and R + K, all in nats per image -> Figure. Each argument: (n,).

    A nat is as high in all three: on scales of their own a change of K by a fraction would look like one of R.
    """
    epochs, R, K = (np.asarray(values, float) for values in (epochs, R, K))
    if not epochs.shape == R.shape == K.shape or epochs.ndim != 1:
        raise CourseError(
            f"elbo_curves: expected three lists of one length, found shapes {epochs.shape}, {R.shape}, {K.shape}."
        )
    with family():
        figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
        panels = (("R: reconstruction", R), ("K: KL to the prior", K), ("R + K = -ELBO", R + K))
        finite = [values[np.isfinite(values)] for _, values in panels]  # of a training that has not gone astray
        height = 1.2 * max(1.0, *(np.ptp(values) for values in finite if len(values)), 0.0)
        for ax, look, (name, values), drawn in zip(axes, LINES, panels, finite):
            ax.plot(epochs, values, **look)
            ax.set(title=name, xlabel="epoch", ylabel="nats per image")
            ax.annotate(
                number(values[-1]),
                (epochs[-1], values[-1]),
                xytext=(7, 0),
                textcoords="offset points",
                ha="left",
                va="center",
            )
            ax.margins(x=0.17)
            if len(drawn):
                middle = (drawn.min() + drawn.max()) / 2
                ax.set_ylim(middle - height / 2, middle + height / 2)
            whole_numbers(ax.xaxis)
    return figure


def estimate_histogram(estimates, exact, ax=None):
    """Histogram of one-sample KL estimates (nats) with the exact KL as a line -> Axes. ``estimates``:
    (n,)."""
    estimates, exact = np.ravel(np.asarray(estimates, float)), float(exact)
    if not estimates.size or not np.isfinite(estimates).all():
        raise CourseError("estimate_histogram: expected finite estimates; some are not, or there are none.")
    with family():
        ax = axes_or_new(ax, figsize=(6.4, 3.6))
        edges = np.histogram_bin_edges(estimates, bins=40)
        ax.hist(
            estimates, bins=edges, color=BLUE, alpha=0.5, edgecolor="white", linewidth=0.5, label="one-sample estimates"
        )
        ax.axvline(0, color=QUIET, linewidth=1)
        ax.axvline(exact, color=ORANGE, linestyle="--", label=f"exact KL {exact:.3f}")
        ax.axvline(estimates.mean(), color=INK, linestyle=":", label=f"mean of the estimates {estimates.mean():.3f}")
        ax.set(
            xlabel="KL estimate (nats)",
            ylabel="count",
            title=f"{100 * np.mean(estimates < 0):.0f} % of the estimates are negative",
        )
        ax.legend()
    return ax
