"""What grading needs of a machine before it starts: a sandbox that hides the course, and the data."""

from pathlib import Path

from autoencoder_grader.kernels import sandbox
from autoencoder_helpers import load_mnist


def expect_ready(course: Path, trusted: bool) -> None:
    """Raise CourseError, one line, if submissions cannot be graded here: no sandbox, no data, solutions in sight."""
    if sandbox.require(trusted):
        sandbox.expect_hidden(course)
    load_mnist()
