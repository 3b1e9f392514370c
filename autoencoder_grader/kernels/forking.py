"""The process that kernels are forked from: it has imported what notebooks import, and runs nothing else.

It runs inside a sandbox and listens on a Unix socket. A connection is a kernel: the request comes as one line of
JSON, `{"started": true}` or `{"error": "..."}` goes back as one, and `{"ended": code}` when the kernel has ended. When
the other side closes the connection, the kernel and all that it started are killed. Three processes serve a kernel:

    keeper      in the server's namespaces: holds the connection
    first       process 1 of the sandbox: when it ends, Linux kills all others in there
    kernel      runs the learner's code
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

_MODULES = (
    "autoencoder_helpers",  # first: it chooses the Keras
    "numpy",
    "matplotlib.pyplot",
    "tensorflow",
    "tf_keras",
    "tensorflow_probability",
    "sklearn.cluster",
    "sklearn.decomposition",
    "ipywidgets",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "autoencoder_helpers.checks",
    "autoencoder_helpers.images.flowers",
    "autoencoder_helpers.images.mnist",
    "autoencoder_helpers.pictures.plots",
    "autoencoder_helpers.training.running",
)
_MOST_BYTES = 1 << 16  # of a request


def main(address: str) -> None:
    """Serve on the Unix socket `address` until this process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    # NumPy's library would start a thread for each core, and a fork of this process has one of them all.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    _import_all()
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"{threads} threads: a fork would have one of them, and the locks that the others hold")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{address}.partial")
    listener.listen(64)
    os.rename(f"{address}.partial", address)  # it is there: ready
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            with suppress(BaseException):
                listener.close()
                _keep(connection)
            os._exit(1)
        connection.close()


def _import_all() -> None:
    for name in _MODULES:
        importlib.import_module(name)
    from autoencoder_helpers.checks import catalogue

    catalogue()
    own = str(Path(__file__).parent.parent)
    sys.path[:] = [place for place in sys.path if place not in ("", own, os.getcwd())]
    gc.collect()
    gc.freeze()  # a collection in a fork would copy the pages of all these objects


def _keep(connection: socket.socket) -> None:
    """The keeper: makes the sandbox, and ends it when the kernel or the connection ends."""
    from . import namespaces

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request = json.loads(_line(connection))
    try:
        namespaces.leave(request["folders"], request["temporary"], request["shared_memory"])
        first, tell = _fork_first(request, connection)
        with os.fdopen(tell, encoding="utf-8") as told:
            trouble = told.read()
    except OSError as error:
        trouble = str(error)
    if trouble:
        connection.sendall(json.dumps({"error": trouble}).encode() + b"\n")
        return
    connection.sendall(b'{"started": true}\n')
    ended = os.pidfd_open(first)
    ready, _, _ = select.select([connection, ended], [], [])
    if ended not in ready:
        os.kill(first, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    with suppress(OSError):
        connection.sendall(json.dumps({"ended": code}).encode() + b"\n")


def _line(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _MOST_BYTES:
        more = connection.recv(_MOST_BYTES)
        if not more:
            os._exit(0)
        data += more
    return data


def _fork_first(request: dict, connection: socket.socket) -> tuple[int, int]:
    """(process id, a pipe that tells what went wrong before the kernel began, or closes without a word)."""
    from . import namespaces

    reads, writes = os.pipe()
    first = os.fork()
    if first:
        os.close(writes)
        return first, reads
    with suppress(BaseException):
        connection.close()
        try:
            namespaces.settle(request["limits"])
        except OSError as error:
            os.write(writes, str(error).encode())
            os._exit(1)
        kernel = os.fork()
        if kernel == 0:
            _close_all_files()
            _run_kernel(request)
        os.close(writes)
        while True:
            process, status = os.wait()  # also of what the kernel left behind
            if process == kernel:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
    os._exit(1)


def _close_all_files() -> None:
    """Leave the kernel no open file of the server's."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(3, 1 << 16)


def _run_kernel(request: dict) -> None:
    """Become the kernel."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(request["start_in"])
        sys.argv = ["ipykernel_launcher", *request["arguments"]]
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        os._exit(code)
