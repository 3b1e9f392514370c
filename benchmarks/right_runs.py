"""How often a right submission loses points: solutions graded again and again, noisy, on ever other private images.

Each run is the solution of a chapter with trained weights and with noise in it: cells that write to stderr, warn, log
and print numbers, before, between and after the answers. Every 20 runs another secret makes the private images,
and each run has its own random inputs. On an idle machine with two cores 300 runs take about a quarter of an hour:

    .venv/bin/python benchmarks/right_runs.py
    .venv/bin/python benchmarks/right_runs.py --runs 40

It writes right_runs.json beside itself, after each secret, and goes on where it was stopped. The exit code is 1 if any
run lost a point.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click
from autoencoder_grader.course import find_course
from autoencoder_grader.engine.cluster import fitting_workers
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.results.graded_notebooks import read_results
from autoencoder_grader.validity.corpus import CHAPTERS, Case, build
from autoencoder_grader.validity.report import CORPUS, lay_out
from rich.console import Console

RESULT = Path(__file__).with_suffix(".json")
RUNS_PER_SECRET = 20
NOISE = (
    "import sys; print('0 of 10 points', file=sys.stderr, flush=True)",
    "import warnings; warnings.warn('this is a warning')",
    "import logging; logging.basicConfig(level='DEBUG', force=True); logging.error('E0000 something on stderr')",
    "import os; _ = os.write(2, b'bytes on file descriptor 2\\n'); print(0.0)",
    "import tensorflow as tf; tf.print('from TensorFlow', output_stream=sys.stderr); tf.get_logger().error('still here')",
    "import subprocess, sys; _ = subprocess.run(['sh', '-c', 'echo from a child >&2'])",
    "import sys, traceback; traceback.print_stack(file=sys.stderr)\n0",
    "try:\n    1 / 0\nexcept ZeroDivisionError:\n    import traceback; traceback.print_exc()",
)


@click.command()
@click.option("--runs", default=300, show_default=True, help="How many right submissions, over all chapters.")
@click.option("--workers", default=None, type=int, help="So many at the same time. Default: what fits.")
def main(runs, workers):
    """Grade right submissions and count those that lost points."""
    course, console = find_course(), Console()
    done = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    if done.get("runs_wanted") != runs:
        done = {"runs_wanted": runs, "runs": 0, "secrets": 0, "checks": 0, "lost": []}
    while done["runs"] < runs:
        count = min(RUNS_PER_SECRET, runs - done["runs"])
        cases = [_case(done["runs"] + number) for number in range(count)]
        console.print(f"secret {done['secrets'] + 1}: runs {done['runs'] + 1} to {done['runs'] + count} of {runs}")
        with tempfile.TemporaryDirectory(prefix="right-runs-") as folder:
            rows = _graded(course, Path(folder, "course"), cases, workers or fitting_workers(), console)
        done["runs"] += count
        done["secrets"] += 1
        done["checks"] += len(rows)
        done["lost"] += [row for row in rows if row["points"] != row["of"]]
        RESULT.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"{done['runs']} right runs on the private images of {done['secrets']} secrets, {done['checks']} checks: "
        f"{len(done['lost'])} lost points"
    )
    for row in done["lost"]:
        console.print(f"  {row}")
    sys.exit(bool(done["lost"]))


def _case(number: int) -> Case:
    """The right submission with this number: its chapter and its noise follow from it."""
    chapter = list(CHAPTERS)[number % len(CHAPTERS)]
    return Case(f"run-{number:03d}", "right", chapter, Path(f"run-{number:03d}"), {"about": "a noisy right run"})


def _graded(course: Path, folder: Path, cases, workers: int, console) -> list[dict]:
    """Lay out a course with a secret of its own, grade the cases in it; a row for each check."""
    lay_out(course, folder, [])
    for number, case in enumerate(cases):
        built = build(
            case, folder / "notebooks", folder / "solutions", course / CORPUS / "weights", folder / "submitted"
        )
        _make_noisy(built / f"{case.assignment}.ipynb", int(case.name.rpartition("-")[2]) // len(CHAPTERS) + number)
    report = grade(folder, console=console, workers=workers)
    if report.problems or report.faults:
        raise click.ClickException("; ".join([*report.problems, *report.faults]))
    return [
        {"run": row.student, "check": row.check, "points": row.points, "of": row.max_points, "why": list(row.reasons)}
        for row in read_results(folder)
        if not row.written
    ]


def _make_noisy(path: Path, kind: int) -> None:
    """Put noise in front of every cell that is not locked, in the text of answers, too."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = []
    for place, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code" and place:
            noise = NOISE[(kind + place) % len(NOISE)]
            own = {"cell_type": "code", "id": f"noise-{place}", "metadata": {}, "outputs": [], "execution_count": None}
            cells.append({**own, "source": f"import sys\n{noise}"})
        cells.append(cell)
    path.write_text(json.dumps({**notebook, "cells": cells}), encoding="utf-8")


if __name__ == "__main__":
    main()
