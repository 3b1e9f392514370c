"""A network and its parts: whose weights it holds, and what its layers add to the loss."""

import numpy as np
from autoencoder_helpers.checks.models import holds


def added_to_loss(model) -> float:
    """What the layers added to the loss in the last call of the model."""
    return float(np.sum([np.asarray(entry) for entry in model.losses]))


def expect_parts(step, vae, **parts):
    """Inside a step: fail unless the VAE holds the very weights of its parts."""
    for name, part in parts.items():
        step.expect(
            holds(vae, part),
            expected=f"the VAE contains your {name} itself",
            found=f"another {name}: training the VAE would not change yours",
            look=f"Run the cell that builds the VAE after the one that makes `{name}`.",
            mistake="not-joined",
        )
