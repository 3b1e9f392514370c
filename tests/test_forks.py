"""Nobody forks a process that may have threads: the child would have one of them, and the locks that all held.

TensorFlow, NumPy, Dask, Jupyter and pytest's own helpers all start threads. A new program (subprocess, or spawn of
multiprocessing) is safe.
"""

import ast
from pathlib import Path

import dask
import distributed  # noqa: F401 - brings Dask's settings for workers
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
#: These fork on purpose. test_forking.py sees to it that they have one thread when they do.
ON_PURPOSE = {"autoencoder_grader/kernels/forking.py", "autoencoder_grader/kernels/landlock.py"}
FORKS = {"fork", "forkpty", "preexec_fn", "set_start_method"}
#: What multiprocessing makes by its usual way to start, which is a fork on Linux.
BY_ITS_USUAL_WAY = {"Pool", "Process", "Manager", "Queue", "ProcessPoolExecutor"}


def forks(source):
    """(line, name) for each place in Python code that forks."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        words = {keyword.arg for keyword in node.keywords} | {name}
        arguments = [ast.unparse(argument) for argument in [*node.args, *(k.value for k in node.keywords)]]
        if name == "get_context" and arguments != ["'spawn'"]:
            found.append((node.lineno, name))
        elif name in BY_ITS_USUAL_WAY and ("mp" in owner or "multiprocessing" in owner or name.startswith("ProcessP")):
            if "mp_context" not in words and "get_context('spawn')" not in owner:
                found.append((node.lineno, name))
        elif words & FORKS and owner in ("", "os", "pty", "subprocess", "multiprocessing"):
            found.append((node.lineno, *(words & FORKS)))
    return found


def test_only_what_has_one_thread_forks():
    found = {}
    for path in sorted(REPOSITORY.glob("*/**/*.py")):
        name = path.relative_to(REPOSITORY).as_posix()
        if name.partition("/")[0] in ("autoencoder_grader", "autoencoder_helpers", "benchmarks", "tests"):
            places = forks(path.read_text(encoding="utf-8"))
            if places:
                found[name] = places
    assert set(found) == ON_PURPOSE, found


@pytest.mark.parametrize(
    "source",
    [
        "os.fork()",
        "pty.fork()",
        "subprocess.Popen(command, preexec_fn=os.setsid)",
        "multiprocessing.Pool(6)",
        "mp.Process(target=f)",
        "multiprocessing.get_context('fork').Pool(6)",
        "multiprocessing.get_context()",
        "ProcessPoolExecutor(2)",
        "concurrent.futures.ProcessPoolExecutor()",
    ],
)
def test_every_way_to_fork_is_found(source):
    assert forks(source)


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.Popen(command, start_new_session=True)",
        "multiprocessing.get_context('spawn').Pool(6)",
        "ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('spawn'))",
        "queue.Queue()",
        "server.fork(folders)",
        "run('import os; os.fork()')",
    ],
)
def test_what_starts_a_new_program_is_none(source):
    assert not forks(source)


def test_dask_starts_its_workers_as_new_programs():
    assert dask.config.get("distributed.worker.multiprocessing-method") == "spawn"
