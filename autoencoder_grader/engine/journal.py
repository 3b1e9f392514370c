"""What was graded from what: a table in the gradebook, written in the transaction that writes the scores."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Float, MetaData, String, Table, Text, delete, inspect, select, update

#: The status of an entry that says nothing any more.
DAMAGED = "damaged"
_metadata = MetaData()
_GRADED = Table(
    "autoencoder_course_graded",
    _metadata,
    Column("student", String(128), primary_key=True),
    Column("assignment", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("handed_in", String(64), nullable=False),
    Column("status", String(32), nullable=False),
    Column("notes", Text, nullable=False),
    Column("seconds", Float),
    Column("processor_seconds", Float),
    Column("memory", BigInteger),
)
_REGISTERED = Table(
    "autoencoder_course_registered",
    _metadata,
    Column("assignment", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
)
#: The tables, each of which may not be there yet.
TABLES = tuple(_metadata.sorted_tables)


@dataclass(frozen=True)
class Entry:
    """What became of a submission.

    fingerprint: of all that its grade depends on. handed_in: of the files alone, Graded.sha256; the rest as in Graded.
    """

    student: str
    assignment: str
    fingerprint: str
    handed_in: str
    status: str
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    processor_seconds: float | None = None
    memory: int | None = None


def open_journal(gradebook) -> None:
    """Make the tables where they are missing."""
    _metadata.create_all(gradebook.engine)


def entries(gradebook) -> dict[tuple[str, str], Entry]:
    """All entries, by (student, assignment). One that cannot be read has the status DAMAGED, and nothing else."""
    if not inspect(gradebook.engine).has_table(_GRADED.name):
        return {}
    rows = gradebook.db.execute(select(_GRADED)).mappings()
    found = [_entry(dict(row)) for row in rows]
    return {(entry.student, entry.assignment): entry for entry in found}


def _entry(row: dict) -> Entry:
    """An entry as it was written. A database keeps what others write there, whatever a column is said to hold."""
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        notes = json.loads(row["notes"])
        texts = [row[name] for name in ("student", "assignment", "fingerprint", "handed_in", "status")]
        numbers = [row[name] for name in ("seconds", "processor_seconds", "memory")]
        if (
            isinstance(notes, list)
            and all(isinstance(text, str) for text in (*notes, *texts))
            and all(number is None or isinstance(number, int | float) for number in numbers)
        ):
            return Entry(**{**row, "notes": tuple(notes)})
    return Entry(str(row["student"]), str(row["assignment"]), "", "", DAMAGED)


def enter(session, entry: Entry) -> None:
    """Put an entry in the place of the last one of its submission; the caller commits."""
    session.execute(_this(entry.student, entry.assignment))
    values = {**vars(entry), "notes": json.dumps(list(entry.notes))}
    session.execute(_GRADED.insert().values(**values))


def rename(session, student: str, assignment: str, fingerprint: str) -> None:
    """Give an entry another fingerprint; the caller commits."""
    this = (_GRADED.c.student == student) & (_GRADED.c.assignment == assignment)
    session.execute(update(_GRADED).where(this).values(fingerprint=fingerprint))


def registered(gradebook) -> dict[str, str]:
    """For each registered assignment the digest of what it was registered from."""
    if not inspect(gradebook.engine).has_table(_REGISTERED.name):
        return {}
    return dict(gradebook.db.execute(select(_REGISTERED.c.assignment, _REGISTERED.c.digest)).all())


def register(session, assignment: str, digest: str) -> None:
    """Remember what an assignment was registered from; the caller commits."""
    session.execute(delete(_REGISTERED).where(_REGISTERED.c.assignment == assignment))
    session.execute(_REGISTERED.insert().values(assignment=assignment, digest=digest))


def _this(student: str, assignment: str):
    return delete(_GRADED).where(_GRADED.c.student == student, _GRADED.c.assignment == assignment)
