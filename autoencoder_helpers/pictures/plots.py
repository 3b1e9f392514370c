"""The pictures of the course. Axes in, axes out; one look (:mod:`autoencoder_helpers.pictures.style`), never set
globally.

Every function takes NumPy arrays (or tensors), draws on ``ax`` or on a new figure, and returns the matplotlib
Axes (many-panel pictures: the Figure). :func:`show` puts the result into the notebook with a text for people
who do not see it.
"""

import base64
import html
import io
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.style import BLUE, DIGIT_COLOURS, INK, LINES, ORANGE, QUIET, family
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Ellipse, Rectangle
from matplotlib.patheffects import withStroke

PRIOR_RADII = (1, 2, 3)  # circles at 1, 2, 3 standard deviations of N(0, I)
_PIXEL_RATIO = 2  # a picture holds 2 x 2 pixels per CSS pixel: sharp on dense screens


def show(figure_or_axes, alt=""):
    """Show a figure in the notebook as a PNG of double resolution with a text in place of the picture, and
    close it.

    ``figure_or_axes``: a Figure, an Axes, or an array of Axes (its figure is shown). ``alt``: one sentence
    that says what a reader should see. The text goes into the output's metadata (nbconvert's classic
    templates and nbgrader's feedback read it there), into the HTML image (JupyterLab and nbconvert's lab
    template read it there) and into the plain text. Outside IPython nothing is displayed; the figure is
    closed all the same. Returns None.
    """
    if in_notebook():
        _display_png(to_png(figure_or_axes), alt)
    else:
        plt.close(_figure_of(figure_or_axes))


def to_png(figure_or_axes):
    """The PNG of double resolution that :func:`show` displays -> bytes. Closes the figure."""
    figure = _figure_of(figure_or_axes)
    try:
        if figure.get_layout_engine() is None:  # made with plt.subplots: keep legends and neighbours apart
            figure.set_layout_engine("constrained")
        buffer = io.BytesIO()
        with family():
            figure.savefig(buffer, format="png", dpi=_PIXEL_RATIO * 100, pil_kwargs={"compress_level": 6})
        return buffer.getvalue()
    finally:
        plt.close(figure)


def picture(name, alt=""):
    """Show a picture that the course carries, ``autoencoder_helpers/pictures/stored/<name>.png``; ``alt`` as for
    :func:`show`.

    Those pictures are of trainings too long for a chapter; `autoencoder-course references --pictures` makes
    them.
    """
    stored = resources.files("autoencoder_helpers.pictures") / "stored" / f"{name}.png"
    if not stored.is_file():
        raise CourseError(f"picture: the course has no picture named {name!r}.")
    if in_notebook():
        _display_png(stored.read_bytes(), alt)


def _display_png(png, alt):
    from IPython.display import display

    data, metadata = mime_bundle(png, alt)
    display(data, raw=True, metadata=metadata)


def mime_bundle(png, alt):
    """A PNG of double resolution as data and metadata of an output of a notebook, with its alt text -> two
    dicts."""
    # width and height stand at bytes 16..24 of every PNG
    width, height = (int.from_bytes(png[i : i + 4], "big") // _PIXEL_RATIO for i in (16, 20))
    encoded = base64.b64encode(png).decode("ascii")
    # JupyterLab shows image/png without any alt text, but prefers text/html where it is there: hence both.
    # A feedback page's column is narrower than some pictures, and formgrader frames every picture in red: the
    # style keeps them inside, in proportion, and without the frame.
    image = (
        f'<img alt="{html.escape(alt, quote=True)}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto;border:0" src="data:image/png;base64,{encoded}">'
    )
    facts = {"width": width, "height": height, "alt": alt}
    data = {"image/png": encoded, "text/html": image, "text/plain": alt or "picture"}
    return data, {"image/png": facts, "alt": alt}


def panels(count, width=None, height=4.2):
    """``count`` empty axes side by side in the look of the course, for the ``ax`` of the functions below ->
    (count,) Axes.

    ``width``, ``height``: inches of the whole figure.
    """
    with family():
        return plt.subplots(1, count, squeeze=False, figsize=(width or min(4.6 * count, 11), height))[1][0]


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
                _no_axes(ax)
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


def loss_ruler(values, ax=None, unit="nats per pixel"):
    """A ruler that shows where losses stand: ``{"floor": 0.058, "autoencoder": 0.187, ...}`` -> Axes."""
    values = {name: float(value) for name, value in values.items()}
    if not values or not np.isfinite(list(values.values())).all():
        raise CourseError(f"loss_ruler: expected finite numbers, found {values}.")
    with family():
        ax = _axes(ax, figsize=(9, 2.3))
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
                f"{name}\n{_number(value)}",
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
        ax = _axes(ax, figsize=(6.4, 3.6))
        for (key, name), look in zip(series, LINES):
            losses = np.asarray(history[key], float)
            marker = look["marker"] if len(losses) <= 40 else ""
            ax.plot(np.arange(1, len(losses) + 1), losses, **{**look, "marker": marker}, label=name)
        for i, (name, value) in enumerate((lines or {}).items()):
            dashes = ((0, (6, 3)), (0, (2, 2)), (0, (8, 2, 2, 2)))[i % 3]
            ax.axhline(value, color=QUIET, linestyle=dashes, linewidth=1.3, label=f"{name} {_number(value)}")
        ax.set(xlabel="epoch", ylabel=unit, title=title or "Loss by epoch")
        _whole_numbers(ax.xaxis)
        ax.legend()
    return ax


def latent_plane(codes, labels, ax=None, title=None, prior_circles=False, points=None, legend=True):
    """Codes of images in the latent plane, coloured by label -> Axes (equal aspect, axes z1 and z2).

    ``codes``: (N, 2). ``labels``: (N,) whole numbers; each label is written at the median of its codes.
    ``prior_circles``: circles at 1, 2, 3 standard deviations of N(0, I). ``points``: text -> (z1, z2), drawn
    as crosses.
    """
    codes, labels = _plane_data(codes, labels, "latent_plane")
    with family():
        ax = _axes(ax, figsize=(6.2, 5.6))
        size = float(np.clip(40_000 / max(len(codes), 1), 3, 22))
        for label in np.unique(labels):
            chosen = codes[labels == label]
            ax.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=size,
                color=_colour(label),
                alpha=0.65,
                linewidths=0,
                label=str(label),
                rasterized=True,
            )
        if prior_circles:
            _prior_circles(ax)
        for i, (text, point) in enumerate((points or {}).items()):
            ax.plot(
                *point,
                marker="X" if i % 2 else "P",
                markersize=11,
                color=INK,
                markeredgecolor="white",
                linestyle="none",
                label=f"point {text}",
                zorder=6,
            )
            left = point[0] > np.median(codes[:, 0])  # the text leans inwards, away from the legend
            _outlined(
                ax.annotate(
                    text,
                    point,
                    xytext=(-9 if left else 9, 7),
                    textcoords="offset points",
                    fontsize=10,
                    ha="right" if left else "left",
                    zorder=7,
                )
            )
        _write_labels(ax, codes, labels)
        _plane(ax, title or "Codes in the latent plane")
        if legend:
            _legend_beside(ax, "label")
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
    with family():
        ax = _axes(ax, figsize=(9.5, 3.3))
        gap, x, named = 0.2 * largest, 0.0, set()
        for i, (side, colour, hatch, name) in enumerate(blocks):
            width = max(0.3 * side, 0.04 * largest)
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
            ylim=(-0.65 * largest, 0.52 * largest),
            aspect="equal",
            title="Side of the image after each stage (pixels)",
        )
        ax.set_axis_off()
        ax.legend(loc="upper center", ncols=2)
    return ax


def posterior_ellipses(means, stddevs, labels, ax=None, title=None, prior_circles=True, legend=True):
    """One image, one cloud: ellipses at 1 and 2 standard deviations around each posterior mean -> Axes.

    ``means``, ``stddevs``: (N, 2), the encoder's distribution for N images; ``labels``: (N,) whole numbers.
    """
    means, labels = _plane_data(means, labels, "posterior_ellipses")
    stddevs = np.asarray(stddevs, float)
    if stddevs.shape != means.shape or not (stddevs > 0).all():
        raise CourseError(
            f"posterior_ellipses: expected positive standard deviations, shape {means.shape}, "
            f"found shape {stddevs.shape}, "
            f"smallest {stddevs.min() if stddevs.size else 'none'}."
        )
    with family():
        ax = _axes(ax, figsize=(6.2, 5.6))
        for mean, stddev, label in zip(means, stddevs, labels):
            for times, alpha in ((1, 0.32), (2, 0.14)):
                ax.add_patch(Ellipse(mean, *(2 * times * stddev), facecolor=_colour(label), alpha=alpha, linewidth=0))
        for label in np.unique(labels):
            chosen = means[labels == label]
            ax.plot(chosen[:, 0], chosen[:, 1], ".", color=_colour(label), markersize=5, label=str(label), zorder=3)
        if prior_circles:
            _prior_circles(ax)
        _write_labels(ax, means, labels)
        ax.autoscale_view()
        _plane(ax, title or "Posterior of each image: mean, 1 and 2 standard deviations")
        if legend:
            _legend_beside(ax, "label")
    return ax


def estimate_histogram(estimates, exact, ax=None):
    """Histogram of one-sample KL estimates (nats) with the exact KL as a line -> Axes. ``estimates``:
    (n,)."""
    estimates, exact = np.ravel(np.asarray(estimates, float)), float(exact)
    if not estimates.size or not np.isfinite(estimates).all():
        raise CourseError("estimate_histogram: expected finite estimates; some are not, or there are none.")
    with family():
        ax = _axes(ax, figsize=(6.4, 3.6))
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


def elbo_curves(epochs, R, K):
    """Three panels by epoch: R, K and R + K, all in nats per image -> Figure. Each argument: (n,)."""
    epochs, R, K = (np.asarray(values, float) for values in (epochs, R, K))
    if not epochs.shape == R.shape == K.shape or epochs.ndim != 1:
        raise CourseError(
            f"elbo_curves: expected three lists of one length, found shapes {epochs.shape}, {R.shape}, {K.shape}."
        )
    with family():
        figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
        panels = (("R: reconstruction", R), ("K: KL to the prior", K), ("R + K = -ELBO", R + K))
        for ax, look, (name, values) in zip(axes, LINES, panels):
            ax.plot(epochs, values, **look)
            ax.set(title=name, xlabel="epoch", ylabel="nats per image")
            ax.annotate(
                _number(values[-1]),
                (epochs[-1], values[-1]),
                xytext=(7, 0),
                textcoords="offset points",
                ha="left",
                va="center",
            )
            ax.margins(x=0.17, y=0.1)
            _whole_numbers(ax.xaxis)
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
        ax = _axes(ax, figsize=(6.6, 6.6 * rows * height / (columns * width) + 0.3))
        _draw_image(ax, sheet)
        # Values of z are spaced unevenly (quantiles of the prior), so the ticks name the value of each tile.
        ax.set_xticks(_some((np.arange(columns) + 0.5) * width - 0.5), [f"{v:.2f}" for v in _some(z1)])
        ax.set_yticks(_some((np.arange(rows) + 0.5) * height - 0.5), [f"{v:.2f}" for v in _some(z2)])
        ax.set(xlabel="z1", ylabel="z2", title="What the decoder draws across the plane")
        ax.grid(False)
    return ax


def factor_heatmap(r2, factor_names, ax=None):
    """Share of each true factor that one latent variable explains, written into a heat map -> Axes.

    ``r2``: (latents, factors), held-out R2; negative values (worse than the mean) are coloured as 0.
    """
    r2, names = np.asarray(r2, float), list(factor_names)
    if r2.ndim != 2 or r2.shape[1] != len(names):
        raise CourseError(f"factor_heatmap: expected r2 of shape (latents, {len(names)}), found {r2.shape}.")
    with family():
        ax = _axes(ax, figsize=(1.6 + 0.85 * len(names), 1.6 + 0.36 * len(r2)))
        image = ax.imshow(np.clip(r2, 0, 1), cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*r2.shape):
            value = r2[row, column]
            ax.text(
                column,
                row,
                f"{round(value, 2) + 0:.2f}",
                ha="center",
                va="center",
                fontsize=9,
                color="black" if value > 0.5 else "white",
            )
        ax.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(r2)), [f"z{i + 1}" for i in range(len(r2))])
        ax.set(xlabel="true factor", ylabel="latent variable", title="Which latent follows which factor")
        ax.grid(False)
        bar = ax.figure.colorbar(image, ax=ax, label="held-out R2")
        bar.outline.set_visible(False)
    return ax


# ------------------------------------------------------------------------------------------------ small parts


def in_notebook():
    """Whether IPython is there to display something."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def _figure_of(thing):
    if isinstance(thing, Figure):
        return thing
    if isinstance(thing, Axes):
        return thing.get_figure(root=True)
    axes = np.ravel(np.asarray(thing, dtype=object))
    if axes.size and isinstance(axes[0], Axes):
        return axes[0].get_figure(root=True)
    raise CourseError(
        f"show: expected a figure or axes, found {type(thing).__name__}; hand over what a function of plots returned."
    )


def _axes(ax, figsize):
    """A new figure's axes, or the given axes in the look of the course (they may come from a bare
    plt.subplots)."""
    if ax is None:
        return plt.subplots(figsize=figsize)[1]
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(QUIET)
    ax.grid(True)
    ax.set_axisbelow(True)
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


def _no_axes(ax):
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _plane_data(codes, labels, who):
    codes, labels = np.asarray(codes, float), np.ravel(np.asarray(labels)).astype(int)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) != len(labels):
        raise CourseError(
            f"{who}: expected codes of shape (N, 2) and N labels, found shapes {codes.shape} and {labels.shape}."
        )
    keep = np.isfinite(codes).all(axis=1)
    return codes[keep], labels[keep]


def _colour(label):
    return DIGIT_COLOURS[int(label) % len(DIGIT_COLOURS)]


def _outlined(text):
    text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    return text


def _write_labels(ax, codes, labels):
    """Each label at the median of its codes; labels that would cover one another are pushed apart a
    little."""
    names = np.unique(labels)
    if not len(names):
        return
    places = np.stack([np.median(codes[labels == name], axis=0) for name in names])
    # Measured on all that the axes show, which may be more than the codes: far points, the prior's circles.
    nearest = 0.05 * max(*ax.dataLim.size, 1e-9)
    for _ in range(20):
        apart = places[:, None] - places[None]
        distance = np.linalg.norm(apart, axis=-1)
        # Two medians on the very same spot get a direction from their order, so that the picture is
        # repeatable.
        order = np.arange(len(names))
        sideways = np.sign(np.subtract.outer(order, order))[..., None] * [1.0, 0.0]
        away = apart / np.maximum(distance, 1e-12)[..., None]
        direction = np.where(distance[..., None] > 0, away, sideways)
        push = np.clip(nearest - distance, 0, None) * (1 - np.eye(len(names)))
        places = places + 0.5 * (push[..., None] * direction).sum(axis=1)
    for name, (x, y) in zip(names, places):
        text = ax.text(x, y, str(name), ha="center", va="center", fontsize=13, fontweight="bold", zorder=5)
        _outlined(text)


def _prior_circles(ax):
    for radius in PRIOR_RADII:
        ax.add_patch(Circle((0, 0), radius, fill=False, edgecolor=INK, linestyle="--", linewidth=1, zorder=4))
    # patches would stand in the legend as rectangles, hence a line without points
    ax.plot([], [], color=INK, linestyle="--", linewidth=1, label="prior: 1, 2, 3 sd")


def _plane(ax, title):
    ax.set(xlabel="z1", ylabel="z2", title=title)
    ax.set_aspect("equal", adjustable="datalim")


def _legend_beside(ax, title):
    legend = ax.legend(title=title, loc="center left", bbox_to_anchor=(1.01, 0.5), handletextpad=0.4)
    for handle in legend.legend_handles:
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([40])
        handle.set_alpha(1)


def _whole_numbers(axis):
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def _some(values, most=9):
    """Every k-th value, so that at most ``most`` ticks stand on an axis."""
    return values[:: max(1, -(-len(values) // most))]


def _number(value):
    """Three digits for small losses, all digits before the point for large ones: 0.0581, 0.210, 4,042.4."""
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:#.3g}"
