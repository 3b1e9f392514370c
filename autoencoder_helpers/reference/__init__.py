"""What was measured: thresholds and losses of the course, and the curves of its own networks."""

from autoencoder_helpers.reference.values import reference, threshold

__all__ = ["reference", "threshold"]
