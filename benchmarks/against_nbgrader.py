"""Our command against nbgrader as it comes, for the same honest submissions.

Three comparisons, each with ours and theirs in turn, every time in fresh processes and in a course of its own:

    weights    `autoencoder-course grade` and `nbgrader autograde`, 24 submissions: five students, five chapters, whole
               right notebooks with the weights that a learner has trained
    memory     the same once more, for what they hold: reading that slows them down, most of all the side that has
               more processes, so of the other comparisons it is not read
    training   the same for four submissions, one a chapter, that nbgrader gets without weights, as anybody's
               notebooks are today: they train, for the default epochs. Ours get the learner's weights.

nbgrader as it comes means: its own preprocessors and nothing of ours, one kernel after another on this machine, no
sandbox, the tests in the kernel, points from what they print; one command `nbgrader autograde CHAPTER` for each
chapter, as its documentation says; its limit of 30 s a cell raised to half an hour. What it grades was registered
before with `nbgrader generate_assignment`, which is not measured; our command registers the chapters itself, writes
feedback pages and exports grades, and all of that is measured.

Compared are wall time, processor time and memory of all processes (see measuring_trees.py), and whether both give
every submission the same points. On two cores it takes about 90 minutes:

    .venv/bin/python benchmarks/against_nbgrader.py
    .venv/bin/python benchmarks/against_nbgrader.py --part weights --count 4 --repeats 1      # 8 minutes

It can be stopped at any time; what was measured until then is written. A part that is left out stays as it was
measured before. against_nbgrader.json and .png are
written beside this file; `--only-draw` draws them again.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

import click
from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE
from autoencoder_grader.validity.corpus import CHAPTERS
from common import (
    PROGRAMS,
    environment,
    hand_in,
    lay_out_course,
    learners_weights,
    machine,
    only_draw,
    pairs_of,
    print_table,
    read_json,
    register,
    save_picture,
    say,
    scores,
    to_folder,
    warn_if_busy,
    write_json,
)
from measuring_trees import Measured, measure

PARTS = ("weights", "memory", "training")
SIDES = ("ours", "nbgrader")
_STOCK = """\
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.course_id = "autoencoders"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
# Or a cell that trains gets no points; the rest because a busy machine takes its time.
c.Execute.timeout = 1800
c.Execute.startup_timeout = 180
c.Execute.iopub_timeout = 60
c.Execute.kernel_name = "python3"
"""


def measure_ours(course: Path, pairs, weights: Path | None, memory: bool) -> tuple[Measured, dict]:
    """Grade with our command: what it took, and the scores. memory: whether that is read."""
    lay_out_course(course)
    hand_in(course, pairs, weights)
    command = [str(PROGRAMS / "autoencoder-course"), "--course", str(course), "grade"]

    def graded() -> bool:
        """Whether a submission is done: its page is written before its line is printed."""
        return any((course / "feedback").glob("*/*/*.html"))

    measured = measure(command, course, course / "log", environment(), moment=graded, memory=memory)
    if measured.code:
        raise click.ClickException(f"grading failed: {(course / 'log').read_text(encoding='utf-8')[-2000:]}")
    return measured, scores(course)


def measure_nbgrader(course: Path, pairs, weights: Path | None, memory: bool) -> tuple[Measured, dict]:
    """Grade with nbgrader as it comes: what it took, and the scores. memory: whether that is read."""
    lay_out_course(course)
    hand_in(course, pairs, weights)
    register(course)
    (course / CONFIG_FILE).write_text(_STOCK.format(root=str(course)), encoding="utf-8")
    measured = Measured()
    for chapter in dict.fromkeys(chapter for _, chapter in pairs):
        command = [str(PROGRAMS / "nbgrader"), "autograde", CHAPTERS[chapter][0]]
        measured += measure(command, course, course / "log", environment(), memory=memory)
    if measured.code:
        say(f"nbgrader ended with code {measured.code}: {(course / 'log').read_text(encoding='utf-8')[-2000:]}")
    return measured, scores(course)


def measure_part(part: str, count: int, repeats: int, weights: Path, folder: Path, found: list) -> None:
    """Measure both sides in turn, ours first in every other round; append to `found` what came of each."""
    pairs = pairs_of(count)
    for number in range(repeats):
        for side in SIDES if number % 2 == 0 else reversed(SIDES):
            say(f"{part}, round {number + 1} of {repeats}: {side}")
            own = None if part == "training" and side == "nbgrader" else weights
            course = folder / "course"
            one = measure_ours if side == "ours" else measure_nbgrader
            measured, points = one(course, pairs, own, part == "memory")
            found.append({"side": side, "round": number, **vars(measured), "points": points})
            held = f", {measured.memory / 1e9:.1f} GB" if measured.memory else ""
            say(f"  {measured.wall:.0f} s, processor {measured.processor:.0f} s{held}")
            shutil.rmtree(course)


def summarise(name: str, part: dict) -> dict:
    """Medians of both sides, their ratios, and the cells that got other points; {} while a side is missing."""
    runs = {side: [run for run in part["runs"] if run["side"] == side] for side in SIDES}
    if not all(runs.values()):
        return {}
    # The time of what was slowed down by reading its memory is not its time.
    keys = ("memory",) if name == "memory" else ("wall", "processor")
    found = {
        side: {key: statistics.median(run[key] for run in of_side) for key in keys} for side, of_side in runs.items()
    }
    found["ratio"] = {key: found["nbgrader"][key] / found["ours"][key] for key in found["ours"]}
    every = [run["points"] for run in part["runs"]]
    found["cells"] = len(every[0])
    found["other_points"] = {
        name: [points.get(name) for points in every]
        for name in sorted({name for points in every for name in points})
        if len({points.get(name) for points in every}) > 1
    }
    return found


def show(data: dict, to: Path) -> None:
    """Print, write and draw what was measured."""
    if not any(part["runs"] for part in data["parts"].values()):
        return
    for name, part in data["parts"].items():
        found = part["found"] = summarise(name, part)
        if not found:
            continue
        rows = [
            [label, *(form(found[side][key]) for side in SIDES), f"{found['ratio'][key]:.2f}"]
            for label, key, form in (
                ("wall time", "wall", lambda seconds: f"{seconds:.0f} s"),
                ("processor time", "processor", lambda seconds: f"{seconds:.0f} s"),
                ("most memory", "memory", lambda size: f"{size / 1e9:.2f} GB"),
            )
            if key in found["ours"]
        ]
        title = {
            "weights": f"{part['count']} submissions, both with the learner's weights",
            "memory": f"{part['count']} submissions, what they hold",
            "training": f"{part['count']} submissions; nbgrader's train in the notebook, ours come with weights",
        }[name]
        print_table(title, ("", "ours", "nbgrader", "nbgrader / ours"), rows)
        show_start(name, part["runs"])
        other = found["other_points"]
        say(f"points of {found['cells']} graded cells: " + ("the same" if not other else f"OTHER for {other}"))
    extrapolate(data)
    write_json(to / "against_nbgrader.json", data)
    if any("wall" in part.get("found", {}).get("ours", {}) for part in data["parts"].values()):
        draw(data, to / "against_nbgrader.png")


def show_start(name: str, runs: list) -> None:
    """Print when our first submission was done, or what our processes held when they held most."""
    ours = [run for run in runs if run["side"] == "ours" and run.get("first")]
    if not ours:
        return
    if name == "memory":
        parts = ours[-1]["memory_by_program"].items()
        print_table("our memory at its peak", ("", "MB"), [(what, f"{size / 1e6:.0f}") for what, size in parts if size])
        return
    wall, processor = (statistics.median(run["first"][key] for run in ours) for key in ("wall", "processor"))
    say(f"our first graded submission: after {wall:.0f} s, {processor:.0f} s of processor time")


def extrapolate(data: dict) -> None:
    """Scale nbgrader's training to the class that was graded with weights: it grades one after another."""
    few, whole = (data["parts"].get(name, {}) for name in ("training", "weights"))
    if not (few.get("found") and whole.get("found")):
        return
    scale = whole["count"] / few["count"]
    seconds = few["found"]["nbgrader"]["wall"] * scale
    ours = whole["found"]["ours"]["wall"]
    data["extrapolated"] = {
        "count": whole["count"],
        "nbgrader_wall": seconds,
        "ours_wall": ours,
        "ratio": seconds / ours,
    }
    say(
        f"Extrapolated, not measured: {whole['count']} submissions that train would take nbgrader {seconds:.0f} s "
        f"({scale:.0f} times its {few['count']}), {seconds / ours:.1f} times what ours took"
    )


def draw(data: dict, path: Path) -> None:
    """Draw wall and processor time of both as bars."""
    from autoencoder_helpers.pictures.style import BLUE, INK, ORANGE, family
    from matplotlib import pyplot as plt

    parts = {name: part for name, part in data["parts"].items() if "wall" in part.get("found", {}).get("ours", {})}
    with family():
        figure, axes = plt.subplots(1, len(parts), figsize=(4.4 * len(parts), 3.8), squeeze=False)
        told = []
        for axis, (name, part) in zip(axes[0], parts.items(), strict=True):
            found = part["found"]
            for place, (side, colour, hatch) in enumerate((("ours", BLUE, ""), ("nbgrader", ORANGE, "//"))):
                seconds = [found[side]["wall"], found[side]["processor"]]
                places = [position + 0.4 * place - 0.2 for position in range(2)]
                bars = axis.bar(places, seconds, 0.38, color=colour, hatch=hatch, edgecolor=INK, label=side)
                axis.bar_label(bars, fmt="%.0f")
                told.append(f"{name}, {side}: {seconds[0]:.0f} s wall, {seconds[1]:.0f} s processor")
            what = "all with weights" if name == "weights" else "nbgrader's without weights"
            axis.set(title=f"{part['count']} submissions, {what}", ylabel="seconds", xlabel="", xticks=range(2))
            axis.set_xticklabels(["wall time", "processor time"])
            axis.margins(y=0.3)  # room for the legend
            axis.legend(loc="upper left", ncols=2)
        alt = f"Bars of the time that grading takes. {'; '.join(told)}."
        save_picture(figure, path, alt)


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this comparison (repeatable).")
@click.option("--count", default=24, show_default=True, help="Submissions with weights, and for memory, at most 24.")
@click.option("--training", default=4, show_default=True, help="Submissions that nbgrader trains, at most 24.")
@click.option("--repeats", default=2, show_default=True, help="How often times are measured; memory is once.")
@to_folder
@only_draw
def main(parts, count, training, repeats, to, only_draw):
    if only_draw:
        show(read_json(to / "against_nbgrader.json"), to)
        return
    counts = {"weights": count, "memory": count, "training": training}
    each = {"weights": 0.9, "memory": 0.9, "training": 3.0}  # minutes for both sides, on two cores
    parts = parts or PARTS
    rounds = {part: 1 if part == "memory" else repeats for part in parts}
    minutes = sum(rounds[part] * (1 + counts[part] * each[part]) for part in parts)
    say(f"this takes about {minutes:.0f} minutes, and the first time some more for what a learner has trained")
    warn_if_busy()
    weights = learners_weights()
    stored = to / "against_nbgrader.json"
    kept = read_json(stored)["parts"] if stored.is_file() and set(parts) != set(PARTS) else {}
    data = {"machine": machine(), "repeats": repeats, "parts": kept}
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            for part in parts:
                found = data["parts"][part] = {"count": counts[part], "when": machine()["when"], "runs": []}
                measure_part(part, counts[part], rounds[part], weights, Path(folder), found["runs"])
    except KeyboardInterrupt:
        say("stopped; this is what was measured")
    finally:
        show(data, to)


if __name__ == "__main__":
    main()
