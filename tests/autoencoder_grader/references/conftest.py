"""What the measurements of a chapter could have given."""

import pytest
from autoencoder_grader.references import networks
from autoencoder_grader.references.measuring import BASELINES, Run
from stored_measurements import fake


@pytest.fixture
def dense_results():
    epochs = networks.DEFAULT_EPOCHS["dense"]
    runs = {
        Run("dense", BASELINES, 0, 0): {},
        Run("dense", "right", 123, 0): {"bce_per_pixel": 0.69},
        Run("dense", "one latent variable", 123, epochs): {"bce_per_pixel": 0.22},
    }
    runs |= {Run("dense", "right", 123 + k, epochs): {"bce_per_pixel": 0.18 + k / 1000} for k in range(4)}
    return {run: fake(run, **test) for run, test in runs.items()}
