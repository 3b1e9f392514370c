"""Chapter 1, the dense autoencoder: one check, one file, named as the check."""

#: In the order of the notebook.
CHECKS = (
    "data",
    "encoder",
    "decoder",
    "autoencoder",
    "bce_per_image",
    "floor_and_baseline",
    "trained",
    "pca",
    "codes",
)

#: Without points, for practice; in the order of the notebook.
PRACTICE = ("linear",)
