"""What `doctor --learner` finds on machines that differ in one thing each."""

import importlib.metadata
import json
import subprocess
import sys

import pytest
from autoencoder_grader.cli import main
from autoencoder_grader.learning import looks
from autoencoder_grader.learning.findings import Finding
from autoencoder_helpers import surroundings
from click.testing import CliRunner


@pytest.fixture
def nowhere(monkeypatch):
    """A machine of nobody's but the learner's."""
    for name in looks._PLACES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variable", "place", "todo"),
    [
        ("COLAB_RELEASE_TAG", "Colab", "hand_in()"),
        ("KAGGLE_KERNEL_RUN_TYPE", "Kaggle", "save a version"),
        ("BINDER_SERVICE_HOST", "Binder", "download"),
        ("JUPYTERHUB_API_URL", "a JupyterHub", ""),
    ],
)
def test_the_place_is_told(nowhere, monkeypatch, variable, place, todo):
    assert not looks.place().found.startswith(place)
    monkeypatch.setenv(variable, "x")
    found = looks.place()
    assert found.state == "ok" and found.found.startswith(f"{place}, ") and todo in found.todo


def test_windows_learns_here_and_grades_elsewhere(nowhere, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert "WSL" in looks.place().todo


def test_other_versions_than_were_tested_are_named_and_serve_a_learner(monkeypatch):
    there = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "14.0.0" if name == "rich" else there(name))
    found = looks.packages()
    assert found.state == "ok" and "rich 14.0.0 instead of ==" in found.found
    assert looks.packages("grader").state == "broken" and not looks.packages("grader").needed


def test_what_is_missing_is_named(monkeypatch):
    there = importlib.metadata.version

    def version(name):
        if name in ("nbgrader", "click"):
            raise importlib.metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert looks.packages().found == "click is missing"
    assert {"nbgrader is missing", "click is missing"} == set(looks.packages("grader").found.split("; "))
    monkeypatch.setattr(surroundings, "trouble", lambda: "TensorFlow is missing: pip")
    assert looks.packages() == Finding("packages", "broken", "TensorFlow is missing: pip", "do as that line says")


def test_a_cache_that_is_filled_need_not_be_written_to(monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(looks.tempfile, "TemporaryFile", refuse)
    assert looks.cache_folder().state == "ok" and "read only" in looks.cache_folder().found
    monkeypatch.setattr(looks, "data", lambda: Finding("MNIST", "broken", "no room"))
    assert looks.cache_folder().state == "broken" and "AUTOENCODER_CACHE" in looks.cache_folder().todo


def test_a_kernel_of_another_python_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert looks.kernel().state == "ok"
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    facts = {
        "argv": ["/gone/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(facts))
    found = looks.kernel()
    assert found.state == "broken" and "/gone/bin/python" in found.found and "ipykernel install" in found.todo


def test_a_keras_that_does_not_serve_is_broken_in_one_line(monkeypatch):
    said = "Traceback\n  more\nautoencoder_helpers.errors.UnfitEnvironment: NumPy 1.26.4 is installed\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", said))
    found = looks.keras()
    assert (
        found.state == "broken" and found.found.endswith("NumPy 1.26.4 is installed") and "Traceback" not in found.found
    )


@pytest.mark.parametrize(
    ("state", "code", "verdict"), [("ok", 0, "The chapters run here."), ("broken", 1, "do not run here")]
)
def test_the_verdict_is_for_learners(monkeypatch, state, code, verdict):
    monkeypatch.setattr(
        looks,
        "learners_looks",
        lambda: [lambda: Finding("Keras", state, "x"), lambda: Finding("a", "missing", "", needed=False)],
    )
    result = CliRunner().invoke(main, ["doctor", "--learner"])
    assert result.exit_code == code and verdict in result.output and "learning goes on without" in result.output
