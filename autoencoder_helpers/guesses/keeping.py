"""Where guesses are kept: in `guesses.json` beside the notebook, so that they outlive a kernel.

A kernel cannot write into its own notebook. Nothing of grading reads the file, and nothing is lost with it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "guesses.json"
_MOST_BYTES = 200_000  # an honest file has 3,000
_LONGEST = 200  # characters of a guess

# What could not be written, for as long as the kernel runs; by folder, then by the question's name.
_IN_MEMORY: dict[Path, dict[str, Kept]] = {}


@dataclass(frozen=True)
class Kept:
    """guess: the choice, as text. told: whether the answer has been shown."""

    guess: str
    told: bool = False


def kept_in(folder: Path | None = None) -> dict[str, Kept]:
    """All guesses in a folder by the question's name; what cannot be read counts for nothing. folder: else where we are."""
    folder = folder or Path.cwd()
    return _read(folder / FILE) | _IN_MEMORY.get(folder, {})


def keep(name: str, guess: str, told: bool = False) -> bool:
    """Keep a guess. Returns whether it will outlive the kernel."""
    folder, kept = Path.cwd(), Kept(guess[:_LONGEST], told)
    try:
        _write(folder / FILE, kept_in(folder) | {name: kept})
    except OSError:
        _IN_MEMORY.setdefault(folder, {})[name] = kept
        return False
    _IN_MEMORY.pop(folder, None)  # all of it has been written
    return True


def _read(file: Path) -> dict[str, Kept]:
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return {}
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {
        name: Kept(entry["guess"][:_LONGEST], entry.get("told") is True)
        for name, entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("guess"), str)
    }


def _write(file: Path, kept: dict[str, Kept]) -> None:
    """Whole or not at all: a kill between two bytes would cost all guesses."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    text = json.dumps({name: asdict(one) for name, one in kept.items()}, ensure_ascii=False, indent=1)
    try:
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
