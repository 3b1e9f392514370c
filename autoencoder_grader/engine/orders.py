"""What travels: orders to a worker, and what comes back. Plain data only, so that it can be sent anywhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CourseCopy:
    """What a worker must know of a course to grade submissions of one assignment.

    config: the text of nbgrader_config.py. gradebook: an SQLite gradebook that holds the released cells of this
    assignment and no student. secret: of the private images. settings: further settings by section, as
    {"SealedExecute": {"timeout": 100}}.
    """

    assignment: str
    config: str
    gradebook: bytes
    secret: int
    settings: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Given:
    """What people have entered in the gradebook for one submission: it shows on the feedback page.

    grades: by cell, (manual score or None, extra credit or None). comments: by cell. due, extension: when the
    submission was due, as an ISO time in UTC, and seconds granted on top. keep: automatic scores, by cell, that are
    to stay as they are, because only another check is graded again.
    """

    grades: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    due: str | None = None
    extension: float | None = None
    keep: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """One submission to be graded. files: a bundle of the folder that was handed in; sha256: of these bytes."""

    student: str
    assignment: str
    files: bytes
    sha256: str
    course: CourseCopy
    given: Given = Given()

    def __str__(self) -> str:
        return f"{self.student}/{self.assignment}"


@dataclass(frozen=True)
class Graded:
    """A graded submission.

    status: "graded", "student error", "limit", "invalid". notes: lines for a person; for "invalid", why.
    notices: what holds for all that ran on the same machine.
    grades: by cell, (automatic score or None, whether a person has to look). comments: nbgrader's own, by cell.
    timestamp: of the submission, ISO in UTC, or None. penalty: points for lateness, or None.
    autograded, feedback: bundles of these folders. unchanged: files of autograded that are as they were in the order,
    and so are not in the bundle: trained weights are most of what travels. seconds, processor_seconds, memory: what it took, in seconds and
    bytes; None where it was not measured. log: what nbgrader said. sandbox: which one it ran in.
    """

    student: str
    assignment: str
    sha256: str
    status: str
    notes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    grades: dict[str, tuple[float | None, bool]] = field(default_factory=dict)
    comments: dict[str, str | None] = field(default_factory=dict)
    timestamp: str | None = None
    penalty: float | None = None
    autograded: bytes = b""
    feedback: bytes = b""
    unchanged: tuple[str, ...] = ()
    seconds: float = 0.0
    processor_seconds: float | None = None
    memory: int | None = None
    log: str = ""
    sandbox: str = ""


@dataclass(frozen=True)
class Reply:
    """What came of an order: `graded`, or `fault`, why the machine could not grade it."""

    order: Order
    graded: Graded | None = None
    fault: str = ""


class InfrastructureFault(Exception):
    """Grading failed for a reason that is not the submission's, and never becomes a zero.

    again: whether another try may help.
    """

    def __init__(self, why: str, again: bool = True):
        super().__init__(why, again)  # both, so that it can travel
        self.why, self.again = why, again

    def __str__(self) -> str:
        return self.why


def digest(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
