"""make: thin targets, and a set-up that is never taken as done when it was cut short.

The set-ups here run in a folder of their own with a stand-in for Python, so they install nothing.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGETS = dict(re.findall(r"^([a-z]+):.*## .*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE))

# Writes down what it is called for. As `-m venv` it copies itself into the environment; as `-m pip` it fails
# when there is a file `broken`.
PYTHON = """\
#!/bin/sh
case "$*" in
*"-m venv"*) echo venv >> calls; mkdir -p .venv/bin; cp "$0" .venv/bin/python
    command=.venv/bin/autoencoder-course
    printf '#!/bin/sh\\necho "$@" > ran\\n' > $command; chmod +x $command;;
*"--require-hashes"*) echo packages >> calls; test ! -e broken;;
*"--editable"*) echo course >> calls;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "a course"  # a blank in the path is nothing special
    folder.mkdir()
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "sed", "expand", "cat", "cp", "mkdir", "chmod", "touch", "rm", "env"):
        (tools / tool).symlink_to(shutil.which(tool))
    return folder


def install_python(clone):
    python = clone.parent / "tools" / "python3.11"
    python.write_text(PYTHON)
    python.chmod(0o755)


def make(folder, *targets):
    tools = folder.parent / "tools"
    return subprocess.run(
        [shutil.which("make"), *targets], cwd=folder, env={"PATH": str(tools)}, capture_output=True, text=True
    )


def calls(folder):
    """What the stand-in was called for since the last time."""
    log = folder / "calls"
    done = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return done


def later(path):
    """Make a file newer than everything that was made so far."""
    ahead = max(file.stat().st_mtime for file in path.parent.rglob("*")) + 10
    os.utime(path, (ahead, ahead))


def test_each_target_is_one_line_of_its_own():
    names = "help setup demo test lab release book references validity benchmarks clean"
    assert set(names.split()) == set(TARGETS)
    for target, recipe in TARGETS.items():
        assert recipe.count("\n") == (0 if target == "setup" else 1), target
        assert "\\\n" not in recipe
    for target in ("demo", "lab", "release", "book", "references", "validity"):
        assert TARGETS[target] == f"\t$(COURSE) {target}\n"
    assert TARGETS["test"] == "\t$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder\n"


def test_help_is_the_default_lists_every_target_and_sets_nothing_up(clone):
    shown = make(clone)
    assert shown.returncode == 0
    assert [line.split()[1] for line in shown.stdout.splitlines()] == list(TARGETS)
    assert not (clone / ".venv").exists()


def test_without_python_one_line_says_what_to_install(clone):
    failed = make(clone, "demo")
    assert failed.returncode == 2
    words = [line for line in failed.stderr.splitlines() if not line.startswith("make")]
    assert len(words) == 1 and "Python 3.11" in words[0] and "install" in words[0]
    assert not (clone / ".venv").exists()


def test_the_first_run_sets_up_and_the_second_does_not(clone):
    install_python(clone)
    assert make(clone, "demo").returncode == 0
    assert calls(clone) == ["venv", "packages", "course"]
    assert (clone / "ran").read_text() == "demo\n"
    (clone / "ran").unlink()
    assert make(clone, "demo").returncode == 0
    assert calls(clone) == []
    assert (clone / "ran").exists()


def test_a_set_up_that_was_cut_short_is_not_taken_as_done(clone):
    install_python(clone)
    (clone / "broken").touch()
    assert make(clone, "demo").returncode != 0
    assert not (clone / "ran").exists()
    assert calls(clone) == ["venv", "packages"]
    (clone / "broken").unlink()
    assert make(clone, "demo").returncode == 0
    assert calls(clone) == ["venv", "packages", "course"]


@pytest.mark.parametrize(
    "changed, again", [("constraints.txt", ["venv", "packages", "course"]), ("pyproject.toml", ["course"])]
)
def test_a_changed_list_installs_again_what_depends_on_it(clone, changed, again):
    install_python(clone)
    make(clone, "setup")
    calls(clone)
    later(clone / changed)
    assert make(clone, "setup").returncode == 0
    assert calls(clone) == again


def test_a_moved_folder_is_set_up_again(clone):
    install_python(clone)
    make(clone, "setup")
    calls(clone)
    moved = clone.rename(clone.parent / "moved")
    assert make(moved, "setup").returncode == 0
    assert calls(moved) == ["venv", "packages", "course"]


def test_clean_leaves_what_a_person_made(clone):
    install_python(clone)
    make(clone, "setup")
    for folder in ("work", "submitted", "build/references", "docs/images", "demo", "docs/_build/html", "docs/chapters"):
        (clone / folder).mkdir(parents=True)
    assert make(clone, "clean").returncode == 0
    assert not any((clone / folder).exists() for folder in (".venv", "demo", "docs/_build", "docs/chapters"))
    assert all((clone / folder).exists() for folder in ("work", "submitted", "build/references", "docs/images"))
