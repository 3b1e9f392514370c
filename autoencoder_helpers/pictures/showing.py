"""Puts a picture into a notebook: a sharp PNG with a text for people who do not see it."""

import base64
import html
import io
from importlib import resources

import matplotlib.pyplot as plt
import numpy as np
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.style import family
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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

    Those pictures show what a chapter comes to before it is there; `autoencoder-course references --pictures` makes
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
