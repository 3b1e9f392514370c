"""Plots of images: rows of them, what a decoder draws across a plane, and how a network changes their size."""

import matplotlib.pyplot as plt
import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.canvas import axes_or_new, no_axes
from autoencoder_helpers.pictures.style import BLUE, INK, ORANGE, family
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle


def image_rows(rows, titles=None, title=None):
    """Rows of images, one below the other: ``{"original": images, "reconstruction": images}`` -> Figure.

    ``rows``: name -> array (n, H, W), (n, H, W, 1) or (n, H, W, 3), values in [0, 1]; each row may have its
    own n. Flat digits (n, 784) are folded to 28 x 28. ``titles``: one text above each column (or name ->
    texts, one list a row). All grey images share one scale, 0 black and 1 white, so rows can be compared.
    """
    rows = {name: _images(images, name) for name, images in rows.items()}
    if not rows or not all(len(images) for images in rows.values()):
        raise CourseError("image_rows: nothing to draw; give at least one row with at least one image.")
    columns = max(len(images) for images in rows.values())
    titles_of = titles if isinstance(titles, dict) else {next(iter(rows)): titles}
    side = min(1.5, 8.6 / columns)
    with family():
        extra = 0.28 * sum(1 for t in titles_of.values() if t is not None and len(t))
        figure, axes = plt.subplots(
            len(rows),
            columns,
            squeeze=False,
            figsize=(max(columns * side + 1.2, 3), len(rows) * side + extra + (0.4 if title else 0)),
        )
        for row, (name, images) in zip(axes, rows.items()):
            for i, ax in enumerate(row):
                no_axes(ax)
                if i < len(images):
                    _draw_image(ax, images[i])
                else:
                    ax.set_visible(i == 0)
                texts = titles_of.get(name)
                if texts is not None and i < len(texts) and i < len(images):
                    ax.set_title(str(texts[i]), loc="center", fontsize=9, fontweight="normal", pad=3)
            row[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
        if title:
            figure.suptitle(title)
    return figure


def manifold(images, z1, z2, ax=None):
    """What the decoder draws on a grid of the plane -> Axes with z1 to the right and z2 upwards.

    ``images``: (rows, columns, H, W) or (rows, columns, H, W, channels) in [0, 1]; the first row belongs to
    the first of ``z2``. Give ``z2`` from high to low (the picture then has z2 growing upwards) and ``z1``
    from low to high.
    """
    images, z1, z2 = np.asarray(images, float), np.ravel(z1).astype(float), np.ravel(z2).astype(float)
    if images.ndim not in (4, 5) or images.shape[:2] != (len(z2), len(z1)):
        raise CourseError(
            f"manifold: expected images of shape ({len(z2)}, {len(z1)}, height, width), "
            f"found {images.shape}; rows follow z2, columns follow z1."
        )
    if images.ndim == 4:
        images = images[..., None]
    if len(z2) > 1 and z2[0] < z2[-1]:
        images, z2 = images[::-1], z2[::-1]
    if len(z1) > 1 and z1[0] > z1[-1]:
        images, z1 = images[:, ::-1], z1[::-1]
    rows, columns, height, width, _ = images.shape
    sheet = images.swapaxes(1, 2).reshape(rows * height, columns * width, -1)
    with family():
        ax = axes_or_new(ax, figsize=(6.6, 6.6 * rows * height / (columns * width) + 0.3))
        _draw_image(ax, sheet)
        # Values of z are spaced unevenly (quantiles of the prior), so the ticks name the value of each tile.
        ax.set_xticks(_some((np.arange(columns) + 0.5) * width - 0.5), [f"{v:.2f}" for v in _some(z1)])
        ax.set_yticks(_some((np.arange(rows) + 0.5) * height - 0.5), [f"{v:.2f}" for v in _some(z2)])
        ax.set(xlabel="z1", ylabel="z2", title="What the decoder draws across the plane")
        ax.grid(False)
    return ax


def stages(encoder_sides, decoder_sides, ax=None, code=2):
    """Blocks that narrow and widen: the side of the image after each stage -> Axes.

    ``encoder_sides``: the way down, e.g. ``[28, 14, 7, 4]``; ``decoder_sides``: the way up, e.g. ``[4, 8, 16,
    14, 28]``; both in pixels. ``code``: how many numbers lie between them.
    """
    down, up = [int(side) for side in encoder_sides], [int(side) for side in decoder_sides]
    if not down or not up or min(down + up) < 1:
        raise CourseError(f"stages: expected sides in pixels, down and up, found {down} and {up}.")
    largest = max(down + up)
    blocks = (
        [(side, BLUE, "", "encoder") for side in down]
        + [(0, INK, "", "code")]
        + [(side, ORANGE, "//", "decoder") for side in up]
    )
    gap, x, named = 0.2 * largest, 0.0, set()
    widths = [max(0.3 * side, 0.04 * largest) for side, *_ in blocks]
    low, high = -0.65 * largest, 0.52 * largest
    with family():
        # As high as the blocks are beside their breadth, and the title: no empty band above or below.
        inches = 9.5 * (high - low) / (sum(widths) + gap * len(blocks)) + 0.4
        ax = axes_or_new(ax, figsize=(9.5, min(inches, 3.6)))
        for i, (side, colour, hatch, name) in enumerate(blocks):
            width = widths[i]
            height = side or 0.04 * largest
            if i:
                ax.annotate("", (x - 0.1 * gap, 0), (x - 0.9 * gap, 0), arrowprops={"arrowstyle": "->", "color": INK})
            label = None if name in named or not side else name
            ax.add_patch(
                Rectangle(
                    (x, -height / 2),
                    width,
                    height,
                    facecolor=to_rgba(colour, 0.3),
                    hatch=hatch,
                    edgecolor=colour,
                    linewidth=1.3,
                    label=label,
                )
            )
            named.add(name)
            if side:
                ax.text(x + width / 2, -height / 2 - 0.03 * largest, f"{side}", ha="center", va="top")
            else:  # above its block and its neighbours': below it would touch their sides
                top = max(height, down[-1], up[0]) / 2 + 0.03 * largest
                ax.text(x + width / 2, top, f"{code} numbers", ha="center", va="bottom")
            x += width + gap
        ax.set(
            xlim=(-0.5 * gap, x - 0.5 * gap),
            ylim=(low, high),
            aspect="equal",
            title="Side of the image after each stage (pixels)",
        )
        ax.set_axis_off()
        ax.legend(loc="upper center", ncols=2)
    return ax


def _images(images, name):
    """(n, H, W, channels) floats from what a learner may hand over."""
    images = np.asarray(images)
    if images.ndim == 2 and images.shape[1] == 784:
        images = images.reshape(-1, 28, 28)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise CourseError(
            f"image_rows: row '{name}': expected images of shape (n, height, width) or "
            f"(n, height, width, 1 or 3), found {images.shape}."
        )
    if images.dtype.kind in "ui" and images.size and images.max() > 1:
        raise CourseError(f"image_rows: row '{name}': values reach {images.max()}, not 1; divide by 255.")
    return images.astype(float)


def _draw_image(ax, image):
    if image.shape[-1] == 1:
        image = image[..., 0]
    # Values a little outside [0, 1] are cut off: matplotlib would print a warning for colour images.
    ax.imshow(np.clip(np.nan_to_num(image), 0, 1), vmin=0, vmax=1, cmap="gray", interpolation="nearest")


def _some(values, most=9):
    """Every k-th value, so that at most ``most`` ticks stand on an axis."""
    return values[:: max(1, -(-len(values) // most))]
