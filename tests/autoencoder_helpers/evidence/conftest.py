"""Random numbers, the same ones for each test."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(5)
