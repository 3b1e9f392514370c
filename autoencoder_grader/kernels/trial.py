"""Finds out whether kernels run here, by running one: what grading will do, done before it.

That a program starts in a sandbox does not say that a kernel does: Python, its packages or the helpers may lie where
the sandbox shows something else.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from pathlib import Path

from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import sandbox, workplace
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.last_words import last_line
from autoencoder_grader.kernels.manager import SealedKernelManager
from autoencoder_grader.kernels.workplace import Workplace
from autoencoder_helpers.errors import CourseError
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

#: Imports the helpers, and with them all that they need.
CELL = "import autoencoder_helpers.checks, autoencoder_helpers.training\nprint('it runs')"
_SECONDS = 180
_TRIES = 2  # with what is slow


class KernelFailed(CourseError):
    """No kernel runs here: the machine's fault, never a learner's."""


class KernelSlow(KernelFailed):
    """A kernel did not answer in time: that says nothing of what the machine can do when it has less to do."""


def run_a_cell(tier: str, server: ForkServer | None = None, cell: str = "") -> str:
    """Start a kernel as grading does, run a cell in it, and return what that printed.

    cell: its source; CELL if it is empty. server: the fork server that it comes from; None: it starts anew.
    Raises KernelFailed, which is KernelSlow when time was up, and ForkFailed.
    """
    with temporary.folder() as nothing, Workplace(Path(nothing), tier, server) as place:
        manager = SealedKernelManager(kernel_name="python3", place=place)
        manager.settle()
        notebook = new_notebook(cells=[new_code_cell(cell or CELL)])
        client = NotebookClient(notebook, km=manager, startup_timeout=_SECONDS, timeout=_SECONDS)
        environment = {**os.environ, **place.environment()}
        try:
            _execute(client, server, cwd=str(place.sockets), env=environment, stdout=subprocess.DEVNULL)
        except CellExecutionError as error:
            raise KernelFailed(f"the helpers cannot be used: {last_line(f'{error.ename}: {error.evalue}')}") from error
        except (RuntimeError, DeadKernelError, OSError) as error:
            late = isinstance(error, CellTimeoutError) or "didn't respond" in str(error)
            raise (KernelSlow if late else KernelFailed)(did_not_start(error, place)) from error
        finally:
            # What nbclient leaves behind for the end of this process would then print a traceback.
            atexit.unregister(client._cleanup_kernel)
        return "".join(output.get("text", "") for output in notebook.cells[0].outputs)


def _execute(client: NotebookClient, server: ForkServer | None, **settings) -> None:
    """Run it and end its kernel, in a thread of its own.

    There may be an event loop in this one: in a Jupyter server, or while another kernel starts. And in a process's first
    thread nbclient takes Ctrl-C for itself, and leaves it without effect when the kernel does not start.
    """

    def run():
        try:
            client.execute(**settings)
        finally:  # nbclient leaves a manager that it was given as it is, with its kernel
            if client.km is not None and client.km.has_kernel:
                run_sync(client.km.shutdown_kernel)(now=True)

    with ThreadPoolExecutor(1) as elsewhere:
        running = elsewhere.submit(Context().run, run)
        try:
            running.result()
        except KeyboardInterrupt:  # nobody waits for the kernel any more
            if server is not None:
                server.close()
            with contextlib.suppress(AttributeError, OSError):
                client.km.provisioner.process.kill()
            raise


def kernel_server(log: Path) -> ForkServer | None:
    """The fork server of this process, in which a kernel has run; None where kernels cannot be forked.

    log: a file for what it prints.
    """
    return workplace.kernel_server(log, lambda server: run_a_cell(sandbox.BUBBLEWRAP, server))


def did_not_start(error: Exception, place: Workplace) -> str:
    """The line about a kernel that did not start, with the last that it said itself."""
    words = last_line(place.words())
    return f"the kernel did not start ({last_line(str(error))}{f'; its last words: {words}' if words else ''})"


def require(trusted: bool, log: Path) -> str:
    """The best tier in which a kernel runs here. Raises NoSandbox where there is none, unless trusted: then it is "".

    Raises TooBusy where that cannot be found out: by what a machine has to do just now, no lesser tier is chosen.

    log: a file for what the process prints that kernels are forked from.
    """
    for tier in sandbox.tiers():
        if not trouble_with(tier, log):
            return tier
    if trusted:
        return ""
    tried = [f"{tier}: {trouble_with(tier, log)}" for tier in sandbox.tiers()]
    if not tried:
        raise sandbox.NoSandbox(sandbox.NO_SANDBOX)
    raise sandbox.NoSandbox(
        f"no kernel runs in a sandbox here ({'; '.join(tried)}): put that right, or accept the risk with "
        "--i-trust-these-submissions; `autoencoder-course doctor` says more"
    )


def trouble_with(tier: str, log: Path) -> str:
    """Why no kernel runs in a tier that can be used here, in one line, found out by running one; "" if one does.

    One is forked where that can be done, or else starts anew.
    """
    if tier == sandbox.BUBBLEWRAP and kernel_server(log) is not None:
        return ""
    return _trouble_anew(tier, os.getpid())


@functools.cache
def _trouble_anew(tier: str, process: int) -> str:
    for _ in range(_TRIES):
        try:
            run_a_cell(tier)
            return ""
        except KernelSlow as error:
            slow = error
        except CourseError as error:
            return str(error)
    raise sandbox.TooBusy(tier, str(slow))
