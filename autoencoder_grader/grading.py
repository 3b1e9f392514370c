"""Grades what lies in submitted/, one submission after another, through nbgrader's own API."""

import filecmp
import functools
import io
import itertools
import json
import os
import shutil
import statistics
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbgrader.api import MissingEntry
from rich.console import Console

from autoencoder_grader import sandbox
from autoencoder_grader.companions import WEIGHTS
from autoencoder_grader.export import export_grades
from autoencoder_grader.harmless import harmless_text
from autoencoder_grader.late import refresh_penalties
from autoencoder_grader.nbgrader_api import folder_of, open_api, reason, write_log
from autoencoder_grader.progress import GradingProgress
from autoencoder_grader.release import chapters_of
from autoencoder_grader.results import read_outcome
from autoencoder_grader.submissions import Submission, find_submissions, fingerprint, problem_with
from autoencoder_grader.workplace import MOST_BYTES
from autoencoder_helpers.evidence.messages import read_file

#: Beside the course's folders: what was graded from what, and nbgrader's log.
RECORDS = ".grading"
_GUESS = 60.0  # seconds, for an assignment that was never graded here
_MOST_FILES = 100  # of weights that are looked at to say how far a training is
_HEADER_BYTES = 128  # of an .npy file that holds a list of numbers


@dataclass
class GradingReport:
    """What a run of `grade` did.

    problems: one line for each thing that could not be graded. notes: one line for each thing that a person should
    know of what was graded: a test cell put back, a limit that was met.
    """

    graded: list[Submission] = field(default_factory=list)
    unchanged: list[Submission] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    grades: Path | None = None
    feedback: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 when everything was graded, else 1."""
        return 1 if self.problems else 0


def grade(
    course: Path,
    assignments: Iterable[str] = (),
    students: Iterable[str] = (),
    *,
    console: Console | None = None,
    expected: dict[tuple[str, str], float] | None = None,
    keep_weights: bool = False,
    after: Callable[[Submission], None] | None = None,
    trusted: bool = False,
    settings: dict | None = None,
) -> GradingReport:
    """Grade the submissions of a course and write feedback pages and grades.csv.

    course: the folder with nbgrader_config.py, solutions/ and
        submitted/<student>/<assignment>/<assignment>.ipynb.
    assignments, students: those wanted; all by default.
    console: where progress shows.
    expected: seconds that a (student, assignment) should take, where it was not graded before; for the time
        left.
    keep_weights: put the weights that grading trained beside the notebook that was handed in, so that
        grading it again needs no training. This changes submitted/.
    after: called with each submission when it is graded.
    trusted: run the submissions without a sandbox where there is none.
    settings: further settings of SealedExecute.

    A submission that was graded to the end and has not changed since (nor its solution, nor the checks) is
    left alone; one whose grading was interrupted is graded again. What cannot be graded becomes a line in the
    report, and everything else is graded all the same. nbgrader's log goes to .grading/nbgrader.log in the
    course folder.
    Raises CourseError when there are no submissions at all, and where there is no sandbox for strangers' code.
    """
    sandbox.require(trusted)
    console = console or Console()
    showing: list[GradingProgress] = []
    home: list[Path] = []  # where the submission that is being graded runs
    # A plain function: traitlets copies a bound method together with its object.
    api = open_api(
        course,
        SealedExecute={
            "on_cell_start": lambda cell, cell_index: showing[0].cell(cell_index, cell.get("id", "")),
            "on_workplace": lambda folder: home.append(folder),
            "trust_submissions": trusted,
            **(settings or {}),
        },
    )
    log = course / RECORDS / "nbgrader.log"
    found, problems = find_submissions(
        folder_of(api, "submitted"), chapters_of(course), assignments, students
    )
    report = GradingReport(problems=[_one_line(line) for line in problems])
    for line in report.problems:
        _show_problem(console, line)

    registered = _register(api, course, sorted({submission.assignment for submission in found}), log)
    todo = []
    for submission in found:
        grade_ids = registered[submission.assignment]
        line = grade_ids if isinstance(grade_ids, str) else problem_with(submission, grade_ids)
        if line:
            line = _one_line(line)
            if line not in report.problems:
                report.problems.append(line)
                _show_problem(console, line)
            continue
        handed_in = fingerprint(submission, course, api.coursedir.ignore)
        if _read_record(course, submission).get("fingerprint") == handed_in and _is_graded(api, submission):
            report.unchanged.append(submission)
        else:
            todo.append(submission)

    seconds = [
        (str(submission), _expected_seconds(course, submission, expected or {})) for submission in todo
    ]
    with GradingProgress(seconds, console) as progress:
        showing.append(progress)
        for index, submission in enumerate(todo):
            weights = folder_of(api, "autograded") / submission.student / submission.assignment / WEIGHTS
            home.clear()
            cells = len(nbformat.read(submission.notebook, as_version=4).cells)
            progress.start(index, cells, functools.partial(_training_of, home))
            handed_in = fingerprint(submission, course, api.coursedir.ignore)
            failure = _grade_one(api, submission, log)
            if failure:
                failure = _one_line(failure)
                report.problems.append(failure)
                progress.finish(f"✗ {failure}")
                continue
            if keep_weights and copy_weights(weights, submission.folder / WEIGHTS):
                handed_in = fingerprint(submission, course, api.coursedir.ignore)
            told = read_outcome(api, submission)
            for note in told["notes"]:
                report.notes.append(f"{submission}: {note}")
            took = progress.finish(_line(submission, told))
            _write_record(course, submission, {"fingerprint": handed_in, "seconds": round(took, 1)})
            report.graded.append(submission)
            if after:
                after(submission)
    if report.unchanged:
        console.print(f"✓ {len(report.unchanged)} graded before and unchanged", soft_wrap=True)
    if report.graded or report.unchanged:
        changed, problems = refresh_penalties(api, log)
        if changed:
            console.print(f"✓ {len(changed)} with other points for lateness than before", soft_wrap=True)
        for line in problems:
            report.problems.append(_one_line(line))
            _show_problem(console, _one_line(line))
        report.feedback = folder_of(api, "feedback")
        report.grades, _ = export_grades(api, course / "grades.csv")
    return report


def _line(submission: Submission, told: dict) -> str:
    """One line about a graded submission: its status, and what a person should know."""
    sign = "✓" if told["status"] == "graded" else "◐"
    return f"{sign} {submission} {told['status']}" + "".join(f"; {note}" for note in told["notes"])


def _grade_one(api, submission: Submission, log: Path) -> str | None:
    """Grade one submission and write its feedback page; return a line that says why not, or None."""
    for step in (api.autograde, api.generate_feedback):
        for _ in range(2):  # a scoring process that failed is nobody's wrong answer: once more, with a new one
            result = step(submission.assignment, submission.student, force=True)
            write_log(log, f"{step.__name__} {submission}", result)
            if "ScoringFailed" not in result.get("log", "") + result.get("error", ""):
                break
        # nbgrader's API catches everything, Ctrl-C too.
        if "KeyboardInterrupt" in result.get("error", ""):
            raise KeyboardInterrupt
        if not result["success"]:
            why = f"{step.__name__}: {reason(result)}"
            return f"{submission.notebook} was not graded ({why}); the whole log: {log}"
    return None


def _training_of(home: list[Path], since: float) -> str:
    """Say how far the training is that has written weights in a home folder since a time; "" if none has."""
    try:
        files = itertools.islice((home[-1] / WEIGHTS).glob("*.npz"), _MOST_FILES)
        newest = max(files, key=lambda path: path.lstat().st_mtime, default=None)
        if newest is None or newest.lstat().st_mtime < since:
            return ""
        # A learner's code may be writing there: no link is followed, no FIFO waited for, nothing unpacked.
        data = read_file(newest, MOST_BYTES)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            epochs = (archive.getinfo("history_loss.npy").file_size - _HEADER_BYTES) // 8
        return f"{harmless_text(newest.stem)}: {max(epochs, 0)} epochs trained"
    except Exception:  # noqa: BLE001 - a file that is just being replaced, or none of ours
        return ""


def copy_weights(source: Path, target: Path) -> bool:
    """Copy the files that differ from one folder of weights to another; say whether there were any."""
    changed = False
    for path in sorted(source.glob("*.npz")):
        copy = target / path.name
        if not copy.is_file() or not filecmp.cmp(path, copy, shallow=False):
            target.mkdir(parents=True, exist_ok=True)
            partial = copy.with_name(copy.name + ".partial")
            # Not copy(): what nbgrader has graded is read-only.
            shutil.copyfile(path, partial)
            os.replace(partial, copy)
            changed = True
    return changed


def _register(api, course: Path, assignments: list[str], log: Path) -> dict[str, set[str] | str]:
    """Write the assignments into the gradebook as solutions/ has them now.

    Returns for each the ids of its graded cells, or a line that says why it cannot be graded.
    """
    registered: dict[str, set[str] | str] = {}
    with tempfile.TemporaryDirectory(prefix=".release-", dir=course) as scratch:
        releasing = open_api(course, CourseDirectory={"release_directory": scratch})
        for assignment in assignments:
            result = releasing.generate_assignment(assignment)
            write_log(log, f"generate_assignment {assignment}", result)
            if result["success"]:
                with api.gradebook as gradebook:
                    notebook = gradebook.find_notebook(assignment, assignment)
                    registered[assignment] = {cell.name for cell in notebook.grade_cells}
            else:
                registered[assignment] = f"{assignment} cannot be graded: {reason(result)}"
    return registered


def _is_graded(api, submission: Submission) -> bool:
    """Say whether notebook, feedback page and gradebook entry of a submission are all there."""
    names = submission.student, submission.assignment
    pages = [
        folder_of(api, step).joinpath(*names, submission.assignment + suffix)
        for step, suffix in (("autograded", ".ipynb"), ("feedback", ".html"))
    ]
    try:
        with api.gradebook as gradebook:
            gradebook.find_submission(submission.assignment, submission.student)
    except MissingEntry:
        return False
    return all(page.is_file() for page in pages)


def _record_file(course: Path, submission: Submission) -> Path:
    return course / RECORDS / submission.assignment / f"{submission.student}.json"


def _read_record(course: Path, submission: Submission) -> dict:
    try:
        return json.loads(_record_file(course, submission).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _write_record(course: Path, submission: Submission, record: dict) -> None:
    path = _record_file(course, submission)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record), encoding="utf-8")
    os.replace(partial, path)


def _expected_seconds(course: Path, submission: Submission, expected: dict) -> float:
    """Return how long a submission should take: as before, as told, or as others of the assignment took."""
    own = _read_record(course, submission).get("seconds")
    named = expected.get((submission.student, submission.assignment))
    if own or named:
        return own or named
    records = (course / RECORDS / submission.assignment).glob("*.json")
    others = [json.loads(path.read_text(encoding="utf-8")).get("seconds", _GUESS) for path in records]
    return statistics.median(others) if others else _GUESS


def _one_line(text: str) -> str:
    """The text without what a terminal stumbles over; a name of a file may hold anything."""
    return harmless_text(text).replace("\n", " ")


def _show_problem(console: Console, line: str) -> None:
    console.print(f"✗ {line}", soft_wrap=True, markup=False)
