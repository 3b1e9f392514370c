"""What the benchmarks share: a class of honest students, tables, JSON, pictures, and the facts of the machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import click
from autoencoder_grader.course import find_course
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps.companions import WEIGHTS, copy_weights
from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE, open_api
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.validity.corpus import CHAPTERS, Case, build
from autoencoder_grader.validity.report import CORPUS
from autoencoder_helpers.errors import CourseError
from rich.console import Console
from rich.table import Table

COURSE = find_course(Path(__file__).resolve().parents[1])
#: Programs of this Python's environment.
PROGRAMS = Path(sys.executable).parent
STUDENTS = ("ada", "ben", "cleo", "dora", "eve", "finn")
console = Console()

to_folder = click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(__file__).parent,
    help="Where JSON and picture go. Default: beside the script.",
)
only_draw = click.option("--only-draw", is_flag=True, help="Measure nothing: print and draw what the JSON says.")


def say(line: str) -> None:
    """Print a line with the time of day."""
    console.print(f"{time.strftime('%H:%M:%S')} {line}", soft_wrap=True, markup=False, highlight=False)


def environment() -> dict[str, str]:
    """The variables of a measured command: ours, without what would change a training."""
    wanted = {name: value for name, value in os.environ.items() if not name.startswith("AUTOENCODER_EPOCHS")}
    return {**wanted, "PATH": os.pathsep.join([str(PROGRAMS), wanted.get("PATH", os.defpath)])}


def lay_out_course(folder: Path) -> Path:
    """Make a course of its own in `folder`, empty of submissions; return its folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copytree(COURSE / "solutions", folder / "solutions")
    shutil.copyfile(COURSE / CONFIG_FILE, folder / CONFIG_FILE)
    make_release(folder)
    return folder


def hand_in(course: Path, pairs: Iterable[tuple[str, str]], weights: Path | None) -> None:
    """Let students hand in whole right notebooks.

    pairs: (student, number of the chapter) each. weights: a folder <assignment>/*.npz; None for those who hand in none.
    """
    for student, chapter in pairs:
        facts = {"about": "all right", "whole": True, **({} if weights else {"weights": "none"})}
        case = Case(student, "right", chapter, Path(__file__), facts)
        build(case, course / "notebooks", course / "solutions", weights or COURSE / CORPUS, course / "submitted")


def register(course: Path) -> None:
    """Write all assignments into the gradebook, as `nbgrader generate_assignment` does."""
    api = open_api(course)
    for assignment, _ in CHAPTERS.values():
        result = api.generate_assignment(assignment, force=True)
        if not result["success"]:
            raise CourseError(f"{assignment} cannot be registered: {result['log'][-300:]}")


def pairs_of(count: int) -> list[tuple[str, str]]:
    """So many (student, chapter) pairs, chapters in turn: the first four are one of each."""
    every = [(student, chapter) for student in STUDENTS for chapter in CHAPTERS]
    if not 1 <= count <= len(every):
        raise CourseError(f"between 1 and {len(every)} submissions, please")
    return every[:count]


def learners_weights() -> Path:
    """The weights that a learner has who ran the whole notebooks once: a folder <assignment>/*.npz.

    The first call trains what is not in the corpus, some minutes; what it made is used again while it fits.
    """
    course = COURSE / "build" / "benchmarks" / "learner"
    shared = course / "trained"
    if not (course / CONFIG_FILE).is_file() or _is_old(course):
        lay_out_course(course)
    for chapter, (assignment, _) in CHAPTERS.items():
        folder = course / "submitted" / STUDENTS[0] / assignment
        if not folder.is_dir():
            hand_in(course, [(STUDENTS[0], chapter)], COURSE / CORPUS / "weights")
    report = grade(course, console=console, keep_weights=True)
    if report.exit_code:
        raise CourseError("; ".join([*report.faults, *report.problems]))
    for assignment, _ in CHAPTERS.values():
        copy_weights(course / "submitted" / STUDENTS[0] / assignment / WEIGHTS, shared / assignment)
    return shared


def _is_old(course: Path) -> bool:
    names = [CONFIG_FILE, *(f"solutions/{name}/{name}.ipynb" for name, _ in CHAPTERS.values())]
    return any((course / name).read_bytes() != (COURSE / name).read_bytes() for name in names)


def scores(course: Path) -> dict[str, float]:
    """Points by student/assignment/cell, as the gradebook has them; written answers are left out."""
    found = {}
    with open_api(course).gradebook as gradebook:
        for assignment in gradebook.assignments:
            for submission in assignment.submissions:
                for notebook in submission.notebooks:
                    for entry in notebook.grades:
                        if not entry.needs_manual_grade and entry.auto_score is not None:
                            name = f"{submission.student.id}/{assignment.name}/{entry.name}"
                            found[name] = entry.auto_score
    return found


def machine() -> dict:
    """What figures depend on: processor, cores, memory, load, versions."""
    import psutil

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=COURSE, capture_output=True, text=True, check=False
    )
    return {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": psutil.virtual_memory().total,
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("nbgrader", "tensorflow", "distributed")},
        "course": described.stdout.strip(),
    }


def warn_if_busy() -> None:
    """Say when other programs are at work: times would be theirs, too."""
    if os.getloadavg()[0] > 0.5:
        say(f"this machine is busy (load {os.getloadavg()[0]:.1f}): the figures will be too high")


def read_json(path: Path) -> dict:
    """The figures of an earlier run. Raises CourseError where there are none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(f"nothing was measured yet: {error}") from error


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Print a table; the first column is words, the others are numbers."""
    table = Table(*columns[:1], title=title, title_justify="left")
    for column in columns[1:]:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


def write_json(path: Path, data: Mapping) -> None:
    """Write the figures, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
    say(f"figures: {path}")


def save_picture(figure, path: Path, alt: str) -> None:
    """Write a picture, and say in words what it shows."""
    from matplotlib import pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Description": alt, "Software": None})
    plt.close(figure)
    say(f"picture: {path}")
    say(f"alt text: {alt}")
