"""The process that kernels are forked from has one thread when it forks, and does not serve if it has more."""

import os
import subprocess
import sys

import psutil
import pytest
from autoencoder_grader import sandbox
from autoencoder_grader.kernels.fork_server import ForkServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and looks into /proc")
PROGRAM = """
import sys, threading, types
from autoencoder_grader.kernels import forking
if {threads} > 1:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
class Served(Exception): pass
def served(*_):
    raise Served
forking.socket = types.SimpleNamespace(socket=served, AF_UNIX=0, SOCK_STREAM=0)
try:
    forking.main("address", ["autoencoder_helpers", "autoencoder_helpers.checks"])
except Served:
    print("served")
"""


@pytest.mark.parametrize("threads, code, said", [(1, 0, "served\n"), (2, 1, "")])
def test_it_serves_with_one_thread_only(tmp_path, threads, code, said):
    command = [sys.executable, "-c", PROGRAM.format(threads=threads)]
    # The catalogue of checks imports NumPy, whose library would start a thread for each of these.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "4"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, said), done.stderr
    assert code == 0 or done.stderr.startswith("2 threads: a fork would have one of them")


@pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.BUBBLEWRAP)),
    reason="bubblewrap is missing or may not run (Debian: apt-get install bubblewrap)",
)
def test_with_all_that_notebooks_import_it_has_one_thread(tmp_path):
    server = ForkServer([], {}, {}, tmp_path / "log")
    try:
        server.fork([], ["--version"]).kill()
        serving = [
            process for process in psutil.Process(server._process.pid).children(recursive=True) if forks(process)
        ]
        assert serving and serving[0].num_threads() == 1
    finally:
        server.close()


def forks(process):
    try:
        return process.cmdline()[:1] == [sys.executable] and "forking" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # the trial's, which has just ended
        return False
