"""Points lost for handing in late: nbgrader's plugin for it, and the step that keeps all penalties up to
date.

nbgrader works a penalty out while it autogrades a submission. A due date that moves, another policy, or an
answer that a person has graded since would leave it as it was; `refresh_penalties` gives what grading
everything anew would give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from autoencoder_grader.nbgrader_steps.handed_in import Times, own_word_lines
from autoencoder_grader.nbgrader_steps.nbgrader_api import call, folder_of, reason, write_log
from autoencoder_grader.nbgrader_steps.release import chapters_of
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


@dataclass
class Refreshed:
    """changed: submissions whose penalty changed, as student/assignment. problems: a line for each feedback page that
    could not be written. own_word: a line for each assignment where students alone say when they handed in, and for each name
    in the instructor's table of these times that is none here.
    """

    changed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    own_word: list[str] = field(default_factory=list)


def refresh_penalties(api, log: Path) -> Refreshed:
    """Work out all times and penalties of the gradebook anew; write the feedback pages again of those that changed.

    api: from open_api. log: the file that takes nbgrader's log. Raises CourseError when the policy cannot be read.
    """
    policy, times = late_policy(api), Times(api)
    changed, found, alone = [], Refreshed(), set()
    with api.gradebook as gradebook:
        in_vain = _in_vain(api, gradebook, times)
        for notebook in _notebooks(gradebook):
            student, assignment = notebook.student.id, notebook.assignment.assignment.name
            handed_in = times.of(student, assignment)
            if handed_in:
                _correct_time(gradebook, notebook.assignment, handed_in.when)
                if handed_in.own_word and _matters(policy, notebook):
                    alone.add((student, assignment))
            penalty = penalty_of(notebook, policy)
            if penalty == notebook.late_submission_penalty:
                continue
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
                line = f"{student}/{assignment}: no feedback page ({reason(result)}); the whole log: {log}"
                found.problems.append(line)
    found.changed = [f"{student}/{assignment}" for student, assignment, _ in changed]
    found.own_word = [*own_word_lines(alone), *in_vain]
    return found


def own_word(api) -> list[str]:
    """A line for each assignment of which students alone say when they handed it in, where that can cost points, and for
    each name in the instructor's table of these times that is none here.
    """
    policy, times = late_policy(api), Times(api)
    with api.gradebook as gradebook:
        places = {
            (notebook.student.id, notebook.assignment.assignment.name)
            for notebook in _notebooks(gradebook)
            if _matters(policy, notebook)
        }
        in_vain = _in_vain(api, gradebook, times)
    handed_in = {place: times.of(*place) for place in places}
    return [*own_word_lines(place for place, time in handed_in.items() if time and time.own_word), *in_vain]


def _in_vain(api, gradebook: Gradebook, times: Times) -> list[str]:
    students = [student.id for student in gradebook.students]
    assignments = [assignment.name for assignment in gradebook.assignments]
    return times.in_vain(students, [*assignments, *chapters_of(Path(api.coursedir.root))])


def _correct_time(gradebook: Gradebook, submission: SubmittedAssignment, when) -> None:
    """What nbgrader read from the student's own file makes way for what is known."""
    if submission.timestamp != when:
        submission.timestamp = when
        gradebook.db.commit()


def _matters(policy: LateSubmissionPlugin, notebook: SubmittedNotebook) -> bool:
    """Whether lateness could cost this notebook points."""
    due = notebook.assignment.assignment.duedate  # an extension alone is none
    return due is not None and bool(policy.late_submission_penalty(notebook.student.id, notebook.max_score, 365 * _DAY))


def _notebooks(gradebook: Gradebook) -> list[SubmittedNotebook]:
    """All submitted notebooks, in order of assignment and student."""
    return [
        notebook
        for assignment in sorted(gradebook.assignments, key=lambda entry: entry.name)
        for submission in sorted(assignment.submissions, key=lambda entry: entry.student_id)
        for notebook in submission.notebooks
    ]
