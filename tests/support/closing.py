"""Ends what serves all tests of a process and would end with it: after that is too late, when it is looked what is left."""

from autoencoder_grader.engine import worker
from autoencoder_grader.kernels import fork_server
from autoencoder_grader.nbgrader_steps import drawing


def close_all() -> None:
    """End the processes that kernels are forked from, the one that draws texts, and the folders of submissions."""
    fork_server.close_all()
    drawing.close()
    worker.remove_all()
