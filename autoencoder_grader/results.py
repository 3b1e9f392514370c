"""Reads graded notebooks: for each student and check the points, and why any were lost."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from autoencoder_helpers.checks.result import RESULT_MIME_TYPE

from autoencoder_grader.nbgrader_api import folder_of, open_api


@dataclass(frozen=True)
class CheckRow:
    """One graded cell of one student.

    points: None while a written answer waits for its grader.
    reasons: for each lost point's cause a line; empty when nothing was lost or nothing is graded yet.
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


def read_results(course: Path) -> list[CheckRow]:
    """Return a row for each graded cell of each graded submission, in order of assignment, student and cell.

    course: the folder with nbgrader_config.py. Points are the gradebook's, so an instructor's corrections
    count; reasons come from the outputs in the graded notebooks. A submission that is not graded has no rows.
    """
    api = open_api(course)
    rows = []
    with api.gradebook as gradebook:
        for assignment in sorted(gradebook.assignments, key=lambda entry: entry.name):
            for submission in sorted(assignment.submissions, key=lambda entry: entry.student_id):
                for notebook in submission.notebooks:
                    path = folder_of(api, "autograded").joinpath(
                        submission.student_id, assignment.name, f"{notebook.name}.ipynb"
                    )
                    if path.is_file():
                        rows += _rows_of(submission.student_id, assignment.name, notebook, path)
    return rows


def _rows_of(student: str, assignment: str, notebook, path: Path) -> list[CheckRow]:
    cells = nbformat.read(path, as_version=4).cells
    by_id = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in cells}
    order = {grade_id: index for index, grade_id in enumerate(by_id)}
    rows = []
    for entry in sorted(notebook.grades, key=lambda entry: order.get(entry.name, len(order))):
        cell = by_id.get(entry.name)
        written = entry.cell_type == "markdown"
        waiting = written and entry.needs_manual_grade and entry.manual_score is None
        points = None if waiting else entry.score
        if cell is None:
            name, reasons, mistakes = (
                entry.name,
                ("the check's cell is missing from the notebook",),
                ("no-cell",),
            )
        elif written:
            name, reasons, mistakes = (
                entry.name,
                ("no answer" if entry.auto_score == 0 else "see the comment",),
                (),
            )
        else:
            name, reasons, mistakes = _read_cell(cell)
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


def _read_cell(cell) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the name of a graded cell's check, and the reasons and slugs of what went wrong in it."""
    named = re.search(r"check\(\s*[\"']([\w.-]+)[\"']", cell.source)
    name = named[1] if named else cell.metadata["nbgrader"]["grade_id"]
    reasons, mistakes = [], []
    for output in cell.outputs:
        result = output.get("data", {}).get(RESULT_MIME_TYPE)
        if output.output_type == "error":
            reasons.append(_one_line(f"{output.ename}: {output.evalue}"))
            mistakes.append("raises")
        elif output.output_type == "stream" and output.name == "stderr":
            reasons.append(
                _one_line(f"the cell wrote to stderr, which nbgrader counts as wrong: {output.text}")
            )
            mistakes.append("stderr")
        elif result:
            failed = [step for step in result["steps"] if not step["passed"]]
            reasons += [_one_line(_reason(step)) for step in failed]
            mistakes += [step["mistake"] for step in failed]
    return name, tuple(reasons) or ("the check gave no result",), tuple(mistakes)


def _reason(step: dict) -> str:
    texts = [f"{word} {step[word]}" for word in ("expected", "found") if step[word]]
    return f"{step['title']}: {', '.join(texts)}" if texts else step["title"]


def _one_line(text: str, longest: int = 240) -> str:
    text = " ".join(re.sub(r"\x1b\[[\d;]*m", "", text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
