"""The released cells of an assignment: copied from one gradebook into a small one that travels."""

from __future__ import annotations

from pathlib import Path

from autoencoder_grader.files import temporary
from autoencoder_grader.nbgrader_steps.new_gradebook import VERSION, make_tables
from nbgrader.api import Gradebook
from sqlalchemy import select


def small_gradebook(gradebook: Gradebook, assignment: str) -> bytes:
    """An SQLite gradebook, as bytes, with the cells of one assignment and no student.

    gradebook: where the assignment is registered; any database.
    Raises MissingEntry when it is not.
    """
    source = gradebook.find_assignment(assignment)
    with temporary.folder() as folder:
        path = Path(folder, "gradebook.db")
        make_empty(path, gradebook)
        small = Gradebook(f"sqlite:///{path}", gradebook.course_id)
        try:
            small.add_assignment(assignment)
            for notebook in source.notebooks:
                _copy_notebook(small, notebook, assignment)
        finally:
            small.close()
            small.engine.dispose()
        return path.read_bytes()


def make_empty(path: Path, like: Gradebook) -> None:
    """Make an empty gradebook of the version of another one."""
    make_tables(f"sqlite:///{path}", like.db.scalar(select(VERSION.c.version_num)))


def _copy_notebook(small: Gradebook, notebook, assignment: str) -> None:
    names = notebook.name, assignment
    small.add_notebook(*names, kernelspec=notebook.kernelspec)
    for cell in notebook.grade_cells:
        small.add_grade_cell(cell.name, *names, max_score=cell.max_score, cell_type=cell.cell_type)
    for cell in notebook.solution_cells:
        small.add_solution_cell(cell.name, *names)
    for cell in notebook.task_cells:
        small.add_task_cell(cell.name, *names, max_score=cell.max_score, cell_type=cell.cell_type)
    for cell in notebook.source_cells:
        facts = {key: getattr(cell, key) for key in ("cell_type", "source", "checksum", "locked")}
        small.add_source_cell(cell.name, *names, **facts)
