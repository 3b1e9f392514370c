"""Chapter 1."""

from autoencoder_helpers.checks.dense import bce_per_image  # noqa: F401
