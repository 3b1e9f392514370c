"""How large images and codes are in chapter 4, the scale of its losses, and what stands in the place of the usual recipes."""

from autoencoder_helpers.checks.recipes import EndsInDistribution

IMAGE = (80, 80, 3)
LATENT = 10
VALUES = 80 * 80 * 3
SCALE = 80 * 80  # the chapter's losses: 6,400 x the mean over the 19,200 values
UNIT = " (nats, 6,400 x the mean over the values of an image)"
IN_PLACE = EndsInDistribution("tfpl.MultivariateNormalTriL(10)", 65, "10 means and the 55 numbers of a triangle")
