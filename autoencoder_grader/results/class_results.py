"""Reads what became of a class: each submission with its points, time and notes, and what each check cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from autoencoder_grader.engine import journal
from autoencoder_grader.engine.submissions import Submission, find_submissions
from autoencoder_grader.nbgrader_steps.gradebook_state import expect_usable
from autoencoder_grader.nbgrader_steps.grades import assignments_of, read_grades
from autoencoder_grader.nbgrader_steps.late import late_policy, own_word
from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of, has_gradebook, open_api
from autoencoder_grader.nbgrader_steps.recognition import Chapters
from autoencoder_grader.nbgrader_steps.release import chapters_of
from autoencoder_grader.results.copies import Likeness, find_likenesses
from autoencoder_grader.results.graded_notebooks import NO_ANSWER, CheckRow, read_outcome, read_results
from autoencoder_grader.results.watching import Watch, unwatched
from autoencoder_helpers.errors import CourseError

#: The status of what was handed in and has no graded notebook.
NOT_GRADED = "not graded"


@dataclass(frozen=True)
class SubmissionResult:
    """One submission.

    status: "graded", "student error", "limit" or NOT_GRADED. notes: lines for a person. notices: what it shares with all
    that ran on the same machine. points, max_points: of the checks alone. written_points: of answers graded by hand. waiting: answers that still wait for that.
    penalty: points lost for being late. seconds, memory: what grading took, memory in bytes; None where not
    recorded.
    """

    student: str
    assignment: str
    status: str
    notes: tuple[str, ...] = ()
    points: float = 0.0
    max_points: float = 0.0
    written_points: float = 0.0
    waiting: int = 0
    penalty: float = 0.0
    seconds: float | None = None
    memory: int | None = None
    notices: tuple[str, ...] = ()

    @property
    def graded(self) -> bool:
        """Whether it has points at all."""
        return self.status != NOT_GRADED

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody should look at it; a written answer that waits is no reason, each has one."""
        return self.status != "graded" or bool(self.notes)


@dataclass(frozen=True)
class Mistake:
    """A mistake that a check named, in how many submissions, and what was said of one of them."""

    name: str
    count: int
    example: str


@dataclass(frozen=True)
class CheckCost:
    """What one check cost a class: points lost of those possible, in `losers` of `graded` submissions."""

    assignment: str
    check: str
    lost: float
    possible: float
    losers: int
    graded: int
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class ClassResults:
    """A whole class. problems: a line for each thing in submitted/ that is no submission. likenesses: what is too much
    alike, for a person to look at. own_word: a line for each assignment of which students alone say when they handed in.
    """

    course: str
    submissions: tuple[SubmissionResult, ...]
    costs: tuple[CheckCost, ...]
    problems: tuple[str, ...] = ()
    assignments: tuple[str, ...] = field(default=())
    likenesses: tuple[Likeness, ...] = ()
    own_word: tuple[str, ...] = ()

    @property
    def notices(self) -> list[str]:
        """What holds for the machines that submissions ran on, once, with how many it holds for."""
        counts = Counter(notice for entry in self.submissions for notice in entry.notices)
        return said_once(counts, sum(entry.graded for entry in self.submissions))


def read_class(course: Path, watch: Watch = unwatched) -> ClassResults:
    """Read the gradebook, the graded notebooks and the records of grading of the course in a folder.

    watch: shows how far it is. Raises CourseError when nothing is graded there.
    """
    api = open_api(course)
    if not has_gradebook(api):
        raise CourseError(f"nothing is graded yet in {course}: run `autoencoder-course grade` first")
    expect_usable(api, journal.TABLES, write=False)
    with api.gradebook as gradebook:
        grades = {
            (grade.student.id, grade.assignment): grade
            for grade in read_grades(gradebook, late_policy(api), assignments_of(gradebook))
            if grade.handed_in
        }
    rows = defaultdict(list)
    for row in read_results(course, watch):
        rows[row.student, row.assignment].append(row)
    submitted = folder_of(api, "submitted")
    try:
        found, problems = find_submissions(submitted, chapters_of(course))
    except CourseError:  # what was handed in lies elsewhere by now; the grades are still here
        found, problems = [], []
    places = {*rows, *grades, *((entry.student, entry.assignment) for entry in found)}
    with api.gradebook as gradebook:
        entries = journal.entries(gradebook)
    submissions = []
    for student, assignment in watch(sorted(places, key=lambda place: place[::-1]), "reading what came of them"):
        submission = Submission(student, assignment, submitted / student / assignment)
        place = student, assignment
        submissions.append(_result(api, submission, grades.get(place), rows.get(place), entries.get(place)))
    return ClassResults(
        course=api.coursedir.course_id,
        submissions=tuple(submissions),
        costs=tuple(check_costs([row for own in rows.values() for row in own])),
        problems=tuple(problems),
        own_word=tuple(own_word(api)),
        assignments=tuple(sorted({entry.assignment for entry in submissions})),
        likenesses=tuple(find_likenesses(found, Chapters(course), watch)),
    )


def said_once(notices: Mapping[str, int], graded: int) -> list[str]:
    """A sentence for each notice, such as "ran without a network": it says of how many submissions that is true."""
    whole = f"All {graded}" if graded > 1 else "It"
    return [f"{whole if count == graded else f'{count} of {graded}'} {notice}." for notice, count in notices.items()]


def check_costs(rows: list[CheckRow]) -> list[CheckCost]:
    """Return what each check cost a class, the costliest first, without those that cost nothing."""
    by_check = defaultdict(list)
    for row in rows:
        if row.points is not None:
            by_check[row.assignment, row.check].append(row)
    costs = []
    for (assignment, check), own in by_check.items():
        losers = [row for row in own if row.points < row.max_points]
        if losers:
            costs.append(
                CheckCost(
                    assignment,
                    check,
                    lost=sum(row.max_points - row.points for row in losers),
                    possible=sum(row.max_points for row in own),
                    losers=len(losers),
                    graded=len(own),
                    mistakes=_mistakes(losers),
                )
            )
    return sorted(costs, key=lambda cost: (-cost.lost, cost.assignment, cost.check))


def _mistakes(rows: list[CheckRow]) -> tuple[Mistake, ...]:
    """The mistakes in some rows, the most frequent first; each counts once for a submission."""
    said = defaultdict(dict)
    for row in rows:
        for name, reason in zip_longest(row.mistakes, row.reasons, fillvalue=""):
            said[name or _unnamed(row)].setdefault(row.student, reason)
    found = [Mistake(name, len(by), next(iter(by.values()))) for name, by in said.items()]
    return tuple(sorted(found, key=lambda mistake: (-mistake.count, mistake.name)))


def _unnamed(row: CheckRow) -> str:
    """What to call a mistake that no check gave a name."""
    if row.mistakes:
        return "without a name"
    return "no answer" if NO_ANSWER in row.reasons else "by hand"


def _result(
    api, submission: Submission, grade, rows: list[CheckRow] | None, entry: journal.Entry | None
) -> SubmissionResult:
    if not rows or grade is None:
        notes = entry.notes if entry else ("run `autoencoder-course grade`; it says why if it cannot be graded",)
        return SubmissionResult(submission.student, submission.assignment, NOT_GRADED, notes)
    told = read_outcome(api, submission)
    checks = [row for row in rows if not row.written]
    return SubmissionResult(
        submission.student,
        submission.assignment,
        status=told["status"],
        notes=tuple(told["notes"]),
        points=sum(row.points or 0.0 for row in checks),
        max_points=sum(row.max_points for row in checks),
        written_points=sum(row.points or 0.0 for row in rows if row.written),
        waiting=sum(row.points is None for row in rows),
        penalty=grade.penalty,
        seconds=entry.seconds if entry else None,
        memory=entry.memory if entry else None,
        notices=tuple(told["notices"]),
    )
