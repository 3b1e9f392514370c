"""What formgrader lets in and out of what was handed in: no file of a learner becomes a page, or settings.

Formgrader serves the whole course folder below a submission's address, whatever the kind of file, and it can be told by
an address where to read its settings, which are a program. Both happen in the instructor's own server. It reads
nbgrader_config.py before it serves anything, so that closes these doors.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

_HANDLERS = "nbgrader.server_extensions.formgrader.handlers"
_STEPS = ("submitted_directory", "autograded_directory", "feedback_directory")


def close_doors() -> None:
    """In a server with formgrader: let no handed-in file be a page or settings. Elsewhere nothing."""
    handlers = sys.modules.get(_HANDLERS)
    if handlers is None or getattr(handlers, "_doors_closed", False):
        return
    handlers.SubmissionFilesHandler.set_extra_headers = _as_a_download
    handlers.FormgraderHandler.get = _not_into_what_was_handed_in(handlers.FormgraderHandler.get)
    handlers._doors_closed = True


def _as_a_download(handler, path: str) -> None:
    """tornado's hook for headers of a file: it is saved, and should it be shown, nothing of it runs."""
    handler.set_header("Content-Type", "application/octet-stream")
    handler.set_header("Content-Disposition", "attachment")
    handler.set_header("Content-Security-Policy", "sandbox; default-src 'none'")


def _not_into_what_was_handed_in(get):
    @functools.wraps(get)
    def guarded(handler, *arguments):
        asked = handler.get_argument("path", "")
        if asked and _is_handed_in(Path(asked).resolve(), handler):
            from tornado.web import HTTPError

            raise HTTPError(403, "formgrader reads no settings in a folder that was handed in")
        return get(handler, *arguments)

    return guarded


def _is_handed_in(path: Path, handler) -> bool:
    """Whether a folder lies in the exchange, or below one of a course's folders of submissions."""
    exchange = handler.api.exchange_root  # "" where there is none
    if exchange and path.is_relative_to(Path(exchange).resolve()):
        return True
    steps = {getattr(handler.coursedir, step) for step in _STEPS}
    courses = (parent for parent in path.parents if (parent / "nbgrader_config.py").exists())
    return any(path.relative_to(course).parts[0] in steps for course in courses)
