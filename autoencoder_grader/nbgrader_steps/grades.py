"""The grades of a class as the gradebook has them now, one for each student and assignment."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autoencoder_grader.nbgrader_steps.late import penalty_of
from autoencoder_helpers.errors import CourseError
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import LateSubmissionPlugin


@dataclass(frozen=True)
class Person:
    """A student, with what nbgrader's student record says; texts that it does not have are empty."""

    id: str
    first_name: str
    last_name: str
    email: str
    lms_user_id: str


@dataclass(frozen=True)
class Grade:
    """What one student has in one assignment.

    raw_points: points of all cells. penalty: points lost for being late. waiting: answers that a person has
    yet to grade; until then they count nothing. handed_in: whether the gradebook has a submission. graded:
    whether it has points for any cell of it; a grading that failed leaves a submission without. timestamp,
    due: in UTC; None where the gradebook has none. due does not count the student's own extension in.
    """

    student: Person
    assignment: str
    raw_points: float = 0.0
    penalty: float = 0.0
    max_points: float = 0.0
    waiting: int = 0
    handed_in: bool = False
    graded: bool = False
    timestamp: datetime.datetime | None = None
    due: datetime.datetime | None = None

    @property
    def points(self) -> float:
        """Points after the penalty, never below zero."""
        return max(0.0, self.raw_points - self.penalty)


def assignments_of(gradebook: Gradebook, wanted: Iterable[str] = ()) -> list[str]:
    """Return the gradebook's assignments in order, or those wanted of them.

    Raises CourseError for a name that is not among them, and where there are none at all.
    """
    existing = sorted(entry.name for entry in gradebook.assignments)
    if not existing:
        raise CourseError("the gradebook has no assignments yet: run `autoencoder-course grade` first")
    for name in wanted:
        if name not in existing:
            raise CourseError(f"no assignment {name!r} in the gradebook; there are: {', '.join(existing)}")
    return [name for name in existing if not wanted or name in wanted]


def read_grades(
    gradebook: Gradebook,
    policy: LateSubmissionPlugin,
    assignments: Iterable[str],
    students: Iterable[str] = (),
) -> Iterator[Grade]:
    """Yield the grade of each student in each of the assignments, also of those who handed nothing in.

    policy: from late_policy; the penalty is what it gives now, whatever was stored while grading.
    students: those wanted; all by default, in the gradebook's order of names.
    """
    wanted = set(students)
    people = [student for student in gradebook.students if not wanted or student.id in wanted]
    # The gradebook leaves open who comes first among those without a name: then it was who was graded first.
    people.sort(key=lambda student: (student.last_name or "", student.first_name or "", student.id))
    for name in assignments:
        assignment = gradebook.find_assignment(name)
        for student in people:
            yield _grade(gradebook, policy, assignment, student)


def _grade(gradebook, policy, assignment, student) -> Grade:
    person = Person(
        student.id,
        *(text or "" for text in (student.first_name, student.last_name, student.email, student.lms_user_id)),
    )
    nothing = Grade(person, assignment.name, max_points=assignment.max_score, due=assignment.duedate)
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return nothing
    cells = [cell for notebook in submission.notebooks for cell in notebook.grades]
    return Grade(
        person,
        assignment.name,
        raw_points=submission.score,
        penalty=sum(penalty_of(notebook, policy) or 0.0 for notebook in submission.notebooks),
        max_points=assignment.max_score,
        waiting=sum(cell.needs_manual_grade and cell.manual_score is None for cell in cells),
        handed_in=True,
        graded=any(cell.auto_score is not None or cell.manual_score is not None for cell in cells),
        timestamp=submission.timestamp,
        due=assignment.duedate,
    )
