"""How trained networks fare on private images: whether the notebook's thresholds hold for every secret."""

import dataclasses
import functools
import statistics
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from autoencoder_grader.references import cell_measures, measuring
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.scoring.private_data import PrivateData
from autoencoder_helpers import measures
from autoencoder_helpers.checks.data import PublicData
from autoencoder_helpers.images.cells import counts_of
from autoencoder_helpers.images.mnist import load_mnist

RIGHT = "right"
TABLE = "table of the public test images"


@dataclasses.dataclass(frozen=True)
class Row:
    """What one model reaches for one check on the images of one secret.

    model: RIGHT, or the name of a wrong model. run: its training, "" for a model that needs none.
    secret: None for the public images. value: in the unit that reference.toml gives for the check.
    """

    check: str
    model: str
    run: str
    secret: int | None
    value: float


def calibrate(
    runs,
    folder,
    secret_seeds: Iterable[int] = range(20),
    told: Callable[[int], None] = lambda secret: None,
) -> list[Row]:
    """Measure stored trainings on the public images and on those of each secret: a second each time.

    runs: `measuring.Run`s, right and wrong ones, whose weights lie in `folder` as `measuring` stores them.
    Models that need no training (the mean image, a table of the public images) are measured as well, for each
    chapter that has a run. Rows of the public images come first. told: called with each finished secret.
    Raises CourseError for a run whose weights are not stored.
    """
    runs = list(runs)
    networks = {run: measuring.restore(run, folder)[:2] for run in runs}
    rows = []
    for secret in (None, *secret_seeds):
        data = PublicData() if secret is None else PrivateData(secret)
        for source in dict.fromkeys(run.source for run in runs):
            images, baselines = images_of(data, source)
            if source == "mnist":  # the public images stand in the table themselves: it copies them
                table = baselines["test"]["floor"] if secret is None else _table_loss(images)
            tests = {
                run: measuring.test_losses(run, *networks[run], (None, shaped(images, run.chapter)))
                for run in runs
                if run.source == source
            }
            for check in reference_values.CHECKS:
                chapter = [run for run in tests if run.chapter == check.chapter]
                if check.source != source or not chapter:
                    continue
                values = {
                    (_name(run), run.name): check.value(tests[run], baselines)
                    for run in chapter
                    if run.model not in check.left_out
                }
                values |= {(name, ""): value for name, value in check.known(baselines).items()}
                if "bce_per_pixel" in tests[chapter[0]]:
                    values[TABLE, ""] = table / baselines["test"]["values"]
                rows += [Row(check.name, name, run, secret, float(value)) for (name, run), value in values.items()]
        if secret is not None:
            told(secret)
    return rows


def summarise(rows, thresholds: Mapping[str, float]) -> dict[str, dict]:
    """Per check: how right networks fare on private images, and how near wrong models come.

    rows: of two secrets or more. thresholds: {check name: threshold}; other checks are left out.
    Keys as in reference.toml: "secrets" (how many), "threshold", "right_runs" (how many), "public_mean" and
    "mean" (of right runs), "standard_deviation" (from secret to secret, of the run where it is largest),
    "worst_right_run", "best_wrong_model", and the distances of these two to the threshold, negative on its
    wrong side. Keys that rest on right or on wrong models are left out where there are none.
    """
    tables = {}
    for check in reference_values.CHECKS:
        public = [row for row in rows if row.check == check.name and row.secret is None]
        private = [row for row in rows if row.check == check.name and row.secret is not None]
        if not private or check.name not in thresholds:
            continue
        limit = thresholds[check.name]
        right = [row for row in private if row.model == RIGHT]
        wrong = [row for row in private if row.model != RIGHT]
        table = {"secrets": len({row.secret for row in private}), "threshold": limit}
        if right:
            runs = {row.run for row in right}
            worst = min(right, key=lambda row: margin(check, row.value, limit))
            table |= {
                "right_runs": len(runs),
                "public_mean": statistics.fmean(row.value for row in public if row.model == RIGHT),
                "mean": statistics.fmean(row.value for row in right),
                "standard_deviation": max(
                    statistics.stdev(row.value for row in right if row.run == run) for run in runs
                ),
                "worst_right_run": {"run": worst.run, "secret": worst.secret, "value": worst.value},
                "distance_to_right": margin(check, worst.value, limit),
            }
        if wrong:
            best = max(wrong, key=lambda row: margin(check, row.value, limit))
            table |= {
                "best_wrong_model": {"name": best.model, "secret": best.secret, "value": best.value},
                "distance_to_wrong": -margin(check, best.value, limit),
            }
        tables[check.name] = table
    return tables


def margin(check: reference_values.Check, value: float, limit: float) -> float:
    """Distance of a value to a threshold in the check's unit; negative if the check fails."""
    return limit - value if check.better == "lower" else value - limit


def _name(run):
    return "untrained" if run.model == RIGHT and run.epochs == 0 else run.model


def shaped(images, chapter):
    """Digits (n, 28, 28) as the chapter's networks take them; flowers and cells as they are."""
    if chapter == "dense":
        return images.reshape(len(images), -1)
    return images if chapter in ("flowers", "cells") else images[..., np.newaxis]


def images_of(data, source):
    """(images, what is known of them without a network), the latter with the keys of a baselines run."""
    if source == cell_measures.SOURCE:
        expression, counts = data.unseen_cells
        return expression, {"test": cell_measures.what_is_known(counts_of(data.cells.x_train), counts)}
    if source == "mnist":
        images, mean = data.unseen_digits, _mean_digit()
    else:
        mean, images = data.flowers(source)
    known = {
        "floor": float(measures.entropy_per_image(images).mean()),
        "mean image": float(measures.bce_per_image(images, mean).mean()),
        "values": measures.pixels(images),
    }
    return images, {"test": known}


@functools.cache
def _mean_digit():
    return measures.mean_image(load_mnist()[0][0]) / 255


def _table_loss(digits):
    """Mean cross-entropy, in nats per image, of a network that answers with the nearest public test image."""
    public = PublicData().mnist_images
    flat, table = digits.reshape(len(digits), -1), public.reshape(len(public), -1)
    squares = np.square(table).sum(axis=1)
    nearest = [  # of (a - b)^2 all that depends on b
        (squares - 2 * flat[start : start + 1000] @ table.T).argmin(axis=1) for start in range(0, len(flat), 1000)
    ]
    return float(measures.bce_per_image(digits, public[np.concatenate(nearest)]).mean())
