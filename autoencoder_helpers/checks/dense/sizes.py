"""How large an image is in chapter 1."""

PIXELS = 784
