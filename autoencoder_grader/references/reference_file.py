"""The file ``reference.toml``: reading the measured tables, and writing them so that the same tables give the same bytes."""

import os
import tomllib
from pathlib import Path

import tomli_w
from autoencoder_helpers.errors import CourseError

HEAD = """\
# Reference values of the course. Written by `autoencoder-course references`: do not edit, measure again.
#
# For each check: what was measured (quantity, unit, on the test set), which direction is better, the mean and
# the standard deviation over the right runs (one a seed), the worst right run, the wrong models with their
# values, the best of them, and the threshold between these two with its distance to either. "full" is the
# same network after the course's full number of epochs (or as many as stand there), for one seed; its "by_seed"
# holds what the check measures for all seeds that were trained so long, each by
# `autoencoder-course references --networks --seeds 5`.
# "command" makes every value again.
#
# "also" holds means over the same runs: adjusted_rand_index of k-means with 10 groups on the test codes against
# the labels; neighbour_accuracy of 5 nearest neighbours among 10,000 training codes; share_within_radius_3 of
# the test codes around 0; the distance of two points to the nearest test code. Codes of variational networks
# are posterior means. For the cells, k-means is asked for the training codes, the neighbours of the test codes are among
# all training codes, and "methods" holds the same for PCA, autoencoder and VAE of 2, 4 and 10 latent variables.
#
# "private" tells whether the threshold holds on the images that grading makes from an instructor's secret:
# over so many secrets and so many right runs, the mean; the standard deviation from secret to secret (of the
# run where it is largest); the worst right run and the best wrong model on any secret, with their distances
# to the threshold (negative: it does not hold). "public_mean" is the mean of the same runs on the images that
# the check measures on in the notebook. "images" is the number of private images that a loss is the mean of,
# "deviation_of_images" the standard deviation from one image to another, "standard_error" that of the mean, were
# the images taken at random (`autoencoder-course references --errors`). "moved_at_most": where a check takes a part of the
# private images, how far its mean was from that of all of them, of which the other numbers here are, on any secret.
#
# "networks" are the trained networks that the course carries (autoencoder_helpers/shipped/): the file with its SHA-256,
# how its numbers are kept, the losses of these very numbers on the test set, and what half precision has changed beside
# the spread of seeds. "epochs" is what it was trained for; where that is less than "epochs_of_the_course", the same
# command goes on.

"""


def read(path):
    """The stored tables of the checks, {} if there is no file yet."""
    return _read(path)["checks"]


def read_networks(path):
    """The stored tables of the trained networks that the course carries, {} if there are none yet."""
    return _read(path).get("networks", {})


def _read(path):
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        document["checks"]  # without which it is none of ours
        return document
    except FileNotFoundError:
        return {"checks": {}}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError):
        raise CourseError(f"{path} cannot be read; fetch it again with git, or delete it and measure.") from None


def write(path, tables, networks=None):
    """Write the tables of the checks, and those of the networks if they are given; the same tables give the same bytes."""
    path = Path(path)
    networks = read_networks(path) if networks is None else networks
    document = {"checks": rounded(tables), **({"networks": rounded(networks)} if networks else {})}
    text = HEAD + tomli_w.dumps(document)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        os.replace(unfinished, path)
    except OSError as error:
        raise CourseError(f"{path} cannot be written ({error.strerror}); check folder and disk.") from None


def rounded(value):
    """Six significant digits: more would differ between two machines and say nothing."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
