"""The course as pip installs it: a wheel with both packages and nothing else, of which a learner needs the small part.

The wheel is built and unpacked, not installed from this folder: what it forgets is missing here, too.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = ("autoencoder_helpers", "autoencoder_grader")

#: What instructors alone install, and what comes with it: no learner's step may ask for one of these.
GRADERS = [
    "alembic",
    "bleach",
    "bokeh",
    "cryptography",
    "dask",
    "distributed",
    "jupyter_server",
    "jupyterlab",
    "nbclient",
    "nbconvert",
    "nbgrader",
    "notebook",
    "psutil",
    "sqlalchemy",
    "tomli_w",
]

#: Modules, and parts of os, that are on no Windows.
POSIX = ["crypt", "curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"]
PARTS = [
    "chown",
    "fork",
    "forkpty",
    "geteuid",
    "getgid",
    "getpgid",
    "getuid",
    "killpg",
    "mkfifo",
    "sched_getaffinity",
    "setsid",
    "umask",
    "uname",
]

#: Run before the rest: imports are refused to modules of the course, parts of os to all.
WITHOUT = f"""
import builtins, importlib, os, sys
GRADERS, POSIX, there = {GRADERS!r}, {POSIX!r}, builtins.__import__

def refuse(name, names=None, *more, **others):
    top = name.partition(".")[0]
    if top in GRADERS or top in POSIX and (names or {{}}).get("__name__", "").startswith("autoencoder_"):
        raise ModuleNotFoundError(f"No module named {{top!r}}", name=top)
    return there(name, names, *more, **others)

builtins.__import__ = refuse
del os.fork, os.forkpty
"""

#: What a learner does: every file of the helpers is imported, then the commands are run.
LEARNS = """
import pkgutil
import autoencoder_helpers
assert "site" in autoencoder_helpers.__file__, autoencoder_helpers.__file__
for module in pkgutil.walk_packages(autoencoder_helpers.__path__, "autoencoder_helpers."):
    importlib.import_module(module.name)
(images, _), _ = autoencoder_helpers.load_mnist()
print(images.shape, autoencoder_helpers.check("dense.data", images, images).points)

from pathlib import Path
from autoencoder_grader import cli
from autoencoder_grader.learning import looks
from autoencoder_grader.learning.lab import prepare_work
print(prepare_work(Path("notebooks"), Path("work"))[0])
looks.keras = looks.place  # it would take a second process with TensorFlow
for command in (["progress"], ["doctor", "--learner"], ["grade"]):
    try:
        cli.main(command)
    except SystemExit as end:
        print(*command, end.code)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this folder as it is."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(REPOSITORY / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    for name in ("solutions", "notebooks", "tests"):  # there, so that they could be taken along
        (source / name / "01").mkdir(parents=True)
        (source / name / "01" / "__init__.py").touch()
    program = f"from setuptools import build_meta; build_meta.build_wheel({str(built)!r})"
    done = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = built.glob("*.whl")
    return path


def test_a_wheel_holds_both_packages_whole_and_no_solution_or_test(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        *PACKAGES,
        f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info",
    }
    assert not [name for name in names if name.endswith(".ipynb") or re.search(r"(^|/)(tests?|solutions)/", name)]
    held = {name for name in names if name.startswith(PACKAGES)}
    there = {
        path.relative_to(REPOSITORY).as_posix()
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == there


def test_a_wheel_asks_for_little_and_for_more_as_an_extra(wheel):
    archive = zipfile.ZipFile(wheel)
    (facts,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    asked = [Requirement(line) for line in re.findall("^Requires-Dist: (.*)$", archive.read(facts).decode(), re.M)]
    little = {one.name for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})}
    more = {one.name for one in asked if one.marker and one.marker.evaluate({"extra": "grader"})} - little
    assert {"tensorflow", "numpy"} <= little and not little & {name.replace("_", "-") for name in GRADERS}
    assert {"nbgrader", "distributed", "jupyterlab"} <= more
    # Colab's and a hub's own stay: a range, and not a version.
    pinned = [
        str(one) for one in asked if one.name in little and not one.marker and re.search("==|~=", str(one.specifier))
    ]
    assert pinned == ["tensorflow-probability==0.25.*"]


def test_a_learner_needs_neither_the_graders_packages_nor_posix(wheel, tmp_path):
    site, course = tmp_path / "a site", tmp_path / "a cöurse"
    zipfile.ZipFile(wheel).extractall(site)
    shutil.copytree(REPOSITORY / "notebooks", course / "notebooks")
    shutil.copy(REPOSITORY / "nbgrader_config.py", course)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + LEARNS],
        cwd=course,
        env={**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "(60000, 28, 28)" in done.stdout and "copied 01_dense_autoencoder" in done.stdout
    ended = dict(re.findall(r"^(progress|doctor --learner|grade) (\d)$", done.stdout, re.M))
    assert ended == {"progress": "0", "doctor --learner": "0", "grade": "1"}
    assert re.fullmatch('autoencoder-course: .* is missing in .*"autoencoder-course\\[grader\\]"\n', done.stderr)


def parts_of_windows():
    """What no Windows has, in the code of a learner: each as "file: what"."""
    import ast

    learners = [
        *(REPOSITORY / "autoencoder_helpers").rglob("*.py"),
        *(REPOSITORY / "autoencoder_grader/learning").glob("*.py"),
    ]
    learners += [REPOSITORY / "autoencoder_grader" / name for name in ("__init__.py", "cli.py", "course.py")]
    learners += [
        REPOSITORY / "autoencoder_grader" / "files" / name for name in ("__init__.py", "imports.py", "stopping.py")
    ]
    for path in learners:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "os" and node.attr in PARTS:
                names = [f"os.{node.attr}"]
            else:
                continue
            yield from (
                f"{path.name}: {name}"
                for name in names
                if name in POSIX or (name.startswith("os.") and name[3:] in PARTS)
            )


def test_no_file_of_a_learner_names_what_windows_lacks():
    assert list(parts_of_windows()) == []
