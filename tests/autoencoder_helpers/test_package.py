"""What `import autoencoder_helpers` does: next to nothing, except to choose the Keras."""

import os
import subprocess
import sys
import types

import autoencoder_helpers
import pytest
from autoencoder_helpers import CourseError
from autoencoder_helpers.images import flowers


def run(program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("before", ["0", "1", ""])
def test_importing_is_quick_and_chooses_the_keras(before):
    done = run(
        "import sys, os, autoencoder_helpers;"
        "print(os.environ['TF_USE_LEGACY_KERAS'], os.environ['TF_CPP_MIN_LOG_LEVEL'],"
        " sorted({'tensorflow', 'tf_keras', 'keras', 'numpy', 'matplotlib'} & set(sys.modules)))",
        TF_USE_LEGACY_KERAS=before,
    )
    assert (done.stdout, done.stderr) == ("1 3 []\n", "")


def test_the_public_names_are_found_when_they_are_asked_for():
    assert set(autoencoder_helpers.__all__) <= set(dir(autoencoder_helpers))
    assert autoencoder_helpers.load_flowers is flowers.load_flowers
    with pytest.raises(AttributeError, match="load_flower'"):
        autoencoder_helpers.load_flower
    with pytest.raises(ImportError):
        from autoencoder_helpers import load_everything  # noqa: F401


def test_a_keras_3_that_is_already_there_is_refused_in_one_line(monkeypatch):
    tensorflow = types.ModuleType("tensorflow")
    tensorflow.keras = types.ModuleType("keras._tf_keras.keras")
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    with pytest.raises(CourseError, match="restart the kernel and import autoencoder_helpers") as caught:
        autoencoder_helpers._choose_keras()
    assert "\n" not in str(caught.value)
    tensorflow.keras = types.ModuleType("tf_keras.api._v2.keras")
    autoencoder_helpers._choose_keras()


def test_a_tensorflow_that_is_already_there_is_reported(monkeypatch, capfd):
    tensorflow = types.ModuleType("tensorflow")
    tensorflow._tf_uses_legacy_keras = True
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    autoencoder_helpers._choose_keras()
    assert capfd.readouterr() == ("", "")
    tensorflow._tf_uses_legacy_keras = False
    autoencoder_helpers._choose_keras()
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1 and "import autoencoder_helpers first" in out and err == ""
