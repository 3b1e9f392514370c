"""What became of one submission: its status, the result of each check, and what a person should know."""

from __future__ import annotations

from dataclasses import dataclass, field

from autoencoder_helpers.checks.result import CheckResult
from autoencoder_helpers.checks.rule import Rule, without_points
from nbformat import NotebookNode
from nbformat.v4 import new_output

#: Where the outcome is kept in the metadata of a graded notebook.
KEY = "autoencoder_course"
NOT_RUN = "the notebook ended before this cell"
NOT_DRAWN = "(not drawn again in grading: it only shows, and no point depends on it)\n"
NOT_NEEDED = "(not run for grading: no check follows)\n"


@dataclass
class Outcome:
    """status: "graded", "student error" or "limit". ended: why the notebook ended early, if it did.

    results: the result that counts, by grade id. by_seed: the results for each secret seed, where several were
    asked for. notes: one line each for a person: what was repaired, cut or left out. notices: of the machine
    that it ran on, not of this submission: they are said once for all that they hold for. limits: limits that were met.
    left_out: the cells that only show and were not run. whole: why all were run, if that was in doubt.
    memory: bytes, the most that its processes took up together. processor_seconds: what they used on all cores.
    """

    status: str = "graded"
    ended: str = ""
    sandbox: str = ""
    results: dict[str, CheckResult] = field(default_factory=dict)
    by_seed: dict[str, list[CheckResult]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    whole: str = ""
    cut: bool = False
    memory: int = 0
    processor_seconds: float = 0.0

    def end(self, status: str, why: str) -> None:
        """The notebook ends here; the first reason counts."""
        if not self.ended:
            self.status, self.ended = status, why

    def to_dict(self) -> dict:
        """The outcome as JSON-ready data, for the graded notebook's metadata."""
        status = "limit" if self.limits and self.status == "graded" else self.status
        return {
            "status": status,
            "notes": [*([self.ended] if self.ended else []), *self.limits, *self.notes],
            "notices": list(self.notices),
            "left_out": list(self.left_out),
            "whole": self.whole,
            "sandbox": self.sandbox,
            "memory": self.memory,
            "processor_seconds": round(self.processor_seconds, 1),
            "results": {name: result.to_dict() for name, result in self.results.items()},
            "points_by_seed": {name: [result.points for result in found] for name, found in self.by_seed.items()},
        }


def no_evidence(rule: Rule, error: str) -> CheckResult:
    """The result of a check whose cell ran, but which nothing was handed over for."""
    return without_points(
        rule,
        "The check was run on your answer",
        expected="the cell runs the course's check",
        found=error or "no check was run: is `check` overwritten in the notebook?",
        look="Restart the kernel, run all cells from the top, and look at the first cell that ends in an error.",
        mistake="no-evidence",
    )


def too_much_to_score(rule: Rule, seconds: float) -> CheckResult:
    """The result of a check whose answers take more computation than it may."""
    return without_points(
        rule,
        "What you made can be scored in time",
        expected=f"networks for which {seconds:.0f} s of processor time are enough; the chapter's need about one",
        found="scoring took longer, and was ended",
        look="How many layers are there, how wide are they, and how large are the images between them?",
        mistake="too-much-to-score",
    )


def card_output(result: CheckResult) -> NotebookNode:
    """The trusted result as a cell's output: the points, and the card for people."""
    return new_output("execute_result", data=result._repr_mimebundle_(), execution_count=None)
