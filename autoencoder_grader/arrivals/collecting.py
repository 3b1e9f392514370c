"""Collects downloads of a platform into submitted/: finds student and chapter, chooses, puts, and says all of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from autoencoder_grader.arrivals.choosing import Parcel, parcels_of
from autoencoder_grader.arrivals.downloads import sort_downloads
from autoencoder_grader.arrivals.putting import ADDS, NEW, OTHER, Deed, decide, put
from autoencoder_grader.arrivals.senders import Roster
from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of, has_gradebook, open_api
from autoencoder_grader.nbgrader_steps.recognition import Chapters
from autoencoder_grader.nbgrader_steps.same_names import folded
from autoencoder_helpers.errors import CourseError
from filelock import FileLock, Timeout
from sqlalchemy.exc import DatabaseError

_MOST_LINES = 6  # about one student's files
_SCRATCH = ".collecting"  # in submitted/, so on the same disk; `grade` looks at no hidden folder


@dataclass(frozen=True)
class Row:
    """What becomes of one student's chapter: what it is, for people, and where it comes from."""

    student: str
    chapter: str
    what: str
    where: str


@dataclass
class Collected:
    """What a run of `collect` did, or would do.

    problems: a line for each thing that could not be placed. faults: for each that the machine kept from it. notes: what
    a person should know. aside: other versions of notebooks, which were not taken. left_out: what was left out on purpose.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    new: int = 0
    there: int = 0

    @property
    def exit_code(self) -> int:
        """0: all is in its place. 1: something has none, and a line says why. 3: the machine failed."""
        return 3 if self.faults else 1 if self.problems else 0


def collect(
    course: Path,
    downloads: Iterable[Path],
    who: Mapping[str, str] | None = None,
    *,
    dry_run: bool = False,
    show: Callable[[int, int, str], None] = lambda done, number, student: None,
) -> Collected:
    """Put what lies in downloads into submitted/<student>/<chapter>/.

    who: what the instructor said about senders: the name in the download -> the student's id.
    dry_run: change nothing. show: told how far it is.
    What is in its place already stays as it is, and nothing is ever written over: the same command twice does nothing more.
    Raises CourseError where nothing can be collected at all.
    """
    records = course / ".grading"
    api = open_api(course)
    submitted = folder_of(api, "submitted")
    for student in (who or {}).values():
        if not student or student != os.path.basename(student) or student.startswith("."):
            raise CourseError(f"{student!r} is no student's id: no folder can have this name")
    with ExitStack() as stack:
        if not dry_run:
            try:
                records.mkdir(parents=True, exist_ok=True)
                stack.enter_context(FileLock(records / "collect.lock", timeout=0))
            except Timeout:
                raise CourseError(f"another `collect` is at work in {course}; wait for it, or stop it") from None
            except OSError as error:
                raise CourseError(f"{records} cannot be written to ({error.strerror})") from error
            stack.callback(shutil.rmtree, submitted / _SCRATCH, ignore_errors=True)
        roster = Roster(_people(api), _folders(submitted), who)
        found = sort_downloads(downloads, roster, stack)
        result = Collected(problems=found.problems)
        chapters = Chapters(course)
        if not chapters.names:
            raise CourseError(
                f"no chapters in {course / 'solutions'}: each is a folder with a notebook of the same name"
            )
        for done, (student, sent) in enumerate(sorted(found.by_student.items())):
            show(done, len(found.by_student), student)
            rivals = [name for name in roster.folders if name != student and folded(name) == folded(student)]
            if rivals:
                result.problems.append(
                    f"{submitted / rivals[0]}: the same name as {student} but for case, blanks or the form of its letters; "
                    f"rename the folder to {student}, and collect again"
                )
                continue
            parcels, problems, left_out = parcels_of(student, sent, chapters)
            result.problems += _few(problems, student)
            result.left_out += left_out
            for parcel in parcels:
                _place(parcel, submitted, submitted / _SCRATCH, dry_run, result)
        result.notes += sorted(found.by_id)
        if found.strangers:
            result.notes.append(
                f"not on the roster, so under the name in the download: {', '.join(sorted(found.strangers))}; "
                "--who 'NAME=STUDENT' says who it is"
            )
        if not found.by_student and not result.problems:
            raise CourseError("nothing to collect: no file of a student in what was named")
    for lines in (result.problems, result.faults, result.notes, result.aside, result.left_out):
        lines[:] = [harmless_text(line).replace("\n", " ") for line in lines]
    return result


def _place(parcel: Parcel, submitted: Path, scratch: Path, dry_run: bool, result: Collected) -> None:
    deed = decide(parcel, submitted)
    label = f"{parcel.student}/{parcel.chapter}"
    if deed.what == OTHER:
        result.problems.append(
            f"{parcel.where}: {deed.target} holds another version, which stays; to take this one, move that folder out "
            "of submitted/ and collect again"
        )
    elif deed.what in (NEW, ADDS):
        if not dry_run:
            try:
                scratch.mkdir(parents=True, exist_ok=True)
                put(parcel, deed, scratch)
            except OSError as error:
                result.faults.append(
                    f"{label}: cannot be written to {deed.target} ({error.strerror or error}); nothing is lost, the "
                    "same command goes on"
                )
                return
        result.new += 1
    else:
        result.there += 1
    if parcel.set_aside and deed.what != OTHER:
        result.aside.append(f"{label}: {parcel.where} is taken, not {', '.join(parcel.set_aside)}")
    if parcel.late:
        result.notes.append(f"{label}: marked as late by Canvas; handed_in.csv can say when it came")
    for path in deed.differs:
        result.notes.append(f"{label}: {path} is there with other content, and stays")
    result.rows.append(Row(parcel.student, parcel.chapter, _what(parcel, deed), parcel.where))


def _what(parcel: Parcel, deed: Deed) -> str:
    """What is done, in words."""
    if deed.what == NEW:
        weights = sum(path.endswith(".npz") for path in deed.paths)
        others = len(deed.paths) - 1 - weights
        parts = [f"{weights} weights"] * bool(weights) + [f"{others} other files"] * bool(others)
        return " + ".join(["new", *parts])
    return f"adds {', '.join(deed.paths)}" if deed.what == ADDS else deed.what


def _few(lines: list[str], student: str) -> list[str]:
    more = len(lines) - _MOST_LINES
    return (
        lines
        if more <= 1
        else [*lines[:_MOST_LINES], f"{student}: {more} more such lines about files of the same student"]
    )


def _people(api) -> list:
    if not has_gradebook(api):
        return []
    try:
        with api.gradebook as gradebook:
            people = list(gradebook.students)
            gradebook.db.expunge_all()
            return people
    except DatabaseError as error:
        raise CourseError(
            f"the roster in the gradebook cannot be read ({error.orig}); nothing was collected"
        ) from error


def _folders(submitted: Path) -> list[str]:
    if not submitted.is_dir():
        return []
    return [path.name for path in submitted.iterdir() if path.is_dir() and not path.name.startswith(".")]
