"""A course's records of grading, and the lock that one command at a time holds while it writes to the course."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from autoencoder_grader.files import shared
from autoencoder_grader.files.temporary import remove_abandoned
from autoencoder_grader.nbgrader_steps.gradebook_state import trouble
from autoencoder_helpers.errors import CourseError
from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

#: Beside the course's folders: the secret, what is not complete yet, nbgrader's log.
RECORDS = ".grading"
SCRATCH = ".release-"  # what a temporary folder in the course is named
#: What grading makes beside the records, as patterns: those of a shared course belong to all who share it.
_MADE = (RECORDS, "gradebook.db", "grades.csv", "autograded", "feedback")


@contextlib.contextmanager
def locked(course: Path) -> Iterator[None]:
    """Hold the course's lock in a ``with`` block. What goes wrong with its files or its gradebook is a CourseError."""
    records = course / RECORDS
    with shared.as_in(course):
        try:
            records.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=records):
                pass
        except OSError as error:
            raise CourseError(
                f"{records} cannot be written to ({error.strerror}), where grading keeps its records: see the "
                "owner and the rights of the course's folder, or grade in a copy of it"
            ) from error
        try:
            with FileLock(records / "lock", timeout=0, mode=0o664):
                try:
                    shared.follow(course, [records])  # what is made in there from now on is of its group
                    _remove_what_a_killed_run_left(course)
                    yield
                finally:
                    shared.follow(course, [course / name for name in _MADE])
        except Timeout:
            raise CourseError(f"another `grade` is at work in {course}; wait for it, or stop it") from None
        except SQLAlchemyError as error:
            raise CourseError(trouble(error)) from error
        except OSError as error:
            place = f"{error.filename} cannot be used" if error.filename else f"a file of {course} cannot be used"
            raise CourseError(
                f"{place} ({error.strerror or error}): see what lies there and whose it is; what is graded is kept, and "
                "the same command goes on"
            ) from error
        finally:
            remove_abandoned()


def _remove_what_a_killed_run_left(course: Path) -> None:
    """Only who holds the course's lock may do so."""
    remove_abandoned()
    for folder in course.glob(f"{SCRATCH}*"):
        shutil.rmtree(folder, ignore_errors=True)
