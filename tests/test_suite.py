"""The suite itself: it ends, leaves nothing behind, and knows no order. Small suites are run for it, each made here."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

SUPPORT = Path(__file__).parent / "support"
#: The command of a process that does nothing for long; its last word is the name of a folder that nobody else has.
CHILD = '[sys.executable, "-c", "import time; time.sleep(300)", os.path.basename(os.getcwd())]'
WAITS = f"""
import os, subprocess, sys, threading

def test_that_waits():
    child = subprocess.Popen({CHILD})
    threading.Event().wait()
"""
HOLDS_THE_LOCK = """
import ctypes

def test_that_waits():
    ctypes.PyDLL(None).sleep(300)
"""
#: What makes pytest say each error twice.
LONGER_SUMMARY = ("CI", "BUILD_NUMBER")
QUICK = "def test_quick(): pass\n"


@pytest.fixture
def suite(tmp_path):
    """suite(plugin, *options, name=source): run a suite of these files; (exit code, what was printed)."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def run(plugin, *options, **files):
        (tmp_path / "conftest.py").write_text(f"pytest_plugins = ['{plugin}']\n")
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(source)
        command = [sys.executable, "-m", "pytest", "--rootdir", ".", "-p", "no:cacheprovider", *options]
        # Nor what was asked of the run that this test is in.
        others = (*LONGER_SUMMARY, "PYTEST_ADDOPTS")
        environment = {name: value for name, value in os.environ.items() if name not in others}
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": f"{SUPPORT}{os.pathsep}{tmp_path}", "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return done.returncode, done.stdout

    return run


def started_by(mark):
    """The processes whose command ends with the mark."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if (process.info["cmdline"] or [""])[-1] == mark and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_test_that_hangs_is_ended_with_its_children_and_shows_where_it_stood(suite, tmp_path, processes):
    code, said = suite("hangs", "-n", processes, "--timeout", "3", test_hangs=WAITS, test_others=QUICK)
    assert code != 0, said
    assert "test_hangs.py::test_that_waits has not ended after 3 s" in said, said
    assert 'test_hangs.py", line 6 in test_that_waits' in said, said
    assert re.search(r"child \d+ \(.*\): .*time\.sleep\(300\)", said)
    assert not started_by(tmp_path.name)
    if processes == "2":  # the others go on
        assert "1 failed, 1 passed" in said


def test_a_test_is_ended_whose_process_cannot_do_anything_any_more(suite):
    sooner = "import hangs\nhangs._LAST_RESORT = 1\n"
    code, said = suite("hangs", "-p", "sooner", "--timeout", "2", test_hangs=HOLDS_THE_LOCK, sooner=sooner)
    assert code != 0 and 'test_hangs.py", line 5 in test_that_waits' in said, said


def test_the_longest_files_have_more_time_and_those_that_were_asked_for_hours_have_them(suite, tmp_path, monkeypatch):
    (tmp_path / "tests").mkdir()
    shows = "def test_one(request):\n    print('has', request.node.get_closest_marker('timeout').args)\n"
    assert "has (3600,)" in suite("hangs", "-s", "tests", **{"tests/test_corpus": shows})[1]
    monkeypatch.setenv("FAULTS_MOMENTS", "100")
    assert "has (86400,)" in suite("hangs", "-s", "tests", **{"tests/test_corpus": shows})[1]


LEAVES = {
    "process": """
import os, subprocess, sys

def test_one():
    subprocess.Popen(CHILD)
""",
    "process whose parent has ended, in a session of its own": """
import os, subprocess, sys

def test_one():
    child = CHILD
    subprocess.run([sys.executable, "-c", f"import subprocess; subprocess.Popen({child!r}, start_new_session=True)"])
""",
    "process with another environment, as in a sandbox": """
import os, subprocess, sys, time

def test_one():
    subprocess.Popen(CHILD, env={})
    time.sleep(4)
""",
    "folder": """
import tempfile

def test_one():
    tempfile.mkdtemp(prefix="left-")
""",
    "folder in /tmp, whatever the environment says": """
import os, tempfile

def test_one():
    tempfile.mkdtemp(prefix=f"grading-0-{os.getpid()}-left-", dir="/tmp")
""",
    "socket": """
import os, socket, tempfile

def test_one():
    os.chdir(tempfile.gettempdir())  # the path of a socket may have 107 characters
    socket.socket(socket.AF_UNIX).bind("left-socket")
""",
}


def test_what_is_left_behind_is_named_removed_and_fails_the_run(suite, tmp_path):
    files = {f"test_{number}": source.replace("CHILD", CHILD) for number, source in enumerate(LEAVES.values())}
    files["sooner"] = "import leftovers\nleftovers.PATIENCE = 1\n"
    code, said = suite("leftovers", "-n", "2", "-p", "sooner", **files)
    assert code == 1, said
    assert f"{len(LEAVES)} passed" in said and "1 error" in said, said
    assert f"ERROR what the tests left behind: {len(LEAVES)}, the first of them process " in said, said
    named = re.findall(r"^(process|folder|socket) (.*)", said, re.MULTILINE)
    # Where they lie in the same folder their names, part of them random, give the order.
    assert sorted(kind for kind, _ in named) == ["folder", "folder", "process", "process", "process", "socket"], said
    assert all("time.sleep(300)" in words if kind == "process" else "left-" in words for kind, words in named), said
    assert not started_by(tmp_path.name)
    assert not any(Path(words).exists() for kind, words in named if kind != "process")


def test_what_is_tidy_passes_and_leaves_no_folder(suite, tmp_path):
    tidy = "def test_one(tmp_path):\n    (tmp_path / 'file').touch()\n"
    code, said = suite("leftovers", "-o", "tmp_path_retention_policy=failed", test_tidy=tidy)
    assert code == 0 and "1 passed" in said and "temporary files" not in said, said
    assert not list((tmp_path / "temporary").iterdir())


def test_folders_of_failed_tests_are_kept_and_named(suite):
    fails = "def test_one(tmp_path):\n    (tmp_path / 'kept').touch()\n    assert False\n"
    code, said = suite("leftovers", test_fails=fails)
    (place,) = re.findall("temporary files of what failed: (.*)", said)
    assert code == 1 and list(Path(place).glob("pytest-of-*/*/*/kept"))


CHANGES = {
    "current folder": "import os\ndef test_one(tmp_path):\n    os.chdir(tmp_path)\n",
    "environment LEFT": "import os\ndef test_one():\n    os.environ['LEFT'] = '1'\n",
    "signal SIGTERM": "import signal\ndef test_one():\n    signal.signal(signal.SIGTERM, lambda *_: None)\n",
    "sys.modules autoencoder_helpers": "import sys\ndef test_one():\n    del sys.modules['autoencoder_helpers']\n",
    "matplotlib font.size": "import matplotlib\ndef test_one():\n    matplotlib.rcParams['font.size'] = 99\n",
}
PUTS_BACK = """
import pytest

@pytest.fixture(scope="module", autouse=True)
def changed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACK", "1")
        yield

def test_one(): pass
def test_two(): pass
"""


def test_what_a_file_of_tests_changes_and_does_not_put_back_is_named(suite):
    files = {f"test_{number}": source for number, source in enumerate(CHANGES.values())}
    code, said = suite("unchanged", **files, test_back=PUTS_BACK)
    assert code == 1 and f"{len(CHANGES)} errors" in said, said
    for number, what in enumerate(CHANGES):
        assert f"test_{number}.py leaves behind: {what} " in said, said
    assert "test_back.py leaves" not in said


def test_files_come_in_any_order_the_same_in_all_processes_and_again_by_its_number(suite):
    files = {f"test_{letter}": QUICK for letter in "abcdefgh"}

    def order(*options):
        code, said = suite("order", "-v", *options, **files)
        assert code == 0 and "8 passed" in said, said  # in two processes: else different tests were collected
        return re.findall(r"(test_\w)\.py::test_quick (?:PASSED|<)", said), re.findall(r"--any-order=(\d+)", said)

    assert order() == (list(files), [])
    found, (number,) = order("--any-order")
    assert order(f"--any-order={number}") == (found, [number])
    assert len({tuple(order(f"--any-order={number}")[0]) for number in range(3)}) > 1
    order("-n", "2", "--dist", "loadfile", "--any-order")


DRAWS = """
import random, numpy as np, tf_keras as keras
from autoencoder_helpers.checks import rule

def test_draws():
    layer = keras.layers.Dense(1)
    layer.build((None, 1))
    print(end="drawn:")
    print(random.random(), np.random.rand(), float(layer.kernel.numpy()[0, 0]), rule.unpredictable(128))
"""


def test_each_test_draws_the_same_in_all_runs_and_others_with_another_number(suite):
    def drawn(*options, **before):
        code, said = suite("draws", "-rP", *options, **before, test_z=DRAWS)
        assert code == 0, said
        return re.findall("drawn:(.*)", said), re.findall(r"--draws=(\d+)", said)

    (found,), (number,) = drawn()
    assert number == "0" and len(set(found.split())) == 4
    assert drawn(test_a=DRAWS.replace("test_draws", "test_before"))[0][-1] == found
    others, (number,) = drawn("--draws")
    assert len(others) == 2 and found not in others and not set(others[0].split()) & set(others[1].split())
    assert sorted(drawn(f"--draws={number}", "-n", "2", "--dist", "loadfile")[0]) == sorted(others)


def test_dots_reach_a_log_as_they_come(tmp_path):
    waits = "import os, time\ndef test_one():\n    while not os.path.exists('seen'):\n        time.sleep(0.1)\n"
    (tmp_path / "test_a.py").write_text(QUICK)
    (tmp_path / "test_b.py").write_text(waits)
    command = [sys.executable, "-m", "pytest", "--rootdir", ".", "-p", "no:cacheprovider", "-n", "1"]
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}  # options of this suite
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, env=own) as running:
        said = b""
        while not said.endswith(b"\n."):  # before the second test can end
            said += running.stdout.read(1) or pytest.fail(said.decode())
        (tmp_path / "seen").touch()
        assert b"2 passed" in running.communicate()[0]


#: What a machine may lack. Whoever skips a test for it names the package that ends this.
SKIPS = {"skip", "skipif", "importorskip"}
MAY_BE_MISSING = re.compile("sandbox|bubblewrap|chromium|postgres|playwright|axe", re.IGNORECASE)


def test_a_skip_for_want_of_a_program_names_the_package():
    found = []
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in SKIPS:
                (words,) = [k.value for k in node.keywords if k.arg == "reason"] or node.args[:1] or [None]
                text = ast.unparse(words) if words is not None else ""
                if MAY_BE_MISSING.search(text) and "Linux" not in text:
                    found.append((path.name, text))
    assert len(found) > 10
    for name, text in found:
        assert "apt-get install" in text or "make setup" in text, (name, text)


def test_quick_leaves_out_the_files_that_take_long(suite, tmp_path):
    (tmp_path / "tests").mkdir()
    files = {"tests/test_guide": QUICK, "tests/test_a": QUICK}
    for options, ran in (((), ["guide", "a"]), (("--quick",), ["a"])):
        code, said = suite("order", "-v", "tests", *options, **files)
        assert code == 0
        assert re.findall(r"test_(\w+)\.py::test_quick (?:PASSED|<)", said) == ran


def test_the_files_that_take_long_are_there():
    repository = Path(__file__).resolve().parents[1]
    names = (SUPPORT / "slow_files.txt").read_text(encoding="utf-8").split()
    assert names and all((repository / name).is_file() for name in names)
