"""The table of a class: students by chapters, and below it why points were lost."""

from collections import defaultdict

from autoencoder_grader.results.graded_notebooks import CheckRow
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def print_table(rows: list[CheckRow], console: Console) -> None:
    """Print points of students by chapters, and the reason for each lost point."""
    if not rows:
        console.print("nothing is graded yet")
        return
    chapters = sorted({row.assignment for row in rows})
    by_place = defaultdict(list)
    for row in rows:
        by_place[row.student, row.assignment].append(row)
    table = Table(title="Points by student and chapter")
    table.add_column("student")
    for chapter in chapters:
        table.add_column(chapter.replace("_", " "), justify="right")
    table.add_column("all", justify="right")
    for student in sorted({row.student for row in rows}):
        own = [row for row in rows if row.student == student]
        cells = [_cell(by_place[student, chapter]) for chapter in chapters]
        table.add_row(student, *cells, _cell(own, words=False))
    console.print(table)
    waiting = sum(row.points is None for row in rows)
    if waiting:
        console.print(
            f"w: a written answer waits for an instructor ({waiting} in all), "
            "beside the points of the checks; grade it in formgrader",
            soft_wrap=True,
        )
    _print_reasons(rows, console)


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
                console.print(f"  ✗ {line}", soft_wrap=True, markup=False, highlight=False)


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


def _cell(rows: list[CheckRow], words: bool = True) -> str:
    """Return the points of some rows: `8.5 / 10`, written answers apart as `+ 1.5 / 2` or `+ w`."""
    if not rows:
        return "–"
    checks = [row for row in rows if not row.written]
    text = f"{sum(row.points or 0 for row in checks):g} / {sum(row.max_points for row in checks):g}"
    if words:
        for row in rows:
            if row.written:
                text += " + w" if row.points is None else f" + {row.points:g} / {row.max_points:g}"
    return text


def _print_reasons(rows: list[CheckRow], console: Console) -> None:
    lost = [row for row in rows if row.points is not None and row.points < row.max_points]
    if not lost:
        console.print("No points were lost.")
        return
    console.print("\n[bold]Where points were lost[/]")
    heading = None
    for row in sorted(lost, key=lambda row: (row.student, row.assignment)):
        if (row.student, row.assignment) != heading:
            heading = row.student, row.assignment
            console.print(f"\n{escape(row.student)} · {row.assignment.replace('_', ' ')}")
        console.print(
            escape(f"  ✗ {row.check}: {row.points:g} of {row.max_points:g}. {'; '.join(row.reasons)}"),
            soft_wrap=True,
        )
