"""The house stands as it is planned: code that ruff finds nothing in, and walls between the wings (`make lint`)."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("autoencoder_helpers", "autoencoder_grader")
SETTINGS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
CONTRACTS = {contract["id"]: contract for contract in SETTINGS["importlinter"]["contracts"]}

#: For each kind of rule that ruff is to check code that breaks one.
WRONG = {
    "E4": b"print()\nimport os\n\nprint(os)\n",
    "E7": b"x = 1\nprint(x == None)\n",
    "E9": b"\xff\n",
    "F": b"import os\n",
    "W": b"x = 1 \n",
    "I": b"import sys\nimport os\n\nprint(os, sys)\n",
    "B": b"def f(x=[]):\n    return x\n",
    "BLE": b"try:\n    print()\nexcept Exception:\n    print()\n",
    "UP": b"from typing import List\n\nx: List[int] = []\n",
    "SIM": b"def f(a, b):\n    if a:\n        if b:\n            return 1\n",
    "C4": b"x = list([1])\n",
    "PIE": b"class A:\n    x = 1\n    pass\n",
    "RUF": b"x = [1]\ny = x + [2]\n",
    "TID251": b"import tempfile\n\ntempfile.mkdtemp()\n",
}

#: For each wall an import that breaks it: (contract, file, line that is added, what is said then).
FORBIDDEN = [
    (
        "helpers",
        "autoencoder_helpers/measures.py",
        "from autoencoder_grader.files import temporary",
        "autoencoder_helpers.measures -> autoencoder_grader.files.temporary",
    ),
    (
        "wings-of-the-grader",
        "autoencoder_grader/files/temporary.py",
        "from autoencoder_grader import course",
        "files is not allowed to import autoencoder_grader.course",
    ),
    (
        "wings-of-the-grader",
        "autoencoder_grader/engine/journal.py",
        "from autoencoder_grader import doctor",
        "engine is not allowed to import autoencoder_grader.doctor",
    ),
    (
        "wings-of-the-grader",
        "autoencoder_grader/kernels/watch.py",
        "def later():\n    from autoencoder_grader.engine import journal",
        "kernels is not allowed to import autoencoder_grader.engine",
    ),
    (
        "wings-of-the-helpers",
        "autoencoder_helpers/evidence/values.py",
        "from autoencoder_helpers.checks import rule",
        "evidence is not allowed to import autoencoder_helpers.checks",
    ),
    (
        "wings-of-the-helpers",
        "autoencoder_helpers/images/cache.py",
        "from autoencoder_helpers.pictures import style",
        "images is not allowed to import autoencoder_helpers.pictures",
    ),
    (
        "parts-of-evidence",
        "autoencoder_helpers/evidence/shapes.py",
        "from autoencoder_helpers.evidence import layers",
        "autoencoder_helpers.evidence.shapes is not allowed to import autoencoder_helpers.evidence.layers",
    ),
    (
        "chapters",
        "autoencoder_helpers/checks/vae/sizes.py",
        "from autoencoder_helpers.checks.conv import images",
        "autoencoder_helpers.checks.vae is not allowed to import autoencoder_helpers.checks.conv",
    ),
    (
        "scoring",
        "autoencoder_grader/scoring/scorer.py",
        "from autoencoder_grader.kernels import sandbox",
        "autoencoder_grader.scoring.scorer -> autoencoder_grader.kernels.sandbox",
    ),
    (
        "scoring",  # by a detour
        "autoencoder_helpers/evidence/values.py",
        "import pickle",
        "autoencoder_helpers.evidence.values -> pickle",
    ),
    (
        "sandbox",
        "autoencoder_grader/kernels/namespaces.py",
        "from . import workplace",
        "autoencoder_grader.kernels.namespaces -> autoencoder_grader.kernels.workplace",
    ),
    (
        "circles",
        "autoencoder_helpers/pictures/explorer_widgets.py",
        "from autoencoder_helpers.pictures import explorer",
        "autoencoder_helpers.pictures",
    ),
]


def run(*command, cwd=REPOSITORY):
    """What a command of Python's said, without its line ends, and its exit code."""
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True)
    return " ".join((done.stdout + done.stderr).split()), done.returncode


def lint_imports(folder, *options):
    return run("-c", "from importlinter import cli; cli.lint_imports_command()", "--no-cache", *options, cwd=folder)


@pytest.fixture
def copy(tmp_path):
    """The code of both packages, to break walls in."""
    for package in PACKAGES:
        shutil.copytree(
            REPOSITORY / package, tmp_path / package, ignore=lambda _, names: [n for n in names if is_data(n)]
        )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def is_data(name):
    return Path(name).suffix not in ("", ".py")


@pytest.mark.parametrize("command", [("check",), ("format", "--check")])
def test_ruff_finds_nothing(command):
    said, code = run("-m", "ruff", *command, "--no-cache", ".")
    assert code == 0, said


@pytest.mark.parametrize("rules", WRONG)
def test_ruff_finds_what_breaks_a_rule(tmp_path, rules):
    (tmp_path / "wrong.py").write_bytes(WRONG[rules])
    settings = ("--no-cache", "--config", str(REPOSITORY / "pyproject.toml"), "--output-format", "concise")
    said, code = run("-m", "ruff", "check", *settings, str(tmp_path))
    assert code == 1 and f" {rules}" in said, said


def test_a_break_is_tried_of_each_kind_of_rule():
    assert set(WRONG) == set(SETTINGS["ruff"]["lint"]["select"])


def test_ruff_finds_another_format(tmp_path):
    (tmp_path / "wrong.py").write_text("x = {  'a':1 }\n")
    settings = ("--no-cache", "--config", str(REPOSITORY / "pyproject.toml"))
    said, code = run("-m", "ruff", "format", "--check", *settings, str(tmp_path))
    assert code == 1 and "would be reformatted" in said, said


def test_the_walls_stand():
    said, code = lint_imports(REPOSITORY)
    assert code == 0 and f"Contracts: {len(CONTRACTS)} kept, 0 broken." in said, said


def test_no_file_of_code_is_too_long_to_be_read():
    folders = (*PACKAGES, "tests", "docs", "benchmarks")
    files = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_bytes().splitlines()) for path in files}
    assert len(lengths) > 200 and not {path: lines for path, lines in lengths.items() if lines > 500}


def test_no_import_is_on_a_list_of_exceptions():
    assert not [contract for contract in CONTRACTS.values() if "ignore_imports" in contract]


def test_a_break_is_tried_of_each_wall():
    assert {name for name, *_ in FORBIDDEN} == set(CONTRACTS)


@pytest.mark.parametrize("contract, file, line, told", FORBIDDEN)
def test_a_forbidden_import_is_found(copy, contract, file, line, told):
    path = copy / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{line}\n", encoding="utf-8")
    said, code = lint_imports(copy, "--contract", contract)
    assert code == 1 and "0 kept, 1 broken" in said and told in said, said


def test_every_file_of_the_kernels_stands_on_one_side_of_the_sandbox():
    wall = CONTRACTS["sandbox"]
    named = [*wall["source_modules"], *wall["forbidden_modules"]]
    files = {path.stem for path in (REPOSITORY / "autoencoder_grader" / "kernels").glob("*.py")} - {"__init__"}
    assert files == {name.rpartition(".")[2] for name in named} - {"*"}, (
        "name a new file in pyproject.toml, in the contract `sandbox`: among source_modules where it runs inside, among "
        "forbidden_modules where it cannot be seen there"
    )


def test_a_wing_without_a_place_is_found(copy):
    wing = copy / "autoencoder_grader" / "garage"
    wing.mkdir()
    (wing / "__init__.py").write_text('"""A new wing."""\n')
    said, code = lint_imports(copy, "--contract", "wings-of-the-grader")
    assert code == 1 and "garage" in said, said


def test_a_commit_hook_runs_what_make_lint_runs():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]
    recipe = (REPOSITORY / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].splitlines()[1]
    for command in ("ruff check", "ruff format", "lint-imports --no-cache"):
        assert command in recipe and any(entry.startswith(f".venv/bin/{command}") for entry in entries)
    assert [repo["repo"] for repo in hooks["repos"]] == ["local"]  # nothing is fetched
