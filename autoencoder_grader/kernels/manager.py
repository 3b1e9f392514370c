"""The manager of a learner's kernel: it knows the place that the kernel lives in."""

from __future__ import annotations

import sys

from autoencoder_grader.kernels.client import PatientClient
from autoencoder_grader.kernels.workplace import Workplace
from jupyter_client.manager import AsyncKernelManager
from traitlets import Any, Type

NAME = "autoencoder-sandbox"  # of the provisioner, as pyproject.toml registers it


def command_line() -> list[str]:
    """What starts a kernel, as a kernelspec has it.

    Without IPython's database of all that was ever typed: nobody reads it, and its thread writes a warning among a
    learner's outputs when it cannot open another file.
    """
    return [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]


class SealedKernelManager(AsyncKernelManager):
    """Starts a kernel in a workplace, and talks to it through sockets in a folder: no network is needed."""

    place = Any()
    client_factory = Type(PatientClient)

    def settle(self) -> None:
        """Set this manager up for its place; call it before the kernel starts."""
        # Somebody may have put a kernelspec of this name into a home folder that starts another Python.
        self.kernel_spec.argv = command_line()
        self.kernel_spec.metadata = {"kernel_provisioner": {"provisioner_name": NAME}}
        if self.place.sealed:
            use_sockets(self, self.place)
            # A signal does not get into the sandbox; a message does.
            self.kernel_spec.interrupt_mode = "message"


def use_sockets(manager, place: Workplace) -> None:
    """Let a manager talk to its kernel through sockets in the place: then no network is needed."""
    manager.transport = "ipc"
    manager.ip = str(place.sockets / "kernel")
    manager.connection_file = str(place.sockets / "kernel.json")
