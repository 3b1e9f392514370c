"""Writes the trusted results into the gradebook and into the graded notebook: an nbgrader preprocessor."""

from __future__ import annotations

from html import escape

from autoencoder_grader.nbgrader_steps.outcome import KEY
from nbformat.v4 import new_markdown_cell
from nbgrader.preprocessors import SaveAutoGrades
from nbgrader.utils import is_solution


class SaveScores(SaveAutoGrades):
    """Takes the place of nbgrader's SaveAutoGrades, which reads points from what a cell printed."""

    def preprocess(self, nb, resources):
        """Save the scores of one submission; the notebook's metadata gets the whole outcome."""
        outcome = resources["outcome"]
        nb, resources = super().preprocess(nb, resources)
        nb.metadata[KEY] = told = outcome.to_dict()
        if told["notes"]:
            lines = "".join(f"<li>{escape(note)}</li>" for note in told["notes"])
            nb.cells.insert(0, new_markdown_cell(f"**From grading**\n\n<ul>{lines}</ul>"))
        return nb, resources

    def _add_score(self, cell, resources):
        if is_solution(cell):  # a written answer: a person grades it
            super()._add_score(cell, resources)
            return
        grade_id = cell.metadata["nbgrader"]["grade_id"]
        grade = self.gradebook.find_grade(grade_id, self.notebook_id, self.assignment_id, self.student_id)
        result = resources["outcome"].results.get(grade_id)
        # A graded cell without a check of the course has no trusted score; a person has to give one.
        grade.auto_score = None if result is None else result.points
        grade.needs_manual_grade = grade.manual_score is not None or result is None
        self.gradebook.db.commit()
