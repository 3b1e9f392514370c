"""Modules go by their old names, too: notebooks, a course folder's nbgrader_config.py and scripts may still use them."""

import importlib
import subprocess
import sys

import autoencoder_grader
import autoencoder_helpers
import pytest
from traitlets import import_item

PACKAGES = (autoencoder_grader, autoencoder_helpers)
MOVED = [(package.__name__, old, new) for package in PACKAGES for old, new in package.MOVED.items()]


@pytest.mark.parametrize("package, old, new", MOVED)
def test_an_old_name_gives_the_very_module(package, old, new):
    module = importlib.import_module(f"{package}.{old}")
    assert module is importlib.import_module(f"{package}.{new}")
    assert module.__spec__.name == f"{package}.{new}"


@pytest.mark.parametrize(
    "code, said",
    [
        (
            "from autoencoder_grader.late import LatePointsPerDay; print(LatePointsPerDay.__module__)",
            "autoencoder_grader.nbgrader_steps.late",
        ),
        ("import autoencoder_grader.grading as g; print(g.grade.__module__)", "autoencoder_grader.engine.grading"),
        ("from autoencoder_helpers.mnist import load_mnist; print(load_mnist.__name__)", "load_mnist"),
        ("import autoencoder_helpers.plots; print(autoencoder_helpers.plots.show.__name__)", "show"),
        ("from autoencoder_helpers.reference import threshold; print(threshold.__name__)", "threshold"),
        ("from autoencoder_helpers.training import Training, load_weights, train; print(train.__name__)", "train"),
        ("import autoencoder_helpers.training, sys; print('tensorflow' in sys.modules)", "False"),
    ],
)
def test_names_are_taken_from_them_in_a_fresh_process(code, said):
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == f"{said}\n"
    )


@pytest.mark.parametrize("exporter", ["CsvExport", "MoodleExport", "CanvasExport"])
def test_exporters_go_by_the_name_that_nbgrader_export_was_told(exporter):
    exports = importlib.import_module("autoencoder_grader.nbgrader_steps.export")
    assert import_item(f"autoencoder_grader.export.{exporter}") is getattr(exports, exporter)


@pytest.mark.parametrize("package", PACKAGES)
def test_other_names_are_not_found(package):
    with pytest.raises(ModuleNotFoundError, match=f"No module named '{package.__name__}.nonsense'"):
        importlib.import_module(f"{package.__name__}.nonsense")


def test_the_wing_of_trainings_has_no_other_names():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = importlib.import_module("autoencoder_helpers.training").nonsense
