"""A chapter as a handout of a few pages, to print: its questions and pictures, without an answer of an exercise.

What learners guess before they see it (`Predict first`) stands with boxes to tick, and what came out, with the numbers of
the chapter, on a page of its own at the end.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import NamedTuple

from autoencoder_grader.book.building import run_pages
from autoencoder_grader.book.extension import mathml
from autoencoder_grader.book.pages import pages_of
from autoencoder_grader.files.whole_files import write_whole_text
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

#: What solutions/ folds away: hints, comparisons, answers.
_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
#: Headings below which all is kept; of other sections the first paragraph, formulas and questions are.
_KEPT_WHOLE = re.compile(
    r"What you have now|What to keep|Summary|What usually goes wrong|Mistakes|If something goes wrong", re.I
)
#: Headings of parts that are for the notebook alone.
_LEFT_OUT = re.compile(r"Where to go next|If you want more|Stretch", re.I)
_EXERCISE = re.compile(r"Exercise \d+")
#: The cells that print the chapter's table of numbers.
_NUMBERS = ("numbers", "number-table")
_STYLE = (Path(__file__).parent / "data" / "handout.css").read_text(encoding="utf-8")


class Picture(NamedTuple):
    """A picture that a cell showed. png: base64, as notebooks hold it; alt: what it shows, in words."""

    png: str
    alt: str


def handout(page: NotebookNode, title: str) -> str:
    """Return a page of the book, with its outputs, as an HTML file that needs no other.

    title: of the file, where the page has no heading.
    """
    body, answers = [], []
    asked = 0  # guesses so far; pictures between a guess and what came out are its answer
    open_guess, whole, left_out = False, False, False
    for cell in page.cells:
        if cell.cell_type == "markdown":
            if _is_of_an_exercise(cell):
                continue
            found, whole, left_out = _text(cell.source, whole, left_out)
            body += found
            continue
        called = _called(cell.source)
        if "guess" in called:
            asked, open_guess = asked + 1, True
            body.append(_boxes(asked, called["guess"]))
        elif "came_out" in called:
            open_guess = False
        elif not left_out and not _is_of_an_exercise(cell):
            shown = [_figure(picture) for picture in _pictures(cell)]
            if not open_guess:
                body += shown
            elif shown or _printed(cell):
                answers += [f"<h3>Guess {asked}</h3>", *shown, _listing(cell)]
        if cell.id in _NUMBERS:
            answers += ["<h3>The numbers of this chapter</h3>", _listing(cell)]
    if answers:
        body += ['<section class="answers"><h2>What came out</h2>', *answers, "</section>"]
    heading = re.search("<h1>(.*?)</h1>", "".join(body))
    name = escape(title) if heading is None else heading[1]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>\n<style>\n{_STYLE}</style></head>\n'
        f"<body>\n{chr(10).join(body)}\n</body></html>\n"
    )


def write_handouts(course: Path, on_cell: Callable[[str, int, int], None] = lambda *_: None) -> list[Path]:
    """Write the handout of each chapter into docs/_build/handouts, and return the files.

    Chapters run as for the book, whose outputs are taken. on_cell: as in `build_book`.
    Raises CourseError when a chapter cannot be run.
    """
    pages = pages_of(course)
    run_pages(course, pages, on_cell)
    files = []
    for name, page in pages.items():
        files.append(course / "docs" / "_build" / "handouts" / f"{name}.html")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        write_whole_text(files[-1], handout(page, name))
    return files


def _is_of_an_exercise(cell: NotebookNode) -> bool:
    """Whether a cell of a page is a solution, its stub, a written answer or a check."""
    if cell.id.endswith(("-stub", "-answer")) or "hide-cell" in cell.metadata.get("tags", ()):
        return True
    return bool(cell.metadata.get("nbgrader", {}).get("grade"))


def _text(source: str, whole: bool, left_out: bool) -> tuple[list[str], bool, bool]:
    """What a handout keeps of a text, and whether what follows it is kept whole, or left out."""
    blocks, exercise, first = [], False, False
    for tokens in _blocks(_FOLDED.sub("", source)):
        kind, words = tokens[0].type, tokens[1].content if len(tokens) > 1 else ""
        if kind == "heading_open":
            if tokens[0].tag in ("h1", "h2"):
                whole, left_out = (
                    bool(_KEPT_WHOLE.search(words)) or tokens[0].tag == "h1",
                    bool(_LEFT_OUT.search(words)),
                )
            exercise, first = bool(_EXERCISE.match(words)), True
            if not left_out:
                blocks.append(f'<p class="exercise">{_inline(tokens[1])}</p>' if exercise else _render(tokens))
            continue
        question = words.startswith(("**Predict first.**", "**Explain it to yourself**"))
        if left_out or (exercise and not question):
            continue
        formula = kind.startswith("math_block")
        if whole or question or formula or (first and kind == "paragraph_open"):
            blocks.append(_render(tokens))
            first = first and formula
    return blocks, whole, left_out


def _blocks(source: str) -> list[list[Token]]:
    """The tokens of a Markdown text, block by block."""
    blocks, depth = [], 0
    for token in _markdown().parse(source):
        if depth == 0:
            blocks.append([])
        blocks[-1].append(token)
        depth += token.nesting
    return blocks


@functools.cache
def _markdown() -> MarkdownIt:
    # Raw HTML is only what folds away, which is gone by then.
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    return reader.use(dollarmath_plugin, renderer=_formula, double_inline=True)


def _formula(formula: str, settings: dict) -> str:
    return mathml(formula.strip(), "block" if settings["display_mode"] else "inline")


def _render(tokens: list[Token]) -> str:
    return _markdown().renderer.render(tokens, _markdown().options, {}).strip()


def _inline(token: Token) -> str:
    return _markdown().renderer.renderInline(token.children or [], _markdown().options, {})


def _called(source: str) -> dict[str, list]:
    """The names that a cell calls on its own lines -> the constants that each is given, by place."""
    try:
        lines = ast.parse(source).body
    except SyntaxError:  # a magic command
        return {}
    calls = [line.value for line in lines if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)]
    return {
        ast.unparse(call.func): [word.value for word in call.args if isinstance(word, ast.Constant)] for call in calls
    }


def _boxes(number: int, words: list) -> str:
    options = "".join(f"<li>{escape(str(word))}</li>" for word in words[1:])
    return f'<div class="guess"><b>Guess {number}</b><ul>{options}</ul></div>'


def _pictures(cell: NotebookNode) -> list[Picture]:
    shown = [output.data for output in cell.get("outputs", ()) if "image/png" in output.get("data", {})]
    return [Picture("".join(data["image/png"].split()), data.get("text/plain", "")) for data in shown]


def _figure(picture: Picture) -> str:
    alt = escape(picture.alt, quote=True)
    return f'<figure><img src="data:image/png;base64,{picture.png}" alt="{alt}"></figure>'


def _listing(cell: NotebookNode) -> str:
    return f"<pre>{escape(_printed(cell))}</pre>" if _printed(cell) else ""


def _printed(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.get("outputs", ()) if output.get("name") == "stdout").rstrip()
