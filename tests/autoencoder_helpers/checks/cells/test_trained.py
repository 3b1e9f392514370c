"""`cells.trained`: the course's own trained network passes, fresh and collapsed ones do not."""

from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras
from autoencoder_grader.references import networks
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.scoring.private_data import PrivateData
from autoencoder_helpers import load_cells
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.checks.rule import run_rule
from autoencoder_helpers.evidence.training_records import remember, sums_of
from autoencoder_helpers.training import load_weights


def trained_network():
    """(vae, encoder, decoder) with the weights that the course carries."""
    encoder, decoder, vae = networks.cell_vae()
    folder = Path(trained_weights("05_gene_expression")[0]).parent
    assert load_weights(vae, "cells_vae", folder=folder)
    return vae, encoder, decoder


def test_a_trained_network_gets_the_points_on_private_cells_too(points):
    network = trained_network()
    assert points("cells.trained", *network) == 2
    for secret in range(3):
        assert run_rule(catalogue()["cells.trained"], network, {}, data=PrivateData(secret)).points == 2


def test_a_fresh_network_gets_none(expect_mistake):
    encoder, decoder, vae = networks.cell_vae()
    expect_mistake("cells.trained", vae, encoder, decoder, mistake="untrained")


def scaled(model, layer, factor):
    model.layers[layer].set_weights([factor * weight for weight in model.layers[layer].get_weights()])


def test_one_cloud_for_all_cells_is_a_collapse(expect_mistake):
    vae, encoder, decoder = trained_network()
    kernel, bias = encoder.layers[2].get_weights()
    encoder.layers[2].set_weights([0 * kernel, np.array([0, 0, 0.54, 0.54])])
    expect_mistake("cells.trained", vae, encoder, decoder, mistake="collapsed")


def test_a_decoder_that_ignores_its_code_is_named(expect_mistake):
    vae, encoder, decoder = trained_network()
    scaled(decoder, 0, 0)
    expect_mistake("cells.trained", vae, encoder, decoder, mistake="ignores-code")


def test_a_kl_that_did_not_count_is_named(expect_mistake):
    vae, encoder, decoder = trained_network()
    kernel, bias = encoder.layers[2].get_weights()
    encoder.layers[2].set_weights([30 * kernel, bias])
    expect_mistake("cells.trained", vae, encoder, decoder, mistake="kl-not-trained")


def test_a_network_made_of_other_parts_is_named(expect_mistake):
    vae, encoder, decoder = trained_network()
    expect_mistake("cells.trained", vae, encoder, networks.cell_vae()[1], mistake="not-joined")


def test_a_half_trained_network_keeps_half(expect_mistake):
    vae, encoder, decoder = trained_network()
    kernel, bias = decoder.layers[2].get_weights()
    decoder.layers[2].set_weights([0.45 * kernel, 0.7 * bias])
    expect_mistake("cells.trained", vae, encoder, decoder, mistake="trained-too-little", kept=1)


def test_a_training_on_the_test_cells_is_told_by_its_own_record(expect_mistake):
    vae, encoder, decoder = trained_network()
    x_test = load_cells().x_test
    remember(vae, len(x_test), sums_of(x_test))
    expect_mistake("cells.trained", vae, encoder, decoder, mistake="trained-on-test-images", kept=1)


def test_a_way_round_the_code_is_no_autoencoder(mistakes):
    _, encoder, decoder = trained_network()
    cell = keras.Input((765,))
    beside = keras.layers.Dense(765, activation="softmax")(cell)
    vae = keras.Model(cell, keras.layers.Average()([decoder(encoder(cell)), beside]))
    assert mistakes("cells.trained", vae, encoder, decoder) == ["no-bottleneck"]


@pytest.mark.parametrize("earlier", ["cells.poisson_loss", "cells.encoder", "cells.decoder"])
def test_what_follows_from_an_earlier_mistake_costs_no_more_than_it(under, earlier):
    vae, encoder, decoder = trained_network()
    kernel, bias = decoder.layers[2].get_weights()
    decoder.layers[2].set_weights([0.45 * kernel, 0.7 * bias])
    assert under({earlier: 0.5}, "cells.trained", vae, encoder, decoder) == 1.5
