"""Chapter 2."""

from autoencoder_helpers.checks.conv import decode_point  # noqa: F401
