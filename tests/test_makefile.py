"""make, and the set-up that it calls: thin targets, one line of progress, never taken as done when it was cut short.

The set-ups here run in a folder of their own, install.py as it is, with stand-ins for venv and pip that install nothing.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGETS = dict(re.findall(r"^([a-z-]+):.*## .*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE))

# In place of the module venv: an environment whose Python is PIP, and a command that says what it was called with.
VENV = """\
import pathlib, sys
if __name__ == "__main__":
    print("makes an environment")
    folder, tools = pathlib.Path(sys.argv[-1]), pathlib.Path(__file__).parent
    (folder.parent / "calls").open("a").write("venv\\n")
    (folder / "bin").mkdir(parents=True)
    (folder / "lib64").symlink_to("bin")  # as venv itself makes one
    for name, text in (("python", (tools / "pip").read_text()), ("autoencoder-course", '#!/bin/sh\\necho "$@" > ran\\n')):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
"""

# Writes down what it is called for, and behaves as the file `pip-does` says.
PIP = """\
#!/bin/sh
case "$*" in
*"--require-hashes --only-binary :all: -r"*) echo packages >> calls
    echo "Ignoring appnope: markers don't match"
    echo "Collecting absl-py==2.5.1"; echo "Processing /wheels/bokeh.whl"
    test ! -e pip-does || . ./pip-does;;
*"--no-deps --no-build-isolation --editable"*) echo course >> calls;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "a cöurse"  # neither a blank nor a letter beyond ASCII in the path is anything special
    folder.mkdir()
    for name in ("Makefile", "install.py", "constraints.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "sed", "expand", "cat", "mkdir", "rm", "sleep"):
        (tools / tool).symlink_to(shutil.which(tool))
    return folder


def install_python(clone):
    tools = clone.parent / "tools"
    (tools / "venv.py").write_text(VENV)
    (tools / "pip").write_text(PIP)
    python = tools / "python3.11"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tools}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


def environment(folder):
    return {"PATH": str(folder.parent / "tools"), "TERM": "xterm"}


def make(folder, *targets):
    return subprocess.run(
        [shutil.which("make"), *targets], cwd=folder, env=environment(folder), capture_output=True, text=True
    )


def make_on_a_terminal(folder, *targets):
    """What make writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [shutil.which("make"), *targets], cwd=folder, env=environment(folder), stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 10_000):
            said += part
    except OSError:  # so a terminal ends on Linux
        pass
    os.close(ours)
    process.wait()
    return said.decode()


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
    names = "help setup demo test test-quick lint lab release book references validity benchmarks clean"
    assert set(names.split()) == set(TARGETS)
    for target, recipe in TARGETS.items():
        assert recipe.count("\n") == (0 if target == "setup" else 1), target
        assert "\\\n" not in recipe
    for target in ("demo", "lab", "release", "book", "references", "validity"):
        assert TARGETS[target] == f"\t$(COURSE) {target}\n"
    assert TARGETS["test"] == "\t$(PYTHON) -m pytest -n auto --dist loadfile --no-loadscope-reorder\n"
    assert TARGETS["test-quick"] == TARGETS["test"].replace("\n", " --quick\n")


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
    assert "conda env create" in words[0] and "Colab" in words[0]
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


def test_a_set_up_in_a_log_is_a_line_at_each_end_that_names_the_log(clone):
    install_python(clone)
    for command in (("setup",), ("-s", "setup")):
        (clone / ".venv" / "packages").unlink(missing_ok=True)
        done = make(clone, *command)
        first, last = done.stdout.splitlines()
        log = clone / ".venv" / "setup.log"
        assert str(log) in first and "Set up in" in last
        assert not done.stderr
        assert "makes an environment" in log.read_text() and "Collecting absl-py" in log.read_text()
    assert make(clone, "setup").stdout == ""


def test_a_set_up_on_a_terminal_is_one_line_that_counts(clone):
    install_python(clone)
    (clone / "pip-does").write_text(
        "sleep 1.2; echo 'Installing collected packages: absl-py'\n"
        "site=.venv/lib/python3.11/site-packages; mkdir -p $site/absl_py-2.dist-info; sleep 1.2\n"
    )
    said = make_on_a_terminal(clone, "setup")
    pinned = len(re.findall(r"^\S+==", (clone / "constraints.txt").read_text(), re.M))
    assert f"\r  2 of {pinned - 1} packages fetched, " in said
    assert f"\r  1 of {pinned - 1} packages installed, " in said
    assert said.count("\n") == 2


def test_a_set_up_that_fails_shows_the_end_of_its_log_and_what_to_do(clone):
    install_python(clone)
    (clone / "pip-does").write_text("for n in 1 2 3; do echo line $n; done; echo 'No space left on device'; exit 2")
    failed = make(clone, "demo")
    assert failed.returncode == 2
    lines = failed.stderr.splitlines()
    assert "  line 3" in lines and len(lines) < 20
    (line,) = (line for line in lines if "set-up failed" in line)
    assert "make room" in line and line.endswith(str(clone / ".venv" / "setup.log"))
    assert "Set up in" not in failed.stdout


@pytest.mark.parametrize("cut", ["failed", "interrupted", "killed"])
def test_a_set_up_that_was_cut_short_is_not_taken_as_done(clone, cut):
    install_python(clone)
    (clone / "pip-does").write_text("exit 1" if cut == "failed" else "echo > .venv/half; sleep 60")
    process = subprocess.Popen(
        [shutil.which("make"), "demo"],
        cwd=clone,
        env=environment(clone),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if cut != "failed":
        until = time.monotonic() + 60
        while not (clone / ".venv" / "half").exists() and time.monotonic() < until:
            time.sleep(0.05)
        # As a terminal's Ctrl-C reaches them: make, install.py and pip.
        os.killpg(process.pid, signal.SIGINT if cut == "interrupted" else signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in said
    if cut == "interrupted":
        assert "the set-up anew" in said
    assert not (clone / "ran").exists()
    assert calls(clone) == ["venv", "packages"]
    (clone / "pip-does").unlink()
    assert make(clone, "demo").returncode == 0
    assert calls(clone) == ["venv", "packages", "course"]
    assert not (clone / ".venv" / "half").exists()


#: A machine on which everything can be installed, whatever this one is; then what is other there, and what is said of it.
FITS = (
    "sys.platform, sys.maxsize, platform.machine = 'linux', 2**63 - 1, lambda: 'x86_64'; "
    "platform.libc_ver, platform.python_implementation = lambda: ('glibc', '2.27'), lambda: 'CPython'; "
    "sysconfig.get_config_var = lambda name: None"
)
MAC = "sys.platform, platform.machine = 'darwin', lambda: {!r}; platform.mac_ver = lambda: ({!r}, (), '')"
WINDOWS = "sys.platform, platform.machine = 'win32', lambda: {!r}"
UNFIT = [
    ("sys.version_info = (3, 14, 1)", "needs Python 3.11 to 3.13, not 3.14: install one of these"),
    ("sys.version_info = (3, 10, 9)", "needs Python 3.11 to 3.13, not 3.10: install one of these"),
    (MAC.format("x86_64", "14.2"), "not made for Macs with an Intel processor:"),
    (MAC.format("arm64", "11.7.10"), "not made for macOS 11.7.10, older than 12:"),
    (WINDOWS.format("ARM64"), "not made for Windows on ARM:"),
    (WINDOWS.format("AMD64") + "; sys.maxsize = 2**31 - 1", "not made for a Python of 32 bits for win32 on amd64:"),
    ("platform.libc_ver = lambda: ('', '')", "not made for a Linux without glibc"),
    ("platform.libc_ver = lambda: ('glibc', '2.17')", "not made for a Linux with glibc 2.17, older than 2.27:"),
    ("platform.machine = lambda: 'armv7l'", "not made for a Python for linux on armv7l:"),
    ("platform.python_implementation = lambda: 'PyPy'", "not made for PyPy"),
    ("sysconfig.get_config_var = lambda name: 1", "not made for a Python without its lock:"),
]
FIT = [
    MAC.format("arm64", "12.0"),
    MAC.format("arm64", "26.1"),
    MAC.format("arm64", "10.16"),
    WINDOWS.format("AMD64"),
    "platform.libc_ver = lambda: ('glibc', '2.36')",
    "platform.machine = lambda: 'aarch64'",
    "sys.version_info = (3, 13, 0)",
]


def pretending(clone, pretends, then):
    """Run a line in a new Python that takes this machine for another one; `names` are install.py's."""
    start = "import ensurepip, os, platform, runpy, sys, sysconfig, venv; names = runpy.run_path('install.py')"
    program = f"{start}; {FITS}; {pretends}; {then}"
    return subprocess.run([sys.executable, "-c", program], cwd=clone, capture_output=True, text=True)


@pytest.mark.parametrize(("pretends", "says"), UNFIT)
def test_the_set_up_says_itself_where_it_cannot_be(clone, pretends, says):
    """Where there is no make, a person starts it."""
    refused = pretending(clone, pretends, "sys.exit(names['main']())")
    assert refused.returncode == 1, refused.stderr
    assert refused.stderr.count("\n") == 1 and says in refused.stderr
    assert "Colab" in refused.stderr and "conda env create" in refused.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("pretends", FIT)
def test_the_set_up_finds_nothing_wrong_where_it_can_be(clone, pretends):
    asked = pretending(clone, pretends, "print(repr(names['_trouble_with_python']()))")
    assert asked.stdout == "''\n", asked.stdout + asked.stderr


@pytest.mark.parametrize(("there", "taken"), [("3.11 3.12 3.13", "3.11"), ("3.12 3.13", "3.13"), ("3.12", "3.12")])
def test_make_takes_the_first_python_that_is_there_and_says_which(clone, there, taken):
    install_python(clone)
    tools = clone.parent / "tools"
    program = (tools / "python3.11").read_text()
    for version in there.split():
        (tools / f"python{version}").write_text(program.replace("\n", f'\necho {version} >> "{clone}/taken"\n', 1))
        (tools / f"python{version}").chmod(0o755)
    if "3.11" not in there:
        (tools / "python3.11").unlink()
    said = make(clone, "setup").stdout
    assert set((clone / "taken").read_text().split()) == {taken}
    assert "Setting up .venv with Python {}.{}.{}, once".format(*sys.version_info) in said


def test_an_environment_behind_a_link_is_made_there(clone):
    install_python(clone)
    elsewhere = clone.parent / "large disk"
    elsewhere.mkdir()
    (clone / ".venv").symlink_to(elsewhere)
    assert make(clone, "setup").returncode == 0
    assert (clone / ".venv").is_symlink() and (elsewhere / "installed").exists()


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
