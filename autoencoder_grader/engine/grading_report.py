"""What is to be graded, and what a run of `grade` did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from autoencoder_grader.engine.submissions import Submission

#: Statuses, beside those of Outcome, that a submission can end with.
INVALID, INFRASTRUCTURE = "invalid", "infrastructure"


@dataclass
class GradingReport:
    """What a run of `grade` did.

    problems: one line for each thing that could not be graded. faults: one line for each submission that the
    machine, not the learner, kept from being graded. notes: one line for each thing that a person should know of
    what was graded: a test cell put back, a limit that was met. notices: what holds for the machine that they ran on, and
    for how many: the sandbox that they had. statuses: how many ended with which.
    planned: with dry_run, a line for each submission that would be graded.
    """

    graded: list[Submission] = field(default_factory=list)
    unchanged: list[Submission] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    notices: Counter = field(default_factory=Counter)
    statuses: Counter = field(default_factory=Counter)
    planned: list[str] = field(default_factory=list)
    grades: Path | None = None
    feedback: Path | None = None

    @property
    def exit_code(self) -> int:
        """0: everything was graded. 1: some cannot be graded. 3: the machine failed some; the same command tries again."""
        return 3 if self.faults else 1 if self.problems else 0


@dataclass(frozen=True)
class Choice:
    """What is to be graded.

    assignments, students: those wanted; all if empty. again: also what was graded before and has not changed.
    check: the name of a check, as "dense.encoder": it alone is graded again, and all other scores stay, but for those of
        a submission that was handed in anew.
    """

    assignments: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    again: bool = False
    check: str | None = None

    @property
    def cell(self) -> str | None:
        """The id of the check's cell."""
        return self.check.replace(".", "-") if self.check else None
