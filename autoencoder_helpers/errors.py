"""The errors that the course raises on purpose."""

from __future__ import annotations


class CourseError(Exception):
    """Something a person can put right; its text is a single line: what is wrong, where, what to do.

    Line breaks and runs of blanks in ``message`` become single blanks, so a text taken over from another
    library cannot spread over several lines. Catch this class to handle every foreseen fault of the course.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))

    def _render_traceback_(self) -> list[str]:
        # IPython asks an exception for this: a learner sees the line, not thirty frames of our code.
        return [f"CourseError: {self}"]


class DataUnavailable(CourseError):
    """What the course needs is not to be had on this machine, whatever the learner wrote.

    A file is missing or damaged, the disk is full, the network is away.
    """


class UnfitEnvironment(DataUnavailable, ImportError):
    """This Python lacks what the course imports, or has it in a version that does not fit."""
