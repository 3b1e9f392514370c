"""Modules go by their old names, too: a course folder's own nbgrader_config.py may still use them."""

import importlib
import subprocess
import sys

import autoencoder_grader
import pytest


@pytest.mark.parametrize("old", sorted(autoencoder_grader._MOVED))
def test_an_old_name_gives_the_very_module(old):
    new = f"autoencoder_grader.{autoencoder_grader._MOVED[old]}.{old}"
    assert importlib.import_module(f"autoencoder_grader.{old}") is importlib.import_module(new)
    assert sys.modules[new].__spec__.name == new


def test_names_are_taken_from_it_in_a_fresh_process():
    code = "from autoencoder_grader.late import LatePointsPerDay; print(LatePointsPerDay.__module__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "autoencoder_grader.nbgrader_steps.late\n"


def test_other_names_are_not_found():
    with pytest.raises(ModuleNotFoundError, match="No module named 'autoencoder_grader.nonsense'"):
        importlib.import_module("autoencoder_grader.nonsense")
