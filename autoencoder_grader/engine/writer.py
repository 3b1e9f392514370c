"""The gradebook's side: the one place that writes scores, each submission's with its status in one transaction."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from autoencoder_grader.engine import journal, score_rows
from autoencoder_grader.engine.bundle import unpack
from autoencoder_grader.engine.orders import Given, Graded, InfrastructureFault
from autoencoder_grader.nbgrader_steps.gradebook_indexes import make_indexes
from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of
from nbgrader.api import Gradebook
from nbgrader.utils import rmtree
from sqlalchemy.exc import IntegrityError, OperationalError

_STEPS = ("autograded", "feedback")
_OLD = "old"  # in the scratch folder: folders that are being replaced
_TRIES = 8  # with a locked gradebook; SQLite waits 5 s in each


class Writer:
    """Writes graded submissions into a course's folders and gradebook.

    api: from open_api. scratch: a folder on the file system of the course, for what is not complete yet.
    """

    def __init__(self, api, scratch: Path):
        self._api, self._scratch = api, scratch
        self._take_back()
        self._gradebook: Gradebook = api.gradebook
        journal.open_journal(self._gradebook)
        make_indexes(self._gradebook)

    def close(self) -> None:
        """Let go of the gradebook."""
        self._gradebook.close()
        self._gradebook.engine.dispose()

    def commit(self, graded: Graded, fingerprint: str, handed_in: bytes = b"") -> None:
        """Put folders and scores of a submission in place of what was there.

        handed_in: the bundle that it was graded from, with the files that grading left unchanged.
        The folders first: whoever is killed in between finds no entry in the journal, and grades it again.
        Raises InfrastructureFault when the disk is full or the gradebook cannot be written.
        """
        try:
            # All are written before the first takes its place: on a full disk, what was there stays.
            self._unpack("autograded", graded, handed_in)
            self._unpack("feedback", graded)
            for step in _STEPS:
                self._place(step, graded)
        except (OSError, ValueError) as error:
            raise InfrastructureFault(f"{graded.student}/{graded.assignment} cannot be written: {error}") from error
        finally:
            self._clean_up()
        self._retrying(lambda session: self._write(session, graded, fingerprint))

    def commit_invalid(self, student: str, assignment: str, line: str) -> None:
        """Remember that a submission cannot be graded, and why; it gets no score, and is looked at again next time."""
        entry = journal.Entry(student, assignment, "", "", "invalid", (line,))
        self._retrying(lambda session: journal.enter(session, entry))

    def commit_again(self, student: str, assignment: str, fingerprint: str) -> None:
        """Remember another fingerprint for what is graded already: files came that change nothing of the grade."""
        self._retrying(lambda session: journal.rename(session, student, assignment, fingerprint))

    def given(self, student: str, assignment: str, only: str | None = None) -> Given:
        """What people have entered for a submission. only: a graded cell; automatic scores of all others are kept."""
        try:
            return score_rows.given(self._gradebook.db, student, assignment, only)
        finally:
            # People go on entering grades while others are graded: keep neither what was read nor a transaction open.
            self._gradebook.db.rollback()

    def _retrying(self, write: Callable) -> None:
        """Run `write` in one transaction, again while the gradebook is locked."""
        session = self._gradebook.db
        for attempt in range(_TRIES):
            try:
                write(session)
                session.commit()
                return
            except (
                OperationalError,
                IntegrityError,
            ) as error:  # the latter: somebody else made the same entry just now
                session.rollback()
                if attempt == _TRIES - 1:
                    raise InfrastructureFault(f"the gradebook cannot be written: {error.orig}") from error
                time.sleep(0.1 * 2**attempt)
            except BaseException:
                session.rollback()
                raise

    def _write(self, session, graded: Graded, fingerprint: str) -> None:
        score_rows.write(session, graded)
        entry = journal.Entry(
            graded.student,
            graded.assignment,
            fingerprint,
            graded.sha256,
            graded.status,
            graded.notes,
            graded.seconds,
            graded.processor_seconds,
            graded.memory,
        )
        journal.enter(session, entry)

    def _unpack(self, step: str, graded: Graded, handed_in: bytes = b"") -> None:
        """Write a bundle, and what is unchanged of what was handed in, into the scratch folder."""
        partial = self._scratch / step
        if partial.exists():
            rmtree(str(partial))
        partial.mkdir(parents=True)
        if handed_in:
            unpack(handed_in, partial, graded.unchanged)
        unpack(getattr(graded, step), partial)

    def _place(self, step: str, graded: Graded) -> None:
        """Put what was unpacked in the place of a folder; `_take_back` mends what a kill leaves in between."""
        names = graded.student, graded.assignment
        target = folder_of(self._api, step).joinpath(*names)
        old = self._scratch.joinpath(_OLD, step, *names)
        for path in (target, old):
            path.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(self._scratch / step, target)
        except OSError:
            if old.exists():
                os.rename(old, target)
            raise

    def _take_back(self) -> None:
        """Put folders back that a killed run had taken away and not replaced yet, and remove what else it left."""
        for old in self._scratch.glob(f"{_OLD}/*/*/*"):
            step, *names = old.relative_to(self._scratch / _OLD).parts
            target = folder_of(self._api, step).joinpath(*names)
            if not target.exists():
                os.rename(old, target)
        self._clean_up()

    def _clean_up(self) -> None:
        if self._scratch.is_dir():
            rmtree(str(self._scratch))
        else:  # nothing of ours, if anything
            self._scratch.unlink(missing_ok=True)
