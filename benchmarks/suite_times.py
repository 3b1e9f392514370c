"""Where the time of `make test` goes: what a JUnit report of it says, by what the tests need to run.

    PYTEST_ADDOPTS=--junitxml=build/tests.xml make test && .venv/bin/python benchmarks/suite_times.py build/tests.xml

A test counts as a test of the kind whose folder or file name it has, the first that fits. suite_times.json is written
beside this file. `--slow` also writes tests/support/slow_files.txt anew: the files that take more than a thousandth of
it all, the longest first. They come first in `make test`, and `make test-quick` leaves them out.
"""

from __future__ import annotations

import collections
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import click
from common import COURSE, machine, print_table, say, to_folder, write_json

#: Kind -> how the names of its files begin; everything else is a rule, a function or a file by itself.
KINDS = {
    "pages in a browser, JupyterLab, formgrader": ("browser",),
    "faults: kills, interrupts, bombs, full disks": ("faults",),
    "whole notebooks, graded or run": (
        "chapters.test_graded_chapters",
        "chapters.test_next_cells",
        "test_corpus",
        "test_plain_nbgrader",
        "test_guide",
        "test_half_precision",
        "test_old_names",
        "autoencoder_grader.nbgrader_steps.test_execution",
        "autoencoder_grader.nbgrader_steps.test_late",
        "autoencoder_grader.nbgrader_steps.test_left_out",
        "autoencoder_grader.book",
        "autoencoder_grader.demo",
    ),
    "kernels and their sandbox": ("autoencoder_grader.kernels",),
    "the engine: classes, clusters, gradebooks": ("autoencoder_grader.engine",),
    "trainings and reference values": ("autoencoder_grader.references", "autoencoder_helpers.training"),
}
SLOW = COURSE / "tests" / "support" / "slow_files.txt"
REST = "rules, functions, files, documents"


def kind_of(classname: str) -> str:
    """The kind of a test, by the dotted name of its file."""
    name = classname.removeprefix("tests.")
    return next((kind for kind, begins in KINDS.items() if name.startswith(begins)), REST)


def times(report: Path) -> dict[str, dict[str, float]]:
    """{kind: {"tests": how many, "seconds": of the processes that ran them}} of a JUnit report."""
    tests, seconds = collections.Counter(), collections.Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        kind = kind_of(case.get("classname", ""))
        tests[kind] += 1
        seconds[kind] += float(case.get("time", 0))
    return {kind: {"tests": tests[kind], "seconds": seconds[kind]} for kind, _ in seconds.most_common()}


def slow_files(report: Path) -> list[str]:
    """The files that take more than a thousandth of all the time, the longest first."""
    seconds = collections.Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        seconds[case.get("classname", "").replace(".", "/") + ".py"] += float(case.get("time", 0))
    return [name for name, its in seconds.most_common() if its > seconds.total() / 1000]


@click.command(help=__doc__.partition("\n")[0])
@click.argument("report", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--slow", is_flag=True, help="Write tests/support/slow_files.txt, too.")
@to_folder
def main(report, slow, to):
    found = times(report)
    total = sum(each["seconds"] for each in found.values())
    clock = sum(float(suite.get("time", 0)) for suite in ElementTree.parse(report).iter("testsuite"))
    rows = [
        (kind, f"{each['tests']:,}", f"{each['seconds']:,.0f} s", f"{each['seconds'] / total:.0%}")
        for kind, each in found.items()
    ]
    print_table("Tests, by what they need", ("tests of", "number", "together", "share"), rows)
    say(f"{clock / 60:.1f} minutes by the clock, {total / 60:.0f} of all processes of pytest")
    if slow:
        SLOW.write_text("\n".join(slow_files(report)) + "\n", encoding="utf-8")
        say(f"written: {SLOW}")
    write_json(to / "suite_times.json", {"machine": machine(), "clock": clock, "kinds": found})


if __name__ == "__main__":
    main()
