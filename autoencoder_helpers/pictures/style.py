"""The one look of all pictures of the course: a matplotlib style and a palette for ten digits.

The style is applied inside each function of :mod:`autoencoder_helpers.pictures.plots` and never globally, so a
learner's own figures keep the learner's settings.
"""

from contextlib import contextmanager

import matplotlib as mpl

# Ten colours that stay apart for the common kinds of colour blindness: the nine of Paul Tol's "muted" scheme
# and a near black (a middle grey would look like the wine red or the rose to some; a test measures it). Ten
# hues are still a lot to tell apart, so every plane also has the digits written into it.
DIGIT_COLOURS = (
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#117733",
    "#999933",
    "#DDCC77",
    "#CC6677",
    "#882255",
    "#AA4499",
    "#222222",
)

BLUE, ORANGE, GREEN, INK, QUIET = "#0072B2", "#D55E00", "#117733", "#222222", "#767676"

# Lines of one picture: colour, dashes and marker change together, so colour never carries a meaning alone.
LINES = (
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": ORANGE, "linestyle": "--", "marker": "s"},
    {"color": GREEN, "linestyle": "-.", "marker": "^"},
    {"color": "#AA4499", "linestyle": ":", "marker": "D"},
)

# The same hues, light enough for a dark page.
PALE_BLUE, PALE_ORANGE, PALE_GREEN = "#56B4E9", "#E69F00", "#66CC99"
PALE_INK, PALE_QUIET = "#E8E8E8", "#9A9A9A"

STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 10,
    "text.color": INK,
    "axes.facecolor": "white",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=[line["color"] for line in LINES]),
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}

#: What differs on a dark page; the ground is left to the page.
DARK = {
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": PALE_INK,
    "axes.edgecolor": PALE_QUIET,
    "axes.labelcolor": PALE_INK,
    "axes.prop_cycle": mpl.cycler(color=[PALE_BLUE, PALE_ORANGE, PALE_GREEN, "#DDA0CC"]),
    "grid.color": "#444444",
    "xtick.color": PALE_INK,
    "ytick.color": PALE_INK,
}


@contextmanager
def family(dark: bool = False):
    """Everything drawn inside ``with family():`` has the look of the course; nothing outside changes.

    dark: whether the picture stands on a dark page.
    """
    with mpl.rc_context(STYLE | DARK if dark else STYLE):
        yield
