"""From stored trainings to the curves that learners see."""

import tomllib

import pytest
from autoencoder_grader.references import networks
from autoencoder_grader.references.curves import curve_runs, write_curves
from autoencoder_helpers.errors import CourseError


def result(losses, resumed=False, rate=0.01):
    return {
        "resumed": resumed,
        "train_images": 60_000,
        "shapes": {"image": [784], "latent": 2},
        "settings": {"batch_size": 128, "optimizer": "Adamax", "learning_rate": rate},
        "versions": {"tensorflow": "2"},
        "history": [{"epoch": number + 1, "train_loss": loss} for number, loss in enumerate(losses)],
    }


def test_a_curve_has_the_least_the_mean_and_the_greatest_of_its_seeds(tmp_path):
    path = tmp_path / "curves.toml"
    first, second, third = curve_runs(["dense"], 3)
    assert {run.epochs for run in (first, second, third)} == {networks.DEFAULT_EPOCHS["dense"]}
    results = {first: result([0.3, 0.2]), second: result([0.4, 0.1]), third: result([9, 9], resumed=True)}
    assert write_curves(results, path) == ["dense_autoencoder"]
    written = tomllib.loads(path.read_text())["curves"]["dense_autoencoder"]
    assert (written["least"], written["mean"], written["greatest"]) == ([0.3, 0.1], [0.35, 0.15], [0.4, 0.2])
    assert written["seeds"] == 2, "a training that was interrupted goes another way"


def test_fewer_seeds_than_are_stored_change_nothing_and_one_is_no_curve(tmp_path):
    path, runs = tmp_path / "curves.toml", curve_runs(["dense"], 3)
    with pytest.raises(CourseError, match="references --curves"):
        write_curves({runs[0]: result([0.3, 0.2])}, path)
    write_curves({run: result([0.3, 0.2]) for run in runs}, path)
    before = path.read_text()
    assert write_curves({run: result([0.5, 0.4]) for run in runs[:2]}, path) == []
    assert path.read_text() == before
    assert write_curves({run: result([0.5, 0.4], rate=0.02) for run in runs[:2]}, path) == ["dense_autoencoder"]
    assert "learning_rate = 0.02" in path.read_text()
