"""Writes what the syllabus says of each chapter into syllabus.md, read from solutions/ and the rules:

    .venv/bin/python docs/list_syllabus.py

A test does it again and compares.
"""

import re
from pathlib import Path

import nbformat
from autoencoder_helpers.checks import catalogue

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "syllabus.md"
_SCHEME = re.compile(r"### BEGIN MARK SCHEME\n(.*?)\n### END MARK SCHEME", re.S)
_LEVEL = re.compile(r"^(?:- )?(\d)(?: points?)?: ", re.M)


def chapters():
    """(name, title, goals, checks and written questions) of each chapter, in order."""
    for path in sorted((REPOSITORY / "solutions").glob("*/*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        first = cells[0].source + "\n"
        goals = [
            " ".join(goal.split()) for goal in re.split(r"^(?:[-*]|\d+\.) ", _goals(first), flags=re.M) if goal.strip()
        ]
        graded = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
        yield path.stem, first.splitlines()[0].removeprefix("# "), goals, graded


def _goals(text):
    (found,) = re.findall(r"you can\*\*\n+(.*?)\n\n", text, re.S)
    return found


def levels(cell):
    """Of a written question: (points, what is asked for them), from the least."""
    (scheme,) = _SCHEME.findall(cell.source)
    _, *parts = _LEVEL.split(scheme)
    return sorted((int(points), " ".join(text.split())) for points, text in zip(parts[::2], parts[1::2]))


def text() -> str:
    """Goals and points of each chapter, then how written questions are marked."""
    rules, lines, written = catalogue(), [], []
    for name, title, goals, graded in chapters():
        checked = sum(cell.metadata.nbgrader.points for cell in graded if cell.cell_type == "code")
        asked = [cell for cell in graded if cell.cell_type == "markdown"]
        by_hand = sum(cell.metadata.nbgrader.points for cell in asked)
        lines += [
            f"### {title}",
            "",
            f"`{name}`: {checked:g} points by checks, {by_hand:g} by hand. Afterwards a learner can:",
            "",
        ]
        lines += [f"- {goal}" for goal in goals]
        lines += ["", "| check | points | what is asked for |", "| --- | --- | --- |"]
        for cell in graded:
            rule = rules.get(cell.metadata.nbgrader.grade_id.replace("-", ".", 1))
            if rule is not None:
                lines.append(f"| `{rule.name}` | {rule.points:g} | {_docstring(cell)} |")
        for cell in asked:
            lines.append(
                f"| `{cell.metadata.nbgrader.grade_id}` | {cell.metadata.nbgrader.points:g} | the written question, marked by a person |"
            )
            written += [f"| `{cell.metadata.nbgrader.grade_id}` | {points} | {what} |" for points, what in levels(cell)]
        lines.append("")
    return "\n".join(
        [
            *lines,
            "### How the written questions are marked",
            "",
            "| question | points | for |",
            "| --- | --- | --- |",
            *written,
        ]
    )


def _docstring(cell):
    """The sentence above a check's call in its cell."""
    (said,) = re.findall(r'\A"""(.*?)"""', cell.source, re.S)
    return " ".join(said.split()).replace("|", r"\|")


def written(page: str) -> str:
    """The page with what stands in the sources."""
    return re.sub(
        r"(<!-- the chapters -->\n\n).*?(\n\n<!-- until here -->)",
        lambda m: m[1] + text() + m[2],
        page,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
