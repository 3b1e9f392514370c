"""How large an image is in chapter 3."""

IMAGE = (28, 28, 1)
PIXELS = 784
