"""What is measured of the cells, without training: floor and baseline, codes against types, and that nothing hangs on chance."""

import numpy as np
import pytest
from autoencoder_grader.references import cell_measures, measuring
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.measuring import BASELINES, COMPARED, Run
from autoencoder_helpers import measures
from autoencoder_helpers.images.cells import counts_of


def test_floor_and_baseline_are_those_of_the_chapter():
    x_train, x_test, *_ = cell_measures.data()
    known = cell_measures.what_is_known(counts_of(x_train), counts_of(x_test))
    assert known["floor"] == pytest.approx(308.87, abs=0.01) and known["mean image"] == pytest.approx(873.85, abs=0.01)


def test_r_and_k_of_known_clouds():
    counts = np.array([[3.0, 1.0], [0.0, 5.0]])
    mean, scale = np.zeros((2, 2)), np.ones((2, 2))
    found = cell_measures.losses(lambda z: np.full((len(z), 2), 0.5), mean, scale, counts, seed=1)
    wanted = measures.poisson_per_cell(counts, counts.sum(1, keepdims=True) * [[0.5, 0.5]]).mean()
    assert found["R"] == pytest.approx(wanted) and found["K"] == 0 and found["R_plus_K"] == found["R"]


def test_codes_that_are_the_types_agree_with_them():
    labels = np.repeat(np.arange(10), 20)
    codes = 10.0 * np.eye(10)[labels] + np.random.default_rng(1).normal(0, 0.1, (200, 10))
    assert cell_measures.facts(codes, codes, labels, labels) == {"adjusted_rand_index": 1.0, "neighbour_accuracy": 1.0}


def test_the_methods_are_told_with_their_spread_over_the_seeds():
    def result(**latent):
        return {"latent": latent, "test": {"R_plus_K": 690.0}, "shapes": {"latent": 2}}

    right = {Run("cells", "right", seed, 40, "cells"): result(adjusted_rand_index=0.4 + seed / 10) for seed in (0, 1)}
    others = {
        Run("cells", "autoencoder, 4", 0, 40, "cells"): {"latent": {"adjusted_rand_index": 0.3}, "test": {"mse": 1.0}}
    }
    baselines = {"methods": {"PCA, 2": {"adjusted_rand_index": 0.2}}}
    found = reference_values._methods("cells", right, right | others, baselines, 40)
    assert found["PCA, 2"] == {"adjusted_rand_index": {"mean": 0.2}}
    assert found["autoencoder, 4"]["adjusted_rand_index"] == {"mean": 0.3, "standard_deviation": 0.0, "seeds": 1}
    assert found["VAE, 2"]["adjusted_rand_index"]["mean"] == pytest.approx(0.45)
    assert found["VAE, 2"]["R_plus_K"] == {"mean": 690.0, "standard_deviation": 0.0, "seeds": 2}


@pytest.mark.parametrize("model", ["right", *COMPARED["cells"], *measuring.WRONG_MODELS["cells"]])
def test_every_network_that_is_measured_can_be_built(model):
    encoder, decoder, whole = measuring.build(Run("cells", model, 321, 0, "cells"))
    assert encoder.input_shape == whole.input_shape == decoder.output_shape == (None, 765) and whole.loss


def test_the_data_set_is_named_by_its_own_hash():
    run = Run("cells", BASELINES, 0, 0, "cells")
    data = measuring.load_data(run)
    other = (data[0] + np.float32(0.5), *data[1:])
    assert measuring.data_hash(data) != measuring.data_hash(other)
