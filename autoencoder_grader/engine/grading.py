"""Grades what lies in submitted/: finds what is to be done, has it done by workers, writes what comes back."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from autoencoder_grader.engine import journal, tiers_seen
from autoencoder_grader.engine.bundle import pack
from autoencoder_grader.engine.cluster import Cluster, GradeOne, InThisProcess, NoCluster
from autoencoder_grader.engine.grading_report import INFRASTRUCTURE, INVALID, Choice, GradingReport
from autoencoder_grader.engine.orders import CourseCopy, Graded, InfrastructureFault, Order, Reply, digest
from autoencoder_grader.engine.pool import Pool
from autoencoder_grader.engine.progress import GradingProgress
from autoencoder_grader.engine.readiness import expect_ready
from autoencoder_grader.engine.records import RECORDS, SCRATCH, locked
from autoencoder_grader.engine.roster import told_apart
from autoencoder_grader.engine.small_gradebook import small_gradebook
from autoencoder_grader.engine.submissions import (
    Fingerprints,
    Submission,
    find_submissions,
    problem_with,
    solution_digest,
)
from autoencoder_grader.engine.writer import Writer
from autoencoder_grader.nbgrader_steps.companions import WEIGHTS, copy_weights
from autoencoder_grader.nbgrader_steps.export import export_grades
from autoencoder_grader.nbgrader_steps.gradebook_state import expect_usable
from autoencoder_grader.nbgrader_steps.graded_files import is_whole_page, read_graded
from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from autoencoder_grader.nbgrader_steps.late import refresh_penalties
from autoencoder_grader.nbgrader_steps.nbgrader_api import (
    CONFIG_FILE,
    call,
    folder_of,
    open_api,
    reason,
    warnings_of_nbformat,
    write_log,
)
from autoencoder_grader.nbgrader_steps.recognition import Chapters
from autoencoder_grader.nbgrader_steps.release import chapters_of
from autoencoder_grader.scoring.private_data import secret_seed
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.errors import CourseError
from rich.console import Console

_OTHER_CELLS = "Cannot add or remove cells"  # as nbgrader says it
_AGAIN = "nothing is lost, the same command tries again"
_GUESS = 60.0  # seconds, for an assignment that was never graded here


class Stopped(KeyboardInterrupt):
    """Ctrl-C ended the grading, and a line said how to go on."""


def grade(
    course: Path,
    assignments: Iterable[str] = (),
    students: Iterable[str] = (),
    *,
    again: bool = False,
    check: str | None = None,
    dry_run: bool = False,
    console: Console | None = None,
    expected: dict[tuple[str, str], float] | None = None,
    keep_weights: bool = False,
    after: Callable[[Submission], None] | None = None,
    trusted: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    settings: dict | None = None,
    grade_one: GradeOne | None = None,
) -> GradingReport:
    """Grade the submissions of a course and write feedback pages and grades.csv.

    course: the folder with nbgrader_config.py, solutions/ and
        submitted/<student>/<assignment>/<assignment>.ipynb.
    assignments, students, again, check: see Choice.
    dry_run: change nothing; the report says what would be graded.
    console: where progress shows.
    expected: seconds that a (student, assignment) should take, where it was not graded before; for the time
        left.
    keep_weights: put the weights that grading trained beside the notebook that was handed in, so that
        grading it again needs no training. This changes submitted/.
    after: called with each submission when it is graded.
    trusted: run the submissions without a sandbox where there is none.
    workers: so many are graded at the same time. scheduler: the address of a Dask scheduler to use instead.
    settings: further settings of SealedExecute.
    grade_one: takes the place of engine.worker.grade_order, to measure or to test everything around it.

    A submission that was graded to the end and has not changed since (nor its solution, nor the checks) is
    left alone; one whose grading was interrupted is graded again. What cannot be graded becomes a line in the
    report, and everything else is graded all the same. nbgrader's log goes to .grading/nbgrader.log in the
    course folder.
    Raises CourseError when there are no submissions at all, where there is no sandbox for strangers' code, and while
    another process grades the same course.
    """
    expect_ready(course, trusted)
    choice = Choice(tuple(assignments), tuple(students), again, check)
    with locked(course):
        run = _Run(course, choice, console or Console(), expected or {}, trusted, settings or {})
        if dry_run:
            return run.plan()
        return run.grade(keep_weights, after, workers, scheduler, grade_one)


class _Run:
    """One run of `grade`."""

    def __init__(self, course, choice, console, expected, trusted, settings):
        self.course, self.choice, self.console, self.expected = course, choice, console, expected
        self.api = open_api(course)
        self.log = course / RECORDS / "nbgrader.log"
        self.settings = {"SealedExecute": {"trust_submissions": trusted, **settings}}
        self.report = GradingReport()
        self.fingerprints = Fingerprints(course, self.api.coursedir.ignore)
        self.chapters = Chapters(course)
        self.number = 0  # of submissions to be graded
        self._copies: dict[str, CourseCopy] = {}  # by assignment
        self._sandboxes: set[str] = set()  # those that submissions ran in
        self.done: dict[tuple[str, str], journal.Entry] = {}  # what was graded before
        self._engine: Cluster | Pool | InThisProcess | None = None
        self._progress: GradingProgress | None = None
        expect_usable(self.api, journal.TABLES)

    def plan(self) -> GradingReport:
        """Say what would be graded."""
        with self.api.gradebook as gradebook:
            done = journal.entries(gradebook)
        for submission in self._find():
            problem = self._problem_with(submission, set())
            if problem:
                self._problem(problem)
                continue
            why = self._why(submission, done)
            if why:
                seconds = self._expected_seconds(submission, done)
                self.report.planned.append(_one_line(f"{submission}: {why}, about {seconds:.0f} s"))
            else:
                self.report.unchanged.append(submission)
        return self.report

    def grade(self, keep_weights, after, workers, scheduler, grade_one) -> GradingReport:
        """Grade what is to be graded."""
        try:
            writer = Writer(self.api, self.course / RECORDS / "incoming")
            try:
                todo = self._todo(writer, None if scheduler else lambda new: self._start_early(new, workers, grade_one))
                self.number = len(todo)
                if todo:
                    self._grade_all(todo, writer, keep_weights, after, min(workers, len(todo)), scheduler, grade_one)
            finally:
                if self._engine:
                    self._engine.close()
                writer.close()
            return self._finish()
        except KeyboardInterrupt:
            done, kept = sum(self.report.statuses.values()), "all is kept"
            if self.number:
                kept = f"{done} of {self.number} are done and kept, {self.number - done} are left"
            self.console.print(f"Stopped: {kept}. The same command goes on.", soft_wrap=True)
            raise Stopped from None

    def _finish(self) -> GradingReport:
        """What follows when all are graded: penalties, grades.csv."""
        report = self.report
        other = tiers_seen.change(self.course / RECORDS, self._sandboxes)
        if other:
            report.notes.append(other)
        if report.unchanged:
            self.console.print(f"✓ {len(report.unchanged)} graded before and unchanged", soft_wrap=True)
        if report.graded or report.unchanged:
            late = refresh_penalties(self.api, self.log)
            report.notes += late.own_word
            if late.changed:
                self.console.print(f"✓ {len(late.changed)} with other points for lateness than before", soft_wrap=True)
            for line in late.problems:
                self._problem(line)
            report.feedback = folder_of(self.api, "feedback")
            report.grades, _ = export_grades(self.api, self.course / "grades.csv")
        return report

    def _find(self) -> list[Submission]:
        submitted, chapters = folder_of(self.api, "submitted"), chapters_of(self.course)
        found, problems = find_submissions(submitted, chapters, self.choice.assignments, self.choice.students)
        with self.api.gradebook as gradebook:
            found, others, notes = told_apart(found, submitted, [student.id for student in gradebook.students])
        self.report.notes += map(_one_line, notes)
        for line in [*problems, *others]:
            self._problem(line)
        return found

    def _start_early(self, new: int, workers: int, grade_one) -> None:
        """Have workers import while assignments are registered; new: how many submissions there are."""
        if min(new, workers) > 1:
            self._start(min(new, workers), None, grade_one)

    def _start(self, workers: int, scheduler: str | None, grade_one) -> None:
        """Start what grades, unless it runs already. Raises NoCluster."""
        if self._engine:
            return
        if scheduler:
            self._engine = Cluster(self._on_event, scheduler, grade_one)
        elif workers > 1:
            self._engine = Pool(self._on_event, workers, grade_one, self.course / RECORDS / "kernels.log")
        else:
            self._engine = InThisProcess(self._on_event, grade_one)

    def _on_event(self, label: str, event: dict) -> None:
        if self._progress:
            self._progress.event(label, event)

    def _todo(self, writer: Writer, begin: Callable[[int], None] | None) -> dict[Submission, float]:
        """The submissions to be graded, with the seconds that each should take.

        begin: called with their number as soon as it is known, where nothing was graded before.
        """
        found = self._find()
        with self.api.gradebook as gradebook:
            self.done = done = journal.entries(gradebook)
        if begin and not any((submission.student, submission.assignment) in done for submission in found):
            begin(len(found))
        cells = self._register(sorted({submission.assignment for submission in found}))
        todo = {}
        for submission in found:
            grade_ids = cells[submission.assignment]
            line = grade_ids if isinstance(grade_ids, str) else self._problem_with(submission, grade_ids)
            if line:
                self._problem(line)
                if not isinstance(grade_ids, str):
                    self._remember_invalid(submission, line, writer)
            elif self.choice.cell and self.choice.cell not in grade_ids:
                continue
            elif self._why(submission, done):
                todo[submission] = self._expected_seconds(submission, done)
            else:
                self.report.unchanged.append(submission)
        looked_at = [ids for ids in cells.values() if not isinstance(ids, str)]
        if self.choice.cell and len(looked_at) == len(cells) and not any(self.choice.cell in ids for ids in looked_at):
            known = self.choice.check in catalogue()
            what = "nothing was handed in that holds" if known else "no graded cell belongs to"
            raise CourseError(f"{what} the check {self.choice.check!r}")
        return todo

    def _grade_all(self, todo, writer, keep_weights, after, workers, scheduler, grade_one) -> None:
        try:
            self._start(workers, scheduler, grade_one)
        except NoCluster as reason_:
            self._left(len(todo), str(reason_))
            return
        engine = self._engine
        expected = {str(submission): seconds for submission, seconds in todo.items()}
        fingerprints: dict[str, str] = {}
        taken: set[str] = set()
        submissions = {str(submission): submission for submission in todo}
        if engine.dashboard:
            self.console.print(f"  {engine.workers} workers; watch them at {engine.dashboard}", soft_wrap=True)
        engine.get_ready(self._copy(next(iter(todo)).assignment))
        with GradingProgress(expected, self.console, engine.workers) as self._progress:
            orders = self._orders(todo, writer, fingerprints)
            for reply in engine.run(orders):
                label = str(reply.order)
                if label in taken:  # a cluster may give a result twice
                    continue
                taken.add(label)
                self._take(reply, submissions[label], fingerprints[label], writer, self._progress, keep_weights)
                if after and submissions[label] in self.report.graded:
                    after(submissions[label])
        left = len(todo) - len(taken)
        if engine.trouble and left:
            self._left(left, engine.trouble)

    def _left(self, count: int, why: str) -> None:
        """Enter that so many could not be graded for one and the same reason."""
        self.report.faults.append(f"{count} of {self.number} not graded: {why}; {_AGAIN}")
        self.report.statuses[INFRASTRUCTURE] += count

    def _orders(self, todo, writer: Writer, fingerprints: dict[str, str]) -> Iterator[Order]:
        """An order for each submission, read from the disk when it is asked for."""
        for submission in todo:
            name = submission.assignment
            fingerprints[str(submission)] = self.fingerprints.of(submission)
            files = pack(submission.folder)
            sha256, entry = digest(files), self.done.get((submission.student, name))
            # Scores of files that are no longer those handed in are not kept.
            only = self.choice.cell if entry and entry.handed_in == sha256 else None
            yield Order(
                submission.student, name, files, sha256, self._copy(name), writer.given(submission.student, name, only)
            )

    def _copy(self, assignment: str) -> CourseCopy:
        """What a worker must know of the course to grade submissions of an assignment."""
        if assignment not in self._copies:
            config = (self.course / CONFIG_FILE).read_text(encoding="utf-8")
            with self.api.gradebook as gradebook:
                released = small_gradebook(gradebook, assignment)
            self._copies[assignment] = CourseCopy(assignment, config, released, secret_seed(self.course), self.settings)
        return self._copies[assignment]

    def _take(self, reply: Reply, submission, handed_in, writer: Writer, progress, keep_weights) -> None:
        """Write what came of one submission."""
        report, label, graded = self.report, str(submission), reply.graded
        fault = reply.fault
        if graded and graded.log:
            write_log(self.log, label, {"log": graded.log})
        if graded and graded.status != INVALID:
            try:
                writer.commit(graded, handed_in, reply.order.files)
            except InfrastructureFault as reason_:
                fault = str(reason_)
        if fault:
            line = _one_line(f"{label} was not graded: {fault}; {_AGAIN}")
            report.faults.append(line)
            report.statuses[INFRASTRUCTURE] += 1
            progress.finish(label, f"✗ {line}", INFRASTRUCTURE)
        elif graded.status == INVALID:
            line = _one_line(
                f"{submission.notebook} was not graded ({'; '.join(graded.notes)}); the whole log: {self.log}"
            )
            report.problems.append(line)
            report.statuses[INVALID] += 1
            self._remember_invalid(submission, line, writer)
            progress.finish(label, f"✗ {line}", INVALID, graded.seconds)
        else:
            report.graded.append(submission)
            report.statuses[graded.status] += 1
            report.notes += [_one_line(f"{label}: {note}") for note in graded.notes]
            report.notices.update(graded.notices)
            self._sandboxes.add(graded.sandbox)
            weights = folder_of(self.api, "autograded") / submission.student / submission.assignment / WEIGHTS
            if keep_weights and copy_weights(weights, submission.folder / WEIGHTS):
                handed_in = self.fingerprints.of(submission)
                with contextlib.suppress(InfrastructureFault):  # then it is graded again, with these weights
                    writer.commit_again(submission.student, submission.assignment, handed_in)
            progress.finish(label, _line(submission, graded), graded.status, graded.seconds)

    def _remember_invalid(self, submission: Submission, line: str, writer: Writer) -> None:
        """Enter it in the journal; where that fails, nothing is lost but the note: it is looked at again next time."""
        try:
            writer.commit_invalid(submission.student, submission.assignment, line)
        except InfrastructureFault as fault:
            self.report.faults.append(_one_line(f"{submission}: {fault}"))

    def _problem_with(self, submission: Submission, grade_ids: set[str]) -> str | None:
        """Why a submission cannot be graded; what nbformat warns of goes to the log."""
        with warnings_of_nbformat() as warned:
            line = problem_with(submission, grade_ids, self.chapters)
        if warned:
            write_log(self.log, str(submission), {"log": "\n".join(warned)})
        return line

    def _why(self, submission: Submission, done: dict) -> str:
        """Why a submission is to be graded; "" if it need not be."""
        entry = done.get((submission.student, submission.assignment))
        if entry is None or entry.status == INVALID:
            return "not graded yet"
        if entry.status == journal.DAMAGED:
            return "its record in the gradebook is damaged"
        if not self._is_there(submission):
            return "its graded notebook or feedback page is missing or damaged"
        if self.choice.again or self.choice.check:
            return "graded again"
        if entry.fingerprint != self.fingerprints.of(submission):
            return "it has changed, or its solution, a check or a setting has"
        return ""

    def _is_there(self, submission: Submission) -> bool:
        """Whether graded notebook and feedback page of a submission are there, and whole."""
        names = submission.student, submission.assignment
        graded, page = (
            folder_of(self.api, step).joinpath(*names, submission.assignment + suffix)
            for step, suffix in (("autograded", ".ipynb"), ("feedback", ".html"))
        )
        return read_graded(graded) is not None and is_whole_page(page)

    def _expected_seconds(self, submission: Submission, done: dict) -> float:
        """How long a submission should take: as before, as told, or as others of the assignment took."""
        own = done.get((submission.student, submission.assignment))
        named = self.expected.get((submission.student, submission.assignment))
        if named or (own and own.seconds):
            return own.seconds if own and own.seconds else named
        others = [
            entry.seconds for entry in done.values() if entry.assignment == submission.assignment and entry.seconds
        ]
        return statistics.median(others) if others else _GUESS

    def _register(self, assignments: list[str]) -> dict[str, set[str] | str]:
        """Write the assignments into the gradebook as solutions/ has them now, where that has changed.

        Returns for each the ids of its graded cells, or a line that says why it cannot be graded.
        """
        with self.api.gradebook as gradebook:
            known = journal.registered(gradebook)
        cells: dict[str, set[str] | str] = {}
        for assignment in assignments:
            source = solution_digest(self.course, assignment)
            if known.get(assignment) != source or not self._cells(assignment):
                failure = self._generate(assignment)
                if failure:
                    if _OTHER_CELLS in failure:
                        failure = (
                            "cells were added to its solution, or taken from it, after submissions came in; "
                            f"`autoencoder-course migrate {assignment}` takes the gradebook along, and keeps all other scores"
                        )
                    cells[assignment] = f"{assignment} cannot be graded: {failure}"
                    continue
                with self.api.gradebook as gradebook:
                    journal.register(gradebook.db, assignment, source)
                    gradebook.db.commit()
            cells[assignment] = self._cells(assignment)
        return cells

    def _generate(self, assignment: str) -> str:
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self.course) as scratch:  # noqa: TID251
            releasing = open_api(self.course, CourseDirectory={"release_directory": scratch})
            result = call(releasing.generate_assignment, assignment)
        write_log(self.log, f"generate_assignment {assignment}", result)
        return "" if result["success"] else reason(result)

    def _cells(self, assignment: str) -> set[str]:
        """The graded cells of a registered assignment; none if it is not registered."""
        from nbgrader.api import MissingEntry

        with self.api.gradebook as gradebook:
            try:
                return {cell.name for cell in gradebook.find_notebook(assignment, assignment).grade_cells}
            except MissingEntry:
                return set()

    def _problem(self, line: str) -> None:
        line = _one_line(line)
        if line not in self.report.problems:
            self.report.problems.append(line)
            self.console.print(f"✗ {line}", soft_wrap=True, markup=False)


def _line(submission: Submission, graded: Graded) -> str:
    """One line about a graded submission: its status, and what a person should know."""
    sign = "✓" if graded.status == "graded" else "◐"
    return _one_line(f"{sign} {submission} {graded.status}" + "".join(f"; {note}" for note in graded.notes))


def _one_line(text: str) -> str:
    """The text without what a terminal stumbles over; a name of a file may hold anything."""
    return harmless_text(text).replace("\n", " ")
