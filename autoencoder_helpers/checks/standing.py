"""How far a learner is in a chapter: which checks pass, points so far, what is next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from autoencoder_helpers.cards import COLOURS, SYMBOLS, card_frame
from autoencoder_helpers.checks.result import CheckResult, format_points
from autoencoder_helpers.checks.rule import Rule

_NOT_RUN = "not run"
_ELSEWHERE = "In grading, points do not stand here: each check above shows its own."
_BY_HAND = "The question in your own words is read by a person, and its points come on top."


@dataclass(frozen=True)
class Standing:
    """What is known of the checks of one chapter.

    title: of the chapter or of where the results are from. rules: its checks, in their order. results: of those that
    were run, by name. scored_elsewhere: in grading, where a notebook does not learn its points. guesses: a line about
    what became of those, "" for none. practice: its checks without points.
    """

    title: str
    rules: tuple[Rule, ...]
    results: Mapping[str, CheckResult]
    scored_elsewhere: bool = False
    guesses: str = ""
    practice: tuple[Rule, ...] = ()

    @property
    def points(self) -> float:
        """Points so far, of checks."""
        return sum(result.points for name, result in self.results.items() if name in self._names)

    @property
    def max_points(self) -> float:
        """Points that the checks can give."""
        return float(sum(rule.points for rule in self.rules))

    @property
    def begun(self) -> bool:
        """Whether any check was run."""
        return bool(self.results)

    @property
    def next(self) -> Rule | None:
        """The first check that has not passed, in the chapter's order; None if all have."""
        return next((rule for rule in self.rules if self.verdict(rule) != "passed"), None)

    def verdict(self, rule: Rule) -> str:
        """`passed`, `partly`, `not yet` or `not run`."""
        result = self.results.get(rule.name)
        return result.verdict if result else _NOT_RUN

    @property
    def _names(self) -> set[str]:
        return {rule.name for rule in self.rules}

    @property
    def _headline(self) -> str:
        passed = sum(self.verdict(rule) == "passed" for rule in self.rules)
        return (
            f"{format_points(self.points)} of {format_points(self.max_points)} points so far, "
            f"{passed} of {len(self.rules)} checks passed"
        )

    @property
    def _advice(self) -> str:
        if self.next is None:
            return f"All checks pass. {_BY_HAND}"
        return f"Next: {self.next.title} ({self.next.name}). {_BY_HAND}"

    @property
    def _besides(self) -> list[str]:
        """What stands below the advice: exercises without points, guesses."""
        done = sum(self.verdict(rule) == "passed" for rule in self.practice)
        aside = f"Without points: {done} of {len(self.practice)} exercises for practice pass." if self.practice else ""
        return [line for line in (aside, self.guesses) if line]

    def __repr__(self) -> str:
        if self.scored_elsewhere:
            return _ELSEWHERE
        lines = [self.in_one_line()]
        for rule in self.rules:
            verdict, points = self.verdict(rule), self._points(rule)
            lines.append(f"  {_symbol(verdict)} {verdict:8}{points:>8}  {rule.title}")
        return "\n".join([*lines, *(f"  {line}" for line in (self._advice, *self._besides))])

    def in_one_line(self) -> str:
        """Title and points so far, as text."""
        return f"{self.title}: {self._headline}"

    def _points(self, rule: Rule) -> str:
        result = self.results.get(rule.name)
        return f"{format_points(result.points) if result else '–'} / {format_points(rule.points)}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/plain": repr(self), "text/html": self._card()}

    def _card(self) -> str:
        if self.scored_elsewhere:
            return card_frame(COLOURS["partly"], "How far you are", f"<div>{escape(_ELSEWHERE)}</div>")
        share = self.points / self.max_points if self.max_points else 0.0
        rows = "".join(
            f'<tr><td style="text-align:left;white-space:nowrap">{_symbol(self.verdict(rule))} {self.verdict(rule)}</td>'
            f'<td style="text-align:right;white-space:nowrap;padding:0 1em">{self._points(rule)}</td>'
            f'<td style="text-align:left">{escape(rule.title)}</td></tr>'
            for rule in self.rules
        )
        head = "".join(
            f'<th scope="col" style="text-align:{side}">{word}</th>'
            for word, side in (("check", "left"), ("points", "center"), ("what it looks at", "left"))
        )
        bar = (
            f'<div role="img" aria-label="{escape(self._headline)}" style="height:8px;margin:6px 0;border-radius:4px;'
            f'border:1px solid currentColor"><div style="height:100%;width:{share:.1%};'
            f'background:{COLOURS["passed"]}"></div></div>'
        )
        body = (
            f'<div style="font-weight:600">{escape(self.title)}: {self._headline}</div>{bar}'
            f'<table style="margin:0;color:inherit;font-size:inherit"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
            f'<div style="margin-top:6px">{escape(self._advice)}</div>'
        )
        body += "".join(f'<div style="margin-top:6px">{escape(line)}</div>' for line in self._besides)
        colour = COLOURS["passed"] if self.next is None else COLOURS["partly"] if self.points else COLOURS["not yet"]
        return card_frame(colour, "How far you are", body)


def _symbol(verdict: str) -> str:
    return SYMBOLS.get(verdict, "·")
