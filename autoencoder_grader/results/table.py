"""The table of a class: students by chapters, and below it why points were lost, as much as a person can read."""

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby

from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from autoencoder_grader.results.class_results import check_costs, said_once
from autoencoder_grader.results.graded_notebooks import CheckRow
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_MOST_LINES = 40  # of reasons; where there are more, the checks that cost most are named instead
_MOST_CHECKS = 10


def print_table(rows: list[CheckRow], console: Console, now: Iterable[tuple[str, str]] = ()) -> None:
    """Print points of students by chapters, and the reason for each lost point.

    now: (student, assignment) of what was graded just now. In a large class these alone have their reasons told; where
    even that is too much, it is said which checks cost most.
    """
    if not rows:
        console.print("nothing is graded yet")
        return
    chapters = sorted({row.assignment for row in rows})
    by_place = defaultdict(list)
    for row in rows:
        by_place[row.student, row.assignment].append(row)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("student", overflow="fold")
    for chapter in chapters:
        table.add_column(_title(chapter))
    table.add_column("all", justify="right")
    for student in sorted({row.student for row in rows}):
        cells = [_points(by_place[student, chapter]) for chapter in chapters]
        table.add_row(Text(_plain(student)), *cells, f"{_sum(row for row in rows if row.student == student):g}")
    most = [_most(chapter, by_place) for chapter in chapters]
    table.add_row("of", *(text for text, _ in most), f"{sum(points for _, points in most):g}", style="dim")
    console.print("[bold]Points by student and chapter[/]")
    console.print(table)
    waiting = sum(row.points is None for row in rows)
    if waiting:
        console.print(f"w: a written answer waits for a person, in formgrader ({waiting} in all).", highlight=False)
    _print_reasons(rows, console, set(now))


def print_summary(report, console: Console) -> None:
    """Print how many submissions ended with which status, and the lines that need a person. report: GradingReport."""
    counts = [f"{count} {status}" for status, count in report.statuses.most_common()]
    if report.unchanged:
        counts.append(f"{len(report.unchanged)} unchanged")
    console.print(f"\n[bold]Submissions[/]: {', '.join(counts) or 'none'}")
    for heading, lines in (
        ("What a person should look at", report.notes),
        ("Not graded, because of the submission", report.problems),
        ("Not graded, because of the machine: run the same command again", report.faults),
    ):
        if lines:
            console.print(f"\n[bold]{heading}[/]")
            for line in lines:
                _say(f"  ✗ {line}", console)
    print_notices(report, console)


def ending(report) -> str:
    """The last line of a grading: what is the case now. report: GradingReport."""
    now, before = len(report.graded), len(report.unchanged)
    failed = max(report.statuses["infrastructure"], len(report.faults))
    problems = len(report.problems)
    if not (problems or failed):
        if not now:
            return f"Nothing is new: {before} graded before and unchanged."
        return f"All is graded: {now} now{f', {before} before' if before else ''}."
    done = " and ".join(text for count, text in ((now, f"{now} now"), (before, f"{before} before")) if count)
    parts = [f"Graded: {done}." if done else "Nothing was graded."]
    if problems:
        lines = "A line above says" if problems == 1 else f"{problems} lines above say"
        parts.append(f"{lines} what could not be done, and why.")
    if failed:
        parts.append(f"The machine kept {failed} from being graded: the same command tries again.")
    return " ".join(parts)


def print_notices(report, console: Console) -> None:
    """Print once what is true of how submissions ran. report: GradingReport."""
    for line in said_once(report.notices, len(report.graded)):
        console.print()
        _say(line, console)


def _say(line: str, console: Console) -> None:
    """Print a line: between words and indented on a terminal, whole in a log, where one searches."""
    line = _plain(line)
    indent = "    " if line.startswith(" ") else ""
    width = max(console.width, 20) if console.is_terminal else len(line) + 1
    for part in textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False):
        console.print(part, soft_wrap=True, markup=False, highlight=False)


def _plain(text: str) -> str:
    """A text of one line without what a terminal obeys: names are those of folders, which may hold anything."""
    return harmless_text(text).replace("\n", " ")


def _title(chapter: str) -> str:
    return chapter.replace("_", " ")


def _sum(rows: Iterable[CheckRow]) -> float:
    """The points of checks; those of written answers stand beside them."""
    return sum(row.points or 0.0 for row in rows if not row.written)


def _points(rows: list[CheckRow]) -> str:
    """The points of a submission: `8.5`, written answers apart as `+ 1.5` or, while they wait, `+ w`."""
    if not rows:
        return "–"
    written = ["w" if row.points is None else f"{row.points:g}" for row in rows if row.written]
    return " + ".join([f"{_sum(rows):g}", *written])


def _most(chapter: str, by_place: dict) -> tuple[str, float]:
    """The points that a chapter can give, as its column shows them, and those of its checks alone."""
    full = max((rows for (_, name), rows in by_place.items() if name == chapter), key=lambda rows: len(rows))
    checks = sum(row.max_points for row in full if not row.written)
    return " + ".join(f"{points:g}" for points in (checks, *(row.max_points for row in full if row.written))), checks


def _print_reasons(rows: list[CheckRow], console: Console, now: set[tuple[str, str]]) -> None:
    lost = [row for row in rows if row.points is not None and row.points < row.max_points]
    if not lost:
        console.print("No points were lost.")
        return
    recent = [row for row in lost if (row.student, row.assignment) in now]
    heading, lines = "Where points were lost", _reasons(lost, rows)
    if len(lines) > _MOST_LINES:
        heading, lines = "Where points were lost, in what was graded now", _reasons(recent, rows)
    if not 0 < len(lines) <= _MOST_LINES:
        heading, lines = "Which checks cost most", _costs(rows)
    console.print(f"\n[bold]{heading}[/]")
    for line in lines:
        _say(line, console)


def _reasons(lost: list[CheckRow], rows: list[CheckRow]) -> list[str]:
    """Lines about lost points: for each student the checks that were begun; one line for a notebook that was not."""
    checks = Counter((row.student, row.assignment) for row in rows if not row.written)
    lines = []
    for student, own in groupby(sorted(lost, key=_place), key=lambda row: row.student):
        told, unbegun, untouched = [], [], []
        for place, of_notebook in groupby(own, key=_place):
            begun, empty = [], []
            for row in of_notebook:
                (begun if row.begun else empty).append(row)
            told += [f"  ✗ {row.check}, {row.points:g} of {row.max_points:g}: {' '.join(row.reasons)}" for row in begun]
            count = sum(not row.written for row in empty)
            if count == checks[place]:
                unwritten = ", no written answer" if len(empty) > count else ""
                untouched.append(f"{student} · {_title(place[1])}: {count} checks not begun{unwritten}.")
            else:
                unbegun += [row.check for row in empty]
        if unbegun:
            told.append(f"  ✗ Not begun: {', '.join(unbegun)}.")
        lines += [*([student] if told else []), *told, *untouched]
    return lines


def _place(row: CheckRow) -> tuple[str, str]:
    return row.student, row.assignment


def _costs(rows: list[CheckRow]) -> list[str]:
    """Lines about the checks that cost a class most."""
    lines = []
    for cost in check_costs(rows)[:_MOST_CHECKS]:
        mistake = cost.mistakes[0] if cost.mistakes else None
        often = f", {mistake.count} by {mistake.name}" if mistake else ""
        lines.append(f"  ✗ {cost.check}: {cost.losers} of {cost.graded} lost {cost.lost:g} points{often}.")
    return [
        *lines,
        "`autoencoder-course report` writes a page about all of them; feedback/ has each student's reasons.",
    ]
