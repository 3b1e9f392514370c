"""The data that rules measure on."""

import numpy as np
from autoencoder_helpers.checks import data
from autoencoder_helpers.images.flower_drawing import draw_flowers


def test_the_flowers_that_are_measured_on_are_not_those_of_the_training_set():
    _, unseen = data.PublicData().flowers("synthetic")
    drawn = draw_flowers(60)[0] / np.float32(255)
    assert unseen.shape == (60, 80, 80, 3) and unseen.dtype == np.float32 and 0 <= unseen.min() < unseen.max() <= 1
    assert not any(np.array_equal(a, b) for a, b in zip(unseen, drawn, strict=True))
