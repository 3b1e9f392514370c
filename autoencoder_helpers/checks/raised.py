"""What an answer raised, told to a learner: an exercise that is not written yet, or an error of its own."""

import contextlib
import os
import sysconfig
import traceback
from pathlib import Path

#: How what was found begins where an exercise is as it was released.
UNWRITTEN = "Not written yet: "
_STANDARD_LIBRARY = os.path.normcase(sysconfig.get_path("stdlib"))


class Unwritten(Exception):
    """An exercise was called that still raises NotImplementedError, as released. Its text: "function: task".

    A reply to the grader carries no more of an error than its name and its text, and those of this one are enough.
    """


def named(error: BaseException) -> BaseException:
    """The error, or an Unwritten in its place if the learner's own code raises NotImplementedError.

    Libraries raise it, too (TensorFlow Probability where it has no formula), and that is no exercise.
    """
    with contextlib.suppress(Exception):  # a stranger's error may raise whatever it is asked
        if isinstance(error, NotImplementedError):
            *_, (frame, _) = traceback.walk_tb(error.__traceback__)
            if not _of_a_library(frame.f_code.co_filename):
                return Unwritten(f"{frame.f_code.co_name}: {first_line(error, otherwise='')}")
    return error


def texts_of(error: BaseException) -> dict[str, str]:
    """What was expected and found, where to look, and the mistake's slug, as NotYet takes them."""
    error = named(error)
    if type(error).__name__ == Unwritten.__name__:  # by its name: in grading it comes from another process
        function, _, task = first_line(error).partition(":")
        place = f"`{function}`" if function.isidentifier() else "your function"
        return {
            "expected": task.strip() or f"your own code in {place}",
            "found": f"{UNWRITTEN}{place} still has its raise line",
            "look": "Start with the first hint above its cell; put your code where the raise line is, and run the cell.",
            "mistake": "missing",
        }
    return {
        "expected": "your answer runs without an error",
        "found": _as_said(error),
        "look": "Run your code yourself on a small input: the traceback shows the line.",
        "mistake": "raises",
    }


def first_line(error: BaseException, otherwise: str = "(no message)") -> str:
    """The first line of an error's message, whatever the error does when it is asked."""
    lines = whole_text(error).strip().splitlines()
    return lines[0] if lines else otherwise


def telling_line(error: BaseException) -> str:
    """The line of an error's message that says what was wrong: Keras first says in which layer."""
    lines = [line for line in whole_text(error).splitlines() if line.strip()]
    told = [line.strip() for line in lines if not line.startswith("Exception encountered when calling")]
    return told[0] if told and len(told) < len(lines) else first_line(error)


def whole_text(error: BaseException) -> str:
    """An error's message, whatever the error does when it is asked."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return "(its message cannot be shown)"


def _as_said(error: BaseException) -> str:
    """An error by its name, and its message as a quotation that it cannot leave: an answer's own code wrote it."""
    name = type(error).__name__
    line = telling_line(error).replace("\N{RIGHT DOUBLE QUOTATION MARK}", "'")
    name = name if name.isidentifier() else "an error"
    return f"{name}: \N{LEFT DOUBLE QUOTATION MARK}{line}\N{RIGHT DOUBLE QUOTATION MARK}"


def _of_a_library(filename: str) -> bool:
    return (
        not {"site-packages", "dist-packages"}.isdisjoint(Path(filename).parts)
        or filename.startswith("<frozen")
        or os.path.normcase(filename).startswith(_STANDARD_LIBRARY + os.sep)
    )
