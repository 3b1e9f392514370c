"""Starts learners' kernels in a sandbox: a Jupyter kernel provisioner.

A kernel is forked from a warm process where that is possible, and started with a sandbox of its own where not.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from autoencoder_grader.kernels import sandbox, trial
from autoencoder_grader.kernels.last_words import LastWords
from autoencoder_grader.kernels.manager import use_sockets
from autoencoder_grader.kernels.workplace import Workplace
from autoencoder_helpers import load_mnist
from autoencoder_helpers.images import cache
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Dict, Integer


class SandboxProvisioner(LocalProvisioner):
    """Starts kernels in the manager's `place`, a workplace.Workplace, or in one that it makes.

    It makes one for a manager that knows nothing of places: plain nbgrader's, nbclient's, JupyterLab's. The kernel
    then works on a copy of the folder that it was started for, and what it has written is copied there when it ends:
    weights, data and pictures only, while whoever started it writes the notebook. So nothing of a stranger's, such as a link in
    place of the notebook, lies in that folder while it runs.
    """

    limits = Dict(
        value_trait=Integer(),
        help="What a kernel may use, by the names in sandbox.Limits, where not as that says.",
    ).tag(config=True)
    _own_place: Workplace | None = None
    _folder: Path | None = None
    _told: str = ""

    @property
    def place(self) -> Workplace | None:
        """Where the kernel lives."""
        return getattr(self.parent, "place", None) or self._own_place

    async def pre_launch(self, **kwargs):
        """Make a place if the manager has none. Raises CourseError where there is no sandbox."""
        if self.place is None:
            self._folder = Path(kwargs.get("cwd") or os.getcwd()).resolve()
            # Other kernels of a JupyterLab go on meanwhile.
            self._own_place = await asyncio.to_thread(_make_place, self._folder, self.limits)
            use_sockets(self.parent, self._own_place)
        if self._own_place is not None:
            # Only when the kernel has all its modules: a file of a learner's may have the name of one.
            go_home = f"--IPKernelApp.exec_lines=__import__('os').chdir({self._own_place.home_inside!r})"
            kwargs["extra_arguments"] = [*(kwargs.get("extra_arguments") or []), go_home]
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd, **kwargs):
        """Start the kernel. Raises ForkFailed when none can be forked."""
        place = self.place
        if place.server is None:
            words = LastWords()
            try:
                await super().launch_kernel(place.command(cmd), **{**kwargs, "stderr": words.writes})
            finally:
                words.begin()
            place.words = words.text
            if place.tier == sandbox.LANDLOCK:
                self.process, self.pgid = Supervised(self.process), None
        else:
            self.process = fork = place.fork(self.connection_info, cmd[cmd.index("-f") + 2 :])
            place.words = lambda: fork.said
            self.pid, self.pgid = self.process.pid, None
        place.watch_over(self.process)
        return self.connection_info

    async def poll(self):
        """As the base class; says once in the log which limit has ended the kernel."""
        code = await super().poll()
        watch = self.place.watch if self.place else None
        why = (watch.exceeded or watch.failure) if watch and code is not None else ""
        if why and why != self._told:
            self._told = why
            self.log.error("the kernel was ended: %s", why)
        return code

    async def cleanup(self, restart=False):
        """Bring back what the kernel has written; a restarted one goes on with it in its place."""
        await super().cleanup(restart)
        if self._own_place is not None and not restart:
            place, self._own_place = self._own_place, None
            await asyncio.to_thread(_leave, place, self._folder)


def _make_place(folder: Path, limits: dict[str, int]) -> Workplace:
    sandbox.require(trusted=False)
    sandbox.expect_hidden(folder)
    load_mnist()  # the sandbox sees the cache, but cannot fill it
    log = cache.cache_dir() / "kernels.log"
    tier = trial.require(trusted=False, log=log)
    server = trial.kernel_server(log) if tier == sandbox.BUBBLEWRAP else None
    return Workplace(folder, tier, server, sandbox.Limits(**limits)).__enter__()


def _leave(place: Workplace, folder: Path) -> None:
    try:
        place.bring_all_back(folder)
    finally:
        place.__exit__(None, None, None)


class Supervised:
    """A process that ends what it has started when it is asked to: so it is asked, and never killed itself.

    It has the methods of subprocess.Popen; those that kill ask.
    """

    def __init__(self, process: subprocess.Popen):
        self._process = process

    def __getattr__(self, name):
        return getattr(self._process, name)

    def kill(self) -> None:
        """Let it end everything."""
        self._process.terminate()

    def send_signal(self, signum: int) -> None:
        """Let it end everything; no other signal is passed on."""
        if signum in (signal.SIGKILL, signal.SIGTERM):
            self.kill()
