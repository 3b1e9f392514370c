"""How many genes a cell and how many numbers a code has in chapter 5, and what stands in the place of the usual recipes."""

from autoencoder_helpers.checks.recipes import EndsInDistribution

GENES = 765
LATENT = 2
UNIT = "nats per cell"
IN_PLACE = EndsInDistribution("tfpl.IndependentNormal(2)", 4, "two means, two standard deviations")
