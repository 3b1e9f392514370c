"""What lies in submitted/: which submissions can be graded, and one line for each that cannot."""

import contextlib
import hashlib
import itertools
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import autoencoder_grader
import autoencoder_helpers
import nbformat
from autoencoder_grader.kernels.workplace import DEEPEST
from autoencoder_grader.nbgrader_steps.handed_in import problem_with_stamp
from autoencoder_grader.nbgrader_steps.recognition import (
    MOST_BRACKETS,
    Chapters,
    cells_in,
    names_in,
    without_outputs,
)
from autoencoder_helpers.errors import CourseError
from nbgrader.utils import find_all_files

#: The rules and all they use; when they change, a grade may.
HELPERS = Path(autoencoder_helpers.__file__).parent
#: What runs and scores submissions; when it changes, a grade may, too.
GRADER = Path(autoencoder_grader.__file__).parent
_DECIDES = (
    "nbgrader_steps/repair.py",
    "nbgrader_steps/execution.py",
    "nbgrader_steps/needed_cells.py",
    "nbgrader_steps/scores.py",
    "scoring/*.py",
    "kernels/*.py",
    "engine/worker.py",
)
#: Settings that change no score, only what is done with it: with another one nothing need run again.
_AFTERWARDS = re.compile(rb"^c\.(LatePointsPerDay|MoodleExport|CanvasExport|Exchange)\..*\n?", re.MULTILINE)


#: What a submission may be, at most: bytes of its notebook, cells, files and folders, bytes of them all.
MOST_NOTEBOOK, MOST_CELLS, MOST_FILES, MOST_IN_ALL = 100 << 20, 2_000, 5_000, 1 << 30
#: Parts of a notebook, as its cells are and what is told of them, beside its texts and outputs: an honest one has a thousand.
MOST_PARTS = 30_000
_MOST_NAMED = 5  # other notebooks, in a line about one


@dataclass(frozen=True)
class Submission:
    """One student's folder for one assignment."""

    student: str
    assignment: str
    folder: Path

    @property
    def notebook(self) -> Path:
        """The notebook that is graded."""
        return self.folder / f"{self.assignment}.ipynb"

    def __str__(self) -> str:
        return f"{self.student}/{self.assignment}"


def find_submissions(
    submitted: Path, existing: Iterable[str], assignments: Iterable[str] = (), students: Iterable[str] = ()
) -> tuple[list[Submission], list[str]]:
    """Return the submissions to grade, in order of assignment and student, and a line for each problem met.

    submitted: the folder with submitted/<student>/<assignment>/<assignment>.ipynb.
    existing: the course's assignments.
    assignments, students: those wanted; all if empty.
    Raises CourseError when there is nothing at all.
    """
    existing, assignments, students = list(existing), list(assignments), list(students)
    found, problems = [], []
    for name in assignments:
        if name not in existing:
            problems.append(f"no assignment is named {name!r}; there are: {', '.join(existing)}")
    layout = "a submission is submitted/<student>/<assignment>/<assignment>.ipynb"
    for student in _visible(submitted):
        if students and student.name not in students:
            continue
        if not student.is_dir():
            problems.append(f"{student}: a file where a student's folder is expected; {layout}")
            continue
        for folder in _visible(student):
            if assignments and folder.name not in assignments and folder.name in existing:
                continue
            if not folder.is_dir():
                problems.append(f"{folder}: a file where an assignment's folder is expected; {layout}")
            elif folder.name not in existing:
                problems.append(f"{folder}: no assignment has this name; rename it to one of: {', '.join(existing)}")
            else:
                found.append(Submission(student.name, folder.name, folder))
    handed_in = {submission.student for submission in found}
    problems += [f"{submitted / name}: no submission of this student" for name in students if name not in handed_in]
    if not found and not problems:
        wanted = f" of {', '.join(assignments)}" if assignments else ""
        raise CourseError(f"{submitted}: no submissions{wanted}; {layout}")
    return sorted(found, key=lambda submission: (submission.assignment, submission.student)), problems


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


def problem_with(submission: Submission, grade_ids: set[str], chapters: Chapters | None = None) -> str | None:
    """Return why a submission cannot be graded, in one line that names the file and what to do; None if it
    can.

    grade_ids: the graded cells of the assignment. chapters: those of the course; with them a notebook that nobody worked
    in, beside one that somebody did, is a problem.
    """
    notebook = submission.notebook
    if notebook.is_symlink() or submission.folder.is_symlink() or submission.folder.parent.is_symlink():
        return f"{notebook} is a link, not a file: ask {submission.student} to hand in the notebook itself"
    odd = _odd_entry(submission.folder)
    if odd:
        return f"{odd}: remove it, or ask {submission.student} to hand in again"
    if notebook.is_dir():
        return f"{notebook} is a folder, not a notebook: ask {submission.student} to hand in the file itself"
    if not notebook.is_file():
        others = _other_notebooks(submission.folder)
        if others:
            found = ", ".join(others[:_MOST_NAMED])
            return f"{notebook} is missing, but there is {found}: rename the right one to {notebook.name}"
        return f"{notebook} is missing: ask {submission.student} to hand it in"
    no_time = problem_with_stamp(submission.folder)
    if no_time:
        return no_time
    try:
        if notebook.stat().st_size > MOST_NOTEBOOK:
            return (
                f"{notebook} is larger than {MOST_NOTEBOOK >> 20} MB: ask {submission.student} to clear its outputs "
                "and hand it in again"
            )
        data = notebook.read_bytes()
        if data.count(b"{") + data.count(b"[") > MOST_BRACKETS:
            return f"{notebook} has far too many parts: ask {submission.student} to hand it in without outputs"
        data = without_outputs(data)
        too_much = _too_much_in(data)
        if too_much:
            return f"{notebook} has {too_much}: ask {submission.student} to hand in the course's notebook"
        cells = nbformat.reads(data.decode("utf-8"), as_version=4).cells
        ids = names_in(cells)  # lost marks are put back
    except Exception as error:  # noqa: BLE001 - nbformat raises many kinds for a damaged file
        what = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        return f"{notebook} is not a readable notebook ({what}): ask {submission.student} to hand it in again"
    if grade_ids and not ids & grade_ids:
        return f"{notebook} holds none of the checks of {submission.assignment}: is it another chapter's notebook?"
    worked = _worked_beside(submission, cells, chapters) if chapters else []
    if worked:
        return (
            f"{notebook} is as it was released, but beside it {', '.join(worked)} is not: rename the one that counts "
            f"to {notebook.name}, or remove the others; nothing is graded until then"
        )
    return None


def _worked_beside(submission: Submission, cells: list, chapters: Chapters) -> list[str]:
    """Notebooks of the same chapter in which something was done, beside one in which nothing was."""
    chapter = submission.assignment
    others = [name for name in _other_notebooks(submission.folder) if name != submission.notebook.name]
    if not others or chapter not in chapters.names or not chapters.is_untouched(chapter, cells):
        return []
    worked, left = [], MOST_NOTEBOOK
    for name in others:
        path = submission.folder / name
        left -= path.stat().st_size
        if left < 0:  # more than is read of all together: a person looks
            return [*worked, name]
        with contextlib.suppress(ValueError, OSError):
            its = cells_in(path.read_bytes())
            if names_in(its) & chapters.graded(chapter) and not chapters.is_untouched(chapter, its):
                worked.append(name)
        if len(worked) == _MOST_NAMED:
            break
    return worked


def _too_much_in(data: bytes) -> str:
    """What a notebook's file without outputs has too much of; "" if nothing. nbformat needs a thousand times as long for
    each part as it takes to count it.
    """
    content = json.loads(data)
    places = [content, *(content.get("worksheets") or [])] if isinstance(content, dict) else []
    count = sum(len(place.get("cells") or []) for place in places if isinstance(place, dict))
    if count > MOST_CELLS:
        return f"{count:,} cells, more than {MOST_CELLS:,}"
    waiting, seen = [content] * _is_part(content), 0
    while waiting and seen <= MOST_PARTS:
        part = waiting.pop()
        seen += len(part)
        for name, inner in part.items() if isinstance(part, dict) else enumerate(part):
            if _is_part(inner) and not (name in ("source", "input") and all(isinstance(line, str) for line in inner)):
                waiting.append(inner)
    return f"more than {MOST_PARTS:,} parts beside its texts and outputs" if seen > MOST_PARTS else ""


def _is_part(value) -> bool:
    return isinstance(value, (dict, list))


def _other_notebooks(folder: Path) -> list[str]:
    """The notebooks in a folder and below it, by their path in it; not those that Jupyter keeps for itself.

    Also those behind whose ending a browser or a platform has put another, or whose ending has capitals.
    """
    found = [path.relative_to(folder) for path in folder.rglob("*") if ".ipynb" in path.name.lower() and path.is_file()]
    return sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))


def _odd_entry(folder: Path) -> str | None:
    """What lies below a folder and is neither a plain file nor a usual folder, and why not; None if all is well.

    Nor may there be more than a submission needs: all of it is read, and travels.
    """
    folders, count, size = [(folder, 0)], 0, 0
    while folders:
        top, depth = folders.pop()
        try:
            paths = sorted(itertools.islice(top.iterdir(), MOST_FILES + 1))
        except PermissionError:
            return f"{top} cannot be read"
        if depth > DEEPEST:
            return f"{top} lies too deep, in more than {DEEPEST} folders"
        for path in paths:
            mode = path.lstat().st_mode
            count, size = count + 1, size + path.lstat().st_size
            if count > MOST_FILES or size > MOST_IN_ALL:
                most = f"{MOST_FILES:,} files" if count > MOST_FILES else f"{MOST_IN_ALL >> 20} MB"
                return f"{folder} holds more than {most}, which no submission needs"
            if stat.S_ISDIR(mode):
                folders.append((path, depth + 1))
            elif not stat.S_ISREG(mode):
                return f"{path} is a link or a device, which no submission needs"
    return None


def solution_digest(course: Path, assignment: str) -> str:
    """A hash of what an assignment is released from: its solution and the course's settings."""
    digest = hashlib.sha256(_settings(course))
    for path in sorted((course / "solutions" / assignment).glob("*.ipynb")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Fingerprints:
    """Hashes of all that a grade depends on: submission, solution, checks and settings.

    What all submissions of an assignment share is read once: what is changed during a run counts for the next one.
    """

    def __init__(self, course: Path, ignore: Iterable[str] = ()):
        self._course, self._ignore = course, list(ignore)
        self._shared: dict = {}  # by assignment

    def of(self, submission: Submission) -> str:
        """The fingerprint of a submission."""
        digest = self._of_all(submission.assignment).copy()
        _digest_files(digest, submission.folder, find_all_files(str(submission.folder), self._ignore))
        return digest.hexdigest()

    def _of_all(self, assignment: str):
        if assignment not in self._shared:
            digest = self._shared[assignment] = hashlib.sha256(_settings(self._course))
            solutions = (self._course / "solutions" / assignment).glob("*.ipynb")
            _digest_files(digest, self._course, solutions)
            code = [path for path in HELPERS.rglob("*") if path.suffix in {".py", ".toml"}]
            _digest_files(digest, HELPERS, code)
            _digest_files(digest, GRADER, [path for pattern in _DECIDES for path in GRADER.glob(pattern)])
        return self._shared[assignment]


def _digest_files(digest, top: Path, files: Iterable[Path | str]) -> None:
    """Add names, sizes and contents of files below `top` to a hash."""
    for path in sorted(Path(name) for name in files):
        # A name need not be text: archives of other systems bring bytes that are none here.
        digest.update(b"%s %d\n" % (os.fsencode(path.relative_to(top).as_posix()), path.stat().st_size))
        with contextlib.suppress(PermissionError), path.open("rb") as file:  # nbgrader says what it cannot read
            digest.update(hashlib.file_digest(file, "sha256").digest())


def _settings(course: Path) -> bytes:
    """The text of the settings that a score can depend on."""
    return _AFTERWARDS.sub(b"", (course / "nbgrader_config.py").read_bytes())
