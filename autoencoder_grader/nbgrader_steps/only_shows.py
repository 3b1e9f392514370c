"""The release's own cells that only show something: tagged in solutions/, and kept in the gradebook when it is released.

What grading leaves out it decides by that copy, never by a tag of a submission. nbgrader keeps there what it calls source
cells: answers, tests, and what is locked. One of ours is none of these, by which it is known.
"""

from __future__ import annotations

from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.preprocessors import SaveCells

TAG = "only-shows"


def only_shows(cell: NotebookNode) -> bool:
    """Whether a cell of solutions/ is tagged as one that only shows."""
    return cell.cell_type == "code" and TAG in cell.metadata.get("tags", ()) and "nbgrader" not in cell.metadata


class SaveCellsThatShow(SaveCells):
    """nbgrader's SaveCells, which also keeps the cells that only show."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Keep one cell, if it is to be kept."""
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if only_shows(cell):
            facts = {"cell_type": cell.cell_type, "locked": False, "source": cell.source, "checksum": None}
            self.new_source_cells[cell.id] = facts
        return cell, resources

    def _create_notebook(self, nb):
        self._take_along(nb)
        super()._create_notebook(nb)

    def _take_along(self, nb):
        """Add and remove cells that only show where submissions are there already: no grade hangs on them.

        For its own cells nbgrader refuses that.
        """
        try:
            kept = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        except MissingEntry:
            return
        marked = {cell.name for cell in [*kept.grade_cells, *kept.solution_cells, *kept.task_cells]}
        there = {cell.name: cell for cell in kept.source_cells}
        showing = {name for name, cell in there.items() if not cell.locked and name not in marked}
        wanted = {cell.id for cell in nb.cells if only_shows(cell)}
        for name in showing - wanted:
            self.gradebook.db.delete(there[name])
        for name in wanted - there.keys():
            facts = self.new_source_cells[name]
            self.gradebook.add_source_cell(name, self.notebook_id, self.assignment_id, **facts)
        self.gradebook.db.commit()
