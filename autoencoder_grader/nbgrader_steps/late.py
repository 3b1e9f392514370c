"""Points lost for handing in late: nbgrader's plugin for it, and the step that keeps all penalties up to
date.

nbgrader works a penalty out while it autogrades a submission. A due date that moves, another policy, or an
answer that a person has graded since would leave it as it was; `refresh_penalties` gives what grading
everything anew would give.
"""

from __future__ import annotations

import math
from pathlib import Path

from autoencoder_grader.nbgrader_steps.nbgrader_api import call, folder_of, reason, write_log
from autoencoder_helpers.errors import CourseError
from nbgrader.api import Gradebook, SubmittedAssignment, SubmittedNotebook
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import Float, TraitError
from traitlets.config import Configurable

_DAY, _HOUR = 86400, 3600  # seconds


class LatePointsPerDay(LateSubmissionPlugin):
    """Takes points off for each day begun after the due date and a grace period."""

    points_per_day = Float(
        0.0, min=0, help="Points that a notebook loses for each day begun after the grace period; 0: none."
    ).tag(config=True)
    grace_hours = Float(0.0, min=0, help="Hours after the due date that cost nothing.").tag(config=True)

    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """Return the points that a notebook loses, or None for none; nbgrader takes no more than its score.

        student_id, score: not used; nbgrader hands them over. total_seconds_late: seconds after the due date,
        with the student's own extension counted in.
        """
        late = total_seconds_late - self.grace_hours * _HOUR
        if late <= 0 or not self.points_per_day:
            return None
        return self.points_per_day * math.ceil(late / _DAY)


def late_policy(parent: Configurable) -> LateSubmissionPlugin:
    """Return the plugin that nbgrader_config.py names for late submissions, with its settings.

    parent: any of nbgrader's objects that has the course's configuration.
    Raises CourseError when a setting is not what it must be.
    """
    try:
        step = AssignLatePenalties(parent=parent)
        step.init_plugin()
    except (TraitError, ImportError) as error:
        raise CourseError(f"nbgrader_config.py, points for late submissions: {error}") from error
    return step.plugin_inst


def penalty_of(notebook: SubmittedNotebook, policy: LateSubmissionPlugin) -> float | None:
    """Return the points that a notebook loses for being late, at most its score; None for none."""
    late = seconds_late(notebook.assignment)
    points = policy.late_submission_penalty(notebook.student.id, notebook.score, late) if late > 0 else None
    return None if points is None else min(max(points, 0), notebook.score)


def seconds_late(submission: SubmittedAssignment) -> float:
    """Return the seconds by which a submission missed its due date; 0 where a time is not known."""
    # nbgrader's own property fails where an extension was granted and the due date taken away.
    return 0 if submission.assignment.duedate is None else submission.total_seconds_late


def refresh_penalties(api, log: Path) -> tuple[list[str], list[str]]:
    """Work out all penalties of the gradebook anew; write the feedback pages again of those that changed.

    api: from open_api. log: the file that takes nbgrader's log.
    Returns the submissions whose penalty changed, as student/assignment, and a line for each feedback page
    that could not be written. Raises CourseError when the policy cannot be read.
    """
    policy = late_policy(api)
    changed, problems = [], []
    with api.gradebook as gradebook:
        for notebook in _notebooks(gradebook):
            penalty = penalty_of(notebook, policy)
            if penalty == notebook.late_submission_penalty:
                continue
            student, assignment = notebook.student.id, notebook.assignment.assignment.name
            page = folder_of(api, "feedback") / student / assignment / f"{notebook.name}.html"
            # Feedback pages show no difference between no penalty and one of no points.
            counts = (penalty or 0) != (notebook.late_submission_penalty or 0)
            shown = counts and page.is_file()
            if shown:
                # The page goes first: whoever is without one after an interruption is graded again.
                page.unlink()
            notebook.late_submission_penalty = penalty
            gradebook.db.commit()
            if counts:
                changed.append((student, assignment, shown))
    for student, assignment, shown in changed:
        if shown:
            result = call(api.generate_feedback, assignment, student, force=True)
            write_log(log, f"generate_feedback {student}/{assignment}", result)
            if not result["success"]:
                problems.append(f"{student}/{assignment}: no feedback page ({reason(result)}); the whole log: {log}")
    return [f"{student}/{assignment}" for student, assignment, _ in changed], problems


def _notebooks(gradebook: Gradebook) -> list[SubmittedNotebook]:
    """All submitted notebooks, in order of assignment and student."""
    return [
        notebook
        for assignment in sorted(gradebook.assignments, key=lambda entry: entry.name)
        for submission in sorted(assignment.submissions, key=lambda entry: entry.student_id)
        for notebook in submission.notebooks
    ]
