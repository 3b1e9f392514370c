"""The demo: releases the course, lets a small class hand in, grades it, shows the result. Nothing twice."""

import filecmp
import os
import shutil
from collections.abc import Collection
from contextlib import contextmanager
from pathlib import Path

from autoencoder_grader.course import find_course
from autoencoder_grader.demo.demo_class import (
    ALL_RIGHT,
    MISTAKES,
    MIXED,
    STUDENTS,
    TRAINED_AS_RELEASED,
    UNTOUCHED,
    hand_in,
)
from autoencoder_grader.engine.grading import GradingReport, grade
from autoencoder_grader.engine.submissions import Submission
from autoencoder_grader.nbgrader_steps.companions import WEIGHTS, copy_weights
from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE
from autoencoder_grader.nbgrader_steps.release import chapters_of, make_release
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_grader.results.table import print_notices, print_table
from autoencoder_helpers.errors import CourseError
from rich.console import Console

#: Seconds that a graded run takes on two cores the first time; later the demo's own records are used.
_SOLVED, _UNTOUCHED = 9, 3


def run_demo(folder: Path, course: Path | None = None, console: Console | None = None) -> GradingReport:
    """Release the chapters, hand in for three students, grade, and print the table.

    The networks are those that the course carries the weights of; one that was changed is trained, once.

    folder: where the demo's own course lies; made if need be. What it holds is used again: nothing is
        trained or graded twice unless its inputs have changed.
    course: the course to demonstrate; the one found from here by default.
    Returns what was graded; the table's rows come from read_results(folder).
    Raises CourseError when the course cannot be released or the folder cannot be written.
    """
    course = course or find_course()
    console = console or Console()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _copy_course(course, folder)
    except OSError as error:
        raise CourseError(f"the demo cannot use the folder {folder}: {error}") from error
    console.print("[bold]1[/] Releasing the chapters", highlight=False)
    released = {path.parent.name: path for path in make_release(folder)}
    console.print(f"  {len(released)} chapters in {folder / 'notebooks'}", soft_wrap=True, highlight=False)

    console.print("[bold]2[/] Three students hand in: all right, mixed, untouched", highlight=False)
    for chapter, notebook in released.items():
        for student in STUDENTS:
            submitted = folder / "submitted" / student / chapter / notebook.name
            solution = folder / "solutions" / chapter / notebook.name
            if hand_in(student, notebook, solution, submitted, MISTAKES.get(chapter, ())) and student != ALL_RIGHT:
                # The weights may belong to a network of before.
                shutil.rmtree(submitted.parent / WEIGHTS, ignore_errors=True)
            if student == MIXED:
                _share_weights(folder, chapter)
            else:
                own = TRAINED_AS_RELEASED.get(chapter, ()) if student == UNTOUCHED else None
                _hand_in_weights(chapter, submitted.parent / WEIGHTS, own)
    console.print(f"  in {folder / 'submitted'}", soft_wrap=True, highlight=False)

    console.print("[bold]3[/] Grading with nbgrader", highlight=False)

    def pass_weights_on(graded: Submission) -> None:
        if graded.student == ALL_RIGHT:
            _share_weights(folder, graded.assignment)

    expected = {
        (student, chapter): _UNTOUCHED if student == UNTOUCHED else _SOLVED
        for chapter in released
        for student in STUDENTS
    }
    with _default_epochs(console):
        report = grade(
            folder,
            console=console,
            expected=expected,
            keep_weights=True,
            after=pass_weights_on,
            trusted=True,  # the class is made up by the course itself
        )

    console.print()
    print_table(read_results(folder), console)
    print_notices(report, console)
    if report.grades:
        console.print(f"\nFeedback pages: {report.feedback}{os.sep}<student>{os.sep}<chapter>", soft_wrap=True)
        console.print(f"Grades: {report.grades}", soft_wrap=True)
    return report


def _copy_course(course: Path, folder: Path) -> None:
    """Copy settings and solutions to the demo's course; drop chapters that the course no longer has."""
    chapters = chapters_of(course)
    for old in set(chapters_of(folder)) - set(chapters):
        shutil.rmtree(folder / "solutions" / old)
    for name in [
        Path(CONFIG_FILE),
        *(Path("solutions", chapter, f"{chapter}.ipynb") for chapter in chapters),
    ]:
        target = folder / name
        if not target.is_file() or not filecmp.cmp(course / name, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(course / name, target)


def _hand_in_weights(chapter: str, folder: Path, names: Collection[str] | None) -> None:
    """Give a student weights that the course carries, unless there are some: grading may have trained others.

    names: of the trainings; all if None.
    """
    if not folder.exists():
        for path in trained_weights(chapter):
            if names is None or path.stem in names:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / path.name)


def _share_weights(folder: Path, chapter: str) -> None:
    """Give the mixed student the weights that the right solution trained; his networks are the same.

    Not in a chapter whose weights he has: he may have trained them himself.
    """
    own, right = (folder / "submitted" / student / chapter / WEIGHTS for student in (MIXED, ALL_RIGHT))
    if not own.exists():
        copy_weights(right, own)


@contextmanager
def _default_epochs(console: Console):
    """Let the chapters train for their default epochs, whatever the environment says."""
    wanted = os.environ.pop("AUTOENCODER_EPOCHS", None)
    if wanted:
        console.print(f"  the demo trains for the default epochs, not AUTOENCODER_EPOCHS={wanted}", highlight=False)
    try:
        yield
    finally:
        if wanted:
            os.environ["AUTOENCODER_EPOCHS"] = wanted
