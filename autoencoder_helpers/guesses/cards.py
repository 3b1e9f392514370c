"""What is shown of a guess: the choices where there are no buttons, and the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from autoencoder_helpers.cards import COLOURS, card_frame, marked_up
from autoencoder_helpers.guesses.questions import Question

#: Of what is neither right nor wrong; readable on white and on black.
NEUTRAL = "#0072B2"
_SKIPPED = "You made no guess. What came out, and why?"


@dataclass(frozen=True)
class Choices:
    """The choices, numbered, to read, to tick on paper, or to write a number of into the cell.

    chosen: the guess that is kept, "" if there is none. said: a line below, "" for none. title: what is asked for.
    """

    choices: tuple[str, ...]
    chosen: str = ""
    said: str = ""
    title: str = "Your guess?"

    def __str__(self) -> str:
        boxes = [f"  {_box(text == self.chosen)} {i} · {text}" for i, text in enumerate(self.choices, 1)]
        return "\n".join([self.title, *boxes, *([self.said] if self.said else [])])

    __repr__ = __str__

    def html(self) -> str:
        """The same as a card."""
        name = self.title.rstrip("?")
        rows = "".join(
            f'<li style="margin:2px 0"><span role="img" aria-label="{escape(name.lower()) if text == self.chosen else "a choice"}">'
            f"{_box(text == self.chosen)}</span> {i} · {escape(text)}</li>"
            for i, text in enumerate(self.choices, 1)
        )
        said = f'<div style="font-size:85%">{marked_up(self.said)}</div>' if self.said else ""
        body = (
            f'<div style="font-weight:600">{escape(self.title)}</div>'
            f'<ul style="list-style:none;margin:4px 0;padding:0">{rows}</ul>{said}'
        )
        return card_frame(NEUTRAL, name, body)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/plain": str(self), "text/html": self.html()}


@dataclass(frozen=True)
class Answer:
    """Your guess, what came out, and why. guess: "" for whoever made none: then all of it is folded."""

    question: Question
    measured: str = ""
    guess: str = field(default="")

    @property
    def right(self) -> bool:
        """Whether it was guessed."""
        return self.guess == self.question.right

    def __str__(self) -> str:
        lines = [self._headline(), f"Measured here: {self.measured}." if self.measured else "", self.question.why]
        return "\n".join(line for line in lines if line)

    __repr__ = __str__

    def _headline(self) -> str:
        right = self.question.right
        if not self.guess:
            return f"You made no guess. It came out: “{right}”."
        return (
            f"✓ As you guessed: “{right}”." if self.right else f"≠ You guessed “{self.guess}”. It came out: “{right}”."
        )

    def html(self) -> str:
        """The same as a card."""
        body = "".join(
            f'<div style="margin-top:6px">{marked_up(part)}</div>' for part in self.question.why.split("\n\n")
        )
        if self.measured:
            body = f"<div>Measured here: {escape(self.measured)}.</div>{body}"
        if not self.guess:
            folded = f'<div style="font-weight:600;margin-top:6px">{escape(self.question.right)}</div>{body}'
            return card_frame(NEUTRAL, _SKIPPED, f"<details><summary>{_SKIPPED}</summary>{folded}</details>")
        headline = f'<div style="font-weight:600">{escape(self._headline())}</div>'
        return card_frame(COLOURS["passed" if self.right else "partly"], self._headline(), headline + body)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/plain": str(self), "text/html": self.html()}


def _box(chosen: bool) -> str:
    return "☒" if chosen else "☐"
