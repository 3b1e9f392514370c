"""How far chance moves a loss that grading measures: its standard error, and how many private images a margin needs.

Measured with the trained weights that the course carries, image by image, on the private images of many secrets. The
standard error is that of a mean over images taken at random. Private digits are taken one from each block of like ones,
so from secret to secret a loss moves by less ("standard_deviation" in reference.toml).
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from autoencoder_grader.references import calibration, measuring, networks
from autoencoder_grader.references.trained import FOLDER
from autoencoder_grader.scoring.private_data import PrivateData
from autoencoder_helpers import measures
from autoencoder_helpers.checks.data import evenly
from autoencoder_helpers.checks.vae.trained import DIGITS
from autoencoder_helpers.training.running import load_weights

ERRORS = 4  # a threshold that is so many standard errors away is crossed by chance 3 times in 100,000
#: Of each chapter the weights of its right network: the folder, the training, and where its images come from.
CARRIED = {
    "dense": ("01_dense_autoencoder", "dense_autoencoder", "mnist"),
    "conv": ("02_convolutional_autoencoder", "conv_ae", "mnist"),
    "vae": ("03_variational_autoencoder", "vae", "mnist"),
    "flowers": ("04_flower_vae", "flower_vae", "synthetic"),
}
#: Checks that take a part of the private images: at least so many.
PARTS = {"vae.trained": DIGITS, "vae.kl": DIGITS}


def measure_errors(
    chapters: Iterable[str], secrets: Iterable[int], told: Callable[[str], None] = lambda chapter: None
) -> dict[str, dict]:
    """For each check of these chapters: what the private table says of single images, {check name: keys}.

    Keys: "images" (how many private images a loss is the mean of), "deviation_of_images" (from image to image, of a
    right network, the mean over the secrets), "standard_error" (of the mean), and where a check takes a part of the images,
    "moved_at_most" (how far its mean is from that of all of them, on any secret). told: called with each finished chapter.
    """
    found = {}
    for chapter in (chapter for chapter in chapters if chapter in CARRIED):
        folder, training, source = CARRIED[chapter]
        run = measuring.Run(chapter, "right", networks.SEEDS[chapter], networks.DEFAULT_EPOCHS[chapter], source)
        encoder, decoder, whole = measuring.build(run)
        load_weights(whole, training, FOLDER / folder)
        deviations: dict[str, list[float]] = {}
        moved: dict[str, float] = {}
        for secret in secrets:
            data = PrivateData(secret)
            images, _ = calibration.images_of(data, source)
            each = measuring.losses_of_each(run, encoder, decoder, calibration.shaped(images, chapter))
            for name, values in _of_each(chapter, each, images, data).items():
                deviations.setdefault(name, []).append(float(values.std(ddof=1)))
                used = evenly(values, PARTS.get(name, len(values)))
                moved[name] = max(moved.get(name, 0.0), abs(float(used.mean() - values.mean())))
        for name, of_secrets in deviations.items():
            deviation, count = statistics.fmean(of_secrets), len(evenly(images, PARTS.get(name, len(images))))
            found[name] = {
                "images": count,
                "deviation_of_images": deviation,
                "standard_error": deviation / math.sqrt(count),
                **({"moved_at_most": moved[name]} if name in PARTS else {}),
            }
        told(chapter)
    return found


def _of_each(chapter, each: measuring.Losses, images, data) -> dict[str, np.ndarray]:
    """{check name: of each image a value of which the check takes the mean}, in the check's unit."""
    if chapter == "vae":
        return {"vae.trained": each.R + each.K, "vae.kl": each.K}
    if chapter == "flowers":
        floors, (mean, _) = measures.entropy_per_image(images), data.flowers("synthetic")
        baselines = measures.bce_per_image(images, mean)
        share = measures.share_explained(each.R.mean(), baselines.mean(), floors.mean())
        # A share is a ratio of two means. What an image adds to its error, to first order:
        moved = (baselines - each.R) - share * (baselines - floors)
        return {"flowers.synthetic": moved / (baselines - floors).mean()}
    return {f"{chapter}.trained": each.R / measures.pixels(images)}


def with_errors(tables: Mapping[str, dict], errors: Mapping[str, dict]) -> dict[str, dict]:
    """The tables of reference.toml with these keys in what they say of private images, where they say anything of it."""
    known = [name for name in errors if "private" in tables.get(name, {})]
    found = {name: {**tables[name], "private": {**tables[name]["private"], **errors[name]}} for name in known}
    return {**tables, **found}


def distance(private: Mapping) -> float:
    """From the threshold to the nearest of right and wrong networks on any secret."""
    return min(private[key] for key in ("distance_to_right", "distance_to_wrong") if key in private)


def images_needed(private: Mapping) -> int:
    """So many images put the threshold `ERRORS` standard errors from the nearest of right and wrong networks."""
    return math.ceil((ERRORS * private["deviation_of_images"] / distance(private)) ** 2)


def lines(tables: Mapping[str, dict]) -> list[str]:
    """A line for each check whose error is known: what it is measured on, and what that would have to be."""
    return [
        f"{name}: {private['images']:,} private images, standard error {private['standard_error']:.2g}, threshold "
        f"{distance(private) / private['standard_error']:.0f} standard errors away; {images_needed(private):,} images "
        f"would make it {ERRORS}"
        for name, table in tables.items()
        if "standard_error" in (private := table.get("private", {}))
    ]
