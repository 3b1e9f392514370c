"""What all plots begin with: axes in the look of the course, new ones or given ones, and how numbers are written."""

import matplotlib.pyplot as plt
from autoencoder_helpers.pictures.style import QUIET, family
from matplotlib.ticker import MaxNLocator


def panels(count, width=None, height=4.2):
    """``count`` empty axes side by side in the look of the course, for the ``ax`` of the other plots ->
    (count,) Axes.

    ``width``, ``height``: inches of the whole figure.
    """
    with family():
        return plt.subplots(1, count, squeeze=False, figsize=(width or min(4.6 * count, 11), height))[1][0]


def axes_or_new(ax, figsize):
    """A new figure's axes, or the given axes in the look of the course (they may come from a bare
    plt.subplots)."""
    if ax is None:
        return plt.subplots(figsize=figsize)[1]
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(QUIET)
    ax.grid(True)
    ax.set_axisbelow(True)
    return ax


def no_axes(ax):
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def whole_numbers(axis):
    axis.set_major_locator(MaxNLocator(integer=True))


def number(value):
    """Three digits for small losses, all digits before the point for large ones: 0.0581, 0.210, 4,042.4."""
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:#.3g}"
