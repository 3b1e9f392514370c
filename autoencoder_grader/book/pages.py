"""From solutions/ to the pages of the book: each exercise as students see it, a solution folded away below it."""

from __future__ import annotations

import copy
import re
import shutil
import tomllib
from pathlib import Path
from urllib.parse import quote

import nbformat
from autoencoder_grader.files.whole_files import write_whole_text
from autoencoder_grader.nbgrader_steps.release import chapters_of, release_source, solution_source
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

_SITE = "https://github.com/"
_MARK_SCHEME = re.compile(r"### BEGIN MARK SCHEME\n(.*?)\n?### END MARK SCHEME", re.DOTALL)


def page_of(notebook: NotebookNode, where: str) -> NotebookNode:
    """Return a chapter of solutions/ as a page of the book; `notebook` stays as it is.

    where: names the chapter in messages.
    A solution cell becomes two: the stub, which is shown and not run, and the solution, which is run and folded away
    with what it prints. A written question's answer is folded away with its rubric. All other cells stay.
    Raises CourseError when a solution cell cannot be released.
    """
    page = copy.deepcopy(notebook)
    page.cells = [part for cell in page.cells for part in _parts(cell, where)]
    return page


def _parts(cell: NotebookNode, where: str) -> list[NotebookNode]:
    if not is_solution(cell):
        return [cell]
    if cell.cell_type != "code":
        # Only a rubric makes it a question; nbgrader's marks say nothing to a reader.
        return [_markdown(f"{cell.id}-answer", _folded_answer(cell.source) if is_grade(cell) else cell.source)]
    stub = release_source(cell.source, f"{where}, cell {cell.id!r}")
    cell.source = solution_source(cell.source)
    prompts = {"code_prompt_show": "Show a solution", "code_prompt_hide": "Hide the solution"}
    cell.metadata = nbformat.from_dict({"tags": ["hide-cell"], "mystnb": prompts})
    return [_markdown(f"{cell.id}-stub", f"````{{code-block}} python\n:class: stub\n\n{stub}\n````"), cell]


def _folded_answer(source: str) -> str:
    """A written question's model answer, with its rubric, as a block that opens."""
    # Each number of points is a line there, as in "1: gives the reason"; here an entry of a list.
    rubric = _MARK_SCHEME.search(source)
    entries = re.sub(r"^(?=\d+: )", "- ", rubric[1], flags=re.MULTILINE) if rubric else ""
    answer = _MARK_SCHEME.sub(lambda _: f"**How it is marked**\n\n{entries}", source).strip()
    return f"<details><summary>Show an answer and how it is marked</summary>\n\n{answer}\n</details>"


def _markdown(name: str, text: str) -> NotebookNode:
    # A name made of the cell's own, or each run would give another page.
    return nbformat.v4.new_markdown_cell(text, id=name[:64])


def pages_of(course: Path) -> dict[str, NotebookNode]:
    """Return the page of each chapter of `course`, by the chapter's name. Raises CourseError as `page_of` does."""
    pages = {}
    for chapter in chapters_of(course):
        notebook = nbformat.read(course / "solutions" / chapter / f"{chapter}.ipynb", as_version=4)
        pages[chapter] = page_of(notebook, f"{chapter}/{chapter}.ipynb")
        links = _links(course, chapter)
        if links:
            pages[chapter].cells.insert(1, _markdown("open-in", links))
    return pages


def _links(course: Path, chapter: str) -> str:
    """Where a chapter opens in a browser, without any set-up; "" as long as the course has no address of its own."""
    path = course / "pyproject.toml"
    project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}) if path.is_file() else {}
    address = project.get("urls", {}).get("Repository", "")
    if not address.startswith(_SITE) or "_" in address.removeprefix(_SITE).partition("/")[0]:
        return ""
    file = f"notebooks/{chapter}/{chapter}.ipynb"
    repository = address.removeprefix(_SITE)
    return (
        f"Open the exercises in [Colab](https://colab.research.google.com/github/{repository}/blob/main/{file}), in "
        f"[Kaggle](https://kaggle.com/kernels/welcome?src={address}/blob/main/{file}) or in "
        f"[Binder](https://mybinder.org/v2/gh/{repository}/HEAD?labpath={quote(file, safe='')})."
    )


def write_pages(pages: dict[str, NotebookNode], folder: Path) -> None:
    """Write each page into `folder`, as <chapter>/<chapter>.ipynb, so that the chapters' links to each other hold.

    A page that stays the same is not written again, or Sphinx would read it again; pages of chapters that are gone are
    removed.
    """
    for chapter, page in pages.items():
        text = nbformat.writes(page) + "\n"
        path = folder / chapter / f"{chapter}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_whole_text(path, text)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and path.name not in pages:
            shutil.rmtree(path)
