"""What the engine around grading costs, and how it grows with workers: stubs in place of the grading itself.

A stub on the workers returns what a real grading of the same chapter gave, bundles included; everything else is as it
is with real submissions: they are read and packed, travel through Dask, come back, and are written into folders,
gradebook and journal by the command's own code. Students hand in all chapters, whole and with all that they have
trained. Two measurements:

    waiting    40 submissions that each wait a second, with 1, 2, 4 and 8 workers: how many a minute
    overhead   1,000 submissions that take no time: the engine's processor time a submission, and its memory; and 8,
               whose time is that of starting the command and its workers, and of registering the chapters; and the clock
               for each tenth of the submissions, which tells whether the last cost more than the first, and for a
               second `grade` that finds nothing new, and a `report`

On two cores this takes about 8 minutes:

    .venv/bin/python benchmarks/throughput.py

It can be stopped at any time; what was measured until then is written. throughput.json and throughput.png are
written beside this file; `--only-draw` draws them again.
"""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import re
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import click
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.orders import Graded
from autoencoder_grader.validity.corpus import CHAPTERS
from common import (
    COURSE,
    STUDENTS,
    environment,
    hand_in,
    lay_out_course,
    learners_weights,
    machine,
    only_draw,
    print_table,
    read_json,
    register,
    save_picture,
    say,
    to_folder,
    warn_if_busy,
    write_json,
)
from measuring_trees import Measured, measure
from rich.console import Console

BOUND = 0.030  # seconds of the engine's processor time a submission
WAITING, SECONDS = 40, 1.0
WORKERS = (1, 2, 4, 8)
FEW = 8  # submissions of a run whose time is that of starting


def stub(order, report, *, canned: str, seconds: float) -> Graded:
    """Stand in for grading: wait, and return the canned result of the chapter under the order's names."""
    time.sleep(seconds)
    return replace(
        _read(canned)[order.assignment],
        student=order.student,
        assignment=order.assignment,
        sha256=order.sha256,
    )


@functools.cache
def _read(path: str) -> dict[str, Graded]:
    return pickle.loads(Path(path).read_bytes())  # our own file, a minute old


def record(course: Path, canned: Path) -> None:
    """Grade the submissions of a course, one a chapter, for real, and keep what came of them."""
    found = {}

    def and_keep(order, report):
        from autoencoder_grader.engine.worker import grade_order

        found[order.assignment] = grade_order(order, report)
        return found[order.assignment]

    report = grade(course, console=Console(file=io.StringIO()), grade_one=and_keep)
    if report.exit_code:
        sys.exit("; ".join([*report.problems, *report.faults]))
    canned.write_bytes(pickle.dumps(found))


def lay_out(folder: Path, count: int, weights: Path) -> Path:
    """Make a course with so many right submissions: each student hands in all chapters."""
    course = lay_out_course(folder)
    first = STUDENTS[0]
    hand_in(course, [(first, chapter) for chapter in CHAPTERS], weights)
    register(course)
    assignments = [assignment for assignment, _ in CHAPTERS.values()]
    for number in range(len(CHAPTERS), count):
        student, assignment = f"student-{number // len(CHAPTERS):04d}", assignments[number % len(CHAPTERS)]
        source, target = (course / "submitted" / name / assignment for name in (first, student))
        # Linked, not copied: a thousand times the weights would be gigabytes.
        shutil.copytree(source, target, copy_function=os.link)
    return course


def run(course: Path, canned: Path, workers: int, seconds: float) -> tuple[Measured, dict]:
    """Grade a course with stubs, in a process of its own."""
    result = course / "measured.json"
    command = [sys.executable, __file__, "--inside", str(course), str(canned), str(workers), str(seconds)]
    measured = measure(command, COURSE, course / "log", environment())
    if measured.code:
        raise click.ClickException(f"grading failed, see {course / 'log'}")
    return measured, json.loads(result.read_text(encoding="utf-8"))


def inside(course: Path, canned: str, workers: int, seconds: float) -> None:
    """Grade a course with stubs, and write when the first began, when the last came, and what memory it took."""
    times = []

    report = grade(
        course,
        console=Console(width=200),
        workers=workers,
        grade_one=functools.partial(stub, canned=canned, seconds=seconds),
        # What was graded stays: a second run is to find it.
        after=lambda submission: times.append(time.monotonic()),
    )
    facts = {"graded": len(report.graded)}
    if times:  # else nothing was new
        facts |= {
            "seconds": times[-1] - times[0] + seconds,  # from when the first began to be graded
            "coordinator_memory": _most_memory(),
            "coordinator_seconds": time.process_time(),
            "gradebook": (course / "gradebook.db").stat().st_size,
            "tenths": [
                times[max(0, (part + 1) * len(times) // 10 - 1)] - times[max(0, part * len(times) // 10 - 1)]
                for part in range(10)
            ],
        }
    (course / "measured.json").write_text(json.dumps(facts), encoding="utf-8")


def _most_memory() -> int:
    """The most memory that this process had, in bytes. What Linux says of ru_maxrss begins with the parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def draw(data: dict, path: Path) -> None:
    """Draw throughput against workers."""
    from autoencoder_helpers.pictures.style import LINES, family
    from matplotlib import pyplot as plt

    rows = data["waiting"]
    with family():
        figure, axis = plt.subplots(figsize=(6.4, 4.2))
        workers = [row["workers"] for row in rows]
        axis.plot(workers, [row["a_minute"] for row in rows], **LINES[0], label="measured")
        axis.plot(
            workers,
            [60 / SECONDS * count for count in workers],
            **LINES[1],
            label="60 a minute for each worker",
        )
        for row in rows:
            axis.annotate(
                f"{row['a_minute']:.0f}",
                (row["workers"], row["a_minute"]),
                xytext=(6, -12),
                textcoords="offset points",
            )
        axis.set(
            title=f"Submissions that wait {SECONDS:.0f} s each, on {data['machine']['cores']} cores",
            xlabel="workers",
            ylabel="submissions a minute",
            xticks=workers,
            ylim=(0, None),
        )
        axis.legend()
        words = ", ".join(f"{row['a_minute']:.0f} with {row['workers']}" for row in rows)
        alt = f"A line of submissions a minute against workers, beside the straight line of the ideal: {words}."
        save_picture(figure, path, alt)


@click.command(help=__doc__.split("\n\n")[0])
@click.option(
    "--count",
    "counts",
    multiple=True,
    type=int,
    default=[1000],
    show_default=True,
    help="Submissions that take no time (repeatable: how does it grow?); 0: leave this out.",
)
@click.option(
    "--workers",
    "numbers",
    multiple=True,
    type=int,
    help="For those that wait (repeatable). Default: 1 2 4 8.",
)
@click.option("--no-waiting", is_flag=True, help="Leave out those that wait.")
@to_folder
@only_draw
def main(counts, numbers, no_waiting, to, only_draw):
    if only_draw:
        show(read_json(to / "throughput.json"), to)
        return
    numbers = () if no_waiting else numbers or WORKERS
    minutes = 2 + sum(counts) / 400 + sum(WAITING * SECONDS / number + 25 for number in numbers) / 60
    say(f"this takes about {minutes:.0f} minutes, and the first time some more to train what a learner has trained")
    warn_if_busy()
    data = {"machine": machine(), "seconds": SECONDS, "waiting": [], "overhead": [], "bound": BOUND}
    weights = learners_weights()
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            canned = Path(folder, "canned")
            record(lay_out(Path(folder, "one"), len(CHAPTERS), weights), canned)
            mean = canned.stat().st_size / len(CHAPTERS) / 1e6
            say(f"each chapter was graded for real; the stubs return {mean:.0f} MB on average")
            for count in filter(None, (FEW, *counts)):
                data["overhead"].append(measure_overhead(lay_out(Path(folder, "many"), count, weights), canned))
                shutil.rmtree(Path(folder, "many"))
                say(f"{count} submissions: {1000 * data['overhead'][-1]['processor_each']:.0f} ms each")
            for number in numbers:
                course = lay_out(Path(folder, "waiting"), WAITING, weights)
                measured, facts = run(course, canned, number, SECONDS)
                a_minute = 60 * facts["graded"] / facts["seconds"]
                data["waiting"].append(
                    {
                        "workers": number,
                        "a_minute": a_minute,
                        "wall": measured.wall,
                        "processor": measured.processor,
                    }
                )
                say(f"{number} workers: {a_minute:.0f} a minute")
    except KeyboardInterrupt:
        say("stopped; this is what was measured")
    finally:
        show(data, to)


def measure_overhead(course: Path, canned: Path) -> dict:
    """What the engine takes for submissions that take no time themselves."""
    from autoencoder_grader.engine.cluster import fitting_workers

    workers = max(2, fitting_workers())
    measured, facts = run(course, canned, workers, 0.0)
    again, nothing = run(course, canned, workers, 0.0)
    if nothing["graded"]:
        raise click.ClickException(f"a second run should have found nothing to do, and graded {nothing['graded']}")
    page = measure(["autoencoder-course", "report"], course, course / "log", environment())
    if page.code:
        raise click.ClickException(f"the report failed, see {course / 'log'}")
    return {
        "count": facts["graded"],
        "workers": workers,
        "processor_each": measured.processor / facts["graded"],
        "wall_each": measured.wall / facts["graded"],
        "coordinator_each": facts["coordinator_seconds"] / facts["graded"],
        "coordinator_memory": facts["coordinator_memory"],
        "memory": measured.memory,
        "gradebook": facts["gradebook"],
        "tenths": facts["tenths"],
        "again": again.wall,
        "report": vars(page),
        "measured": vars(measured),
    }


def _growth(found: dict) -> list[tuple[str, str]]:
    """Rows on what grows with a class."""
    if not {"tenths", "report"} <= set(found):  # measured before these were
        return []
    first, *_, last = (1000 * seconds / (found["count"] / 10) for seconds in found["tenths"])
    return [
        ("clock a submission, of the first tenth and of the last", f"{first:.0f} ms, {last:.0f} ms"),
        ("the gradebook", f"{found['gradebook'] / 1e6:.0f} MB"),
        ("`grade` again, which finds nothing new", f"{found['again']:.1f} s"),
        ("`report`", f"{found['report']['wall']:.1f} s"),
    ]


def show(data: dict, to: Path) -> None:
    """Print, write and draw what was measured."""
    few, *many = data["overhead"] or [None]
    for found in many:
        sign = "within" if found["processor_each"] <= BOUND else "OVER"
        start = few["processor_each"] * few["count"]
        rows = [
            ("processor time a submission", f"{found['processor_each'] * 1000:.1f} ms"),
            ("  of that, the coordinator", f"{found['coordinator_each'] * 1000:.1f} ms"),
            ("  of that, starting and registering", f"{start / found['count'] * 1000:.1f} ms"),
            ("clock a submission", f"{found['wall_each'] * 1000:.1f} ms"),
            ("most memory of the coordinator", f"{found['coordinator_memory'] / 1e6:.0f} MB"),
            *_growth(found),
            ("bound on processor time", f"{BOUND * 1000:.0f} ms: {sign}"),
        ]
        print_table(f"{found['count']} submissions that take no time, {found['workers']} workers", ("", ""), rows)
    if data["waiting"]:
        rows = [
            (row["workers"], f"{row['a_minute']:.0f}", f"{row['a_minute'] * SECONDS / 60 / row['workers']:.0%}",
             f"{row['wall']:.0f} s", f"{row['processor']:.0f} s")
            for row in data["waiting"]
        ]  # fmt: skip
        columns = ("workers", "a minute", "of the ideal", "whole command", "processor time")
        print_table(f"{WAITING} submissions that wait {SECONDS:.0f} s each", columns, rows)
        draw(data, to / "throughput.png")
    if many or data["waiting"]:
        write_json(to / "throughput.json", data)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
