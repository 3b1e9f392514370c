"""What trusted scoring adds to grading a submission: processor time, and memory of the scoring process.

Runs the solution of each chapter with trained weights, as grading runs a submission, in fresh kernels: with
and without evidence asked for, in turn. Compared is what its graded cells cost. Without, `check` runs its
rule in the kernel and nobody else is involved; with, it hands over evidence, and the scoring process runs the
rule. That process is warm: it has scored one submission of each chapter before. On an idle machine:

    .venv/bin/python benchmarks/scoring_overhead.py
    .venv/bin/python benchmarks/scoring_overhead.py --only-draw

It writes scoring_overhead.json and scoring_overhead.png beside itself. It needs the sandbox, so Linux.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import click
import nbformat
import psutil
from autoencoder_grader.course import find_course
from autoencoder_grader.nbgrader_steps.execution import SealedExecute
from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE, folder_of, open_api
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.references.measuring import store, versions
from autoencoder_grader.references.pictures import save
from autoencoder_grader.validity.corpus import CHAPTERS, Case, build
from autoencoder_grader.validity.report import CORPUS
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.errors import CourseError
from nbconvert.exporters import NotebookExporter
from nbgrader.converters import Autograde
from rich.console import Console
from rich.table import Table

RESULT = Path(__file__).with_suffix(".json")
SECONDS, MEGABYTES = 1.0, 400.0  # the most that scoring may add to a submission
PARTS = {
    "scoring": "scoring process",
    "kernel": "learner's kernel",
    "grader": "process that runs the cells",
}
_KERNEL_CLOCK = "__import__('time').process_time()"
_WORKER = "autoencoder_grader.scoring.worker"
_MEGABYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Spent:
    """What the graded cells of one submission cost: seconds of processor time, user and system.

    kernel, grader: of the learner's kernel, and of the process that runs the cells, while they ran. scoring:
    of the scoring process and its children, over the whole submission; checks: of that, each check's.
    resident, peak: its memory before the submission and at most, in MB; 0 if it took no part.
    """

    kernel: float
    grader: float
    scoring: float = 0.0
    resident: float = 0.0
    peak: float = 0.0
    checks: dict[str, float] = dataclasses.field(default_factory=dict)


class MeteredExecute(SealedExecute):
    """Runs a submission as grading does, and adds up what its graded cells cost.

    evidence: whether the scoring process is asked; without, graded cells run as any others. meter: of the
    scoring process.
    """

    def __init__(self, evidence: bool, meter: ScoringMeter, **settings):
        super().__init__(**settings)
        self.evidence, self._meter = evidence, meter
        self.kernel_seconds, self.grader_seconds, self.scoring_seconds = 0.0, 0.0, {}

    def preprocess_cell(self, cell, resources, index):
        """Run one cell, with a look at the clocks before and after if it is graded."""
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type != "code" or not marks.get("grade"):
            return super().preprocess_cell(cell, resources, index)
        if not self.evidence:
            cell.metadata["nbgrader"] = {**marks, "grade": False}
        kernel, scoring, grader = self._kernel_clock(), self._meter.read()[0], time.process_time()
        cell, resources = super().preprocess_cell(cell, resources, index)
        self.grader_seconds += time.process_time() - grader
        self.scoring_seconds[marks["grade_id"]] = self._meter.read()[0] - scoring
        self.kernel_seconds += self._kernel_clock() - kernel
        return cell, resources

    def _kernel_clock(self) -> float:
        """Processor time of the kernel so far, all threads, user and system, in seconds."""
        request = self.kc.execute("", silent=True, user_expressions={"clock": _KERNEL_CLOCK})
        reply = self.wait_for_reply(request)
        return float(reply["content"]["user_expressions"]["clock"]["data"]["text/plain"])


class ScoringMeter:
    """Reads what the scoring process of this process has spent. Before one runs, everything is 0."""

    def __init__(self):
        below = psutil.Process().children(recursive=True)
        # Forked, it has a name of its own; started anew, its module's.
        self._process = next(
            (child for child in below if child.name() == "scoring" or _WORKER in child.cmdline()), None
        )
        if self._process:  # from here on, the peak counts anew
            Path("/proc", str(self._process.pid), "clear_refs").write_text("5", encoding="ascii")
        self._seconds, self.resident = self._clock(), self._memory("VmRSS")

    def read(self) -> tuple[float, float]:
        """(seconds of processor time, most resident memory in MB) since the meter was made."""
        return self._clock() - self._seconds, self._memory("VmHWM")

    def _clock(self):
        return sum(self._process.cpu_times()[:4]) if self._process else 0.0  # user, system; the same of children

    def _memory(self, key):
        if not self._process:
            return 0.0
        lines = Path("/proc", str(self._process.pid), "status").read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith(f"{key}:"))
        return int(kilobytes) * 1024 / _MEGABYTE


def prepare(course: Path, folder: Path) -> dict[str, Case]:
    """Lay out a course in `folder` with one submission a chapter: the solution, with trained weights."""
    shutil.copytree(course / "solutions", folder / "solutions")
    shutil.copyfile(course / CONFIG_FILE, folder / CONFIG_FILE)
    make_release(folder)
    cases = {}
    for number, (_, chapter) in CHAPTERS.items():
        case = Case(f"solution-{number}", "right", number, Path(__file__), {"about": "the solution"})
        build(
            case,
            folder / "notebooks",
            folder / "solutions",
            course / CORPUS / "weights",
            folder / "submitted",
        )
        cases[chapter] = case
    return cases


def run(course: Path, case: Case, evidence: bool) -> Spent:
    """Run a submission once. Raises CourseError when a check of it did not get all its points."""
    api = open_api(course)
    path = folder_of(api, "submitted") / case.name / case.assignment / f"{case.assignment}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    converter = Autograde(coursedir=api.coursedir, parent=api)
    exporter = NotebookExporter(parent=converter, config=converter.config)
    meter = ScoringMeter()
    execute = MeteredExecute(evidence, meter, parent=exporter)
    names = {"student": case.name, "assignment": case.assignment, "notebook": case.assignment}
    _, resources = execute.preprocess(notebook, {"nbgrader": names})
    scoring, peak = meter.read()
    if evidence:
        _expect_full_points(case, resources["outcome"].results.values())
    return Spent(
        execute.kernel_seconds,
        execute.grader_seconds,
        scoring,
        meter.resident,
        peak,
        execute.scoring_seconds if evidence else {},
    )


def _expect_full_points(case, results):
    points = {result.name: result.points for result in results}
    wrong = [name for name, expected in case.expected().items() if points.get(name) != expected]
    if wrong:
        raise CourseError(f"{case.assignment}: {wrong[0]} gave {points.get(wrong[0])} points; nothing is measured")


def measure(course: Path, rounds: int, say=print) -> dict:
    """Measure all chapters: {chapter: {"checks": count, "with": [Spent, ...], "without": [Spent, ...]}}."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        cases = prepare(course, Path(folder))
        for chapter, case in cases.items():
            run(Path(folder), case, evidence=True)
            found[chapter] = {"checks": len(case.expected()), "with": [], "without": []}
            say(f"{chapter}: warm")
        for number in range(rounds):
            for chapter, case in cases.items():
                for key in ("without", "with") if number % 2 else ("with", "without"):
                    spent = run(Path(folder), case, evidence=key == "with")
                    found[chapter][key].append(dataclasses.asdict(spent))
                say(f"{chapter}: round {number + 1} of {rounds}")
    return found


def summarise(found: dict) -> dict[str, dict]:
    """Per chapter, what the graded cells of a submission cost with and without scoring: means over the rounds.

    found: as `measure` gives it. Keys: "with" and "without", seconds by the keys of PARTS; "added", the
    difference of their sums, and "deviation", its standard deviation from round to round; "peak" memory of the
    scoring process and "megabytes", how far it rose in one submission, at most; "dearest", seconds and name of
    the check that takes the scoring process longest.
    """
    table = {}
    for _, chapter in CHAPTERS.values():
        if chapter not in found:  # younger than the measurement
            continue
        runs = found[chapter]
        added = [_in_all(a) - _in_all(b) for a, b in zip(runs["with"], runs["without"], strict=True)]
        table[chapter] = {
            "checks": runs["checks"],
            **{
                key: {part: statistics.fmean(spent[part] for spent in runs[key]) for part in PARTS}
                for key in ("with", "without")
            },
            "added": statistics.fmean(added),
            "deviation": statistics.stdev(added),
            "peak": max(spent["peak"] for spent in runs["with"]),
            "megabytes": max(spent["peak"] - spent["resident"] for spent in runs["with"]),
            "dearest": max(
                (statistics.fmean(spent["checks"][name] for spent in runs["with"]), name)
                for name in runs["with"][0]["checks"]
            ),
        }
    return table


def _in_all(seconds):
    return sum(seconds[part] for part in PARTS)


def draw(table: dict, path: Path) -> Path:
    """Draw what graded cells cost with and without scoring, and the memory, beside the bounds, as PNG."""
    from autoencoder_helpers.pictures.style import BLUE, GREEN, INK, ORANGE, family

    with family():
        import matplotlib.pyplot as plt

        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(3, 2), sharey=True)
        places = {"with": -0.2, "without": 0.2}
        looks = dict(zip(PARTS, ((BLUE, ""), (ORANGE, "//"), (GREEN, "..")), strict=True))
        for row, (_name, cost) in enumerate(table.items()):
            for key, place in places.items():
                start = 0.0
                for part, label in PARTS.items():
                    colour, hatch = looks[part]
                    left.barh(
                        row + place, cost[key][part], 0.36, start, color=colour, hatch=hatch,
                        edgecolor="white", label=label if (row, key) == (0, "with") else None,
                    )  # fmt: skip
                    start += cost[key][part]
                left.text(start, row + place, f" {start:.2f} s {key}", va="center", fontsize=9)
            bound = _in_all(cost["without"]) + SECONDS
            left.plot([bound, bound], [row - 0.42, row + 0.02], "--", color=INK)
            right.barh(row, cost["megabytes"], 0.5, color=BLUE)
            right.text(cost["megabytes"], row, f" {cost['megabytes']:.0f} MB", va="center", fontsize=9)
        right.axvline(
            MEGABYTES, color=INK, linestyle="--", label=f"at most {SECONDS:.0f} s and {MEGABYTES:.0f} MB more"
        )
        left.margins(x=0.12)
        left.set_yticks(range(len(table)), table)
        left.invert_yaxis()
        left.grid(axis="y", visible=False)
        right.grid(axis="y", visible=False)
        left.set(title="Graded cells of a submission, with and without scoring", xlabel="processor time in seconds")
        right.set(title="Memory added to the scoring process", xlabel="MB")
        figure.legend(loc="outside lower center", ncols=4)
    return save(figure, path)


def alt_text(table: dict) -> str:
    """The picture in words."""
    parts = "; ".join(
        f"{name} {_in_all(cost['with']):.2f} s with and {_in_all(cost['without']):.2f} s without, "
        f"{cost['megabytes']:.0f} MB"
        for name, cost in table.items()
    )
    return (
        "Bars, two for each chapter: processor time of the graded cells of a submission, with trusted "
        "scoring and without, when their rules run in the learner's kernel; beside them the memory that a submission "
        f"adds to the scoring process. {parts}. Dashed lines mark the bounds, {SECONDS:.0f} s more than without "
        f"and {MEGABYTES:.0f} MB."
    )


def show(table: dict, console: Console) -> None:
    """Print the table."""
    shown = Table(title="Graded cells of one submission: processor time with and without scoring, memory")
    columns = "without", *(f"with: {part}" for part in PARTS), "in all", "added", "dearest check"
    for column in ("chapter", "checks", *columns, "memory", "added"):
        shown.add_column(column, justify="left" if column == "chapter" else "right")
    for name, cost in table.items():
        shown.add_row(
            name,
            str(cost["checks"]),
            f"{_in_all(cost['without']):.2f} s",
            *(f"{cost['with'][part]:.2f} s" for part in PARTS),
            f"{_in_all(cost['with']):.2f} s",
            f"{cost['added']:+.2f} ± {cost['deviation']:.2f} s",
            "{1} {0:.2f} s".format(*cost["dearest"]),
            f"{cost['peak']:.0f} MB",
            f"{cost['megabytes']:.0f} MB",
        )
    console.print(shown)


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=5, show_default=True, help="Submissions of each kind.")
@click.option("--only-draw", is_flag=True, help="Measure nothing: show what is stored.")
def main(rounds, only_draw):
    """Measure what trusted scoring adds to a submission; write the result and a picture."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    catalogue()
    if not only_draw:
        found = measure(find_course(), rounds, click.echo)
        machine = {"cores": os.cpu_count(), "system": platform.system(), "machine": platform.machine()}
        store({"machine": machine, "versions": versions(), "runs": found}, RESULT)
    table = summarise(json.loads(RESULT.read_text(encoding="utf-8"))["runs"])
    show(table, Console(width=150))  # of a result that may end in a file
    click.echo(f"Drawn: {draw(table, RESULT.with_suffix('.png'))}\n{alt_text(table)}")


if __name__ == "__main__":
    main()
