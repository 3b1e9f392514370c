"""Builds the book with Sphinx, from docs/ and solutions/ into docs/_build/html; chapters run once."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import autoencoder_helpers
from autoencoder_grader.book.pages import pages_of, write_pages
from autoencoder_grader.book.running import kept_outputs, run_page, show_outputs
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images.cache import file_sha256
from nbformat import NotebookNode

#: What changes a chapter's outputs from outside.
_SETTINGS = ("AUTOENCODER_EPOCHS", "AUTOENCODER_FLOWERS")
_HELPERS = Path(autoencoder_helpers.__file__).parent


def execution_key(course: Path, helpers: Path = _HELPERS) -> str:
    """Return what the outputs of all chapters depend on, beside each chapter's own code, as 16 hexadecimal digits.

    That is every file of autoencoder_helpers (in the folder `helpers`), the pinned versions in the course's
    constraints.txt, and the settings of the environment. A chapter that ran under one key is not run again under it.
    """
    key = hashlib.sha256()
    files = {path.relative_to(helpers).as_posix(): path for path in helpers.rglob("*") if path.is_file()}
    files = {name: path for name, path in files.items() if "__pycache__" not in path.parts}
    files["constraints.txt of the course"] = course / "constraints.txt"
    for name, path in sorted(files.items()):
        key.update(f"{name}\0{file_sha256(path)}\0".encode())
    for name in _SETTINGS:
        key.update(f"{name}\0{os.environ.get(name, '')}\0".encode())
    return key.hexdigest()[:16]


def ask_for_sphinx() -> None:
    """Raise CourseError where what makes pages is not installed."""
    if importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("myst_nb") is None:
        raise CourseError("the book needs Sphinx and myst-nb: install what constraints.txt names, as `make setup` does")


def build_book(course: Path, on_cell: Callable[[str, int, int], None] = lambda chapter, done, cells: None) -> Path:
    """Build the book of `course`, and return its first page.

    course: the folder with docs/, which holds Sphinx's conf.py, and solutions/.
    on_cell: called before each cell that runs with (chapter, cells done, cells in all).
    What Sphinx complains of goes to stderr, and any of it is an error.
    Raises CourseError when a chapter cannot be run, and when Sphinx does not end well; what it said stands above that line.
    """
    docs = course / "docs"
    built = docs / "_build"
    pages = pages_of(course)
    run_pages(course, pages, on_cell)
    write_pages(pages, docs / "chapters")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-d", str(built / "doctrees"), "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *options, str(docs), str(built / "html")]
    ended_well = False
    try:
        # What it says waits for its end: after a Ctrl-C nobody wants to read it.
        ended = subprocess.run(command, cwd=course, stderr=subprocess.PIPE, text=True)
        sys.stderr.write(ended.stderr)
        ended_well = ended.returncode == 0
    finally:
        if not ended_well:
            # Sphinx warns of a page only while it reads it: with its memory kept, the next run finds nothing wrong.
            shutil.rmtree(built / "doctrees", ignore_errors=True)
    if not ended_well:
        raise CourseError("the book was not built; the lines above say why")
    return built / "html" / "index.html"


def run_pages(course: Path, pages: dict[str, NotebookNode], on_cell: Callable[[str, int, int], None]) -> None:
    """Give the pages of `course` their outputs, which docs/_build/executed keeps; run those that have none there.

    Raises CourseError as `run_page` does.
    """
    folder = course / "docs" / "_build" / "executed" / execution_key(course)
    for chapter, page in pages.items():
        kept = kept_outputs(page, folder)
        if not kept.is_file():
            run_page(page, chapter, kept, functools.partial(on_cell, chapter))
        show_outputs(page, kept)
