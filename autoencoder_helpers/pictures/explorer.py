"""Look around in a latent space: move in the plane, or pull sliders, and see at once what is decoded.

In JupyterLab the pictures follow the mouse and the keyboard. Where nobody can answer them (a saved notebook, a page, a
terminal) a static picture stands in their place; in grading, where nobody looks around, one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from autoencoder_helpers.checks.handing_over import is_graded
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.front_end import somebody_is_there as _somebody_is_there
from autoencoder_helpers.pictures import plots, showing

_SHOWN = 5  # images along each slider of the static picture
_IN_GRADING = "Here one can look around, in the chapter itself."


def plane(decode: Callable, codes, labels, alt: str, title: str = "Move over the plane"):
    """The latent plane with the codes of images, and beside it what is decoded at the mouse; displays it.

    decode: array (n, 2) -> images (n, 28, 28) or (n, 28, 28, 1), values in [0, 1]; a decoder's `predict`-like function.
    codes: (N, 2). labels: (N,) whole numbers. alt: one sentence that says what a reader should see. title: above the
    plane, where it can be explored.
    The two sliders below do the same for the keyboard. Raises CourseError for codes of another shape.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != 2 or not len(codes):
        raise CourseError(f"plane: expected codes of shape (N, 2), found {codes.shape}.")
    if is_graded():
        print(_IN_GRADING)
        return
    pictures = _plane_pictures(decode, codes, labels, alt)
    if not _can_answer():
        for drawn, text in pictures:
            plots.show(drawn, alt=text)
        return
    from autoencoder_helpers.pictures.explorer_widgets import PlaneWidget, show

    axes = plots.latent_plane(codes, labels, ax=plots.panels(1, width=4.6, height=4.6)[0], title=title, legend=False)
    show(PlaneWidget(decode, axes, np.median(codes, axis=0), alt).widget, pictures)


def _plane_pictures(decode, codes, labels, alt):
    """What stands in place of the plane's widgets: (axes or figure, alt) of three points and their images."""
    middle, spread = np.median(codes, axis=0), codes.std(axis=0)
    points = np.array([middle + step * spread * (1, 0) for step in (-1.5, 0, 1.5)], np.float32)
    names = list("ABC")  # no numbers: those of the classes stand in the plane, too
    crosses = dict(zip(names, points, strict=True))
    plane_of_codes = plots.latent_plane(codes, labels, title="The latent plane", points=crosses)
    images = plots.image_rows({"decoded there": np.asarray(decode(points))}, titles=names)
    return [(plane_of_codes, alt), (images, "What is decoded at the crosses of the plane.")]


def sliders(draw: Callable, ranges: Mapping[str, tuple[float, float, float]], alt: str):
    """An image that follows sliders; displays it.

    draw: array (n, number of sliders) -> images (n, height, width) or (n, height, width, 3), values in [0, 1].
    ranges: name -> (lowest, highest, value at the start), in the order that `draw` takes them.
    alt: one sentence that says what a reader should see.
    Raises CourseError when there is no slider, or a range does not hold its start.
    """
    for name, (low, high, start) in ranges.items():
        if not low <= start <= high or low == high:
            raise CourseError(f"sliders: {name!r} goes from {low} to {high} and cannot start at {start}.")
    if not ranges:
        raise CourseError("sliders: nothing to pull; give at least one range.")
    if is_graded():
        print(_IN_GRADING)
        return
    rows = plots.image_rows(_along(draw, ranges))
    if not _can_answer():
        plots.show(rows, alt=alt)
        return
    from autoencoder_helpers.pictures.explorer_widgets import SliderWidget, show

    show(SliderWidget(draw, ranges, alt).widget, [(rows, alt)])


def _along(draw, ranges) -> dict[str, np.ndarray]:
    """For each slider the images from its lowest to its highest value, all others at their start."""
    starts = np.array([start for _, _, start in ranges.values()], np.float32)
    rows = {}
    for column, (name, (low, high, _)) in enumerate(ranges.items()):
        values = np.repeat(starts[np.newaxis], _SHOWN, axis=0)
        values[:, column] = np.linspace(low, high, _SHOWN)
        rows[f"{name}\n{low:.3g} to {high:.3g}"] = np.asarray(draw(values))
    return rows


def _can_answer() -> bool:
    """Whether somebody may sit before a notebook that has widgets."""
    if not (showing.in_notebook() and _somebody_is_there()):
        return False
    try:
        import ipyevents  # noqa: F401  (only whether they are there)
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True
