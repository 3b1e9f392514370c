"""Reads graded notebooks: for each student and check the points, and why any were lost."""

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from autoencoder_grader.nbgrader_steps.graded_files import read_graded, told
from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of, open_api
from autoencoder_grader.results.watching import Watch, unwatched
from autoencoder_helpers.checks.raised import UNWRITTEN

#: The reason of a written answer that was left as it was released.
NO_ANSWER = "No answer."
#: The mistake of an answer that is not there yet, in the checks' words.
MISSING = "missing"
_AGAIN = "`autoencoder-course grade` grades it again"


@dataclass(frozen=True)
class CheckRow:
    """One graded cell of one student.

    points: None while a written answer waits for its grader.
    reasons: for each lost point's cause a sentence or two; empty when nothing was lost or nothing is graded yet.
    mistakes: the slugs of the mistakes that the check named, as "missing-sigmoid".
    """

    student: str
    assignment: str
    check: str
    points: float | None
    max_points: float
    written: bool = False
    reasons: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether there is an answer at all, or at least points."""
        nothing = (
            self.reasons == (NO_ANSWER,) if self.written else bool(self.mistakes) and {*self.mistakes} == {MISSING}
        )
        return bool(self.points) or not nothing


def read_results(course: Path, watch: Watch = unwatched) -> list[CheckRow]:
    """Return a row for each graded cell of each graded submission, in order of assignment, student and cell.

    course: the folder with nbgrader_config.py. Points are the gradebook's, so an instructor's corrections
    count; reasons come from the outcomes in the graded notebooks. A submission that is not graded has no rows.
    watch: shows how far it is.
    """
    api = open_api(course)
    rows = []
    with api.gradebook as gradebook:
        places = [
            (assignment.name, submission)
            for assignment in sorted(gradebook.assignments, key=lambda entry: entry.name)
            for submission in sorted(assignment.submissions, key=lambda entry: entry.student_id)
        ]
        for assignment, submission in watch(places, "reading points and reasons"):
            for notebook in submission.notebooks:
                path = folder_of(api, "autograded").joinpath(
                    submission.student_id, assignment, f"{notebook.name}.ipynb"
                )
                if path.is_file():
                    rows += _rows_of(submission.student_id, assignment, notebook, path)
    return rows


def read_outcome(api, submission) -> dict:
    """What became of a graded submission: its status, notes and notices (see outcome.py), from the graded notebook."""
    path = folder_of(api, "autograded") / submission.student / submission.assignment / submission.notebook.name
    graded = read_graded(path)
    if graded is None:
        return {"status": "graded", "notes": [f"{path} cannot be read: {_AGAIN}"], "notices": []}
    found = told(graded)
    lines = {key: [str(line) for line in _list(found.get(key))] for key in ("notes", "notices")}
    return {"status": str(found.get("status", "graded")), **lines}


def _rows_of(student: str, assignment: str, notebook, path: Path) -> list[CheckRow]:
    graded = read_graded(path)
    results = told(graded).get("results")
    results = results if isinstance(results, dict) else {}
    marks = [cell["metadata"].get("nbgrader") for cell in graded["cells"]] if graded else []
    places = {str(mark.get("grade_id")): index for index, mark in enumerate(marks) if isinstance(mark, dict)}
    rows = []
    for entry in sorted(notebook.grades, key=lambda entry: places.get(entry.name, len(places))):
        written = entry.cell_type == "markdown"
        waiting = entry.needs_manual_grade and entry.manual_score is None
        points = None if waiting else entry.score
        result = results.get(entry.name)
        name, reasons, mistakes = entry.name, ("See the comment.",), ()
        if written and entry.auto_score == 0:
            reasons = (NO_ANSWER,)
        elif result:
            with contextlib.suppress(KeyError, TypeError, AttributeError):  # then the points alone are known
                name, reasons, mistakes = _read_result(result)
        lost = points is not None and points < entry.max_score
        rows.append(
            CheckRow(
                student,
                assignment,
                name,
                points,
                entry.max_score,
                written,
                reasons if lost else (),
                mistakes if lost else (),
            )
        )
    return rows


def _read_result(result: dict) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the name of a check, and the reasons and slugs of what went wrong in it."""
    failed = [step for step in result["steps"] if not step["passed"]]
    return (
        result["name"],
        tuple(_one_line(_reason(step)) for step in failed) or ("An instructor took points off.",),
        tuple(step["mistake"] for step in failed),
    )


def _reason(step: dict) -> str:
    """What went wrong in a step, in whole sentences: its texts are words, clauses or sentences, as the card shows them."""
    if step["mistake"] == MISSING and step["found"].startswith(UNWRITTEN):
        return _sentence(step["found"].removeprefix(UNWRITTEN))
    parts = [f"{word.capitalize()}: {step[word]}" for word in ("expected", "found") if step[word]]
    if len(parts) < 2:  # else they say it without the title
        parts.insert(0, step["title"])
    return " ".join(_sentence(part) for part in parts)


def _list(found) -> list:
    return found if isinstance(found, list) else []


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def _one_line(text: str, longest: int = 240) -> str:
    text = " ".join(re.sub(r"\x1b\[[\d;]*m", "", text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
