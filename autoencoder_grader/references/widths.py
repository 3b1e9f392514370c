"""Chapter 1's network with other numbers of latent variables, and PCA beside it: measured, and written for the chapter."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tomli_w
from autoencoder_grader.references import networks
from autoencoder_grader.references.measuring import Run, data_hash, load_data, versions
from autoencoder_helpers import measures

LATENT = (1, 2, 3, 5, 10)
SEEDS = 5
_HEAD = """\
# What more latent variables buy. Written by `autoencoder-course references --widths`: do not edit, measure again.
#
# Chapter 1's network (784, 100, 20, n, 20, 100, 784) with n latent variables, trained as there, on the test digits: mean
# and standard deviation over the seeds, in the order of latent_variables. For PCA with as many components there is no chance.

"""


def measure_widths(seeds: int = SEEDS, report: Callable[[str], None] = lambda line: None) -> dict:
    """The table of all widths, as it is written; minutes. report: is told of each training."""
    import tf_keras as keras
    from sklearn.decomposition import PCA

    first, epochs = networks.SEEDS["dense"], networks.DEFAULT_EPOCHS["dense"]
    data = load_data(Run("dense", "right", first, epochs))
    x_train, x_test = data[0], data[1]
    chosen = [first + k for k in range(seeds)]
    losses: dict[str, list[list[float]]] = {"bce_per_pixel": [], "mse_per_pixel": []}
    for latent in LATENT:
        of_seeds = []
        for seed in chosen:
            keras.utils.set_random_seed(seed)
            *_, whole = networks.dense_autoencoder(latent_dim=latent)
            whole.fit(x_train, x_train, epochs=epochs, batch_size=networks.recipe("dense")["batch_size"], verbose=0)
            copies = whole.predict(x_test, batch_size=1000, verbose=0)
            bce = float(measures.bce_per_image(x_test, copies).mean() / measures.pixels(x_test))
            of_seeds.append((bce, measures.mse_per_pixel(x_test, copies)))
            report(f"{latent} latent variables, seed {seed}: {bce:.4f} nats per pixel")
        for name, values in zip(losses, zip(*of_seeds, strict=True), strict=True):
            losses[name].append(list(values))
    pca = PCA(max(LATENT), svd_solver="covariance_eigh").fit(x_train.astype(np.float64))
    codes = pca.transform(x_test)
    pca_errors = [
        measures.mse_per_pixel(x_test, codes[:, :latent] @ pca.components_[:latent] + pca.mean_) for latent in LATENT
    ]
    return {
        "command": "autoencoder-course references --widths",
        "epochs": epochs,
        "seeds": chosen,
        "latent_variables": list(LATENT),
        "data_sha256": data_hash(data),
        "autoencoder": {
            name: {
                "mean": [round(statistics.fmean(row), 6) for row in rows],
                "standard_deviation": [round(statistics.stdev(row), 6) for row in rows],
            }
            for name, rows in losses.items()
        },
        "pca": {"mse_per_pixel": [round(error, 6) for error in pca_errors]},
        "versions": versions(),
    }


def write_widths(table: dict, path: Path) -> None:
    """Write the table in one step; the same table gives the same bytes."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    unfinished.write_text(_HEAD + tomli_w.dumps(table), encoding="utf-8", newline="\n")
    os.replace(unfinished, path)
