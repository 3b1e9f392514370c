"""The process that kernels are forked from: it has imported what notebooks import, and runs nothing else.

It runs inside a sandbox and listens on a Unix socket. A connection is a kernel: the request comes as one line of
JSON, `{"started": true}` or `{"error": "..."}` goes back as one, and `{"ended": code}` when the kernel has ended. When
the other side closes the connection, the kernel and all that it started are killed. With its end comes what it said
last: `{"ended": 1, "said": "..."}`. Three processes serve a kernel:

    keeper      in the server's namespaces: holds the connection
    first       process 1 of the sandbox: when it ends, Linux kills all others in there
    kernel      runs the learner's code

A program of the grader's own, which scores, is forked in the same way, into a sandbox of the same kind: its request
names it and a `module`, whose `main` is called, and brings two open files, for its input and output, and for its stderr.
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
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

_MOST_BYTES = 1 << 16  # of a request
_MOST_SAID = 4096  # bytes of what a kernel prints on its stderr, the last ones


def main(address: str, modules: Sequence[str]) -> None:
    """Import these modules, and serve on the Unix socket `address` until this process is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are not waited for
    # NumPy's library would start a thread for each core, and a fork of this process has one of them all.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    _import_all(modules)
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


def _import_all(modules: Sequence[str]) -> None:
    for name in modules:
        module = importlib.import_module(name)
        if name == "autoencoder_helpers.checks":
            module.catalogue()
    own = str(Path(__file__).parent.parent)
    sys.path[:] = [place for place in sys.path if place not in ("", own, os.getcwd())]
    gc.collect()
    gc.freeze()  # a collection in a fork would copy the pages of all these objects


def _keep(connection: socket.socket) -> None:
    """The keeper: makes the sandbox, and ends it when the kernel or the connection ends."""
    from . import namespaces

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    line, handed = _line(connection)
    request = json.loads(line)
    sizes = request["temporary"], request["shared_memory"]
    try:
        namespaces.leave(request["folders"], request["kept"], request["hidden"], *sizes)
        says, said = os.pipe()
        first, tell = _fork_first(request, connection, [said, *handed])
        for number in (said, *handed):
            os.close(number)
        with os.fdopen(tell, encoding="utf-8") as told:
            trouble = told.read()
    except OSError as error:
        trouble = str(error)
    if trouble:
        connection.sendall(json.dumps({"error": trouble}).encode() + b"\n")
        return
    connection.sendall(b'{"started": true}\n')
    words = _listen(connection, says, os.pidfd_open(first))
    with suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)  # if it has not ended by itself
    code = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    words = _rest(says, words).decode(errors="replace")
    with suppress(OSError):
        connection.sendall(json.dumps({"ended": code, "said": words}).encode() + b"\n")


def _listen(connection: socket.socket, says: int, ended: int) -> bytes:
    """Wait until the kernel has ended or the other side has closed the connection; return what the kernel said last."""
    words, waiting = b"", [connection, ended, says]
    while True:
        ready, _, _ = select.select(waiting, [], [])
        if connection in ready or ended in ready:
            return words
        data = os.read(says, _MOST_BYTES)
        words = (words + data)[-_MOST_SAID:]
        if not data:
            waiting.remove(says)


def _rest(says: int, words: bytes) -> bytes:
    """What a kernel said last, with what still lies in the pipe."""
    os.set_blocking(says, False)
    with suppress(BlockingIOError):
        while data := os.read(says, _MOST_BYTES):
            words = (words + data)[-_MOST_SAID:]
    return words


def _line(connection: socket.socket) -> tuple[bytes, list[int]]:
    """(the request, the open files that came with it)."""
    data, handed = b"", []
    while not data.endswith(b"\n") and len(data) < _MOST_BYTES:
        more, files, _, _ = socket.recv_fds(connection, _MOST_BYTES, 2)
        if not more:
            os._exit(0)
        data += more
        handed += files
    return data, handed


def _fork_first(request: dict, connection: socket.socket, files: Sequence[int]) -> tuple[int, int]:
    """(process id, a pipe that tells what went wrong before the kernel began, or closes without a word).

    files: the end of a pipe to which a kernel's stderr goes, and what was handed over for a program.
    """
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
            said, *handed = files
            if "module" in request:
                talk, said = handed
                _close_all_files(said, talk)
                _run(_run_program, request)
            _close_all_files(said)
            _run(_run_kernel, request)
        _close_all_files(os.open(os.devnull, os.O_RDWR))
        while True:
            process, status = os.wait()  # also of what the kernel left behind
            if process == kernel:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
    os._exit(1)


def _close_all_files(said: int, talk: int | None = None) -> None:
    """Leave this process no open file of the server's, but `said` for what it says on its stderr.

    talk: what becomes its stdin and stdout; nothing if it is None.
    """
    os.dup2(said, 2)
    if talk is None:
        talk = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(talk, number)
    os.closerange(3, 1 << 16)


def _run(become: Callable[[dict], None], request: dict) -> None:
    """Become a kernel or a program; never returns."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(request["start_in"])
        # Python's own generator has a new seed in each fork; this one would draw the same numbers in all of them.
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        become(request)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.__stderr__, flush=True)
    except BaseException:  # noqa: BLE001 - whoever started it is told
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def _run_kernel(request: dict) -> None:
    sys.argv = ["ipykernel_launcher", *request["arguments"]]
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance()


def _run_program(request: dict) -> None:
    from . import namespaces

    namespaces.be_called(request["name"])
    sys.path.insert(0, request["code"])
    importlib.import_module(request["module"]).main()
