"""What a doctor finds: one thing it looked at, as a line for people or as data for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

_SIGNS = {"ok": "✓", "missing": "–", "broken": "✗"}


@dataclass(frozen=True)
class Finding:
    """What one look found.

    state: "ok", "missing" (it is not there) or "broken" (it is, and does not work). todo: what helps, "" if nothing
    has to. needed: whether it cannot be done without.
    """

    what: str
    state: str
    found: str
    todo: str = ""
    needed: bool = True


def looked(looks: Iterable[Callable[[], Finding]], too_busy: tuple[type[Exception], ...] = ()) -> Iterator[Finding]:
    """The finding of each look, one after another; no look stops another. too_busy: errors that say enough themselves."""
    for look in looks:
        name = look.__name__.strip("_<>").replace("_", " ")
        try:
            yield look()
        except too_busy as error:
            yield Finding(name, "broken", str(error))
        except Exception as error:  # noqa: BLE001 - a look that fails is a finding, and the others go on
            yield Finding(name, "broken", f"could not be looked at: {type(error).__name__}: {error}")


def able(findings: list[Finding]) -> bool:
    """Whether nothing that is needed is missing or broken."""
    return all(finding.state == "ok" for finding in findings if finding.needed)


def as_lines(finding: Finding, what: str = "grading") -> str:
    """A finding for people: a sign and a word, what was found, and below it what to do. what: goes on without it."""
    rest = "" if finding.needed or finding.state == "ok" else f" ({what} goes on without)"
    text = " ".join(finding.found.split())
    line = f"{_SIGNS[finding.state]} {finding.state:8}{finding.what:20}{text}{rest}"
    return f"{line}\n{' ' * 30}→ {finding.todo}" if finding.todo else line


def as_json(findings: list[Finding]) -> str:
    """All findings for programs."""
    return json.dumps({"able": able(findings), "findings": [asdict(f) for f in findings]}, indent=1)
