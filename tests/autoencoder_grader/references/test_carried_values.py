"""The file of reference values that the course carries."""

import pytest
from autoencoder_grader.references import measuring, networks, private_margins, reference_file
from autoencoder_grader.references import values as reference_values
from autoencoder_grader.references.measuring import Run
from autoencoder_helpers.reference import values as reference


def carried():
    return reference_file.read(reference.PATH)


@pytest.mark.parametrize("name", list(carried()))
def test_carried_thresholds_lie_between_right_and_wrong(name):
    table = carried()[name]
    right, wrong = table["worst_right_run"]["value"], table["best_wrong_model"]["value"]
    low, high = (right, wrong) if table["better"] == "lower" else (wrong, right)
    assert low < table["threshold"] < high
    assert table["distance_to_right"] > 0 and table["distance_to_wrong"] > 0
    worst, best = (max, min) if table["better"] == "lower" else (min, max)
    assert wrong == best(table["wrong_models"].values())
    if "by_seed" in table:
        assert right == worst(table["by_seed"].values())
        assert len(table["by_seed"]) == table["seeds"] >= reference_values.MINIMUM_SEEDS


@pytest.mark.parametrize("name", list(carried()))
def test_carried_values_say_where_they_come_from(name):
    table = carried()[name]
    assert {"python", "tensorflow", "tf_keras", "tensorflow_probability", "numpy"} <= set(table["versions"])
    assert len(table["data"]["sha256"]) == 64
    assert table["command"].startswith("autoencoder-course references --chapter ")
    assert table["quantity"] and table["unit"] and table["better"] in ("lower", "higher")


#: The checks whose thresholds tell trained networks apart, and whatever else is known of private images.
ON_PRIVATE_IMAGES = dict.fromkeys(
    [
        *(check.name for check in reference_values.CHECKS),
        *(name for name, table in carried().items() if "private" in table),
    ]
)


@pytest.mark.parametrize("name", ON_PRIVATE_IMAGES)
def test_carried_thresholds_hold_on_the_private_images_of_many_secrets(name):
    table = carried()[name]
    assert "private" in table, f"run `{table['command']}`"
    private = table["private"]
    assert private["secrets"] >= 20 and private["right_runs"] >= 1
    assert private["threshold"] == table["threshold"]
    right, wrong = private["worst_right_run"]["value"], private["best_wrong_model"]["value"]
    low, high = (right, wrong) if table["better"] == "lower" else (wrong, right)
    assert low < private["threshold"] < high
    for side, value in (("right", right), ("wrong", wrong)):
        distance = abs(value - private["threshold"])
        assert private[f"distance_to_{side}"] == pytest.approx(distance, rel=1e-3, abs=1e-5)
    nearest = min(private["distance_to_right"], private["distance_to_wrong"])
    assert 0 < private["standard_deviation"] < nearest / 4  # as docs/how-grading-works.md says


def test_every_carried_private_threshold_holds():
    tables = carried()
    assert private_margins.broken_thresholds(tables) == []
    name = next(iter(ON_PRIVATE_IMAGES))
    tables[name]["private"]["distance_to_wrong"] = -1.0
    (line,) = private_margins.broken_thresholds(tables)
    assert line.startswith(f"{name}: on the images of secret ")


def test_carried_values_are_of_the_networks_and_settings_of_today():
    tables = carried()
    assert tables["dense.trained"]["parameters"] == {"encoder": 80_562, "decoder": 81_344, "whole": 161_906}
    for name in (
        "dense.trained",
        "conv.trained",
        "vae.trained",
        "vae.kl",
        "flowers.synthetic",
        "flowers.photos",
        "cells.trained",
    ):
        table, chapter = tables[name], name.split(".")[0]
        assert table["settings"] == {
            "epochs": networks.DEFAULT_EPOCHS[chapter],
            **measuring.settings(Run(chapter, "right", 0, 0)),
        }
