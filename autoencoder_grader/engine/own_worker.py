"""What each of our own workers does first: Dask loads this module into its process and calls `dask_setup`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys

from autoencoder_grader.engine.quiet_dask import hush
from autoencoder_grader.files.imports import leave_out_unneeded


def dask_setup(worker) -> None:
    """Leave Ctrl-C to the process that started this worker, and end at once when that is gone.

    worker: Dask's; not used. A terminal sends Ctrl-C to all processes, and a worker would answer with a traceback.
    Dask's own look after its parent takes seconds, more on a busy machine, and sandboxes live as long as their worker.
    """
    hush()
    leave_out_unneeded()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        from autoencoder_grader.kernels.namespaces import die_with_parent

        die_with_parent()
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():  # it was gone before this worker could say what it wants then
        os._exit(1)
