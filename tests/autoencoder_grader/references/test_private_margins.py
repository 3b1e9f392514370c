"""How far thresholds are from right and wrong networks on private images of many secrets."""

from pathlib import Path

import numpy as np
import pytest
from autoencoder_grader.references import calibration, measuring, private_margins
from autoencoder_grader.references import command as references
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.private_margins import PrivateRun
from autoencoder_helpers.errors import CourseError
from stored_measurements import PRIVATE, PRIVATE_ROWS, fake_private, private_table


def test_the_private_table_tells_the_nearest_of_all_secrets_on_either_side():
    table = private_table()["dense.trained"]
    assert table["secrets"] == 2 and table["right_runs"] == 1
    assert table["threshold"] == 0.2 and table["public_mean"] == 0.18 and table["mean"] == 0.183
    assert table["standard_deviation"] == pytest.approx(np.std([0.182, 0.184], ddof=1))
    assert table["worst_right_run"] == {"run": "dense,right,123,5,mnist", "secret": 1, "value": 0.184}
    assert table["best_wrong_model"] == {"name": "one latent variable", "secret": 1, "value": 0.219}
    assert table["distance_to_right"] == pytest.approx(0.016)
    assert table["distance_to_wrong"] == pytest.approx(0.019)


def test_a_measurement_on_private_images_names_itself_and_reads_its_name():
    private = PrivateRun("flowers", "photos")
    assert PrivateRun.parse(private.name) == private and private.name.startswith(private_margins.PREFIX)


def test_every_check_with_a_trained_threshold_is_measured_on_private_images():
    privates = private_margins.private_runs(references.plan())
    assert {(check.chapter, check.source) for check in reference_values.CHECKS} == {
        (private.chapter, private.source) for private in privates
    }
    planned = set(references.plan(full=False))
    for private in privates:
        needed = private_margins.needed_runs(private)
        assert set(needed) <= planned and needed[0].model == "right"
        assert all(private_margins.lacks_weights(run, Path("nowhere")) == (run.epochs > 0) for run in needed)
        assert {run.chapter for run in needed} == {private.chapter}
    models = {run.model for run in private_margins.needed_runs(PrivateRun("vae"))}
    assert models == {"right", "without x 784"}


@pytest.mark.parametrize("changed", ["secrets", "images", "checks", "data_sha256", "versions", "weights"])
def test_a_private_measurement_of_other_circumstances_does_not_count(tmp_path, dense_results, changed):
    for run, result in dense_results.items():
        measuring.store(result, tmp_path / f"{run.name}.json")
        if run.epochs:
            measuring.weights_path(run, tmp_path).write_text("weights")
    results = reference_values.load_results(tmp_path)
    runs = private_margins.measured_runs(PRIVATE, tmp_path, results)
    assert [run.seed for run in runs if run.epochs and run.model == "right"] == [123, 124, 125, 126]
    measuring.store(fake_private(runs), tmp_path / f"{PRIVATE.name}.json")
    assert private_margins.load_rows(tmp_path) == [calibration.Row(*row) for row in PRIVATE_ROWS]
    assert private_margins.unfinished([PRIVATE], tmp_path) == []
    measuring.store(fake_private(runs, **{changed: None}), tmp_path / f"{PRIVATE.name}.json")
    assert private_margins.load_rows(tmp_path) == []
    assert private_margins.unfinished([PRIVATE], tmp_path) == [PRIVATE]


def test_without_a_needed_training_nothing_is_measured_on_private_images(tmp_path, dense_results):
    for run, result in dense_results.items():
        measuring.store(result, tmp_path / f"{run.name}.json")
    with pytest.raises(CourseError, match="is not stored in .* references --chapter dense"):
        private_margins.unfinished([PRIVATE], tmp_path)
