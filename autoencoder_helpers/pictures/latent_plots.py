"""Plots of a latent space: codes in the plane, the posteriors around them, and which factor a latent follows."""

import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.canvas import axes_or_new
from autoencoder_helpers.pictures.style import DIGIT_COLOURS, INK, family
from matplotlib.collections import PatchCollection
from matplotlib.patches import Circle, Ellipse
from matplotlib.patheffects import withStroke

PRIOR_RADII = (1, 2, 3)  # circles at 1, 2, 3 standard deviations of N(0, I)


def latent_plane(codes, labels, ax=None, title=None, prior_circles=False, points=None, legend=True, names=None):
    """Codes of images in the latent plane, coloured by label -> Axes (equal aspect, axes z1 and z2).

    ``codes``: (N, 2). ``labels``: (N,) whole numbers; each label is written at the median of its codes.
    ``prior_circles``: circles at 1, 2, 3 standard deviations of N(0, I). ``points``: text -> (z1, z2), drawn
    as crosses. ``names``: what the labels stand for, in their order; written into the legend.
    """
    codes, labels = _plane_data(codes, labels, "latent_plane")
    with family():
        ax = axes_or_new(ax, figsize=(6.2, 5.6))
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
                label=f"{label} {names[label]}" if names else str(label),
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
        _write_labels(ax, codes, labels, crosses=list((points or {}).values()))
        _plane(ax, title or "Codes in the latent plane")
        if legend:
            _legend_beside(ax, "label")
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
        ax = axes_or_new(ax, figsize=(6.2, 5.6))
        colours = [_colour(label) for label in labels]
        for times, alpha in ((1, 0.32), (2, 0.14)):
            # Drawn as one thing: hundreds of them take less than half the time of as many things.
            ellipses = [Ellipse(mean, *(2 * times * stddev)) for mean, stddev in zip(means, stddevs)]
            ax.add_collection(PatchCollection(ellipses, facecolors=colours, alpha=alpha, linewidths=0))
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


def factor_heatmap(r2, factor_names, ax=None):
    """Share of each true factor that one latent variable explains, written into a heat map -> Axes.

    ``r2``: (latents, factors), held-out R2; negative values (worse than the mean) are coloured as 0.
    """
    r2, names = np.asarray(r2, float), list(factor_names)
    if r2.ndim != 2 or r2.shape[1] != len(names):
        raise CourseError(f"factor_heatmap: expected r2 of shape (latents, {len(names)}), found {r2.shape}.")
    with family():
        ax = axes_or_new(ax, figsize=(1.6 + 0.85 * len(names), 1.6 + 0.36 * len(r2)))
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


def _write_labels(ax, codes, labels, crosses=()):
    """Each label at the median of its codes; labels that would cover one another are pushed apart a little, and so are
    those that one of the crosses would cover."""
    names = np.unique(labels)
    if not len(names):
        return
    places = np.stack([np.median(codes[labels == name], axis=0) for name in names])
    # Measured on all that the axes show, which may be more than the codes: far points, the prior's circles.
    nearest = 0.05 * max(*ax.dataLim.size, 1e-9)
    # A cross stays, and so does its text, above it and inwards; a label goes all the way.
    middle = np.median(codes[:, 0])
    texts = [(x + nearest * (-0.8 if x > middle else 0.8), y + 0.65 * nearest) for x, y in crosses]
    fixed = np.reshape(np.asarray([*crosses, *texts], float), (-1, 2))
    share = np.repeat([0.5, 1.2], [len(names), len(fixed)])
    for _ in range(20):
        everything = np.concatenate([places, fixed])
        apart = places[:, None] - everything[None]
        distance = np.linalg.norm(apart, axis=-1)
        # Two medians on the very same spot get a direction from their order, so that the picture is
        # repeatable.
        order = np.arange(len(everything))
        sideways = np.sign(np.subtract.outer(order[: len(names)], order))[..., None] * [1.0, 0.0]
        away = apart / np.maximum(distance, 1e-12)[..., None]
        direction = np.where(distance[..., None] > 0, away, sideways)
        push = share * np.clip(nearest - distance, 0, None) * (1 - np.eye(*distance.shape))
        places = places + (push[..., None] * direction).sum(axis=1)
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
