"""When a submission was handed in, and who says so.

nbgrader reads the time from `timestamp.txt` among the submitted files, which is the student's own: whatever stands in it
is believed. Where nbgrader's exchange, or a table that the instructor has from the platform, says when, that counts.
"""

from __future__ import annotations

import csv
import datetime
import filecmp
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from autoencoder_grader.kernels.workplace import plain_files
from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of
from autoencoder_grader.nbgrader_steps.same_names import folded
from autoencoder_helpers.errors import CourseError
from dateutil import tz
from nbgrader.exchange.default import Exchange
from nbgrader.utils import parse_utc
from traitlets import Enum, TraitError
from traitlets.config import Configurable

STAMP = "timestamp.txt"  # where nbgrader looks for the time of a submission
TABLE = "handed_in.csv"  # in the course folder, if the instructor has made it
_COLUMNS = ("student_id", "assignment", "handed_in")
RECORDED_FIRST, RECORDED_ONLY, OWN_FILE = "recorded first", "recorded only", "timestamp.txt"
# A folder of the exchange is written when its name says so; one that was written later has another name than it ought.
_MOST_SECONDS_APART = 600
_LONGEST_STAMP = 1000  # bytes: it is read whole
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(?P<zone>Z|[+-]\d\d:?\d\d| (?P<name>[A-Za-z]+(/[\w+-]+)*))?", re.ASCII
)


class NoTime(ValueError):
    """A text that says no time, or one of which it cannot be told which it is; the message is the reason."""


class TimeOfSubmission(Configurable):
    """Whom lateness is reckoned by."""

    source = Enum(
        (RECORDED_FIRST, RECORDED_ONLY, OWN_FILE),
        RECORDED_FIRST,
        help="What counts as the time of a submission. 'recorded first': what nbgrader's exchange or handed_in.csv says, "
        "else the student's own timestamp.txt. 'recorded only': without a record nobody is late. 'timestamp.txt': that "
        "file alone, as nbgrader does it.",
    ).tag(config=True)


@dataclass(frozen=True)
class HandedIn:
    """when: in UTC without a time zone, as nbgrader keeps times, or None. own_word: whether the student alone says so."""

    when: datetime.datetime | None
    own_word: bool = False


def read_time(text: str) -> datetime.datetime:
    """The time that a text says, in UTC and without a time zone; one without a zone is UTC, as nbgrader takes it.

    Raises NoTime for what could be another time as well, or what nbgrader would take for another one.
    """
    text = text.strip()
    found = _TIME.fullmatch(text)
    if not found:
        raise NoTime(f"{_shown(text)} is not written as 2026-05-01 18:00:00 UTC or 2026-05-01 18:00:00+02:00")
    zone, name = found["zone"] or "", found["name"]
    try:
        local = datetime.datetime.fromisoformat(text.removesuffix(zone).replace(" ", "T"))
        if not name:
            own = parse_utc(local.isoformat() + zone.replace("Z", "+00:00"))
        else:
            own = _in_zone(local, name)
        theirs = parse_utc(text)
    except (ValueError, OverflowError) as error:
        raise error if isinstance(error, NoTime) else NoTime(f"{_shown(text)} is no time ({error})") from None
    if own != theirs:
        raise NoTime(f"nbgrader would take {_shown(text)} for {theirs} UTC: write it in UTC")
    return own


def _in_zone(local, name):
    if name in ("UTC", "GMT"):
        return local
    zone = tz.gettz(name) if "/" in name else None
    if zone is None:
        raise NoTime(f"{name} is no time zone that is the same everywhere: write UTC, or a name such as Europe/Berlin")
    if tz.datetime_ambiguous(local, zone) or not tz.datetime_exists(local, zone):
        raise NoTime(
            f"{local:%Y-%m-%d %H:%M} comes twice or not at all in {name}, when clocks are changed: write it in UTC"
        )
    return local.replace(tzinfo=zone).astimezone(tz.UTC).replace(tzinfo=None)


def _shown(text) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def problem_with_stamp(folder: Path) -> str | None:
    """Why the timestamp.txt of a submission says no time, in one line that says what to do; None if all is well."""
    try:
        _own_word(folder)
    except NoTime as reason:
        return f"{folder / STAMP} holds no time of submission: {reason}. Correct it, or remove it"
    return None


def _own_word(folder: Path) -> datetime.datetime | None:
    """What the student's own file says; None if there is none or it is empty. Raises NoTime."""
    stamp = folder / STAMP
    if not stamp.is_file():
        return None
    try:
        if stamp.stat().st_size > _LONGEST_STAMP:
            raise NoTime("it is longer than any time")
        text = stamp.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoTime(f"it cannot be read ({type(error).__name__})") from None
    return read_time(text) if text else None


class Times:
    """When each submission of a course was handed in.

    api: from open_api. Raises CourseError for a wrong setting or a damaged table.
    """

    def __init__(self, api):
        try:
            self.source = TimeOfSubmission(parent=api).source
        except TraitError as error:
            raise CourseError(f"nbgrader_config.py, time of submission: {error}") from error
        self._submitted = folder_of(api, "submitted")
        self._table = {} if self.source == OWN_FILE else _read_table(Path(api.coursedir.root) / TABLE)
        self._inbound = {} if self.source == OWN_FILE else _inbound(api)

    def of(self, student: str, assignment: str) -> HandedIn | None:
        """When a student handed an assignment in; None if nothing says so, and the gradebook may keep what it has."""
        folder = self._submitted / student / assignment
        recorded = self._table.get((student, assignment)) or self._collected(folder, student, assignment)
        if recorded:
            return HandedIn(recorded)
        if self.source == RECORDED_ONLY:
            return HandedIn(None) if folder.is_dir() else None
        try:
            own = _own_word(folder)
        except NoTime:  # and not graded because of that
            own = None
        return HandedIn(own, own_word=self.source == RECORDED_FIRST) if own else None

    def in_vain(self, students: Iterable[str], assignments: Iterable[str]) -> list[str]:
        """A line for each name in the table that is none here, so that its rows count for nobody.

        A student who has not handed in, and is nobody else but for the form of the name, is no such name.
        """
        students, assignments = set(students), set(assignments)
        by_form = {folded(student): student for student in sorted(students)}
        lines = []
        for name in sorted({assignment for _, assignment in self._table} - assignments):
            lines.append(f"{TABLE}: no assignment is named {_shown(name)}; its rows count for nobody")
        for name in sorted({student for student, _ in self._table} - students):
            meant = by_form.get(folded(name))
            if meant:
                lines.append(
                    f"{TABLE}: {_shown(name)} is no student, {meant!r} is; correct it, or its rows count for nobody"
                )
        return lines

    def _collected(self, folder, student, assignment) -> datetime.datetime | None:
        """When the exchange first got what lies in a folder of submitted/, every file of it."""
        candidates = self._inbound.get((student, assignment), ())
        return min((when for path, when in candidates if _holds_the_same(path, folder)), default=None)


def _holds_the_same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, the time of submission left aside."""
    try:
        files = [{path.relative_to(top): path for path in plain_files(top)} for top in (one, other)]
        names = [set(found) - {Path(STAMP)} for found in files]
        return names[0] == names[1] != set() and all(
            filecmp.cmp(files[0][name], files[1][name], shallow=False) for name in names[0]
        )
    except OSError:
        return False


def _inbound(api) -> Mapping[tuple[str, str], list[tuple[Path, datetime.datetime]]]:
    """What was handed in through nbgrader's exchange: folders and times by (student, assignment).

    The folder's name says when; a name is the student's own word again where the folder was written at another time.
    """
    # Not of an object of it: that would complain where this machine has no exchange.
    root = api.config.Exchange.get("root", Exchange.root.default_value)
    inbound = Path(root, api.coursedir.course_id, "inbound")
    found: dict = {}
    try:
        folders = sorted(path for path in inbound.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:  # there is no exchange, or it is not on this machine
        return found
    for folder in folders:
        student, assignment, stamp, *_ = [*folder.name.split("+"), "", "", ""]
        try:
            when, written = read_time(stamp), folder.stat().st_ctime
        except (NoTime, OSError):
            continue
        if abs(written - when.replace(tzinfo=datetime.UTC).timestamp()) <= _MOST_SECONDS_APART:
            found.setdefault((student, assignment), []).append((folder, when))
    return found


def _read_table(path: Path) -> dict[tuple[str, str], datetime.datetime]:
    """The times in handed_in.csv, by (student, assignment)."""
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} cannot be read ({error}); correct it, or remove it") from error
    found = {}
    for number, row in enumerate(rows, start=2):
        if not all(isinstance(row.get(column), str) for column in _COLUMNS):
            raise CourseError(f"{path}, line {number}: it needs the columns {', '.join(_COLUMNS)}")
        try:
            found[row["student_id"], row["assignment"]] = read_time(row["handed_in"])
        except NoTime as reason:
            raise CourseError(f"{path}, line {number}: {reason}") from None
    return found


def own_word_lines(places: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each assignment of which students alone say when it was handed in. places: (student, assignment)."""
    students: dict[str, list[str]] = {}
    for student, assignment in places:
        students.setdefault(assignment, []).append(student)
    lines = []
    for assignment, names in sorted(students.items()):
        some = ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        lines.append(
            f"{assignment}: when it was handed in is said by the student's own {STAMP} alone, of {some}; "
            f"{TABLE} in the course folder may say it better, and TimeOfSubmission.source in nbgrader_config.py what counts"
        )
    return lines
