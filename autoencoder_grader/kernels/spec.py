"""The kernelspec by which any Jupyter program starts its kernels in the sandbox: nbgrader, nbclient, JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path

from autoencoder_grader.files import temporary
from autoencoder_grader.kernels.manager import NAME, command_line
from autoencoder_helpers.errors import CourseError
from jupyter_client.kernelspec import KernelSpecManager


def kernel_json(limits: dict[str, int] | None = None) -> dict:
    """What kernel.json says. limits: by the names in sandbox.Limits, where not as that says."""
    provisioner = {"provisioner_name": NAME, "config": {"limits": limits or {}}}
    return {
        "argv": command_line(),
        "display_name": "Python 3 (sandbox of the autoencoder course)",
        "language": "python",
        # A signal does not get into the sandbox; a message does.
        "interrupt_mode": "message",
        "metadata": {"debugger": False, "kernel_provisioner": provisioner},
    }


def install(prefix: str | None, limits: dict[str, int] | None = None) -> Path:
    """Install the kernelspec below `prefix`, or for this user if that is None; return its folder.

    Raises CourseError when the folder cannot be written to.
    """
    with temporary.folder() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(kernel_json(limits), indent=1), encoding="utf-8")
        try:
            made = KernelSpecManager().install_kernel_spec(folder, NAME, user=prefix is None, prefix=prefix)
        except OSError as error:
            raise CourseError(f"the kernelspec cannot be installed: {error}") from error
    return Path(made)
