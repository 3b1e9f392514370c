"""How large images and codes are in chapter 4, and the scale of its losses."""

IMAGE = (80, 80, 3)
LATENT = 10
VALUES = 80 * 80 * 3
SCALE = 80 * 80  # the chapter's losses: 6,400 x the mean over the 19,200 values
UNIT = " (nats, 6,400 x the mean over the values of an image)"
