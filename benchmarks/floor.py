"""How far the processor time of our grading is from the least that running the notebooks takes.

The floor is the processor time of the notebooks' own cells, run one after another by IPython in one process that has
imported everything before the clock starts: no kernels, no messages, no sandbox, no scoring, no gradebook, no feedback
pages; the checks run as they do for learners. Grading runs no cell after the last graded one, so what the cells up to
there take is told apart. Against it stands the processor time of `autoencoder-course grade`, a
fresh process with all that it starts (see measuring_trees.py), for the same submissions: whole right notebooks with
the weights that a learner has trained. Both use as many threads.

What the command needs before it grades anything (imports of the command, the workers, their scoring processes and
fork servers, and registering the chapters) is part of it; to tell it apart, the first four submissions, one a
chapter, are graded by themselves as well. On two cores all of it takes about 20 minutes:

    .venv/bin/python benchmarks/floor.py
    .venv/bin/python benchmarks/floor.py --count 4      # 6 minutes, and nothing is told apart

It can be stopped at any time; what was measured until then is written. floor.json and floor.png are
written beside this file; `--only-draw` draws them again.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
from autoencoder_grader.nbgrader_steps.needed_cells import after_last_graded
from autoencoder_grader.validity.corpus import CHAPTERS
from common import (
    COURSE,
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
    save_picture,
    say,
    to_folder,
    warn_if_busy,
    write_json,
)
from measuring_trees import Measured, measure

BOUND = 1.6
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def measure_floor(course: Path, pairs) -> dict[str, dict[str, list[float]]]:
    """Seconds of processor time of each notebook, by chapter: of all cells, and up to the last graded one."""
    result = course / "floor.json"
    command = [sys.executable, __file__, "--inside", str(course), json.dumps(pairs), str(result)]
    measured = measure(command, COURSE, course / "floor.log", environment() | threads())
    if measured.code:
        raise click.ClickException(f"running the cells failed, see {course / 'floor.log'}")
    return json.loads(result.read_text(encoding="utf-8"))


def threads() -> dict[str, str]:
    """The threads that grading gives to each worker."""
    from autoencoder_grader.engine.cluster import fitting_workers

    each = str(max(1, (os.cpu_count() or 1) // fitting_workers()))
    return {name: os.environ.get(name, each) for name in _THREADS}


def inside(course: Path, pairs, result: Path) -> None:
    """Run the cells of all notebooks in this process, and write what each took."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    from autoencoder_grader.kernels.forking import _MODULES  # what a forked kernel has imported

    for name in _MODULES:
        importlib.import_module(name)
    import nbformat
    import tf_keras
    from autoencoder_helpers.checks import catalogue
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    class Shell(InteractiveShell):
        """IPython without a terminal, as a kernel has it."""

        def enable_gui(self, gui=None):
            """No window."""

    catalogue()
    shell = Shell.instance()
    shell.run_line_magic("matplotlib", "inline")
    took = {part: {chapter: [] for chapter in CHAPTERS} for part in ("all", "graded")}
    for student, chapter in pairs:
        assignment, _ = CHAPTERS[chapter]
        home = course / "floor"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(course / "submitted" / student / assignment, home)
        os.chdir(home)
        cells = nbformat.read(home / f"{assignment}.ipynb", as_version=4).cells
        began, end = time.process_time(), after_last_graded(cells)
        for index, cell in enumerate(cells):
            if index == end:
                took["graded"][chapter].append(time.process_time() - began)
            if cell.cell_type == "code":
                with capture_output():
                    run = shell.run_cell(cell.source, store_history=True)
                run.raise_error()
        took["all"][chapter].append(time.process_time() - began)
        print(f"{student}/{assignment}: {took['all'][chapter][-1]:.1f} s", flush=True)
        shell.reset()
        tf_keras.backend.clear_session()
        gc.collect()
    result.write_text(json.dumps(took), encoding="utf-8")


def measure_ours(course: Path) -> Measured:
    """Grade a course as a user does."""
    command = [str(PROGRAMS / "autoencoder-course"), "--course", str(course), "grade"]
    measured = measure(command, course, course / "log", environment())
    if measured.code:
        raise click.ClickException(f"grading failed, see {course / 'log'}")
    return measured


def summarise(data: dict) -> dict:
    """Ratios of what was measured."""
    floor, graded = (sum(map(sum, data["floor"][part].values())) for part in ("all", "graded"))
    ours = data["ours"]["processor"]
    found = {"floor": floor, "graded": graded, "ours": ours, "ratio": ours / floor}
    if data.get("first"):
        # What comes before is in both; the difference is that of the submissions alone.
        first, first_graded = (sum(values[0] for values in data["floor"][part].values()) for part in ("all", "graded"))
        rest = ours - data["first"]["processor"]
        each = rest / (floor - first)
        found |= {
            "ratio_warm": each,
            "ratio_graded": rest / (graded - first_graded),
            "warm_up": data["first"]["processor"] - each * first,
        }
    return found


def draw(data: dict, found: dict, path: Path) -> None:
    """Draw both as bars, ours in its parts."""
    from autoencoder_helpers.pictures.style import DIGIT_COLOURS, INK, family
    from matplotlib import pyplot as plt

    parts = [part for part in data["ours"]["by_program"].items() if part[1] >= 1]
    parts.sort(key=lambda part: -part[1])
    with family():
        figure, axis = plt.subplots(figsize=(8, 3.2))
        axis.barh(["cells alone"], [found["graded"]], color="#767676", edgecolor=INK)
        later = found["floor"] - found["graded"]
        axis.barh(["cells alone"], [later], left=found["graded"], color="#d8d8d8", edgecolor=INK)
        axis.text(found["graded"] + later / 2, 0, "after the\nlast check", ha="center", va="center", fontsize="small")
        left = 0.0
        hatches = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")
        for (name, seconds), colour, hatch in zip(parts, DIGIT_COLOURS[1:], hatches, strict=False):
            axis.barh(["grading"], [seconds], left=left, color=colour, edgecolor=INK, hatch=hatch, label=name)
            left += seconds
        axis.axvline(BOUND * found["floor"], color=INK, linestyle="--", label=f"{BOUND} times the cells")
        axis.set(
            title=f"Processor time of {data['count']} submissions",
            xlabel="seconds, user and system",
            ylabel="",
        )
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        words = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in parts)
        alt = (
            f"Two bars: the cells alone take {found['floor']:.0f} s, {found['graded']:.0f} of it "
            f"up to the last check; grading takes {found['ours']:.0f} s, "
            f"{found['ratio']:.2f} times as much: {words}."
        )
        save_picture(figure, path, alt)


def show(data: dict, to: Path) -> None:
    """Print, write and draw what was measured."""
    if not (data.get("floor") and data.get("ours")):
        return
    found = data["found"] = summarise(data)
    rows = [
        ("the cells alone", f"{found['floor']:.0f} s"),
        *(
            (f"  chapter {chapter}, each", f"{sum(values) / len(values):.1f} s")
            for chapter, values in data["floor"]["all"].items()
            if values
        ),
        ("  up to the last check", f"{found['graded']:.0f} s"),
        ("grading", f"{found['ours']:.0f} s"),
        *((f"  {name}", f"{seconds:.0f} s") for name, seconds in sorted(data["ours"]["by_program"].items())),
        ("ratio", f"{found['ratio']:.2f}"),
    ]
    if "ratio_warm" in found:
        rows += [
            ("  of grading, before the first submission", f"{found['warm_up']:.0f} s"),
            ("ratio without that", f"{found['ratio_warm']:.2f}"),
            ("  to the cells up to the last check", f"{found['ratio_graded']:.2f}"),
        ]
    rows.append(("bound", f"{BOUND}: {'within' if found['ratio'] <= BOUND else 'OVER'}"))
    print_table(f"Processor time of {data['count']} submissions", ("", ""), rows)
    write_json(to / "floor.json", data)
    draw(data, found, to / "floor.png")


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--count", default=24, show_default=True, help="Submissions, at most 24.")
@to_folder
@only_draw
def main(count, to, only_draw):
    if only_draw:
        show(read_json(to / "floor.json"), to)
        return
    pairs = pairs_of(count)
    say(
        f"this takes about {4 + count * 2 / 3:.0f} minutes, and the first time some more for what a learner has trained"
    )
    warn_if_busy()
    weights = learners_weights()
    data = {"machine": machine(), "count": count, "bound": BOUND, "threads": threads()}
    try:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            course = lay_out_course(Path(folder, "course"))
            hand_in(course, pairs, weights)
            say("the cells alone")
            data["floor"] = measure_floor(course, pairs)
            say("grading")
            data["ours"] = vars(measure_ours(course))
            if count > len(CHAPTERS):
                course = lay_out_course(Path(folder, "first"))
                hand_in(course, pairs[: len(CHAPTERS)], weights)
                say("grading the first of each chapter")
                data["first"] = vars(measure_ours(course))
    except KeyboardInterrupt:
        say("stopped; this is what was measured")
    finally:
        show(data, to)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
