"""Chapter 3."""

from autoencoder_helpers.checks.vae import elbo_report  # noqa: F401
