"""A network and its parts: whose weights it holds."""

from autoencoder_helpers.checks.models import holds


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
