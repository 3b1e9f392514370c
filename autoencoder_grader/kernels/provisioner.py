"""Starts learners' kernels in a sandbox: a Jupyter kernel provisioner, and the manager that knows where.

A kernel is forked from a warm process where that is possible, and started with a sandbox of its own where not.
"""

from __future__ import annotations

import signal
import subprocess

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Any, Type

from autoencoder_grader import sandbox
from autoencoder_grader.kernels.client import PatientClient

NAME = "autoencoder-sandbox"  # as pyproject.toml registers it


class SandboxProvisioner(LocalProvisioner):
    """Starts kernels in the manager's `place`, a workplace.Workplace."""

    async def launch_kernel(self, cmd, **kwargs):
        """Start the kernel. Raises ForkFailed when none can be forked."""
        place = self.parent.place
        if place.server is None:
            await super().launch_kernel(place.command(cmd), **kwargs)
            if place.tier == sandbox.LANDLOCK:
                self.process, self.pgid = Supervised(self.process), None
        else:
            self.process = place.fork(self.connection_info, cmd[cmd.index("-f") + 2 :])
            self.pid, self.pgid = self.process.pid, None
        place.watch_over(self.process)
        return self.connection_info


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


class SealedKernelManager(AsyncKernelManager):
    """Starts a kernel in a workplace, and talks to it through sockets in a folder: no network is needed."""

    place = Any()
    client_factory = Type(PatientClient)

    def settle(self) -> None:
        """Set this manager up for its place; call it before the kernel starts."""
        self.kernel_spec.metadata = {"kernel_provisioner": {"provisioner_name": NAME}}
        if self.place.sealed:
            self.transport = "ipc"
            self.ip = str(self.place.sockets / "kernel")
            self.connection_file = str(self.place.sockets / "kernel.json")
            # A signal does not get into the sandbox; a message does.
            self.kernel_spec.interrupt_mode = "message"
