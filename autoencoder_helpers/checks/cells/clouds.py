"""The clouds that an encoder makes of cells."""

import numpy as np
from autoencoder_helpers.checks.answers import as_array
from autoencoder_helpers.checks.cells.sizes import LATENT
from autoencoder_helpers.checks.models import stages
from autoencoder_helpers.checks.rule import NotYet, describe


def cloud_of(encoder, x):
    """encoder(x) as a distribution; NotYet with the mistake's name if it is none."""
    try:
        cloud = encoder(x)
    except Exception as error:
        found = stages(encoder)
        width = found[-1].width if found else None
        if width in (1, 2, 3):
            raise NotYet(
                expected="four numbers in front of IndependentNormal(2): two means, two standard deviations",
                found=f"{width}",
                look="the width of the last Dense layer: tfpl.IndependentNormal.params_size(2)",
                mistake="too-few-parameters",
            ) from error
        raise
    if not all(hasattr(cloud, name) for name in ("mean", "stddev", "log_prob")):
        width = tuple(cloud.shape[1:])
        raise NotYet(
            expected="a distribution for each cell",
            found="four numbers for each cell"
            if width == (4,)
            else f"plain numbers, {describe(cloud)}: a point for each",
            look="The last layer makes a distribution of four numbers: tfpl.IndependentNormal(2).",
            mistake="parameters-not-distribution" if width == (4,) else "deterministic-encoder",
        )
    return cloud


def clouds_of(encoder, x):
    """Means and standard deviations of the clouds of many cells: two float64 arrays (N, 2)."""
    cloud = cloud_of(encoder, x)
    mean, stddev = (as_array(getattr(cloud, name)()).astype(np.float64) for name in ("mean", "stddev"))
    if mean.shape != (len(x), LATENT) or mean.shape != stddev.shape or not (stddev >= 0).all():
        raise NotYet(
            expected="means and positive standard deviations of shape (cells, 2)",
            found=f"means of shape {mean.shape}, standard deviations of shape {stddev.shape}, or numbers that are not finite",
            look="the distribution layer at the encoder's end",
            mistake="no-posterior",
        )
    return mean, np.maximum(stddev, 1e-38)  # float32 rounds the narrowest clouds to 0
