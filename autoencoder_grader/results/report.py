"""The class report: one HTML page for the instructor, with everything in it."""

from __future__ import annotations

import datetime
import statistics
from pathlib import Path

from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from autoencoder_grader.results.class_results import ClassResults, SubmissionResult, read_class
from autoencoder_grader.results.report_figures import costs_picture, in_points, points_picture, times_picture
from autoencoder_grader.results.watching import Watch, unwatched
from autoencoder_helpers.errors import CourseError
from jinja2 import Environment, FileSystemLoader, StrictUndefined


def write_report(course: Path, to: Path, watch: Watch = unwatched) -> Path:
    """Write the report on the class of a course to the HTML file `to`, whole or not at all; return it.

    course: the folder with nbgrader_config.py. watch: shows how far it is. Raises CourseError when nothing is graded, or
    `to` cannot be written.
    """
    results = read_class(course, watch)
    if not any(entry.graded for entry in results.submissions):
        raise CourseError(f"nothing is graded yet in {course}: run `autoencoder-course grade` first")
    page = report_page(results, datetime.datetime.now().astimezone())
    write_whole_text(to, page)
    return to


def report_page(results: ClassResults, now: datetime.datetime) -> str:
    """Return the page as HTML; results: with at least one graded submission; now: when it is made."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(points=in_points, seconds=_seconds, megabytes=_megabytes, name=_name)
    # A learner wrote what some of these texts quote; control characters are shown, not obeyed.
    environment.filters["plain"] = lambda text: harmless_text(str(text))
    graded = [entry for entry in results.submissions if entry.graded]
    times = {
        assignment: [entry.seconds for entry in graded if entry.assignment == assignment and entry.seconds is not None]
        for assignment in results.assignments
    }
    times = {assignment: own for assignment, own in times.items() if own}
    return environment.get_template("report.html.j2").render(
        course=results.course,
        now=now,
        students=len({entry.student for entry in results.submissions}),
        submissions=results.submissions,
        graded=graded,
        attention=[entry for entry in results.submissions if entry.needs_a_person],
        problems=results.problems,
        notices=[*results.notices, *results.own_word],
        likenesses=results.likenesses,
        waiting=_waiting(graded),
        assignments=[_assignment(name, graded) for name in results.assignments if _of(name, graded)],
        costs=results.costs,
        costs_picture=costs_picture(list(results.costs)) if results.costs else None,
        times_picture=times_picture(times) if times else None,
        with_memory=any(entry.memory is not None for entry in graded),
        with_penalty=any(entry.penalty for entry in graded),
    )


def _assignment(name: str, graded: list[SubmissionResult]) -> dict:
    """What the page says of the points in one assignment."""
    own = _of(name, graded)
    points = [entry.points for entry in own]
    most = max(entry.max_points for entry in own)
    return {
        "name": name,
        "count": len(own),
        "most": most,
        "median": statistics.median(points),
        "lowest": min(points),
        "highest": max(points),
        "full": sum(entry.points >= entry.max_points for entry in own),
        "picture": points_picture(points, most) if most > 0 else None,
    }


def _of(name: str, graded: list[SubmissionResult]) -> list[SubmissionResult]:
    return [entry for entry in graded if entry.assignment == name]


def _waiting(graded: list[SubmissionResult]) -> dict[str, int]:
    """For each assignment the written answers that wait for a person; only where there are some."""
    counts: dict[str, int] = {}
    for entry in graded:
        if entry.waiting:
            counts[entry.assignment] = counts.get(entry.assignment, 0) + entry.waiting
    return counts


def _name(assignment: str) -> str:
    return assignment.replace("_", " ")


def _seconds(value: float | None) -> str:
    """A time in words: 42 s, 3 min 5 s."""
    if value is None:
        return "–"
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _megabytes(value: int | None) -> str:
    return "–" if value is None else f"{value / (1 << 20):.0f} MB"
