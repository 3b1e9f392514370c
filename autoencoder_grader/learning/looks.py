"""Can a learner work here: the looks of `doctor --learner`, of which the instructor's doctor has some, too.

Nothing here needs what only instructors install.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from autoencoder_grader.learning.findings import Finding
from autoencoder_helpers import surroundings
from autoencoder_helpers.errors import CourseError
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

DISTRIBUTION = "autoencoder-course"
_LEAST_DISK = 2 << 30  # bytes
_ANEW = "set it up anew: make setup"

#: What is set in the environment there -> (how people call the place, what to know there).
_PLACES = {
    "COLAB_RELEASE_TAG": ("Colab", "what a session wrote goes with it: `hand_in()` in a cell downloads your work"),
    "KAGGLE_KERNEL_RUN_TYPE": ("Kaggle", "what a session wrote goes with it, unless you save a version"),
    "BINDER_SERVICE_HOST": ("Binder", "what a session wrote goes with it: download your work"),
    "CODESPACES": ("a codespace", ""),
    "JUPYTERHUB_API_URL": ("a JupyterHub", ""),
}
#: Says which Keras it gets and lets it make a layer of TensorFlow Probability, as chapter 3 does.
_TRY_KERAS = """
import autoencoder_helpers, tensorflow as tf, tf_keras, tensorflow_probability as tfp
assert tf.keras.layers.Dense is tf_keras.layers.Dense, "tf.keras is not tf_keras"
tf_keras.Sequential([tf_keras.layers.Dense(4), tfp.layers.IndependentNormal(2)])(tf.zeros((1, 3))).mean()
print(f"tf.keras is tf_keras {tf_keras.__version__}; TensorFlow {tf.__version__}, TensorFlow Probability {tfp.__version__}")
"""


def learners_looks() -> list[Callable[[], Finding]]:
    """What a learner's machine is looked at for, in order."""
    return [place, python, packages, keras, kernel, data, cache_folder, jupyterlab]


def place() -> Finding:
    """Whose machine it is, and which system."""
    system = f"{platform.system() or sys.platform} {platform.release()}, {platform.machine()}"
    name, todo = next((told for name, told in _PLACES.items() if os.environ.get(name)), ("", ""))
    if not name and "microsoft" in platform.release().lower():
        name = "WSL"
    if sys.platform == "win32" and not name:
        todo = "learn here; to grade others' submissions take Linux, or WSL: only there is a sandbox"
    return Finding("place", "ok", f"{name}, {system}" if name else system, todo, needed=False)


def python() -> Finding:
    """Which Python, and whether the course takes it."""
    allowed = SpecifierSet(importlib.metadata.metadata(DISTRIBUTION).get("Requires-Python", ""))
    if allowed.contains(platform.python_version()):
        return Finding("Python", "ok", f"{platform.python_version()} in {sys.prefix}")
    return Finding("Python", "broken", f"{platform.python_version()}; the course needs {allowed}", _ANEW)


def packages(extra: str = "") -> Finding:
    """What the course asks for, and which versions differ from those tested. extra: "grader" for what grading needs, too."""
    trouble = surroundings.trouble()
    if trouble:
        return Finding("packages", "broken", trouble, "do as that line says")
    direct = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or []]
    direct = [one for one in direct if not one.marker or one.marker.evaluate({"extra": extra})]
    constraints = Path(__file__).resolve().parents[2] / "constraints.txt"
    pins = _pins(constraints.read_text(encoding="utf-8")) if constraints.is_file() else {}
    wrong, other = [], []
    for requirement in (*direct, *pins.values()):
        try:
            have = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            if requirement in direct:
                wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(have, prereleases=True):
            names = wrong if requirement in direct else other
            names.append(f"{requirement.name} {have} instead of {requirement.specifier}")
    if wrong:
        asked = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
        todo = _ANEW if pins else f'{sys.executable} -m pip install "{asked}"'
        return Finding("packages", "broken", "; ".join(wrong), todo)
    found = f"{len(direct)} as required"
    if other:
        listed = f"not the versions that were tested: {'; '.join(other[:5])}{' ...' if len(other) > 5 else ''}"
        if extra:
            return Finding("packages", "broken", listed, _ANEW, needed=False)
        return Finding("packages", "ok", f"{found}; {listed}", needed=False)
    return Finding("packages", "ok", f"{found}, {len(pins)} compared with the versions tested")


def _pins(constraints: str) -> dict[str, Requirement]:
    pins = {}
    for line in constraints.splitlines():
        if line[:1].isalnum():
            try:
                pin = Requirement(line.removesuffix("\\").strip())
            except InvalidRequirement:
                continue
            if not pin.marker or pin.marker.evaluate():
                pins[pin.name] = pin
    return pins


def keras() -> Finding:
    """Which Keras a notebook gets: tried in a new process."""
    command = [sys.executable, "-c", _TRY_KERAS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 0:
        return Finding("Keras", "ok", done.stdout.strip().splitlines()[-1])
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Finding("Keras", "broken", said[:400], "do as the line says, or look at the packages above")


def kernel() -> Finding:
    """Which Python runs the cells: Jupyter may have been told of another environment's long ago."""
    what = "kernel"
    if importlib.util.find_spec("jupyter_client") is None:
        return Finding(what, "missing", "no Jupyter in this Python", "pip install jupyterlab", needed=False)
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding(what, "missing", "Jupyter knows no kernel python3", "pip install ipykernel", needed=False)
    # "python" stands for the one that Jupyter runs with.
    if os.path.basename(program) == program or Path(program).parent == Path(sys.executable).parent:
        return Finding(what, "ok", f"python3 is {sys.executable}", needed=False)
    todo = f"{sys.executable} -m ipykernel install --sys-prefix"
    return Finding(what, "broken", f"python3 is {program}, not {sys.executable}", todo, needed=False)


def data() -> Finding:
    """Whether MNIST is there, whole."""
    from autoencoder_helpers import load_mnist  # not at the top: a doctor starts where NumPy is missing, too
    from autoencoder_helpers.images import cache

    try:
        load_mnist()
    except CourseError as error:
        return Finding("MNIST", "broken", str(error), "see the cache folder below, or install the course again")
    return Finding("MNIST", "ok", f"70000 digits, hashes compared, in {cache.cache_dir()}")


def cache_folder() -> Finding:
    """Whether data can be unpacked."""
    from autoencoder_helpers.images import cache

    folder, name = cache.cache_dir(), "AUTOENCODER_CACHE"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if data().state == "ok":  # a hub's, filled once for all
            found = f"{folder}: filled, and to be read only; photos of flowers cannot be kept there"
            return Finding("cache folder", "ok", found, needed=False)
        todo = f"set the environment variable {name} to a folder that can be written to"
        return Finding("cache folder", "broken", f"{folder} cannot be written to: {error.strerror}", todo)
    return with_room("cache folder", folder, f"set the environment variable {name} to a folder on another disk")


def with_room(what: str, folder: Path, todo: str) -> Finding:
    """Whether the disk of a folder has room."""
    free = shutil.disk_usage(folder).free
    if free < _LEAST_DISK:
        return Finding(what, "broken", f"{folder}: only {gigabytes(free)} free", todo)
    return Finding(what, "ok", f"{folder}: {gigabytes(free)} free")


def jupyterlab() -> Finding:
    """Whether there is a JupyterLab that starts."""
    if importlib.util.find_spec("jupyterlab") is None:
        todo = f"{sys.executable} -m pip install jupyterlab"
        return Finding(
            "JupyterLab", "missing", "not in this Python: another place shows the notebooks", todo, needed=False
        )
    command = [sys.executable, "-m", "jupyterlab", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        return Finding("JupyterLab", "ok", done.stdout.strip(), needed=False)
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Finding("JupyterLab", "broken", said, _ANEW, needed=False)


def gigabytes(size: float) -> str:
    """A number of bytes for people."""
    return f"{size / 1e9:.1f} GB"
