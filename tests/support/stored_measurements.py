"""Measurements of reference values as they would be stored, without a training."""

import hashlib

from autoencoder_grader.references import calibration, measuring, private_margins
from autoencoder_grader.references.measuring import BASELINES
from autoencoder_grader.references.private_margins import PrivateRun
from autoencoder_grader.scoring import private_data


def fake(run, **test):
    """A stored result without a training."""
    values = {"bce_per_pixel": 0.2, "bce_per_image": 157.0, "R": 165.0, "K": 5.0, "R_plus_K": 170.0, **test}
    result = {
        "run": vars(run),
        "settings": measuring.settings(run),
        "data_sha256": run.source,
        "versions": measuring.versions(),
        "resumed": False,
        "test": values,
        "parameters": {"encoder": 1, "decoder": 2, "whole": 3},
        "shapes": {"image": [784], "latent": 2},
        "history": [{**values, "train_loss": 0.3}],
    }
    if run.model == BASELINES:
        result["test"] = {"floor": 45.5, "mean image": 205.8, "values": 784}
        result["pca"] = {
            "mean image": 0.0675,
            "1 components": 0.0607,
            "2 components": 0.0557,
            "3 components": 0.0516,
            "2 components, mean not restored": 0.1,
        }
    return result


PRIVATE = PrivateRun("dense")
#: (check, model, run, secret, value): what a measurement on private images could find.
PRIVATE_ROWS = [
    ("dense.trained", "right", "dense,right,123,5,mnist", None, 0.180),
    ("dense.trained", "right", "dense,right,123,5,mnist", 0, 0.182),
    ("dense.trained", "right", "dense,right,123,5,mnist", 1, 0.184),
    ("dense.trained", "one latent variable", "dense,one latent variable,123,5,mnist", 0, 0.221),
    ("dense.trained", "one latent variable", "dense,one latent variable,123,5,mnist", 1, 0.219),
]


def fake_private(runs, **changes):
    """A stored measurement of these runs on private images, when each has left the word "weights"."""
    key = {
        "secrets": private_margins.SECRETS,
        "images": private_data.SETTINGS,
        "checks": ["dense.trained"],
        "data_sha256": "mnist",
        "versions": measuring.versions(),
        "weights": {run.name: hashlib.sha256(b"weights").hexdigest() if run.epochs else "" for run in runs},
    }
    return {"key": {**key, **changes}, "rows": PRIVATE_ROWS}


def private_table(limit=0.2):
    rows = [calibration.Row(*row) for row in PRIVATE_ROWS]
    return calibration.summarise(rows, {"dense.trained": limit})
