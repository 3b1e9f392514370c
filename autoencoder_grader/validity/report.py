"""The validity report: grades the corpus of made-up submissions, and says where the points were not those expected.

Each case goes through the whole pipeline, as a student of its own. For comparison the same submissions can be graded
as nbgrader does it by itself, with the tests in the learner's kernel; for that the corpus is split over several courses,
because nbgrader grades one after another.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import nbformat
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.files import stopping
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.namespaces import die_with_parent
from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE, folder_of, open_api
from autoencoder_grader.nbgrader_steps.outcome import KEY
from autoencoder_grader.nbgrader_steps.release import make_release
from autoencoder_grader.validity.canaries import Canaries
from autoencoder_grader.validity.corpus import CHAPTERS, KINDS, Case, build, read_cases
from autoencoder_grader.validity.plain_nbgrader import stock_command
from autoencoder_helpers.errors import CourseError

CORPUS = Path("tests", "submissions")
#: Limits of a run of the corpus: its cases that never end must end soon.
SETTINGS = {"timeout": 100, "whole_timeout": 200, "patience": 5, "most_output": 4 << 20}
#: In the folder of a shard: the lines about what could not be graded.
REPORT = "lines.json"
_RIGHT = 1e-9
_OLD = (".old", ".npz")  # what `train` calls a file that another training has taken the place of
_FAULTS = ("false pass", "false fail", "wrong amount", "other mistake")


@dataclass(frozen=True)
class Verdict:
    """One check of one case: expected and found points, one number a secret seed; None if it was not graded.

    named: the slugs that its card shows, of the mistakes that it names. to_name: those that it must show; None if the
    case does not say.
    """

    case: str
    kind: str
    check: str
    expected: float
    found: tuple[float | None, ...]
    full: float
    named: tuple[str, ...] = ()
    to_name: tuple[str, ...] | None = None

    @property
    def fault(self) -> str:
        """ "", "false pass" (too many points), "false fail" (none for a right answer), "wrong amount" or "other mistake".

        The last is for the right points with another mistake named.
        """
        wrong = [points or 0.0 for points in self.found if abs((points or 0.0) - self.expected) > _RIGHT]
        if not wrong:
            return "" if self.to_name in (None, self.named) else "other mistake"
        if max(wrong) > self.expected:
            return "false pass"
        return "false fail" if self.expected == self.full else "wrong amount"


def run_validity(
    course: Path,
    folder: Path,
    wanted: Sequence[str] = (),
    *,
    more_seeds: int = 2,
    workers: int = 2,
    stock: bool = False,
    whole: bool = False,
    every_cell: bool = False,
    say=print,
) -> tuple[list[Verdict], list[str]]:
    """Grade the cases of a course's corpus in `folder`; return a verdict a check, and a line a status not expected.

    Canaries stand around it: lines also tell of files changed, connections made and processes left by a submission.

    wanted: kinds or parts of names; all cases if empty. more_seeds: secret seeds to score on, beside the first.
    workers: so many cases are graded at the same time. stock: grade as nbgrader does by itself. whole: hand in
    all cells of the chapter, not only those that the case needs. every_cell: the same, and run all of them. say: where
    lines go.
    Raises CourseError when there are no such cases, and where there is no sandbox for them.
    """
    cases = read_cases(course / CORPUS, tuple(wanted))
    sandbox.require(trusted=False)
    # One case says what happens where photos are asked for and none are at hand.
    environment = {name: value for name, value in os.environ.items() if name != "AUTOENCODER_FLOWERS"}
    processes = []
    shards = min(workers, len(cases)) if stock else 1
    for index in range(shards):
        own = cases[index::shards]
        shard = folder / f"{'stock' if stock else 'ours'}-{index + 1}"
        lay_out(course, shard, own, whole or every_cell)
        if stock:
            command = stock_command(shard, [(case.name, case.assignment) for case in own])
        else:
            names = [case.name for case in own]
            module = "autoencoder_grader.validity.report"
            options = [str(shard), str(more_seeds), str(workers), str(int(every_cell))]
            command = [sys.executable, "-m", module, *options, *names]
        processes.append((shard, own, command))
    verdicts: list[Verdict] = []
    complaints: list[str] = []
    with Canaries([shard / name for shard, _, _ in processes for name in ("submitted", "solutions")]) as canaries:
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment)
            for _, _, command in processes
        ]
        try:
            _follow(running, len(cases), say)
            codes = [process.wait() for process in running]
        except BaseException:
            stopping.end(running)
            raise
    complaints += canaries.harmed
    for (shard, own, _), code in zip(processes, codes, strict=True):
        if code != 0:
            raise CourseError(f"grading the corpus in {shard} ended with code {code}")
        for case in own:
            found, complaint = _read_case(shard, case, stock)
            verdicts += found
            complaints += [complaint] if complaint else []
            if not (stock or whole or every_cell):
                complaints += trained_by_luck(shard, case)
    return verdicts, complaints


def lay_out(course: Path, shard: Path, cases: Sequence[Case], whole: bool = False, weights: Path | None = None) -> None:
    """Lay out a course of its own for some cases; what it graded before is thrown away.

    weights: the folder with <case>/*.npz, if not that of the course's corpus.
    """
    weights = weights or course / CORPUS / "weights"
    for name in ("submitted", "autograded", "feedback"):
        shutil.rmtree(shard / name, ignore_errors=True)
    shard.mkdir(parents=True, exist_ok=True)
    (shard / "gradebook.db").unlink(missing_ok=True)
    shutil.copytree(course / "solutions", shard / "solutions", dirs_exist_ok=True)
    shutil.copyfile(course / CONFIG_FILE, shard / CONFIG_FILE)
    make_release(shard)
    for case in cases:
        build(case, shard / "notebooks", shard / "solutions", weights, shard / "submitted", whole)


def _follow(processes, total: int, say) -> None:
    """Show the lines of all processes as they come, counted."""
    import selectors

    selector = selectors.DefaultSelector()
    for process in processes:
        selector.register(process.stdout, selectors.EVENT_READ)
    done = 0
    while selector.get_map():
        for key, _ in selector.select():
            line = key.fileobj.readline()
            if not line:
                selector.unregister(key.fileobj)
            elif line.startswith(("✓", "◐", "✗")):
                done += 1
                say(f"{done} of {total}: {line.strip()[:200]}")


def _read_case(shard: Path, case: Case, stock: bool) -> tuple[list[Verdict], str]:
    """The verdicts on a case, and what is wrong with its status, if anything."""
    api = open_api(shard)
    path = folder_of(api, "autograded") / case.name / case.assignment / f"{case.assignment}.ipynb"
    told = nbformat.read(path, as_version=4).metadata.get(KEY, {}) if path.is_file() else {}
    with api.gradebook as gradebook:
        scores = _gradebook_scores(gradebook, case)
    verdicts, to_name = [], {} if stock else case.mistakes()
    for check, expected in case.expected().items():
        grade_id = check.replace(".", "-")
        by_seed = told.get("points_by_seed", {}).get(grade_id, [])
        found = (scores.get(grade_id), *by_seed[1:])
        full = max(expected, _full(check))
        steps = told.get("results", {}).get(grade_id, {}).get("steps", [])
        named = tuple(dict.fromkeys(step["mistake"] for step in steps if not step["passed"]))  # each once
        verdicts.append(Verdict(case.name, case.kind, check, expected, found, full, named, to_name.get(check)))
    if stock:
        return verdicts, ""
    problems, faults = (_lines_about(shard, case, kind) for kind in ("problems", "faults"))
    status = told.get("status", "infrastructure" if faults else "invalid")
    lines = [*told.get("notes", []), *problems, *faults]
    if status != case.status:
        return (
            verdicts,
            f"{case.name}: status {status!r}, expected {case.status!r} ({'; '.join(lines)[:200]})",
        )
    says = case.facts.get("says", "")
    if says and not any(says in line for line in lines):
        return verdicts, f"{case.name}: no line says {says!r} (found: {'; '.join(lines)[:200]})"
    return verdicts, ""


def trained_by_luck(shard: Path, case: Case) -> list[str]:
    """A line about a wrong case that grading had to train: what becomes of such a network may hang on the processor.

    The dense networks of chapter 1 are left out: with four seeds they got the same points, and their weights take much room.
    """
    if case.kind != "wrong" or CHAPTERS[case.chapter][1] == "dense":
        return []
    names = [path.name for path in trained_in_grading(shard, case)]
    return names and [
        f"{case.name}: grading trained {', '.join(names)}, so its points hang on the machine; let it carry its weights: "
        f"python {CORPUS.as_posix()}/make_weights.py {case.name}"
    ]


def trained_in_grading(shard: Path, case: Case) -> list[Path]:
    """The files of weights that grading a case has written or gone on with, in order."""
    submitted, graded = (shard / name / case.name / case.assignment / "weights" for name in ("submitted", "autograded"))
    return [
        path
        for path in sorted(graded.glob("*.npz"))
        if path.suffixes != list(_OLD)
        and not ((submitted / path.name).is_file() and filecmp.cmp(path, submitted / path.name, shallow=False))
    ]


def _gradebook_scores(gradebook, case: Case) -> dict[str, float]:
    from nbgrader.api import MissingEntry

    try:
        submission = gradebook.find_submission(case.assignment, case.name)
    except MissingEntry:
        return {}
    return {entry.name: entry.score for notebook in submission.notebooks for entry in notebook.grades}


def _full(check: str) -> float:
    from autoencoder_helpers.checks import catalogue

    return float(catalogue()[check].points)


def _lines_about(shard: Path, case: Case, kind: str) -> list[str]:
    """The lines of a grading's report about one case. kind: "problems" or "faults"."""
    path = shard / REPORT
    lines = json.loads(path.read_text(encoding="utf-8"))[kind] if path.is_file() else []
    return [line for line in lines if f"/{case.name}/" in line or line.startswith(f"{case.name}/")]


def summary(verdicts: Sequence[Verdict]) -> list[tuple[str, int, int, int, int, int]]:
    """For each kind: (kind, cases, false passes, false fails, wrong amounts, other mistakes), counted in checks."""
    rows = []
    for kind in KINDS:
        own = [verdict for verdict in verdicts if verdict.kind == kind]
        if own:
            faults = [verdict.fault for verdict in own]
            counts = (faults.count(fault) for fault in _FAULTS)
            rows.append((kind, len({verdict.case for verdict in own}), *counts))
    return rows


def write_report(path: Path, verdicts: Sequence[Verdict], complaints: Sequence[str]) -> None:
    """Write all verdicts as JSON."""
    data = {
        "verdicts": [asdict(verdict) | {"fault": verdict.fault} for verdict in verdicts],
        "statuses": complaints,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def read_report(path: Path) -> tuple[list[Verdict], list[str]]:
    """Read what `write_report` wrote: (verdicts, lines about statuses). Raises CourseError for a missing file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{path}: no report; run `autoencoder-course validity` first") from None
    names = [field.name for field in fields(Verdict)]
    verdicts = []
    for row in data["verdicts"]:
        facts = {name: row[name] for name in names if name in row}  # reports of before named no mistakes
        verdicts.append(
            Verdict(**{name: tuple(fact) if isinstance(fact, list) else fact for name, fact in facts.items()})
        )
    return verdicts, data["statuses"]


def _grade_shard() -> None:
    """The process that grades the cases. Arguments: their course, more secret seeds, workers, 1 to run every cell, the cases."""
    from rich.console import Console

    if sys.platform == "linux":
        die_with_parent()
    _, shard, more_seeds, workers, every_cell, *names = sys.argv
    console = Console(width=300, force_terminal=False)
    settings = {**SETTINGS, "more_seeds": int(more_seeds), "every_cell": every_cell == "1"}
    report = grade(Path(shard), students=names, console=console, workers=int(workers), settings=settings)
    lines = {"problems": report.problems, "faults": report.faults}
    Path(shard, REPORT).write_text(json.dumps(lines), encoding="utf-8")


if __name__ == "__main__":
    try:
        with stopping.as_ctrl_c():
            _grade_shard()
    except KeyboardInterrupt:
        sys.exit(130)
