"""What was measured for the course: thresholds and losses, and the curves of its own networks."""

from autoencoder_helpers.reference.values import reference, threshold

__all__ = ["reference", "threshold"]
