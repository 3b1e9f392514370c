"""What a notebook shows: plots in one style, the explorer of a latent space, a stored picture."""
