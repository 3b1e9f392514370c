"""In which sandboxes a class ran: a run in another one than the run before is said, not left to be noticed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_grader.kernels import sandbox

NAME = "sandboxes"  # the file in the course's records
_MOST = 1000  # bytes of it


def change(records: Path, now: Iterable[str]) -> str:
    """The line about it if these sandboxes are others than those of the last run that graded; else "".

    records: the folder where that is kept; it holds the new ones afterwards.
    """
    path, here = records / NAME, sorted(set(filter(None, now)))
    if not here:
        return ""
    before = _read(path)
    if before != here:
        write_whole_text(path, "\n".join(here) + "\n")
    if not before or before == here:
        return ""
    return (
        f"this run was in another sandbox ({', '.join(here)}) than the last one ({', '.join(before)}): "
        "`autoencoder-course doctor` says which work here, and why not; with `--again` all run in the same"
    )


def _read(path: Path) -> list[str]:
    """What it holds; nothing where it holds something else than names of sandboxes."""
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST).decode("ascii", errors="replace").splitlines()
    except OSError:
        return []
    return sorted(line for line in lines if line in (*sandbox.TIERS, sandbox.NONE))
