"""The list of all checks: each in the file of its name, in the order of the notebooks, and had for little."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_helpers import checks
from autoencoder_helpers.checks import catalogue, practice


def printed(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout


@pytest.mark.parametrize("chapter", checks._CHAPTERS)
def test_a_chapter_has_one_file_for_each_check_and_one_test(chapter):
    package = importlib.import_module(f"{checks.__name__}.{chapter}")
    with_a_rule = {path.stem for path in Path(*package.__path__).glob("*.py") if "@rule(" in path.read_text("utf-8")}
    assert with_a_rule == {*package.CHECKS, *package.PRACTICE}
    rules = {name: rule for name, rule in catalogue().items() if name.startswith(f"{chapter}.")}
    assert list(rules) == [f"{chapter}.{name}" for name in package.CHECKS]
    aside = {name: rule for name, rule in practice().items() if name.startswith(f"{chapter}.")}
    assert list(aside) == [f"{chapter}.{name}" for name in package.PRACTICE]
    assert all(rule.examine.__module__ == f"{checks.__name__}.{name}" for name, rule in (rules | aside).items())
    for name in (*package.CHECKS, *package.PRACTICE):
        assert Path(__file__).with_name(chapter).joinpath(f"test_{name}.py").is_file()


def test_a_check_imports_no_other_check():
    everything = catalogue() | practice()
    for name in everything:
        path = Path(checks.__file__).parent.joinpath(*name.split(".")).with_suffix(".py")
        imported = set(
            re.findall(r"^from autoencoder_helpers\.checks\.(\w+\.\w+) import", path.read_text("utf-8"), re.M)
        )
        assert imported.isdisjoint(everything), name


def test_the_order_is_the_same_whatever_is_imported_first():
    last = "autoencoder_helpers.checks.cells.genes"
    names = printed(f"import {last}; from autoencoder_helpers import checks; print(*checks.catalogue())").split()
    assert names == list(catalogue()) and names[0] == "dense.data" and names[-1] == "cells.genes"


def test_the_catalogue_is_there_without_tensorflow():
    code = "import sys; from autoencoder_helpers import checks; checks.catalogue(); print('tensorflow' in sys.modules)"
    assert printed(code) == "False\n"
