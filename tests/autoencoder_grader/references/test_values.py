"""From runs to values: thresholds, deterministic writing, and what stays when less was measured."""

import re

import numpy as np
import pytest
from autoencoder_grader.references import measuring, networks, reference_file
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.measuring import BASELINES, Run
from autoencoder_helpers.errors import CourseError
from stored_measurements import fake, private_table


def test_a_threshold_lies_midway_between_worst_right_and_best_wrong(dense_results):
    table = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)["dense.trained"]
    assert table["worst_right_run"] == {"seed": 126, "value": 0.183}
    assert table["best_wrong_model"] == {"name": "one latent variable", "value": 0.22}
    assert table["threshold"] == pytest.approx(0.2015)
    assert table["distance_to_right"] == pytest.approx(table["distance_to_wrong"])
    assert table["mean"] == pytest.approx(0.1815) and table["seeds"] == 4
    assert table["standard_deviation"] == pytest.approx(np.std([0.18, 0.181, 0.182, 0.183], ddof=1))
    assert table["versions"]["tensorflow"] and table["data"]["sha256"] == "mnist"


def test_a_wrong_model_that_is_no_worse_stops_the_writing(dense_results):
    run = next(run for run in dense_results if run.model == "one latent variable")
    dense_results[run]["test"]["bce_per_pixel"] = 0.183
    with pytest.raises(CourseError, match="no threshold fits") as caught:
        reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("better", "right", "wrong"),
    [("lower", {1: 0.1, 2: 0.2}, {"a": 0.9, "b": 0.4}), ("higher", {1: 0.9, 2: 0.8}, {"a": 0.1, "b": 0.3})],
)
@pytest.mark.parametrize("geometric", [True, False])
def test_thresholds_separate_in_both_directions(better, right, wrong, geometric):
    keys = reference_values.placed("x", better, right, wrong, geometric)
    assert keys["worst_right_run"]["seed"] == 2 and keys["best_wrong_model"]["name"] == "b"
    low, high = sorted([keys["worst_right_run"]["value"], keys["best_wrong_model"]["value"]])
    assert low < keys["threshold"] < high


def test_writing_is_deterministic_and_can_be_read_back(tmp_path, dense_results):
    tables = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    backwards = dict(reversed(dense_results.items()))
    again = reference_values.entries(backwards, networks.DEFAULT_EPOCHS)
    reference_file.write(tmp_path / "a.toml", tables)
    reference_file.write(tmp_path / "b.toml", again)
    assert (tmp_path / "a.toml").read_bytes() == (tmp_path / "b.toml").read_bytes()
    first, _ = reference_values.merged(reference_file.read(tmp_path / "a.toml"), {})
    reference_file.write(tmp_path / "c.toml", first)
    assert (tmp_path / "c.toml").read_bytes() == (tmp_path / "a.toml").read_bytes()


def test_more_seeds_are_never_replaced_by_fewer(dense_results):
    stored = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    stored["dense.trained"]["full"] = {"epochs": 9}
    fewer = {run: result for run, result in dense_results.items() if run.seed != 126}
    new = reference_values.entries(fewer, networks.DEFAULT_EPOCHS)
    tables, kept = reference_values.merged(stored, new)
    assert tables["dense.trained"]["seeds"] == 4 and "dense.trained" in kept
    tables, kept = reference_values.merged(stored, reference_values.entries(dense_results, networks.DEFAULT_EPOCHS))
    assert kept == [] and tables["dense.trained"]["full"] == {"epochs": 9}


def test_a_table_of_another_recipe_is_replaced_by_whatever_is_measured_of_todays(dense_results):
    stored = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    stored["dense.trained"]["settings"] = {**stored["dense.trained"]["settings"], "batch_size": 512}
    fewer = {run: result for run, result in dense_results.items() if run.seed != 126}
    tables, kept = reference_values.merged(stored, reference_values.entries(fewer, networks.DEFAULT_EPOCHS))
    assert tables["dense.trained"]["seeds"] == 3 and kept == []
    assert tables["dense.trained"]["settings"]["batch_size"] == 128


def test_stored_results_of_other_settings_versions_or_data_do_not_count(tmp_path, dense_results):
    for run, result in dense_results.items():
        measuring.store(result, tmp_path / f"{run.name}.json")
    (tmp_path / "half.json").write_text('{"run":', encoding="utf-8")
    assert set(reference_values.load_results(tmp_path)) == set(dense_results)
    spoiled = [("settings", {"batch_size": 1}), ("versions", {}), ("data_sha256", "other")]
    for run, (key, value) in zip([run for run in dense_results if run.epochs], spoiled):
        measuring.store({**dense_results[run], key: value}, tmp_path / f"{run.name}.json")
    assert len(reference_values.load_results(tmp_path)) == len(dense_results) - 3


def test_a_full_run_is_judged_by_the_baselines_of_its_own_data():
    """The full training of chapter 4 sees more flowers, so other baselines, than the default one."""
    short, full = networks.DEFAULT_EPOCHS["flowers"], networks.FULL_EPOCHS["flowers"]
    runs = [Run("flowers", BASELINES, 0, epochs, "synthetic") for epochs in (0, full)]
    runs += [Run("flowers", "right", seed, short, "synthetic") for seed in (321, 322, 323)]
    runs += [Run("flowers", "right", 321, epochs, "synthetic") for epochs in (0, full)]
    results = {run: fake(run, R=400.0 if run.epochs else 900.0) for run in runs}
    results[runs[0]]["test"] = {"floor": 0.0, "mean image": 500.0, "values": 19_200}
    results[runs[1]]["test"] = {"floor": 0.0, "mean image": 800.0, "values": 19_200}
    table = reference_values.entries(results, networks.DEFAULT_EPOCHS)["flowers.synthetic"]
    assert table["mean"] == pytest.approx(0.2) and table["threshold"] == pytest.approx(0.1)
    assert table["wrong_models"]["untrained"] == pytest.approx(-0.8)
    assert table["full"]["value"] == pytest.approx(0.5) and table["full"]["epochs"] == full
    assert table["full"]["settings"]["images"] > table["settings"]["images"]


def test_the_private_table_outlives_a_measurement_of_the_same_networks_and_no_other(tmp_path, dense_results):
    stored = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    stored = reference_values.with_private(stored, private_table(stored["dense.trained"]["threshold"]))
    reference_file.write(tmp_path / "a.toml", stored)
    stored = reference_file.read(tmp_path / "a.toml")
    assert reference_values.merged(stored, {})[0] == stored  # a chapter that was not measured

    worse = Run("dense", "right", 127, networks.DEFAULT_EPOCHS["dense"])
    more = {**dense_results, worse: fake(worse, bce_per_pixel=0.19)}
    new = reference_values.entries(more, networks.DEFAULT_EPOCHS)
    table = reference_values.merged(stored, new)[0]["dense.trained"]
    private = table["private"]
    # Midway between the worst right run, 0.19 on public images, and the best wrong one, 0.219 on private ones.
    assert new["dense.trained"]["threshold"] == pytest.approx(0.205)
    assert private["threshold"] == table["threshold"] == pytest.approx(0.2045)
    assert table["placed"].endswith(", each on public and on private images")
    assert private["distance_to_right"] == pytest.approx(0.2045 - 0.184)
    assert private["distance_to_wrong"] == pytest.approx(0.219 - 0.2045)
    assert private["worst_right_run"] == stored["dense.trained"]["private"]["worst_right_run"]

    for key, value in (("settings", {"epochs": 9}), ("data", {"sha256": "other"})):
        other = {"dense.trained": {**new["dense.trained"], key: value}}
        assert "private" not in reference_values.merged(stored, other)[0]["dense.trained"]


def test_public_values_stay_byte_for_byte_when_private_ones_come_beside_them(tmp_path, dense_results):
    tables = reference_values.entries(dense_results, networks.DEFAULT_EPOCHS)
    reference_file.write(tmp_path / "a.toml", tables)
    reference_file.write(tmp_path / "b.toml", reference_values.with_private(tables, private_table()))
    public, both = ((tmp_path / name).read_text() for name in ("a.toml", "b.toml"))
    before, private, after = re.split(
        r'(\[checks\."dense.trained".private\].*?)(?=\[checks\."dense.pca"\])', both, flags=re.DOTALL
    )
    assert before + after == public and "distance_to_wrong" in private
