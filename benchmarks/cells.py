"""How long each cell of the chapters makes a learner wait, once all is trained: the solutions, with the weights beside them.

Each chapter runs once, from top to bottom in a new kernel, with the weights that the course carries, as for a learner who
comes back to it. Bound: 2 s for a cell that only shows (tagged `only-shows`), on two cores. A few minutes:

    .venv/bin/python benchmarks/cells.py

Of a cell two times are taken: by the clock, and the processor time of its kernel. On a machine that does nothing else it
takes no longer than the smaller of them: other programs lengthen the clock's, several threads the processor's. The exit code is 1
if a cell is over the bound, or if something was trained after all. cells.json is written beside this file.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
import nbformat
import psutil
from autoencoder_grader.nbgrader_steps.only_shows import TAG
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.validity.corpus import CHAPTERS
from common import (
    COURSE,
    environment,
    machine,
    only_draw,
    print_table,
    read_json,
    say,
    to_folder,
    warn_if_busy,
    write_json,
)
from nbclient import NotebookClient

BOUND = 2.0  # seconds of a cell that only shows
SHOWN = 12  # rows of the table


def measure(assignment: str) -> list[dict]:
    """Run a chapter; return of each code cell its name, whether it only shows, and both times in seconds."""
    notebook = nbformat.read(COURSE / "solutions" / assignment / f"{assignment}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as home:
        weights = Path(home, "weights")
        weights.mkdir()
        for path in trained_weights(assignment):
            shutil.copy(path, weights)
        before = {path.name: path.read_bytes() for path in weights.iterdir()}
        client = NotebookClient(notebook, timeout=1800, startup_timeout=180, iopub_timeout=180)
        client.reset_execution_trackers()
        cells = []
        with client.setup_kernel(cwd=home, env=environment()):
            kernel = psutil.Process(client.km.provisioner.pid)
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code":
                    continue
                used, began = _used(kernel), time.perf_counter()
                client.execute_cell(cell, index)
                clock, processor = time.perf_counter() - began, _used(kernel) - used
                shows = TAG in cell.metadata.get("tags", ())
                cells.append({"cell": cell.id, "only_shows": shows, "clock": clock, "processor": processor})
        after = {path.name: path.read_bytes() for path in weights.iterdir()}
    trained = sorted(name for name in after if after[name] != before.get(name))
    if trained:
        say(f"{assignment}: trained although its weights are there: {', '.join(trained)}")
    return [{**cell, "chapter": assignment} for cell in cells] + [{"chapter": assignment, "trained": trained}]


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def seconds(cell: dict) -> float:
    """The time that a cell takes at most on a machine that does nothing else."""
    return min(cell["clock"], cell["processor"])


def over(cells: list[dict]) -> list[dict]:
    """The cells that only show and are over the bound."""
    return [cell for cell in cells if cell["only_shows"] and seconds(cell) > BOUND]


def show(data: dict) -> None:
    """Print the slowest of what was measured."""
    cells = data["cells"]
    for kind, title in ((True, "that only show"), (False, "of all others")):
        slowest = sorted((cell for cell in cells if cell["only_shows"] is kind), key=seconds, reverse=True)[:SHOWN]
        rows = [
            (
                f"{cell['chapter'][:2]} {cell['cell']}",
                f"{seconds(cell):.1f} s",
                f"{cell['clock']:.1f} s",
                f"{cell['processor']:.1f} s",
            )
            for cell in slowest
        ]
        print_table(f"The slowest cells {title}", ("cell", "at most", "clock", "processor"), rows)
    names = sorted({cell["chapter"] for cell in cells})
    rows = [
        (
            name,
            *(
                f"{sum(cell[kind] for cell in cells if cell['chapter'] == name):.0f} s"
                for kind in ("clock", "processor")
            ),
        )
        for name in names
    ]
    print_table("Whole chapters, trained", ("chapter", "clock", "processor"), rows)
    slow = ", ".join(f"{cell['chapter'][:2]} {cell['cell']}" for cell in over(cells))
    print(f"bound {BOUND:.0f} s for cells that only show: " + (f"OVER for {slow}" if slow else "within"))


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--chapter", "numbers", multiple=True, type=click.Choice([*CHAPTERS]), help="Only this one (repeatable).")
@to_folder
@only_draw
def main(numbers, to, only_draw):
    if only_draw:
        show(read_json(to / "cells.json"))
        return
    warn_if_busy()
    data = {"machine": machine(), "bound": BOUND, "cells": [], "trained": {}}
    try:
        for number in numbers or CHAPTERS:
            assignment, _ = CHAPTERS[number]
            *cells, last = measure(assignment)
            data["cells"] += cells
            data["trained"][assignment] = last["trained"]
            say(f"{assignment}: {sum(cell['clock'] for cell in cells):.0f} s")
            data["load_at_the_end"] = machine()["load"]
            write_json(to / "cells.json", data)  # each chapter takes long enough
    except KeyboardInterrupt:
        say("stopped; this is what was measured")
    show(data)
    sys.exit(bool(over(data["cells"]) or any(data["trained"].values())))


if __name__ == "__main__":
    main()
