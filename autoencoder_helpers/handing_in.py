"""A learner's work as one file: `hand_in()` packs a chapter's notebook and its trained weights for the instructor.

On Colab the notebook is no file beside the kernel: Colab's page is asked for it, and the packed file is downloaded.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import zipfile
from datetime import datetime
from pathlib import Path

from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.moving import move

#: The checks of a chapter begin so -> what its notebook is called.
CHAPTERS = {
    "dense": "01_dense_autoencoder",
    "conv": "02_convolutional_autoencoder",
    "vae": "03_variational_autoencoder",
    "flowers": "04_flower_vae",
    "cells": "05_gene_expression",
}
_COLAB_SECONDS = 60


def hand_in(notebook: str | os.PathLike | None = None) -> Path:
    """Pack a notebook, what lies in ``weights/`` beside it, and its guesses into one zip file; return its path.

    notebook: the file, as it was saved last. Default: the one that runs this, or the only one in this folder; on Colab
    the one that is open, as it is now. Raises CourseError when that cannot be told, or the file is no notebook.
    """
    if notebook is None and "google.colab" in sys.modules:
        content, folder, when = _of_colab(), Path.cwd(), "as it is now"
    else:
        path = Path(notebook) if notebook is not None else _this_notebook()
        content, folder = _read(path), path.parent
        when = f"as saved at {datetime.fromtimestamp(path.stat().st_mtime):%H:%M}: save first, and run this again, if that is old"
    chapter = _chapter(content) or (Path(notebook).stem if notebook is not None else "notebook")
    target = folder / f"{chapter}.zip"
    guesses = folder / "guesses.json"
    weights = sorted(path for path in (folder / "weights").glob("*.npz") if path.is_file())
    _pack(target, chapter, content, [*weights, *([guesses] if guesses.is_file() else [])])
    print(
        f"To hand in: {target} ({target.stat().st_size / 1e6:.1f} MB), {chapter}.ipynb {when}, {len(weights)} trained networks."
    )
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.files").download(str(target))
    return target


def _this_notebook() -> Path:
    named = os.environ.get("JPY_SESSION_NAME", "")  # Jupyter Server says so to the kernels that it starts
    if named.endswith(".ipynb") and Path(named).name and (Path.cwd() / Path(named).name).is_file():
        return Path.cwd() / Path(named).name
    there = sorted(Path.cwd().glob("*.ipynb"))
    if len(there) == 1:
        return there[0]
    found = ", ".join(path.name for path in there) or "none"
    raise CourseError(
        f"hand_in: which notebook? In {Path.cwd()} there are: {found}. Name it, as in hand_in('01_dense_autoencoder.ipynb'); "
        "on Kaggle download the notebook (File, Download) and hand it in with weights/ from the folder of outputs."
    )


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        cells = json.loads(content)["cells"]
    except OSError as error:
        raise CourseError(f"hand_in: {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError):
        raise CourseError(f"hand_in: {path} is no notebook; save it again.") from None
    if not isinstance(cells, list):
        raise CourseError(f"hand_in: {path} is no notebook; save it again.")
    return content


def _of_colab() -> bytes:
    page = importlib.import_module("google.colab._message")
    said = page.blocking_request("get_ipynb", timeout_sec=_COLAB_SECONDS) or {}
    if "ipynb" not in said:
        raise CourseError(
            "hand_in: Colab's page did not hand over the notebook: download it (File, Download .ipynb), and weights/ from "
            "the folder on the left."
        )
    return json.dumps(said["ipynb"], indent=1, ensure_ascii=False).encode()


def _chapter(content: bytes) -> str:
    """The chapter whose checks a notebook holds; "" if none is."""
    for cell in json.loads(content)["cells"]:
        facts = (cell.get("metadata") or {}).get("nbgrader") or {}
        begins = str(facts.get("grade_id", "")).partition("-")[0]
        if begins in CHAPTERS:
            return CHAPTERS[begins]
    return ""


def _pack(target: Path, chapter: str, content: bytes, beside: list[Path]) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{chapter}/{chapter}.ipynb", content)
            for path in beside:
                archive.write(path, f"{chapter}/{path.relative_to(target.parent).as_posix()}")
        move(partial, target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CourseError(
            f"hand_in: {target} cannot be written: {error.strerror}; make room, or look who may write there."
        ) from error
