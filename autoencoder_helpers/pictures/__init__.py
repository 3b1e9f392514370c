"""What a notebook shows: plots in one style, the explorer of a latent space, stored pictures of long trainings."""
