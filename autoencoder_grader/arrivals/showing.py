"""Shows what `collect` did, or would do: a table, and below it the lines that a person should read."""

from __future__ import annotations

from autoencoder_grader.arrivals.choosing import RULE
from autoencoder_grader.arrivals.collecting import Collected
from autoencoder_grader.nbgrader_steps.harmless import harmless_text
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_collected(result: Collected, console: Console, dry_run: bool) -> None:
    """Print the table of what goes where, then what has no place, and how many are in theirs."""
    if result.rows:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False)
        for name in ("student", "chapter", "what", "from"):
            table.add_column(name, overflow="fold")
        for row in result.rows:
            cells = (row.student, row.chapter, row.what, row.where)
            table.add_row(*(Text(harmless_text(cell).replace("\n", " ")) for cell in cells))
        console.print(table)
    for heading, lines in (
        ("Of several versions one was taken", [*result.aside, *([RULE] if result.aside else [])]),
        ("Left out", _few(result.left_out)),
        ("What a person should know", result.notes),
        ("Not placed", result.problems),
        ("Not placed, because of the machine: run the same command again", result.faults),
    ):
        if lines:
            console.print(f"\n[bold]{heading}[/]")
            for line in lines:
                console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
    console.print(_ending(result, dry_run), soft_wrap=True, markup=False, highlight=False)


def _few(lines: list[str], most: int = 10) -> list[str]:
    return lines if len(lines) <= most + 1 else [*lines[:most], f"and {len(lines) - most} more"]


def _ending(result: Collected, dry_run: bool) -> str:
    parts = [f"{result.new} would be put into place" if dry_run else f"{result.new} put into place"]
    if result.there:
        parts.append(f"{result.there} there already")
    failed = len(result.problems) + len(result.faults)
    if failed:
        parts.append(f"{failed} {'line above says' if failed == 1 else 'lines above say'} what has no place, and why")
    return f"\n{'; '.join(parts)}.{' Nothing was changed.' if dry_run else ''}"
