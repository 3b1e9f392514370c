"""The validity of grading as a page: our grader beside nbgrader as it comes, on the corpus of made-up submissions.

Reads what these have measured, hours in all for the second one, and writes docs/validity.md:

    .venv/bin/autoencoder-course validity --seeds 3 --whole
    .venv/bin/autoencoder-course validity --stock right dishonest
    .venv/bin/python benchmarks/validity_table.py

With --keep the page keeps what it says of nbgrader, and only the first has to be measured again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click
from autoencoder_grader.course import find_course
from autoencoder_grader.validity.corpus import KINDS
from autoencoder_grader.validity.report import Verdict, read_report

_HEAD = """\
# Validity: who gets points that should not, and who loses points that should not

Measured on the corpus in [tests/submissions](../tests/submissions) by the command in
[benchmarks/validity_table.py](../benchmarks/validity_table.py), which wrote this page. Each case is one made-up
submission with the points that each check must give. A *false pass* is a check that gave more, a *false fail* a right
answer that lost points, a *wrong amount* any other difference. Counted are cases with at least one such check; a case
that differs in several ways counts once in each.
"""
_STOCK = "## nbgrader as it comes, with the tests in the learner's kernel"


@click.command()
@click.option("--ours", type=click.Path(path_type=Path), help="Default: build/validity/whole.json.")
@click.option("--stock", type=click.Path(path_type=Path), help="Default: build/validity/stock.json.")
@click.option("--keep", is_flag=True, help="Keep what the page says of nbgrader.")
def main(ours, stock, keep):
    """Write docs/validity.md from the two reports."""
    course = find_course()
    folder = course / "build" / "validity"
    own, statuses = read_report(ours or folder / "whole.json")
    target = course / "docs" / "validity.md"
    seeds = max(len(verdict.found) for verdict in own)
    lines = [
        _HEAD,
        f"## This course's grader, whole notebooks on the private images of {seeds} secrets",
        "",
        *_table(own),
        "",
        *(
            [f"Other statuses than expected: {'; '.join(statuses)}"]
            if statuses
            else ["Every case ended in its status."]
        ),
        "",
    ]
    lines += _of_nbgrader(read_report(stock or folder / "stock.json")[0]) if not keep else [_kept(target)]
    target.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    click.echo(f"written: {target}")


def _of_nbgrader(theirs: Sequence[Verdict]) -> list[str]:
    return [
        _STOCK,
        "",
        "Kinds that are not in this table were not measured. Most dishonest cases attack what only this course has, such",
        "as its evidence and its outcome in a notebook's metadata: there nbgrader has nothing to lose. And the checks keep",
        "warnings to themselves, so fewer right answers lose points to a line on stderr than with plain asserts.",
        "",
        *_table(theirs),
        "",
        *_names(theirs),
    ]


def _kept(page: Path) -> str:
    """What the page says of nbgrader already."""
    return _STOCK + page.read_text(encoding="utf-8").partition(_STOCK)[2]


def _faults(verdicts: Sequence[Verdict]) -> dict[tuple[str, str], set[str]]:
    """(kind, fault) -> the cases with such a check."""
    found = defaultdict(set)
    for verdict in verdicts:
        if verdict.fault:
            found[verdict.kind, verdict.fault].add(verdict.case)
    return found


def _table(verdicts: Sequence[Verdict]) -> list[str]:
    found = _faults(verdicts)
    lines = ["| kind | cases | false passes | false fails | wrong amounts |", "| --- | --- | --- | --- | --- |"]
    for kind in KINDS:
        cases = {verdict.case for verdict in verdicts if verdict.kind == kind}
        if cases:
            counts = [len(found[kind, fault]) for fault in ("false pass", "false fail", "wrong amount")]
            lines.append(f"| {kind} | {len(cases)} | {counts[0]} | {counts[1]} | {counts[2]} |")
    return lines


def _names(verdicts: Sequence[Verdict]) -> list[str]:
    lines = []
    for (kind, fault), cases in sorted(_faults(verdicts).items()):
        names = ", ".join(f"`{case.removeprefix(f'{kind}-')}`" for case in sorted(cases))
        lines += [f"{kind}, {fault}: {names}.", ""]
    return lines


if __name__ == "__main__":
    main()
