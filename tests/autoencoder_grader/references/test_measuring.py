"""One run: what is measured, going on after an interruption, and what is known without a network."""

import json

import numpy as np
import pytest
from autoencoder_grader.references import command as references
from autoencoder_grader.references import measuring, networks
from autoencoder_grader.references.measuring import BASELINES, Run
from autoencoder_helpers.errors import CourseError


@pytest.fixture(scope="module")
def few_digits():
    """Bright blobs at ten places: enough structure for a network to learn something in a second."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 10, 400).astype(np.uint8)
    images = rng.integers(0, 40, (400, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 8, 5:20] = 230
    return measuring.scaled(images[:300]), measuring.scaled(images[300:]), labels[:300], labels[300:]


def flat(data):
    return data[0].reshape(len(data[0]), -1), data[1].reshape(len(data[1]), -1), *data[2:]


def channel(data):
    return data[0][..., np.newaxis], data[1][..., np.newaxis], *data[2:]


def test_a_run_names_itself_and_reads_its_name():
    run = Run("vae", "KL counted twice (beta 2)", 321, 2)
    assert Run.parse(run.name) == run


def test_a_dense_run_measures_what_keras_evaluates(tmp_path, few_digits):
    run = Run("dense", "right", 7, 2)
    result = measuring.perform(run, tmp_path, flat(few_digits))
    *_, whole = measuring.build(run)
    whole.fit(*[flat(few_digits)[0]] * 2, epochs=2, batch_size=128, verbose=0)
    evaluated = whole.evaluate(*[flat(few_digits)[1]] * 2, verbose=0)
    assert result["test"]["bce_per_pixel"] == pytest.approx(evaluated, rel=1e-4)
    assert result["test"]["bce_per_image"] == pytest.approx(784 * result["test"]["bce_per_pixel"])
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2]
    assert json.loads((tmp_path / f"{run.name}.json").read_text()) == result
    assert 0 <= result["latent"]["neighbour_accuracy"] <= 1


def test_a_variational_run_reports_reconstruction_kl_and_their_sum(tmp_path, few_digits):
    run = Run("vae", "right", 7, 0)
    data = channel(few_digits)
    test = measuring.perform(run, tmp_path, data)["test"]
    _, _, vae = measuring.build(run)
    evaluated = vae.evaluate(data[1], data[1], verbose=0, batch_size=len(data[1]))  # weight 0.5, added twice: R + K
    assert test["R_plus_K"] == pytest.approx(test["R"] + test["K"])
    assert test["R_plus_K"] == pytest.approx(evaluated, rel=0.01)


def test_an_interrupted_run_goes_on_behind_its_last_epoch(tmp_path, few_digits, monkeypatch):
    run, data = Run("dense", "right", networks.SEEDS["dense"], 3), flat(few_digits)
    measured = measuring.test_losses

    def stop_in_epoch_2(*arguments):
        if list(tmp_path.glob("*.state.npz")):
            raise KeyboardInterrupt
        return measured(*arguments)

    monkeypatch.setattr(measuring, "test_losses", stop_in_epoch_2)
    with pytest.raises(KeyboardInterrupt):
        measuring.perform(run, tmp_path, data)
    assert not list(tmp_path.glob("*.json"))
    monkeypatch.setattr(measuring, "test_losses", measured)
    result = measuring.perform(run, tmp_path, data)
    assert result["resumed"] and [epoch["epoch"] for epoch in result["history"]] == [1, 2, 3]
    losses = [epoch["bce_per_pixel"] for epoch in result["history"]]
    assert losses[2] < losses[0]
    encoder, decoder, _ = measuring.restore(run, tmp_path)
    assert measuring.test_losses(run, encoder, decoder, data) == pytest.approx(result["test"])


def test_an_untrained_network_comes_from_its_seed_and_any_other_needs_its_weights(tmp_path, few_digits):
    run = Run("dense", "right", 9, 0)
    result = measuring.perform(run, tmp_path, flat(few_digits))
    encoder, decoder, _ = measuring.restore(run, tmp_path)
    assert not measuring.weights_path(run, tmp_path).exists()
    assert measuring.test_losses(run, encoder, decoder, flat(few_digits)) == result["test"]
    with pytest.raises(CourseError, match="No finished training of dense,right,9,1,mnist"):
        measuring.restore(Run("dense", "right", 9, 1), tmp_path)


def test_what_is_known_without_a_network(tmp_path, few_digits):
    run = Run("dense", BASELINES, 0, 0)
    result = measuring.perform(run, tmp_path, flat(few_digits))
    assert result["test"]["floor"] < result["test"]["mean image"]
    pca = result["pca"]
    assert pca["3 components"] < pca["2 components"] < pca["1 components"] < pca["mean image"]
    assert pca["2 components, mean not restored"] > pca["2 components"]
    # independent: singular values of the centred training images
    x_train, x_test = (x.reshape(len(x), -1).astype(np.float64) for x in few_digits[:2])
    mean = x_train.mean(axis=0)
    axes = np.linalg.svd(x_train - mean, full_matrices=False)[2][:2]
    copies = mean + (x_test - mean) @ axes.T @ axes
    assert pca["2 components"] == pytest.approx(np.square(x_test - copies).mean(), rel=1e-6)


def test_the_data_hash_sees_images_labels_and_split(few_digits):
    a, b, labels, others = few_digits
    changed = a.copy()
    changed[0, 0, 0] = 1 - changed[0, 0, 0]
    flipped = labels.copy()
    flipped[0] ^= 1
    hashes = {
        measuring.data_hash(data)
        for data in (
            few_digits,
            (changed, b, labels, others),
            (a, b, flipped, others),
            (b, a, labels, others),
        )
    }
    assert len(hashes) == 4
    assert measuring.data_hash(flat(few_digits)) == measuring.data_hash(channel(few_digits))


def test_every_planned_model_can_be_built():
    for run in {Run(run.chapter, run.model, 1, 0) for run in references.plan() if run.model != BASELINES}:
        encoder, decoder, whole = measuring.build(run)
        assert whole.input_shape == whole.output_shape
