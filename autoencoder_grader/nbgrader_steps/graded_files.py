"""What grading has written of a submission, read again: it may have been cut short, or be something else by now."""

from __future__ import annotations

import json
from pathlib import Path

from autoencoder_grader.nbgrader_steps.outcome import KEY

_END = b"</html>"
_END_WITHIN = 1000  # bytes of a page's end


def read_graded(path: Path) -> dict | None:
    """A graded notebook, as its JSON says; None if it is not there, is none, or is damaged."""
    try:
        made = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if (
        not isinstance(made, dict)
        or not isinstance(made.get("metadata"), dict)
        or not isinstance(made.get("cells"), list)
    ):
        return None
    if not all(isinstance(cell, dict) and isinstance(cell.get("metadata"), dict) for cell in made["cells"]):
        return None
    return made


def is_whole_page(path: Path) -> bool:
    """Whether a feedback page is there up to its end."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _END_WITHIN))
            return _END in file.read()
    except OSError:
        return False


def told(notebook: dict | None) -> dict:
    """What a graded notebook says of its grading, as Outcome.to_dict; {} where it says nothing that could be read."""
    found = notebook["metadata"].get(KEY) if notebook else None
    return found if isinstance(found, dict) else {}
