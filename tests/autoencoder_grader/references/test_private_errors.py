"""How many private images the margins of thresholds need, and that grading measures on so many."""

import math

import numpy as np
import pytest
from autoencoder_grader.references import command as references
from autoencoder_grader.references import measuring, private_errors, reference_file
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.scoring import private_data
from autoencoder_grader.scoring.private_data import PrivateData
from autoencoder_helpers.checks.vae.trained import DIGITS
from autoencoder_helpers.reference import values as reference
from click.testing import CliRunner

CARRIED = {
    name: table["private"]
    for name, table in reference_file.read(reference.PATH).items()
    if "standard_error" in table.get("private", {})
}


def test_every_loss_on_private_digits_and_drawn_flowers_has_its_error():
    assert set(CARRIED) == {"dense.trained", "conv.trained", "vae.trained", "vae.kl", "flowers.synthetic"}


@pytest.mark.parametrize("name", CARRIED)
def test_grading_measures_on_as_many_images_as_the_margin_needs(name):
    private = CARRIED[name]
    assert private["images"] >= private_errors.images_needed(private)
    deviation = private["deviation_of_images"] / math.sqrt(private["images"])
    assert private["standard_error"] == pytest.approx(deviation, rel=1e-4)
    # What secrets differ by is no more than images taken at random would differ by.
    assert 0 < private["standard_deviation"] < 1.5 * private["standard_error"]


@pytest.mark.parametrize("name", private_errors.PARTS)
def test_a_part_of_the_images_changes_no_verdict_on_the_networks_that_were_measured(name):
    private = CARRIED[name]
    assert private["secrets"] >= 20
    assert private["moved_at_most"] < private_errors.distance(private) / private_errors.ERRORS


def test_the_numbers_of_images_are_those_of_grading():
    digits = private_data.SETTINGS["digits"]
    assert CARRIED["dense.trained"]["images"] == CARRIED["conv.trained"]["images"] == digits
    assert CARRIED["flowers.synthetic"]["images"] == private_data.SETTINGS["flowers"]
    assert CARRIED["vae.trained"]["images"] == CARRIED["vae.kl"]["images"] == DIGITS < digits


def test_so_many_images_are_needed_that_the_threshold_is_far_in_standard_errors():
    private = {"deviation_of_images": 50.0, "distance_to_right": 10.0, "distance_to_wrong": 20.0}
    needed = private_errors.images_needed(private)
    assert needed == 400 and 50.0 / math.sqrt(needed) * private_errors.ERRORS == private_errors.distance(private)


def test_the_error_of_a_share_is_that_of_a_ratio_of_two_means():
    """Against what the share is for many choices of the images."""
    rng = np.random.default_rng(1)
    images = rng.uniform(0, 1, (400, 8, 8, 3)).astype(np.float32)

    class Data:
        def flowers(self, source):
            return np.full((1, 8, 8, 3), 0.5, np.float32), images

    floors = private_errors.measures.entropy_per_image(images)
    baselines = private_errors.measures.bce_per_image(images, Data().flowers("synthetic")[0])
    each = measuring.Losses(floors + rng.uniform(0.2, 0.6, 400) * (baselines - floors), None, None)
    (moved,) = private_errors._of_each("flowers", each, images, Data()).values()
    shares = []
    for _ in range(400):
        some = rng.integers(400, size=400)
        shares.append((baselines[some].mean() - each.R[some].mean()) / (baselines[some].mean() - floors[some].mean()))
    assert moved.std(ddof=1) / 20 == pytest.approx(np.std(shares), rel=0.15)


def test_the_command_writes_errors_and_leaves_all_else_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "reference.toml"
    path.write_bytes(reference.PATH.read_bytes())
    monkeypatch.setattr(reference, "PATH", path)
    keys = {"images": 10, "deviation_of_images": 0.5, "standard_error": 0.1}
    monkeypatch.setattr(private_errors, "measure_errors", lambda *given: {"conv.trained": keys, "no.check": keys})
    before, networks = reference_file.read(path), reference_file.read_networks(path)
    told = CliRunner().invoke(references.command, ["--errors", "--chapter", "conv"], catch_exceptions=False)
    assert "conv.trained: 10 private images, standard error 0.1" in told.output
    after = reference_file.read(path)
    assert after["conv.trained"].pop("private") == {**before["conv.trained"].pop("private"), **keys}
    assert after == before and reference_file.read_networks(path) == networks


def test_margins_that_are_measured_anew_keep_what_is_known_of_single_images():
    table = {"private": {"mean": 1.0, "old": 2.0, "images": 10, "standard_error": 0.1}}
    tables = reference_values.with_private({"a": table, "b": {}}, {"a": {"mean": 3.0}, "c": {"mean": 1.0}})
    assert tables == {"a": {"private": {"mean": 3.0, "images": 10, "standard_error": 0.1}}, "b": {}}


def test_private_digits_are_taken_evenly_and_public_ones_are_not_kept():
    data = PrivateData(3)
    digits = data.unseen_digits
    part = private_errors.evenly(digits, DIGITS)
    assert len(part) == DIGITS and np.array_equal(part[1], digits[2])
    # As bright as all: one of each pair of like ones.
    assert part.mean() == pytest.approx(digits.mean(), rel=0.01)
    assert len(data.mnist_images) == 10_000 and not any(isinstance(kept, np.ndarray) for kept in vars(data).values())
    assert len(private_errors.evenly(digits, 10_000)) == len(digits)
