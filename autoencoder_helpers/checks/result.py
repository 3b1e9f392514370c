"""What a check found: the points for nbgrader, a card for people, plain data for programs."""

from dataclasses import asdict, dataclass, field
from html import escape

from autoencoder_helpers.cards import COLOURS, SYMBOLS, card_frame, marked_up

#: The key under which a result travels as data in a notebook's output.
RESULT_MIME_TYPE = "application/vnd.autoencoder-course.check+json"


@dataclass(frozen=True)
class StepResult:
    """One thing a check looked at. Texts are plain and meant for learners.

    `mistake` is a short slug ("missing-sigmoid") that stays the same when the wording changes, so that a
    class's mistakes can be counted; it is empty for a passed step. `look` of a passed step is a note, if there is one.
    """

    title: str
    passed: bool
    points: float
    max_points: float
    expected: str = ""
    found: str = ""
    look: str = ""
    mistake: str = ""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    nbgrader takes a graded cell's partial credit from the `text/plain` of its value, so `repr` is the points
    as a bare number; `str` is the text for people. A check for practice has no points (`max_points` 0) and stands in no
    graded cell.
    """

    name: str
    title: str
    points: float
    max_points: float
    steps: tuple[StepResult, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        """Whether every point was reached; of a check without points, whether nothing failed."""
        return self.points >= self.max_points and (self.max_points > 0 or not self.failures)

    @property
    def lost(self) -> float:
        """The points that were not reached."""
        return self.max_points - self.points

    @property
    def mistaken(self) -> bool:
        """Whether there was an answer that could be looked at, and it lost points: what follows from it may be forgiven."""
        return not self.passed and bool(self.steps) and self.steps[0].passed

    @property
    def verdict(self) -> str:
        """`passed`, `partly` or `not yet`."""
        if self.passed:
            return "passed"
        return "partly" if self.points > 0 else "not yet"

    @property
    def failures(self) -> tuple[StepResult, ...]:
        """The steps that did not pass, in the order in which they were looked at."""
        return tuple(step for step in self.steps if not step.passed)

    def to_dict(self) -> dict:
        """The result as JSON-ready data."""
        return asdict(self) | {"steps": [asdict(step) for step in self.steps]}

    @classmethod
    def from_dict(cls, data: dict) -> "CheckResult":
        """The result that `to_dict` made `data` of."""
        return cls(**data | {"steps": tuple(StepResult(**step) for step in data["steps"])})

    @property
    def score(self) -> str:
        """The points in words: `1.5 of 2 points`."""
        if not self.max_points:
            return "for practice, no points"
        unit = "point" if self.max_points == 1 else "points"
        return f"{format_points(self.points)} of {format_points(self.max_points)} {unit}"

    def __repr__(self) -> str:
        return format_points(self.points) if self.max_points else self.verdict

    def __str__(self) -> str:
        lines = [f"{SYMBOLS[self.verdict]} {self.verdict}: {self.title} ({self.score})"]
        for step in self.steps:
            lines.append(f"  {'✓' if step.passed else '✗'} {step.title}")
            lines += [f"      {label.lower()}: {text}" for label, text in _details(step)]
        return "\n".join(lines)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {
            "text/plain": repr(self),
            "text/html": card(self),
            RESULT_MIME_TYPE: self.to_dict(),
        }


def format_points(points: float) -> str:
    """Points without needless zeros: 2, 1.5, 0.25."""
    return f"{round(points, 4):g}"


def card(result: CheckResult) -> str:
    """The result as HTML with inline styles only: JupyterLab drops style sheets from outputs it does not trust."""
    colour = COLOURS[result.verdict]
    rows = "".join(_card_step(step) for step in result.steps)
    return card_frame(
        colour,
        f"Check {result.name}: {result.verdict}",
        f'<div style="font-weight:600">{SYMBOLS[result.verdict]} {result.verdict} · '
        f"{result.score} · {escape(result.title)}</div>"
        f'<ul style="list-style:none;margin:6px 0 0 0;padding:0">{rows}</ul>'
        f'<div style="font-size:85%;margin-top:4px"><code>{escape(result.name)}</code></div>',
    )


def _details(step: StepResult) -> list[tuple[str, str]]:
    """What stands below a step: label and text."""
    details = [
        ("Expected", step.expected),
        ("Found", step.found),
        ("Note" if step.passed else "Where to look", step.look),
    ]
    return [(label, text) for label, text in details if text]


def _card_step(step: StepResult) -> str:
    symbol, word = ("✓", "right") if step.passed else ("✗", "not yet")
    details = "".join(
        f'<div style="margin-left:1.6em"><span style="font-style:italic">{label}:</span> {marked_up(text)}</div>'
        for label, text in _details(step)
    )
    return (
        f'<li style="margin:2px 0"><span role="img" aria-label="{word}">{symbol}</span> '
        f"{marked_up(step.title)}{details}</li>"
    )
