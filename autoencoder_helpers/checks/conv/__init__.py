"""Chapter 2, the convolutional autoencoder: one check, one file, named as the check."""

#: In the order of the notebook.
CHECKS = (
    "data",
    "sides",
    "encoder",
    "decoder",
    "autoencoder",
    "trained",
    "decode_point",
    "neighbours",
)

#: Without points, for practice; in the order of the notebook.
PRACTICE = ("denoise", "dealt_pixels", "strided")
