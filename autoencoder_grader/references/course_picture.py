"""The picture at the top of the README: a latent plane, the digits decoded from it, and the flowers of chapter 4."""

from pathlib import Path

import numpy as np
from autoencoder_grader.references import networks
from autoencoder_grader.references.measuring import Run, load_data, restore
from autoencoder_grader.references.pictures import draw_manifold, draw_plane, save
from autoencoder_helpers import load_flowers, plots
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.pictures.style import family

FLOWERS_ACROSS, FLOWERS_DOWN = 5, 5


def draw_course_picture(stored: Path, path: Path) -> Path:
    """Draw the README's picture from the longest stored training of chapter 3's network.

    stored: the folder with the results of `autoencoder-course references`. path: the PNG to write; returned.
    Raises CourseError if no training of chapter 3 is stored.
    """
    seed = networks.SEEDS["vae"]
    problem = None
    for epochs in (networks.FULL_EPOCHS["vae"], networks.DEFAULT_EPOCHS["vae"]):
        run = Run("vae", "right", seed, epochs)
        try:
            encoder, decoder, _ = restore(run, stored)
            break
        except CourseError as error:
            problem = problem or error
    else:
        raise problem
    axes = plots.panels(3, width=16, height=5)
    draw_plane(run, encoder, decoder, load_data(run), ax=axes[0])
    draw_manifold(run, encoder, decoder, ax=axes[1])
    flowers = load_flowers("synthetic").x_test[: FLOWERS_ACROSS * FLOWERS_DOWN]
    rows = flowers.reshape(FLOWERS_DOWN, FLOWERS_ACROSS, *flowers.shape[1:])
    axes[2].imshow(np.concatenate([np.concatenate(row, axis=1) for row in rows]))
    axes[2].set_axis_off()
    titles = "Digits in the latent plane", "What the plane decodes to", "Chapter 4: colour flowers"
    with family():
        for ax, title in zip(axes, titles, strict=True):
            ax.set_title(title)
    return save(axes[0], path)
