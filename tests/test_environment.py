"""The three lists of packages agree: pyproject.toml, constraints.txt, environment.yml."""

import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
CONSTRAINTS = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
ENVIRONMENT = (REPOSITORY / "environment.yml").read_text(encoding="utf-8")


def required():
    """The packages that pyproject.toml names: to run, to test, to build the book, to install."""
    lines = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["grader"],
        *PROJECT["project"]["optional-dependencies"]["test"],
        *PROJECT["project"]["optional-dependencies"]["book"],
        *PROJECT["dependency-groups"]["build"],
    ]
    found = {}
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        if name in found:  # a learner's range, and the instructor's narrower one
            requirement.specifier &= found[name].specifier
        found[name] = requirement
    return found


def pinned(python="3.11.9"):
    """Package -> version in constraints.txt for a Python on Linux."""
    marker_of = {"python_full_version": python, "sys_platform": "linux", "os_name": "posix"}
    pins = {}
    for line in re.findall(r"^([A-Za-z0-9].*?)(?: \\)?$", CONSTRAINTS, re.MULTILINE):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(marker_of):
            (specifier,) = pin.specifier
            assert specifier.operator == "==" and canonicalize_name(pin.name) not in pins
            pins[canonicalize_name(pin.name)] = specifier.version
    return pins


CONDA = yaml.safe_load(ENVIRONMENT)["dependencies"]


def conda():
    """Package -> version in the pip part of environment.yml; its first line, an option, left out.

    What is pinned in a version for each Python stands in constraints.txt alone.
    """
    (pip,) = (entry["pip"] for entry in CONDA if isinstance(entry, dict))
    assert pip[0] == "--requirement constraints.txt"
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in pip[1:])}


def test_constraints_pin_a_version_that_pyproject_allows():
    pins = pinned()
    for name, requirement in required().items():
        assert requirement.specifier.contains(pins[name]), f"{requirement}, but {pins[name]} is pinned"


def test_conda_names_what_pyproject_names_in_the_pinned_versions():
    pins, other = pinned(), pinned("3.13.9")
    assert conda() == {name: pins[name] for name in required() if pins[name] == other[name]}


def versions(module):
    """(oldest, newest) Python in install.py, as "3.11"."""
    return [".".join(map(str, module[name])) for name in ("OLDEST", "NEWEST")]


def test_all_lists_name_the_same_pythons():
    oldest, newest = versions(runpy.run_path(str(REPOSITORY / "install.py")))
    below = "3.{}".format(int(newest.partition(".")[2]) + 1)
    allowed = f">={oldest},<{below}"
    assert PROJECT["project"]["requires-python"] == allowed
    (python,) = (line for line in CONDA if str(line).startswith("python"))
    assert python == f"python{allowed}"
    series = [f"3.{minor}" for minor in range(int(oldest.partition(".")[2]), int(newest.partition(".")[2]) + 1)]
    named = [f"Programming Language :: Python :: {one}" for one in series]
    assert [line for line in PROJECT["project"]["classifiers"] if ":: Python ::" in line] == named
    for name in ("Makefile", ".ci/run"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        first, last = (one.replace(".", ", ") for one in (oldest, newest))
        assert f"({first}) <= sys.version_info[:2] <= ({last})" in text
        assert all(f"python{one} " in text for one in series), name


def test_the_workflow_runs_what_is_there_on_each_of_these_pythons():
    oldest, newest = versions(runpy.run_path(str(REPOSITORY / "install.py")))
    files = sorted((REPOSITORY / ".github").rglob("*.yml"))
    assert len(files) >= 5 and all(yaml.safe_load(path.read_text(encoding="utf-8")) for path in files)
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows/course.yml").read_text(encoding="utf-8"))["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    used = {step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {})}
    used = used - {"${{ matrix.python }}"} | set(jobs["others"]["strategy"]["matrix"]["python"])
    assert used == {f"3.{minor}" for minor in range(int(oldest[2:]), int(newest[2:]) + 1)}
    said = " ".join(step.get("run", "") for step in steps)
    assert ".ci/run" in said and "make book" in said
    for name in re.findall(r"(?<=\s)tests/\S+", said):
        assert (REPOSITORY / name).exists(), name


@pytest.mark.parametrize("python", ["3.11.9", "3.12.9", "3.13.9"])
def test_one_list_of_pins_serves_every_python(python):
    pins = pinned(python)
    for name, requirement in required().items():
        assert requirement.specifier.contains(pins[name]), f"{requirement}, but {pins[name]} is pinned"


@pytest.mark.parametrize("line", re.findall(r"^ +- (.*)$", ENVIRONMENT, re.MULTILINE))
def test_every_line_for_conda_says_what_needs_it(line):
    if line != "pip:":
        package, _, why = line.partition("  # ")
        assert re.search(r"chapter|demo|grade|references|command|test|book|install|come from", why), package


def test_every_package_is_pinned_with_hashes():
    packages = re.split(r"^(?=[A-Za-z0-9])", CONSTRAINTS, flags=re.MULTILINE)[1:]
    assert len(packages) > 100
    for package in packages:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", package), package.splitlines()[0]


def test_constraints_name_no_place_to_download_from():
    assert not re.search(r"://|--(extra-)?index|--find-links", CONSTRAINTS)


def test_the_installation_builds_with_what_is_pinned():
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]


def test_every_file_beside_the_code_is_installed_with_it():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    listed = subprocess.run(
        ["git", "ls-files", "autoencoder_helpers", "autoencoder_grader"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for path in map(Path, listed.stdout.splitlines()):
        if path.suffix != ".py":
            package = next(p for p in path.parents if (REPOSITORY / p / "__init__.py").exists())
            assert any(path.relative_to(package).match(pattern) for pattern in patterns), path
