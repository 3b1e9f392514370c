"""How large an image is in chapter 3, and what stands in the place of the usual recipes."""

from autoencoder_helpers.checks.recipes import EndsInDistribution

IMAGE = (28, 28, 1)
PIXELS = 784
IN_PLACE = EndsInDistribution("tfpl.IndependentNormal(2)", 4, "two means, two standard deviations")
