"""Chapter 4, a variational autoencoder for flowers, of which only the interface is given: one check, one file."""

#: In the order of the notebook.
CHECKS = (
    "yardsticks",
    "encoder",
    "decoder",
    "vae",
    "loss",
    "beta",
    "trained",
    "walk",
)

#: Without points, for practice; in the order of the notebook.
PRACTICE = ("elbo_weight", "conditional")
