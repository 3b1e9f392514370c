"""Where the course is published stands in one place, and what says it elsewhere says the same; what begins a chapter uses it."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((REPOSITORY / "notebooks").glob("*/*.ipynb"))


@pytest.fixture(scope="module")
def setting():
    """docs/set_address.py as a module."""
    spec = importlib.util.spec_from_file_location("set_address", REPOSITORY / "docs" / "set_address.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_file_that_names_the_repository_names_the_same(setting):
    address = setting.address()
    for path in setting.files():
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:github\.com|/github|v2/gh)/([\w.-]+/[\w.-]+)", text)) - {"jupyter/nbgrader"}
        assert {name.removesuffix(".git") for name in named} == {address}, path


def test_another_address_is_written_everywhere_at_once(setting, tmp_path):
    for path in setting.files():
        copy = tmp_path / path.relative_to(REPOSITORY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (tmp_path / "docs").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "docs" / "set_address.py", tmp_path / "docs")
    command = [sys.executable, "docs/set_address.py"]
    assert subprocess.run([*command, "no name"], cwd=tmp_path, capture_output=True).returncode == 1
    subprocess.run([*command, "a-school/course.1"], cwd=tmp_path, check=True, capture_output=True)
    for path in setting.files():
        text = (tmp_path / path.relative_to(REPOSITORY)).read_text(encoding="utf-8")
        assert "a-school/course.1" in text and setting.address() not in text, path


def first_code_cell(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return next(cell for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_begins_by_installing_what_is_missing(path, setting, monkeypatch):
    cell = first_code_cell(path)
    assert cell["id"] == "install" and cell["metadata"]["tags"] == ["only-shows"]  # grading leaves it out
    program, said = "".join(cell["source"]), []

    class Shell:
        def run_line_magic(self, *line):
            said.append(line)

    names = {"get_ipython": Shell}
    exec(program, names)
    assert said == [] and set(names) - {"__builtins__"} == {"get_ipython", "importlib"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(program, names)
    # One command, and no package is named but the course: pip leaves alone what fits its ranges.
    assert said == [("pip", f"install -q https://github.com/{setting.address()}/archive/HEAD.zip")]
