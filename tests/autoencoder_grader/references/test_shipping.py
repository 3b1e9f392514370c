"""From a long training to the small file that the course carries of it."""

import hashlib

import numpy as np
import pytest
from autoencoder_grader.references import measuring, networks, reference_file, shipping
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.measuring import Run
from autoencoder_helpers.evidence.rebuilding import rebuild_models
from autoencoder_helpers.shipped import files

TABLES = {"conv.trained": {"standard_deviation": 0.002}}
WANTED = {"conv_autoencoder": shipping.NETWORKS["conv_autoencoder"]}


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A folder with a training of two epochs, which is all there are, on noise."""
    rng = np.random.default_rng(3)
    images = rng.uniform(size=(60, 28, 28, 1)).astype(np.float32)
    labels = np.arange(60, dtype=np.uint8) % 10
    data = images, images, labels, labels
    monkeypatch.setattr(networks, "FULL_EPOCHS", dict.fromkeys(networks.FULL_EPOCHS, 2))
    monkeypatch.setattr(measuring, "load_data", lambda run, photos=None: data)
    monkeypatch.setattr(files, "FOLDER", tmp_path / "shipped")
    files.FOLDER.mkdir()
    measuring.perform(WANTED["conv_autoencoder"].run, tmp_path, data)
    return tmp_path


def test_a_finished_training_becomes_a_small_file_and_its_table(stored):
    (name, facts), *others = shipping.ship(stored, TABLES, WANTED)
    assert not others and name == "conv_autoencoder"
    data = files.path_of(name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == facts["sha256"] and len(data) == facts["bytes"] < 25_000
    assert facts["epochs"] == facts["epochs_of_the_course"] == len(facts["value_by_epoch"]) == 2
    assert facts["kept_in"] == "float16" and facts["half_precision"]["changes"] <= 0.002
    models = rebuild_models(*files.unpack(data))
    restored = measuring.restore_so_far(WANTED[name].run, stored)
    for own, theirs in zip(models["whole"].get_weights(), restored.whole.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs.astype(np.float16))
    # The losses are those of what the file holds.
    losses = measuring.test_losses(WANTED[name].run, models["encoder"], models["decoder"], measuring.load_data(None))
    assert losses == pytest.approx({key: facts["losses"][key] for key in losses}, rel=1e-6)
    assert dict(shipping.ship(stored, TABLES, WANTED)) == {name: facts}  # and the same bytes


def test_half_precision_that_changes_a_loss_by_more_than_a_seed_is_not_taken(stored):
    ((_, facts),) = shipping.ship(stored, {"conv.trained": {"standard_deviation": 0.0}}, WANTED)
    assert facts["kept_in"] == "float32" and facts["half_precision"]["changes"] > 0
    _, arrays = files.unpack(files.path_of("conv_autoencoder").read_bytes())
    restored = measuring.restore_so_far(WANTED["conv_autoencoder"].run, stored)
    np.testing.assert_array_equal(arrays[0], restored.whole.get_weights()[0])


def test_a_training_on_its_way_is_shipped_only_when_that_is_asked_for(stored, monkeypatch):
    monkeypatch.setattr(networks, "FULL_EPOCHS", dict.fromkeys(networks.FULL_EPOCHS, 3))
    run = WANTED["conv_autoencoder"].run
    assert measuring.restore_so_far(run, stored) is None and list(shipping.ship(stored, TABLES, WANTED)) == []
    short = Run("conv", "right", run.seed, 2)
    measuring.weights_path(short, stored).rename(measuring.weights_path(run, stored))
    assert list(shipping.ship(stored, TABLES, WANTED)) == []
    ((_, facts),) = shipping.ship(stored, TABLES, WANTED, unfinished=True)
    assert (facts["epochs"], facts["epochs_of_the_course"]) == (2, 3)


def test_what_has_to_be_measured_is_known():
    wanted = shipping.of_chapters(("dense", "conv", "flowers"), photos=False)
    assert list(wanted) == ["conv_autoencoder", "flower_vae_synthetic"]
    assert [run.name for run in shipping.runs(wanted)] == [
        "dense,baselines,0,0,mnist",
        "flowers,baselines,0,50,synthetic",
        "conv,right,321,50,mnist",
        "flowers,right,321,50,synthetic",
    ]
    again = [run.name for run in shipping.runs(wanted, seeds=2)]
    assert again[2:] == [f"{chapter},right,{seed},50,{source}" for seed in (321, 322) for chapter, source in
                         (("conv", "mnist"), ("flowers", "synthetic"))]  # fmt: skip
    assert list(shipping.of_chapters(("flowers",), photos=True)) == ["flower_vae_synthetic", "flower_vae_photos"]


def test_the_tables_of_the_networks_stay_when_those_of_the_checks_are_written(tmp_path):
    path = tmp_path / "reference.toml"
    assert reference_file.read_networks(path) == {}
    reference_file.write(path, {"a": {"seeds": 1}}, {"vae": {"epochs": 50}})
    reference_file.write(path, {"a": {"seeds": 2}})
    assert reference_file.read(path) == {"a": {"seeds": 2}}
    assert reference_file.read_networks(path) == {"vae": {"epochs": 50}}


def test_a_long_training_comes_into_the_table_of_its_check_by_itself():
    from stored_measurements import fake

    baselines, full = (fake(Run("dense", *kind)) for kind in (("baselines", 0, 0), ("right", 123, 9)))
    tables = {"dense.trained": {"seeds": 10, "full": {"epochs": 7}}, "vae.trained": {"seeds": 10}}
    results = {Run(**result["run"]): result for result in (baselines, full)}
    found = reference_values.with_full(tables, results, networks.DEFAULT_EPOCHS)
    assert found["dense.trained"]["full"]["epochs"] == 9 and found["dense.trained"]["seeds"] == 10
    assert found["vae.trained"] == tables["vae.trained"]
    assert reference_values.with_full(tables, {}, networks.DEFAULT_EPOCHS) == tables


def full_runs(*losses, first=123):
    """{Run: result} of trainings of nine epochs, one seed a loss in nats per pixel, and what is known of their images."""
    from stored_measurements import fake

    runs = {Run("dense", "baselines", 0, 0): {}}
    runs |= {Run("dense", "right", first + number, 9): {"bce_per_pixel": loss} for number, loss in enumerate(losses)}
    return {run: fake(run, **values) for run, values in runs.items()}


def test_seeds_of_a_long_training_are_kept_beside_those_measured_before():
    stored = {"dense.trained": {"seeds": 10}}
    stored = reference_values.with_full(stored, full_runs(0.18), networks.DEFAULT_EPOCHS)
    assert stored["dense.trained"]["full"]["by_seed"] == {"123": 0.18} and "mean" not in stored["dense.trained"]["full"]
    full = reference_values.with_full(stored, full_runs(0.19, 0.2, first=124), networks.DEFAULT_EPOCHS)[
        "dense.trained"
    ]["full"]
    assert full["by_seed"] == {"123": 0.18, "124": 0.19, "125": 0.2}
    assert full["mean"] == pytest.approx(0.19) and full["standard_deviation"] == pytest.approx(0.01)
    assert (full["seed"], full["value"]) == (123, 0.18)  # the rest is that of the course's own seed

    stored["dense.trained"]["full"]["settings"] = {"optimizer": "SGD"}
    full = reference_values.with_full(stored, full_runs(0.19, first=124), networks.DEFAULT_EPOCHS)["dense.trained"][
        "full"
    ]
    assert full["by_seed"] == {"124": 0.19}  # trained otherwise: not the same thing
