"""Grades a course as nbgrader does by itself, with the tests in the learner's kernel: the validity report's comparison.

Such a grading lets submissions do what they like with the course they are graded in. So all of it, nbgrader
included, runs in one sandbox that holds nothing but the copy of the course made for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import autoencoder_grader
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.nbgrader_steps.companions import KeepSubmittedFiles
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images import cache
from nbgrader.converters import Autograde

_CACHE = "/var/cache/autoencoder-course"
_SETTINGS = {"timeout": 120, "startup_timeout": 180, "iopub_timeout": 60, "kernel_name": "python3"}


def stock_command(shard: Path, assignments: Sequence[tuple[str, str]]) -> list[str]:
    """The command that grades (student, assignment) pairs of the course in `shard`, sealed off.

    Raises CourseError where there is no sandbox: here even our own submissions are not to be trusted.
    """
    if sandbox.require(trusted=False) != sandbox.BUBBLEWRAP:
        # nbgrader's kernels listen at a port of their own machine, which the reduced sandbox has not.
        raise CourseError(sandbox.NO_SANDBOX)
    user = sandbox.sandbox_user()
    sandbox.give_to(user, shard)
    cache_folder = cache.cache_dir()
    cache_folder.mkdir(parents=True, exist_ok=True)
    room = sandbox.Room(
        shard,
        readable=[Path(autoencoder_grader.__file__).parent],
        shown_as={cache_folder: _CACHE},
        environment={
            "AUTOENCODER_CACHE": _CACHE,
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "PYTHONUNBUFFERED": "1",
        },
    )
    pairs = [f"{student}:{assignment}" for student, assignment in assignments]
    return sandbox.seal(
        [sys.executable, "-m", "autoencoder_grader.validity.plain_nbgrader", sandbox.HOME, *pairs], room, user
    )


def _grade() -> None:
    """Inside the sandbox. Arguments: the course, and student:assignment for each submission."""
    _, course, *pairs = sys.argv
    api = open_api(
        Path(course),
        Autograde={
            # As it is out of the box, but for the trained weights, which have to stay the learner's own.
            "sanitize_preprocessors": [*Autograde.sanitize_preprocessors.default(), KeepSubmittedFiles],
            "autograde_preprocessors": Autograde.autograde_preprocessors.default(),
        },
        Execute=_SETTINGS,
    )
    for assignment in sorted({pair.split(":")[1] for pair in pairs}):
        api.generate_assignment(assignment, force=True)
    for pair in pairs:
        student, assignment = pair.split(":")
        result = api.autograde(assignment, student, force=True)
        print(f"{'✓' if result['success'] else '✗'} {student}/{assignment}", flush=True)


if __name__ == "__main__":
    _grade()
