"""Takes the gradebook along when cells were added to a chapter's solution, or taken from it, after submissions came in.

nbgrader refuses that. Here cells that stayed keep all their scores and comments, cells that are new get empty ones in each
submission, and what people gave for cells that are gone is written down beside a copy of the whole gradebook.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import sqlite3
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autoencoder_grader.engine import journal
from autoencoder_grader.engine.records import SCRATCH
from autoencoder_grader.engine.small_gradebook import make_empty
from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_grader.nbgrader_steps.gradebook_state import expect_usable, trouble
from autoencoder_grader.nbgrader_steps.nbgrader_api import call, has_gradebook, open_api, reason
from autoencoder_grader.nbgrader_steps.release import known_chapters
from autoencoder_helpers.errors import CourseError
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    SolutionCell,
    SourceCell,
    TaskCell,
)
from sqlalchemy import delete
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

#: Kinds of cells, by the name of a notebook's list of them, with what is known of each beside its name.
_KINDS = {
    "grade_cells": (GradeCell, ("max_score", "cell_type")),
    "solution_cells": (SolutionCell, ()),
    "task_cells": (TaskCell, ("max_score", "cell_type")),
    "source_cells": (SourceCell, ("cell_type", "source", "checksum", "locked")),
}
_GRADED, _COMMENTED = ("grade_cells", "task_cells"), ("solution_cells", "task_cells")
_BY_HAND = ("assignment", "student", "cell", "points", "extra_credit", "comment")


@dataclass(frozen=True)
class Migration:
    """What changed in the gradebook for one assignment.

    added, removed: the cells, by id. submissions: how many were taken along. by_hand: what people gave for cells that are
    gone, a row of the columns in _BY_HAND each.
    """

    assignment: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    submissions: int
    by_hand: tuple[tuple, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"{word}: {', '.join(names)}" for word, names in (("new", self.added), ("gone", self.removed)) if names
        ]
        lost = f"; {len(self.by_hand)} grades or comments by hand were for what is gone" if self.by_hand else ""
        return f"{self.assignment}: {'; '.join(parts)}; {self.submissions} submissions{lost}"


def migrate(
    course: Path, records: Path, assignments: Iterable[str] = (), *, dry_run: bool = False, backup: bool = True
) -> tuple[list[Migration], list[Path]]:
    """Give the gradebook the cells that solutions/ has now; return what changed, and the files that keep what was.

    records: the folder for these files. assignments: which ones; all by default. The caller holds the course's lock.
    All changes are one transaction. Raises CourseError.
    """
    api = open_api(course)
    if not has_gradebook(api):
        raise CourseError(f"nothing is graded yet in {course}: there is no gradebook to take along")
    expect_usable(api, journal.TABLES)
    kept: list[Path] = []
    try:
        with api.gradebook as gradebook:
            wanted = {name: _now(course, name, gradebook) for name in known_chapters(course, assignments)}
            changes = [change for name, cells in wanted.items() if (change := _change(gradebook, name, cells))]
            if changes and not dry_run:
                kept = _keep(api, records, changes, backup)
                gradebook.db.commit()
            else:
                gradebook.db.rollback()
    except SQLAlchemyError as error:
        raise CourseError(trouble(error)) from error
    return changes, kept


def _now(course: Path, assignment: str, gradebook: Gradebook) -> dict[str, dict[str, dict]]:
    """The cells that a chapter's solution has now: {kind: {name: what is known of it}}."""
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=course) as scratch:  # noqa: TID251
        path = Path(scratch) / "gradebook.db"
        make_empty(path, gradebook)
        address = f"sqlite:///{path}"
        releasing = open_api(course, CourseDirectory={"release_directory": f"{scratch}/release", "db_url": address})
        result = call(releasing.generate_assignment, assignment)
        if not result["success"]:
            raise CourseError(f"{assignment} cannot be made from solutions/: {reason(result)}")
        made = Gradebook(address, gradebook.course_id)
        try:
            notebook = made.find_notebook(assignment, assignment)
            return {
                kind: {cell.name: {fact: getattr(cell, fact) for fact in facts} for cell in getattr(notebook, kind)}
                for kind, (_, facts) in _KINDS.items()
            }
        finally:
            made.close()
            made.engine.dispose()


def _change(gradebook: Gradebook, assignment: str, wanted: dict[str, dict[str, dict]]) -> Migration | None:
    """Change the cells of an assignment, without a commit; None where there is nothing to be changed."""
    try:
        notebook = gradebook.find_notebook(assignment, assignment)
    except MissingEntry:
        return None  # never registered: grading does that
    if not notebook.submissions:
        return None  # nbgrader itself takes it along
    session, added, removed, by_hand = gradebook.db, set(), set(), []
    for kind, (make, _) in _KINDS.items():
        cells = {cell.name: cell for cell in getattr(notebook, kind)}
        for name in cells.keys() - wanted[kind].keys():
            removed.add(name)
            if kind != "source_cells":
                by_hand += _take_out(session, assignment, cells[name])
            session.delete(cells[name])
        for name in wanted[kind].keys() - cells.keys():
            added.add(name)
            cell = make(name=name, notebook=notebook, **wanted[kind][name])
            session.add(cell)
            session.flush()
            for submitted in notebook.submissions:
                if kind in _GRADED:
                    session.add(Grade(cell_id=cell.id, notebook_id=submitted.id, needs_manual_grade=True))
                if kind in _COMMENTED:
                    session.add(Comment(cell_id=cell.id, notebook_id=submitted.id))
    session.flush()
    if not (added or removed):
        return None
    return Migration(
        assignment,
        tuple(sorted(added)),
        tuple(sorted(removed)),
        len(notebook.submissions),
        tuple(sorted(set(by_hand), key=str)),
    )


def _take_out(session, assignment: str, cell) -> list[tuple]:
    """Delete the grades and comments of a cell; return what people had given."""
    by_hand = []
    for table in (Grade, Comment):
        for row in session.query(table).filter(table.cell_id == cell.id):
            given = (
                (row.manual_score, row.extra_credit, None)
                if table is Grade
                else (None, None, row.manual_comment or None)
            )
            if any(value is not None for value in given):
                by_hand.append((assignment, row.notebook.student.id, cell.name, *given))
        session.execute(delete(table).where(table.cell_id == cell.id), execution_options={"synchronize_session": False})
    session.expire(cell)
    return by_hand


def _keep(api, records: Path, changes: list[Migration], backup: bool) -> list[Path]:
    """Copy the gradebook as it was, and write down what people gave for cells that are gone; return these files."""
    address, kept = make_url(api.coursedir.db_url), []
    folder, stamp = records / "backups", f"{datetime.now():%Y-%m-%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    if address.get_backend_name() == "sqlite":
        copy = folder / f"gradebook-{stamp}.db"
        partial = copy.with_name(f"{copy.name}.partial")
        with (
            contextlib.closing(sqlite3.connect(address.database)) as source,
            contextlib.closing(sqlite3.connect(partial)) as target,
        ):
            source.backup(target)
        os.replace(partial, copy)
        kept.append(copy)
    elif backup:
        raise CourseError(
            f"the gradebook is in {address.get_backend_name()}, which is not copied here: back it up with its own tools, and "
            "run this again with --no-backup"
        )
    rows = [row for change in changes for row in change.by_hand]
    if rows:
        text = io.StringIO()
        csv.writer(text).writerows([_BY_HAND, *rows])
        path = folder / f"by-hand-{stamp}.csv"
        write_whole_text(path, text.getvalue())
        kept.append(path)
    return kept
