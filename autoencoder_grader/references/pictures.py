"""The pictures that the course carries, drawn from stored trainings: chapter 1 begins with what it will have at its end."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from autoencoder_grader.references import networks
from autoencoder_grader.references.measuring import Run, codes, load_data, restore
from autoencoder_helpers import plots
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.style import family

FOLDER = Path(plots.__file__).with_name("stored")
DIGITS = 10  # images in a row, one of each digit
PLANE_IMAGES = 2000  # more dots would hide one another
GRID = 15  # decoded points along each side of the manifold


def draw_all(stored, folder=FOLDER):
    """Draw every picture whose training is finished; yields the paths, raises CourseError when none is.

    stored: the folder with the results of `autoencoder-course references`.
    """
    drawn, missing = 0, []
    for run, pictures in _pictures().items():
        try:
            encoder, decoder, _ = restore(run, stored)
        except CourseError as error:
            missing.append(str(error))
            continue
        data = load_data(run)
        for name, draw in pictures.items():
            yield save(draw(run, encoder, decoder, data), folder / f"{name}.png")
            drawn += 1
    if not drawn:
        raise CourseError(missing[0])


def save(figure, path):
    """Write a figure (or that of axes) as PNG in the resolution that ``plots.picture`` shows; returns the
    path.
    """
    figure = getattr(figure, "figure", figure)
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    path.parent.mkdir(parents=True, exist_ok=True)
    with family():
        # no software name and no date in the file: the same picture gives the same bytes
        figure.savefig(path, format="png", dpi=200, metadata={"Software": None}, pil_kwargs={"optimize": True})
    plt.close(figure)
    return path


def _pictures():
    """{run: {picture name: function that draws it}}"""
    run = Run("dense", "right", networks.SEEDS["dense"], networks.FULL_EPOCHS["dense"])
    return {run: {"dense-goal": _rows}}


def _rows(run, encoder, decoder, data):
    x_test, y_test = data[1], data[3]
    first = np.array([np.flatnonzero(y_test == digit)[0] for digit in range(DIGITS)])
    first[9] = 9  # of the nines, "digit number 10" of the chapters
    mean, _ = codes(encoder, x_test[first])
    copies = decoder.predict(mean.astype(np.float32), verbose=0)
    return plots.image_rows({"original": x_test[first], "copy from\ntwo numbers": copies})


def draw_plane(run, encoder, decoder, data, ax=None):
    """The latent plane of a trained run: codes, or posterior means with the prior's circles -> Axes."""
    mean, scale = codes(encoder, data[1][:PLANE_IMAGES])
    what = "Posterior means" if scale is not None else "Codes"
    points = {"(10, 10)": (10, 10), "(5, 5)": (5, 5)} if scale is None else None
    return plots.latent_plane(
        mean,
        data[3][:PLANE_IMAGES],
        ax=ax,
        prior_circles=scale is not None,
        points=points,
        title=f"{what} of {PLANE_IMAGES:,} test digits after {run.epochs} epochs",
    )


def draw_manifold(run, encoder, decoder, data=None, ax=None):
    """The digits decoded on a grid of the prior's quantiles -> Axes."""
    from scipy.stats import norm

    along = norm.ppf(np.linspace(0.05, 0.95, GRID))  # equal shares of the prior between neighbours
    z1, z2 = along, along[::-1]
    z = np.stack(np.meshgrid(z1, z2), axis=-1).reshape(-1, 2).astype(np.float32)
    images = decoder.predict(z, verbose=0, batch_size=200).reshape(GRID, GRID, 28, 28)
    return plots.manifold(images, z1, z2, ax=ax)
