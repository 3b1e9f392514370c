"""Keeps libraries of libraries from being imported that nothing here needs."""

from __future__ import annotations

import sys

#: jsonschema checks the format of international addresses with it, if it is there: a notebook's schema holds none. It
#: compiles a grammar whenever it is imported, which takes as long as a fifth of everything else that grading imports.
UNNEEDED = ("rfc3987_syntax",)


def leave_out_unneeded() -> None:
    """Let the libraries find that what is UNNEEDED is missing; for a process of the course's own, before they are."""
    for name in UNNEEDED:
        sys.modules.setdefault(name, None)  # what Python takes for: not to be found
