"""What an instructor runs: release, demo, grading, measuring the reference values.

Imports autoencoder_helpers; nothing in autoencoder_helpers ever imports this package.
"""
