"""A Python that lacks something, or has it in a version that does not fit, is refused in one line that mends it.

The packages here are stand-ins, a few bytes each, for a Python that sees no others: TensorFlow is never imported.
"""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from autoencoder_helpers import surroundings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: What a right environment holds: module -> (what pip calls it, version).
RIGHT = {
    "numpy": ("numpy", "2.4.6"),
    "tensorflow": ("tensorflow", "2.21.0"),
    "tf_keras": ("tf_keras", "2.21.0"),
    "tensorflow_probability": ("tensorflow-probability", "0.25.0"),
    "matplotlib": ("matplotlib", "3.11.2"),
    "sklearn": ("scikit-learn", "1.9.1"),
    "PIL": ("pillow", "13.0.0"),
    "IPython": ("ipython", "9.18.1"),
    "filelock": ("filelock", "4.2.11"),
    "platformdirs": ("platformdirs", "4.14.7"),
    "requests": ("requests", "2.34.2"),
    "tqdm": ("tqdm", "4.70.1"),
    "setuptools": ("setuptools", "81.0.0"),
}


@pytest.fixture
def world(tmp_path):
    """A function that makes stand-ins of packages, beside a link to the helpers: the folder of both."""
    (tmp_path / "autoencoder_helpers").symlink_to(REPOSITORY / "autoencoder_helpers")

    def make(**other):
        for module, (name, version) in {**RIGHT, **other}.items():
            if version is None:
                continue
            package = tmp_path / module
            package.mkdir()
            (package / "__init__.py").write_text(f"__version__ = {version!r}\n")
            facts = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
            facts.mkdir()
            (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        return tmp_path

    return make


def run(world, before="", after="", **environment):
    """What a Python that sees the stand-ins alone says to `import autoencoder_helpers`."""
    program = f"import sys; sys.path.insert(0, {str(world)!r}); {before}\nimport autoencoder_helpers\n{after}"
    return subprocess.run(
        [sys.executable, "-S", "-B", "-c", program],
        cwd=world,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
    )


def refusal(done):
    """The one line of a refusal, without the name of its class."""
    assert done.returncode == 1 and not done.stdout, done
    name, _, line = done.stderr.splitlines()[-1].partition(": ")
    assert name == "autoencoder_helpers.errors.UnfitEnvironment", done.stderr
    assert "tensorflow/" not in done.stderr
    return line


def test_a_right_environment_is_not_spoken_of(world):
    done = run(world(), after="print(sorted({'numpy', 'tensorflow'} & set(sys.modules)))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("module", "name", "version", "found", "mends"),
    [
        (
            "tensorflow_probability",
            "tensorflow-probability",
            None,
            "TensorFlow Probability is missing",
            "tensorflow-probability==0.25.*",
        ),
        ("tf_keras", "tf_keras", None, "tf_keras is missing", "tf_keras==2.21.*"),
        ("tf_keras", "tf_keras", "2.18.0", "tf_keras 2.18.0 does not fit TensorFlow 2.21.0", "tf_keras==2.21.*"),
        ("numpy", "numpy", "1.26.4", "NumPy 1.26.4", "numpy>=2,<3"),
        ("numpy", "numpy", "3.0.0", "NumPy 3.0.0", "tensorflow==2.21.*"),
        ("tensorflow", "tensorflow", "2.15.1", "TensorFlow 2.15.1", "tensorflow>=2.18,<2.22"),
        ("tensorflow", "tensorflow-cpu", "2.17.0", "TensorFlow 2.17.0", "tensorflow>=2.18,<2.22"),
        ("tensorflow_probability", "tensorflow-probability", "0.24.0", "Probability 0.24.0", "==0.25.*"),
        ("sklearn", "scikit-learn", None, "scikit-learn is missing", "scikit-learn>="),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named_with_the_command_that_mends_it(
    world, module, name, version, found, mends
):
    line = refusal(run(world(**{module: (name, version)})))
    assert found in line and mends in line
    typed = shlex.split(line.rpartition(": ")[2])  # as a shell takes it, whatever the place
    assert typed[:4] == [sys.executable, "-m", "pip", "install"]


def test_all_that_is_missing_is_named_at_once(world):
    gone = {module: (name, None) for module, (name, _) in RIGHT.items()}
    line = refusal(run(world(**gone)))
    assert "NumPy, TensorFlow, tf_keras" in line and '"tensorflow>=' in line and '"tqdm>=' in line


def test_in_a_notebook_the_command_is_one_for_a_cell(world):
    folder = world(tf_keras=("tf_keras", None))
    line = refusal(run(folder, before="import types; sys.modules['ipykernel'] = types.ModuleType('ipykernel')"))
    assert '%pip install "tf_keras==2.21.*" in a cell, then restart the kernel' in line


def test_an_empty_folder_that_a_removal_left_is_no_package(world):
    folder = world(tensorflow=("tensorflow", None))
    (folder / "tensorflow").mkdir()
    assert "TensorFlow is missing" in refusal(run(folder))


def test_a_file_of_the_learners_own_with_a_librarys_name_is_named(world):
    folder = world(numpy=("numpy", None))
    (folder / "numpy.py").write_text("")
    line = refusal(run(folder))
    assert f"{folder / 'numpy.py'} stands in the way of NumPy" in line


def test_another_environments_kernel_is_told_from_the_courses_own(world):
    folder = world(tensorflow=("tensorflow", None))
    (folder / ".venv").mkdir()
    (folder / ".venv" / "pyvenv.cfg").touch()
    line = refusal(run(folder))
    assert f"not the course's own, {folder / '.venv'}" in line and "make lab" in line


def test_a_kernel_from_before_an_installation_is_told_to_restart(world):
    held = "import types; sys.modules['numpy'] = types.ModuleType('numpy'); sys.modules['numpy'].__version__ = '2.0.2'"
    assert refusal(run(world(), before=held)) == (
        "This kernel holds NumPy 2.0.2, and 2.4.6 is installed by now: restart the kernel."
    )


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 14, 0)])
def test_another_python_is_refused(world, version):
    line = refusal(run(world(), before=f"sys.version_info = {version}"))
    assert f"This is Python 3.{version[1]}" in line and "3.11 to 3.13" in line and "Colab" in line


def test_without_distutils_a_newer_python_asks_for_setuptools(world):
    before = "sys.version_info = (3, 13, 0); import importlib.machinery as m; there = m.PathFinder.find_spec; "
    before += "m.PathFinder.find_spec = lambda name, *more: None if name == 'distutils' else there(name, *more)"
    line = refusal(run(world(setuptools=("setuptools", None)), before=before))
    assert "setuptools is missing" in line and '"setuptools<82"' in line


def test_a_tensorflow_that_cannot_be_imported_is_one_line_and_an_import_error(world):
    folder = world()
    (folder / "tensorflow" / "__init__.py").write_text(
        "import os; os.write(2, b'')\nraise TypeError('Descriptors\\nold')"
    )
    line = refusal(run(folder, after="import tensorflow"))
    assert "TensorFlow 2.21.0" in line and "TypeError: Descriptors old" in line and '"tf_keras==2.21.*"' in line
    caught = run(folder, after="try:\n    import tensorflow\nexcept ImportError:\n    print('without')")
    assert caught.stdout == "without\n"


@pytest.mark.parametrize("setting", ["0", "1"])
def test_a_keras_3_that_came_first_is_named_with_what_let_it_come(world, setting):
    folder = world(keras=("keras", "3.12.0"))
    (folder / "tensorflow" / "__init__.py").write_text("import keras\n__version__ = '2.21.0'\n")
    done = run(folder, before="import tensorflow", TF_USE_LEGACY_KERAS=setting)
    line = refusal(done)
    assert "Keras 3.12.0" in line and "restart the kernel and import autoencoder_helpers first" in line
    assert ("TF_USE_LEGACY_KERAS=0 was set" in line) is (setting == "0")


def test_the_grader_starts_anywhere_and_its_command_says_the_same(world):
    folder = world(tensorflow=("tensorflow", None))
    grader = "import types; sys.modules['autoencoder_grader'] = types.ModuleType('autoencoder_grader')"
    done = run(folder, before=grader, after="from autoencoder_helpers.surroundings import trouble; print(trouble())")
    assert done.returncode == 0 and done.stdout.startswith("TensorFlow is missing")


def test_the_ranges_are_those_that_pip_is_asked_for():
    asked = {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["dependencies"])}
    for requirement in map(Requirement, surroundings.NEEDED.values()):
        assert asked[canonicalize_name(requirement.name)].specifier == requirement.specifier
    assert PROJECT["requires-python"] == ">={}.{},<{}.{}".format(
        *surroundings.OLDEST, surroundings.NEWEST[0], surroundings.NEWEST[1] + 1
    )
