"""Chapter 4."""

from autoencoder_helpers.checks.flowers import walk  # noqa: F401
