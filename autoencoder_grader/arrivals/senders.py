"""Who sent what: from the names that platforms give their files to the students of the roster.

Who somebody is follows from the outermost name alone, which the platform wrote. What lies inside belongs to that
student, whatever it is called: it was packed by the student.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autoencoder_grader.nbgrader_steps.same_names import bare, folded
from autoencoder_helpers.errors import CourseError

#: Moodle: `Ada Lovelace_4711_assignsubmission_file_/x.ipynb`, also without the folder, or without the last line.
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?", re.DOTALL)
#: Canvas: `lovelaceada_LATE_101_456_x.ipynb`, with the numbers of the user and of the file.
_CANVAS = re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)_(?P<file>\d+)_(?P<rest>.+)", re.DOTALL | re.I)


@dataclass(frozen=True)
class Sender:
    """Whoever sent a file, as the download says it.

    name: as it stands there. number: of the platform, "" where it gives none. user: the same, where it is the user's own.
    """

    name: str
    number: str = ""
    user: str = ""

    def __str__(self) -> str:
        return f"{self.name}_{self.number}" if self.number else self.name


@dataclass(frozen=True)
class Address:
    """What an outermost name of a platform says. rest: the student's own name of the file, "" for a folder.

    order: a number that is larger for what was handed in later; -1 where there is none.
    """

    sender: Sender
    rest: str = ""
    order: int = -1
    late: bool = False


def address_of(name: str) -> Address | None:
    """What the name of a file or folder in a platform's download says; None if no platform named it so."""
    found = _MOODLE.fullmatch(name)
    if found:
        return Address(Sender(found["name"].strip(), found["number"]), found["rest"] or "")
    found = _CANVAS.fullmatch(name)
    if found:
        sender = Sender(found["name"], found["number"], found["number"])
        return Address(sender, found["rest"], int(found["file"]), bool(found["late"]))
    return None


class Unclear(CourseError):
    """It cannot be told who somebody is; the text says why, and what to do."""


class Roster:
    """The students of a course: finds who is meant by a name in a download."""

    def __init__(self, people: Iterable, folders: Iterable[str] = (), named: Mapping[str, str] | None = None):
        """people: students with id, first_name, last_name, email and lms_user_id, as nbgrader has them. folders: those in
        submitted/. named: what the instructor said: a sender's name -> the student's id.
        """
        self._named = dict(named or {})
        people = list(people)
        self.known = {person.id for person in people}
        self.folders = set(folders)
        self._users: dict[str, set[str]] = {}
        self._by_name: dict[str, set[str]] = {}
        self._by_letters: dict[str, set[str]] = {}
        self._full_names: dict[str, str] = {}
        self._own_names: dict[str, set[str]] = {}
        for person in people:
            first, last = (person.first_name or "").strip(), (person.last_name or "").strip()
            email = (person.email or "").strip()
            _add(self._users, (person.lms_user_id or "").strip(), person.id)
            self._full_names[person.id] = f"{first} {last}".strip()
            names = [f"{first} {last}", f"{last} {first}", f"{last}, {first}"]
            self._own_names[person.id] = set(map(bare, names))
            for name in (*names, person.id, email, email.partition("@")[0]):
                _add(self._by_name, folded(name), person.id)
                _add(self._by_letters, bare(name), person.id)
        for folder in folders:  # of who is in no roster
            if folder not in self.known:
                _add(self._by_name, folded(folder), folder)

    def find(self, sender: Sender) -> str:
        """The student's id: by what the instructor said, the roster, or the file itself. Raises Unclear."""
        for name in (str(sender), sender.name):
            if name in self._named:
                return self._named[name]
        if not sender.number and sender.name in self.known:
            return sender.name
        if sender.user and sender.user in self._users:
            return self._only(self._users[sender.user], sender)
        for names, key in ((self._by_name, folded(sender.name)), (self._by_letters, bare(sender.name))):
            if key in names:
                return self._only(names[key], sender)
        return _as_folder(sender)

    def other_name(self, sender: Sender, student: str) -> str:
        """The name that the roster has for a student whom `find` knew by an id or an address alone; else "".

        On some platforms people choose the name that stands in a download, and may choose another student's id.
        """
        chosen = bool(sender.number) and not sender.user and not {str(sender), sender.name} & self._named.keys()
        name = self._full_names.get(student, "")
        return name if chosen and name and bare(sender.name) not in self._own_names[student] else ""

    def knows(self, name: str) -> bool:
        """Whether somebody has this name, or one that people take for it."""
        return folded(name) in self._by_name

    def found_in(self, name: str) -> str | None:
        """The one student whose id or name stands in the name of a file; None if that is nobody, or not one alone."""
        text = f" {_spaced(name)} "
        found = {}
        for key, people in self._by_name.items():
            if len(key) > 1 and f" {_spaced(key)} " in text:
                found[key] = people
        longest = max(map(len, found), default=0)
        people = set().union(*(own for key, own in found.items() if len(key) == longest))
        return people.pop() if len(people) == 1 else None

    def _only(self, people: set[str], sender: Sender) -> str:
        if len(people) > 1:
            raise Unclear(
                f"{sender}: may be {' or '.join(sorted(people))}; say who it is with "
                f"--who '{sender}={sorted(people)[0]}'"
            )
        return next(iter(people))


def _add(names: dict[str, set[str]], key: str, student: str) -> None:
    if key.strip(" ,"):
        names.setdefault(key, set()).add(student)


def _spaced(name: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", folded(name)))


def _as_folder(sender: Sender) -> str:
    """The name of a folder for who is in no roster."""
    name = " ".join(sender.name.split())
    if not name or name.startswith((".", "-")) or re.search(r'[/\\:*?"<>|\x00-\x1f]', name) or len(name.encode()) > 120:
        raise Unclear(f"{sender}: no folder can have this name; say who it is with --who '{sender}=...'")
    return name
