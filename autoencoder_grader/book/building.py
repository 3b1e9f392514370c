"""Builds the book with Sphinx, from docs/ and solutions/ into docs/_build/html; chapters run once."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import autoencoder_helpers
from autoencoder_grader.book.pages import write_pages
from autoencoder_helpers.cache import file_sha256
from autoencoder_helpers.errors import CourseError

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


def execution_cache(course: Path) -> Path:
    """Return the folder in which the book keeps the chapters that ran under the present key.

    In it myst-nb finds a chapter again by its code: a changed text runs nothing.
    """
    return course / "docs" / "_build" / "executed" / execution_key(course)


def build_book(course: Path) -> Path:
    """Build the book of `course`, and return its first page.

    course: the folder with docs/, which holds Sphinx's conf.py, and solutions/.
    Sphinx says what it does on stdout and stderr. A warning is an error.
    Raises CourseError when Sphinx is not installed or does not end well; what it said stands above that line.
    """
    if importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("myst_nb") is None:
        raise CourseError("the book needs Sphinx and myst-nb: install what constraints.txt names, as `make setup` does")
    docs = course / "docs"
    write_pages(course, docs / "chapters")
    built = docs / "_build"
    command = ["-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-d", str(built / "doctrees")]
    ended = subprocess.run([sys.executable, *command, "-b", "html", str(docs), str(built / "html")], cwd=course)
    if ended.returncode:
        # Sphinx warns of a page only while it reads it: with its memory kept, the next run would find nothing wrong.
        shutil.rmtree(built / "doctrees", ignore_errors=True)
        raise CourseError("the book was not built; the lines above say why")
    return built / "html" / "index.html"
