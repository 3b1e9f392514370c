"""The gradebook's side: the one place that writes scores, each submission's with its status in one transaction."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from nbgrader.api import (
    BaseCell,
    Comment,
    Gradebook,
    Grade,
    MissingEntry,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import parse_utc, rmtree
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError

from autoencoder_grader.engine import journal
from autoencoder_grader.engine.bundle import unpack
from autoencoder_grader.engine.orders import Given, Graded, InfrastructureFault
from autoencoder_grader.nbgrader_api import folder_of
from autoencoder_helpers.errors import CourseError

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
            return self._given(student, assignment, only)
        finally:
            # People go on entering grades while others are graded: keep neither what was read nor a transaction open.
            self._gradebook.db.rollback()

    def _given(self, student: str, assignment: str, only: str | None) -> Given:
        try:
            submission = self._gradebook.find_submission(assignment, student)
        except MissingEntry:
            due = self._gradebook.find_assignment(assignment).duedate
            return Given(due=due.isoformat() if due else None)
        due = submission.assignment.duedate
        session = self._gradebook.db
        names = dict(self._cell_names(submission))
        grades, comments = (
            session.scalars(
                select(kind).join(SubmittedNotebook).where(SubmittedNotebook.assignment_id == submission.id)
            ).all()
            for kind in (Grade, Comment)
        )
        return Given(
            {
                names[grade.cell_id]: (grade.manual_score, grade.extra_credit)
                for grade in grades
                if grade.manual_score is not None or grade.extra_credit is not None
            },
            {names[comment.cell_id]: comment.manual_comment for comment in comments if comment.manual_comment},
            due.isoformat() if due else None,
            submission.extension.total_seconds() if submission.extension else None,
            {names[grade.cell_id]: grade.auto_score for grade in grades if only not in (None, names[grade.cell_id])},
        )

    def _retrying(self, write: Callable) -> None:
        """Run `write` in one transaction, again while the gradebook is locked."""
        session = self._gradebook.db
        for attempt in range(_TRIES):
            try:
                write(session)
                session.commit()
                return
            except (OperationalError, IntegrityError) as error:  # the latter: somebody else made the same entry just now
                session.rollback()
                if attempt == _TRIES - 1:
                    raise InfrastructureFault(f"the gradebook cannot be written: {error.orig}") from error
                time.sleep(0.1 * 2**attempt)
            except BaseException:
                session.rollback()
                raise

    def _write(self, session, graded: Graded, fingerprint: str) -> None:
        submission = self._submission(session, graded)
        if graded.timestamp:
            submission.timestamp = parse_utc(graded.timestamp)
        names = dict(self._cell_names(submission))
        for notebook in submission.notebooks:
            if notebook.notebook.name != graded.assignment:
                continue
            for grade in session.scalars(select(Grade).where(Grade.notebook_id == notebook.id)):
                name = names[grade.cell_id]
                if name in graded.grades:
                    score, look = graded.grades[name]
                    grade.auto_score = score
                    grade.needs_manual_grade = look or grade.manual_score is not None
            for comment in session.scalars(select(Comment).where(Comment.notebook_id == notebook.id)):
                if names[comment.cell_id] in graded.comments:
                    comment.auto_comment = graded.comments[names[comment.cell_id]]
            notebook.late_submission_penalty = graded.penalty
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

    def _submission(self, session, graded: Graded) -> SubmittedAssignment:
        """The gradebook's entry, made where it is missing, as Gradebook.add_submission does, but not committed."""
        try:
            submission = self._gradebook.find_submission(graded.assignment, graded.student)
        except MissingEntry:
            assignment = self._gradebook.find_assignment(graded.assignment)
            student = session.get(Student, graded.student)
            if student is None:
                student = Student(id=graded.student)
                session.add(student)
            submission = SubmittedAssignment(assignment=assignment, student=student)
            session.add(submission)
        have = {notebook.notebook_id for notebook in submission.notebooks}
        for notebook in submission.assignment.notebooks:
            if notebook.id not in have:
                session.add(SubmittedNotebook(notebook=notebook, assignment=submission))
        session.flush()
        for notebook in submission.notebooks:
            self._complete(session, notebook)
        return submission

    @staticmethod
    def _complete(session, notebook: SubmittedNotebook) -> None:
        """Give a submitted notebook a grade and a comment for each cell that has none yet."""
        kinds = ((Grade, ("GradeCell", "TaskCell")), (Comment, ("SolutionCell", "TaskCell")))
        cells = session.execute(
            select(BaseCell.id, BaseCell.type).where(BaseCell.notebook_id == notebook.notebook_id)
        ).all()
        for kind, types in kinds:
            have = set(session.scalars(select(kind.cell_id).where(kind.notebook_id == notebook.id)))
            for cell, cell_type in cells:
                if cell_type in types and cell not in have:
                    session.add(kind(cell_id=cell, notebook=notebook))
        session.flush()

    def _cell_names(self, submission: SubmittedAssignment):
        query = select(BaseCell.id, BaseCell.name).join(Notebook, Notebook.id == BaseCell.notebook_id)
        return self._gradebook.db.execute(query.where(Notebook.assignment_id == submission.assignment_id)).all()

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
        if self._scratch.exists():
            rmtree(str(self._scratch))


def expect_writable(api) -> None:
    """Raise CourseError when the gradebook cannot be opened or belongs to another version of nbgrader."""
    try:
        with api.gradebook as gradebook:
            _ = gradebook.assignments
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise CourseError(f"the gradebook cannot be opened ({what}); see db_url in nbgrader_config.py") from error
