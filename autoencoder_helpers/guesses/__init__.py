"""Guesses: asked before a cell, kept beside the notebook, answered after it. No points hang on them.

    guess("vae.double", "once", "twice", "it depends")             # before the cell that shows the truth
    came_out("vae.double", f"{ratio:.2f} times the exact KL")      # after it

What is right, and why, stands in no notebook but in a file for each chapter in this folder, `vae.toml` and so on: where it
stood below a cell, it would be read before the cell is run. `questions.py` says what stands in such a file.
"""

from autoencoder_helpers.guesses.asking import came_out, guess

__all__ = ["came_out", "guess"]
