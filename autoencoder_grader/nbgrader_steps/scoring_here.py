"""The scoring process of this machine: forked from the process that kernels come from, or else started anew.

Both have imported TensorFlow once, then, and share what that takes in memory; neither can write to what the other has.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from autoencoder_grader.kernels import sandbox, trial
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.scoring import process
from autoencoder_grader.scoring.private_data import prepare_photos
from autoencoder_grader.scoring.process import ScoringProcess, Started


def scoring_process(course: Path, more_seeds: int = 0, log: Path | None = None) -> ScoringProcess:
    """The scoring process of a course, started if none runs; it ends with this process. Raises ScoringFailed."""
    log = log or Path(os.devnull)
    return process.scoring_process(course, more_seeds, log, start)


def start(log: Path) -> Started:
    """Start what scores. log: a file for what it prints; the fork server's lies beside it. Raises CourseError."""
    server = None
    if sandbox.best_tier() == sandbox.BUBBLEWRAP:
        server = trial.kernel_server(log.with_name("kernels.log"))
    return process.start_anew(log) if server is None else start_forked(server, log)


def start_forked(server: ForkServer, log: Path) -> Started:
    """Fork what scores. Raises CourseError."""
    prepare_photos()  # it sees the cache, but cannot fill it
    ours, theirs = socket.socketpair()
    with ours, theirs, log.open("ab") as said:
        forked = server.fork_program("autoencoder_grader.scoring.worker", theirs.fileno(), said.fileno())
        return Started(forked, ours.makefile("wb"), ours.makefile("rb"))
