"""The clouds that an encoder makes of images, or of cells."""

import numpy as np
from autoencoder_helpers.checks.answers import as_array
from autoencoder_helpers.checks.models import stages
from autoencoder_helpers.checks.rule import NotYet, describe

_MOST = 1e8  # of a mean: float32 knows no sum of many larger squares


def cloud_of(encoder, x, one="image"):
    """encoder(x) as a distribution; NotYet with the mistake's name if it is none. one: what each of x is called."""
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
    if not (hasattr(cloud, "mean") and hasattr(cloud, "stddev") and hasattr(cloud, "log_prob")):
        if tuple(cloud.shape[1:]) == (4,):
            raise NotYet(
                expected=f"a distribution for each {one}",
                found=f"four numbers for each {one}",
                look="These are the parameters; a distribution layer after them is missing: tfpl.IndependentNormal(2).",
                mistake="parameters-not-distribution",
            )
        raise NotYet(
            expected=f"a distribution for each {one}",
            found=f"plain numbers, {describe(cloud)}: one point for each {one}",
            look="the last layer: tfpl.IndependentNormal(2)",
            mistake="deterministic-encoder",
        )
    return cloud


def expect_moderate_means(step, mean):
    """Inside a step: fail if means are so large that float32 can hold neither their squares nor a step of one."""
    step.expect(
        float(np.abs(mean).max()) < _MOST,
        expected="means as a network has them before it is trained: a few units",
        found=f"means of up to {np.abs(mean).max():.2g}, whose squares float32 cannot hold",
        look="the images, between 0 and 1; or has a training run away? Build the network again.",
        mistake="means-too-large",
    )


def clouds_of(encoder, x, one="image", batch_size=500):
    """Means and standard deviations of the clouds of many images, or cells: two float64 arrays (N, 2)."""
    parts = [cloud_of(encoder, x[i : i + batch_size], one) for i in range(0, len(x), batch_size)]
    mean, stddev = (
        np.concatenate([as_array(getattr(part, name)()) for part in parts]).astype(np.float64)
        for name in ("mean", "stddev")
    )
    if not (np.isfinite(mean).all() and np.isfinite(stddev).all()):
        raise NotYet(
            expected="finite means and standard deviations",
            found="inf or nan among them",
            look="The training has run away: a smaller learning rate, images between 0 and 1. Build the network again first.",
            mistake="not-finite",
        )
    if mean.ndim != 2 or mean.shape != stddev.shape or not (stddev >= 0).all():
        raise NotYet(
            expected=f"means and positive standard deviations of shape ({one}s, 2)",
            found=f"means of shape {mean.shape}, standard deviations of shape {stddev.shape}, or negative ones",
            look="the distribution layer at the encoder's end",
            mistake="no-posterior",
        )
    return mean, np.maximum(stddev, 1e-38)  # float32 rounds the narrowest clouds to 0
