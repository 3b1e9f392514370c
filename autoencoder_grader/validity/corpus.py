"""The corpus of made-up submissions: reads the cases in tests/submissions/ and builds real ones of them.

A case is one short TOML file, `tests/submissions/<kind>/<chapter>-<name>.toml`, with <chapter> 1 to 5:

    about = "a relu at the bottleneck"          # what it changes and why, in one line
    base = "solution"                           # or "release": the untouched notebook
    status = "graded"                           # the outcome's status
    says = "put back from the release"          # a part of one of the notes or problems (optional)
    points = {"dense.encoder" = 1.5}            # every check that is not named gets all its points ...
    others = 0                                  # ... or this number
    mistakes = {"dense.encoder" = "bottleneck-activation"}   # what the card names, see Case.mistakes (wrong/: needed)

    [[cells]]                                   # changes, in this order; `cell` names a cell by its id
    cell = "build-encoder"
    replace = "keras.layers.Dense(latent_dim)"
    by = "keras.layers.Dense(latent_dim, activation='relu')"

    [[files]]                                   # files beside the notebook
    path = "sitecustomize.py"
    text = "print('hello')"

The other changes: `source` (the whole text of a cell), `insert` = "before" or "after" with `source` (a cell of the
learner's own; also `type`), `delete`, `duplicate`, `move` = "before" or "after" with `to`, `type`, `metadata` (merged
into the cell's), `outputs`, `prints` (so many characters of stored output), `id`. Files: `text`, `base64`, `link` (to
a path), `fifo`, `copy_of` (another file of the submission), `bytes` (so many zeros). `weights = "none"` leaves out the
trained weights. `notebook` replaces the whole file: {text = ...}, {base64 = ...}, {set = {...}} (keys of the JSON),
{name = ...}, {copy_as = ...}, {delete = true}, {lost = ["id"]} (keys that every cell has lost; "metadata.nbgrader" is
one inside another).
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autoencoder_grader.references.trained import trained_weights
from autoencoder_helpers.checks import catalogue
from autoencoder_helpers.errors import CourseError

KINDS = ("right", "wrong", "dishonest", "broken")
CHAPTERS = {
    "1": ("01_dense_autoencoder", "dense"),
    "2": ("02_convolutional_autoencoder", "conv"),
    "3": ("03_variational_autoencoder", "vae"),
    "4": ("04_flower_vae", "flowers"),
    "5": ("05_gene_expression", "cells"),
}
#: Cells that are neither answers nor tests, and that these need; a case has no others, which saves most of the time.
NEEDED = {
    "1": {"setup", "load-data", "compile-autoencoder", "train-autoencoder"},
    "2": {"set-up", "two-rows", "choose-epochs"},
    "3": {"setup", "load-data", "given-layers", "build-vae", "untrained", "choose-epochs", "train-vae"},
    "4": {"setup", "choose-epochs", "load-data", "zeros", "train-vae"},
    "5": {"setup", "load-data", "take-counts", "given-layers", "train-vae"},
}
_KEYS = {
    "about",
    "base",
    "status",
    "says",
    "points",
    "others",
    "mistakes",
    "cells",
    "files",
    "weights",
    "notebook",
    "whole",
}


@dataclass(frozen=True)
class Case:
    """One case of the corpus; see the head of this module for what its file may say."""

    name: str
    kind: str
    chapter: str
    path: Path
    facts: dict = field(repr=False)

    @property
    def assignment(self) -> str:
        """The chapter's folder name."""
        return CHAPTERS[self.chapter][0]

    @property
    def status(self) -> str:
        """The status that it must end with."""
        return self.facts.get("status", "graded")

    def expected(self) -> dict[str, float]:
        """The points that each check of the chapter must give."""
        prefix = CHAPTERS[self.chapter][1]
        named, others = self.facts.get("points", {}), self.facts.get("others")
        rules = {name: rule for name, rule in catalogue().items() if name.startswith(f"{prefix}.")}
        unknown = set(named) - set(rules)
        if unknown:
            raise CourseError(f"{self.path}: no check is named {sorted(unknown)[0]!r}")
        return {name: float(named.get(name, rule.points if others is None else others)) for name, rule in rules.items()}

    def mistakes(self) -> dict[str, tuple[str, ...]]:
        """The slugs that the card of each check must show, in their order; checks of which nothing is said are left out.

        In the file: by check, one slug or a list of them, or one slug for all checks that give less than their points.
        """
        rules = catalogue()
        losing = [check for check, points in self.expected().items() if points < rules[check].points]
        named = self.facts.get("mistakes", {})
        if isinstance(named, str):
            named = dict.fromkeys(losing, named)
        unknown = set(named) - set(losing)
        if unknown:
            raise CourseError(f"{self.path}: `mistakes` names {sorted(unknown)[0]!r}, which loses no points here")
        unnamed = set(losing) - set(named)
        if self.kind == "wrong" and unnamed:
            raise CourseError(
                f"{self.path}: `mistakes` says nothing of {sorted(unnamed)[0]!r}, which loses points here"
            )
        return {check: (slugs,) if isinstance(slugs, str) else tuple(slugs) for check, slugs in named.items()}


def read_cases(folder: Path, wanted: tuple[str, ...] = ()) -> list[Case]:
    """The cases in a folder, in order. wanted: kinds, or parts of names; all if empty.

    Raises CourseError, one line, for a file that is no case.
    """
    cases = [_read(path, kind) for kind in KINDS for path in sorted((folder / kind).glob("*.toml"))]
    if not cases:
        raise CourseError(f"{folder}: no cases; the corpus lies in tests/submissions/<kind>/<chapter>-<name>.toml")
    chosen = [case for case in cases if not wanted or any(word == case.kind or word in case.name for word in wanted)]
    if not chosen:
        raise CourseError(f"no case of the corpus is called {', '.join(wanted)}; see {folder}")
    return chosen


def _read(path: Path, kind: str) -> Case:
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"{path}: cannot be read ({error})") from None
    chapter = path.stem.partition("-")[0]
    if chapter not in CHAPTERS:
        raise CourseError(f"{path}: its name begins with no chapter's number, as in 1-{path.name}")
    unknown = set(facts) - _KEYS
    if unknown or not facts.get("about"):
        raise CourseError(f"{path}: " + (f"unknown key {sorted(unknown)[0]!r}" if unknown else "`about` is missing"))
    return Case(f"{kind}-{path.stem}", kind, chapter, path, facts)


def build(case: Case, release: Path, solutions: Path, weights: Path, submitted: Path, whole: bool = False) -> Path:
    """Write what the student of a case hands in, to submitted/<case>/<assignment>/; return that folder.

    release, solutions: the folders notebooks/ and solutions/. weights: a folder with <case>/*.npz, those of a case with
    networks of its own; the others hand in those that the course carries. whole: with all cells of the chapter.
    """
    folder = submitted / case.name / case.assignment
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    notebook = _notebook(case, release, solutions, whole or case.facts.get("whole", False))
    for change in case.facts.get("cells", ()):
        notebook["cells"] = list(_changed(notebook["cells"], change, case))
    _write_notebook(case, notebook, folder / f"{case.assignment}.ipynb")
    if case.facts.get("weights") != "none":
        files = [*_carried(case, notebook), *sorted((weights / case.name).glob("*.npz"))]
        for path in {path.name: path for path in files}.values():  # of two with one name the case's own
            (folder / "weights").mkdir(exist_ok=True)
            shutil.copyfile(path, folder / "weights" / path.name)
    for file in case.facts.get("files", ()):
        _write_file(file, folder)
    return folder


def _carried(case, notebook) -> list[Path]:
    """The course's weights that a notebook may ask for: some trainings stand in cells that most cases have not."""
    text = "\n".join(_text(cell) for cell in notebook["cells"])
    return [path for path in trained_weights(case.assignment) if case.facts.get("whole") or f'"{path.stem}"' in text]


def _notebook(case, release, solutions, whole) -> dict:
    """The released notebook with the answers of the solution in it, or as it was released."""
    name = Path(case.assignment, f"{case.assignment}.ipynb")
    notebook = json.loads((release / name).read_text(encoding="utf-8"))
    if case.facts.get("base", "solution") == "solution":
        solved = json.loads((solutions / name).read_text(encoding="utf-8"))
        answers = {cell["id"]: _text(cell) for cell in solved["cells"]}
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("solution") and cell["cell_type"] == "code":
                cell["source"] = _without_marks(answers[cell["id"]])
    if not whole:
        notebook["cells"] = [
            cell
            for cell in notebook["cells"]
            if cell["metadata"].get("nbgrader", {}).get("grade_id") or cell["id"] in NEEDED[case.chapter]
        ]
    return notebook


def _text(cell) -> str:
    return "".join(cell["source"])


def _without_marks(source: str) -> str:
    """A solution's text without nbgrader's marks and the stub."""
    kept, inside = [], False
    for line in source.split("\n"):
        if line.strip() == "### STUB":
            inside = True
        elif line.strip() == "### END SOLUTION":
            inside = False
        elif line.strip() != "### BEGIN SOLUTION" and not inside:
            kept.append(line)
    return "\n".join(kept)


def _changed(cells: list[dict], change: dict, case: Case) -> Iterator[dict]:
    name = change.get("cell")
    if not any(cell.get("id") == name for cell in cells):
        raise CourseError(f"{case.path}: no cell has the id {name!r}")
    if "move" in change:
        moved = next(cell for cell in cells if cell.get("id") == name)
        cells = [cell for cell in cells if cell is not moved]
        place = next(index for index, cell in enumerate(cells) if cell.get("id") == change["to"])
        cells.insert(place + (change["move"] == "after"), moved)
        yield from cells
        return
    for cell in cells:
        if cell.get("id") != name:
            yield cell
            continue
        if change.get("insert") == "before":
            yield _own_cell(change)
        if not change.get("delete"):
            yield cell if "insert" in change else _edited(cell, change, case)
        if change.get("duplicate"):
            yield copy.deepcopy(cell)
        if change.get("insert") == "after":
            yield _own_cell(change)


def _own_cell(change: dict) -> dict:
    kind = change.get("type", "code")
    cell = {"cell_type": kind, "metadata": change.get("metadata", {}), "source": change["source"]}
    cell["id"] = change.get("id", f"own-{hashlib.sha256(change['source'].encode()).hexdigest()[:8]}")
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _edited(cell: dict, change: dict, case: Case) -> dict:
    if "replace" in change:
        source = _text(cell)
        if change["replace"] not in source:
            raise CourseError(f"{case.path}: cell {cell['id']!r} does not hold {change['replace']!r}")
        cell["source"] = source.replace(change["replace"], change["by"])
    if "source" in change:
        cell["source"] = change["source"]
    for key in ("outputs", "id"):
        if key in change:
            cell[key] = change[key]
    if "prints" in change:
        text = "0123456789abcde\n" * (int(change["prints"]) // 16)
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    if "metadata" in change:
        cell["metadata"] = _merged(cell["metadata"], change["metadata"])
    if "type" in change and change["type"] != cell["cell_type"]:
        cell["cell_type"] = change["type"]
        if change["type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        else:
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return cell


def _merged(old, new):
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def _write_notebook(case: Case, notebook: dict, path: Path) -> None:
    change = case.facts.get("notebook", {})
    if change.get("delete"):
        return
    path = path.with_name(change.get("name", path.name))
    for lost in change.get("lost", ()):
        *outer, key = lost.split(".")
        for cell in notebook["cells"]:
            for name in outer:
                cell = cell.get(name, {})
            cell.pop(key, None)
    if "base64" in change:
        path.write_bytes(base64.b64decode(change["base64"]))
    elif "text" in change:
        path.write_text(change["text"], encoding="utf-8")
    else:
        path.write_text(json.dumps(_merged(notebook, change.get("set", {})), indent=1), encoding="utf-8")
    if "copy_as" in change:
        shutil.copyfile(path, path.with_name(change["copy_as"]))


def _write_file(file: dict, folder: Path) -> None:
    path = folder / file["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() or path.is_symlink():
        path.unlink()
    if "link" in file:
        path.symlink_to(file["link"])
    elif file.get("fifo"):
        os.mkfifo(path)
    elif "copy_of" in file:
        shutil.copyfile(folder / file["copy_of"], path)
    elif "base64" in file:
        path.write_bytes(base64.b64decode(file["base64"]))
    elif "bytes" in file:
        with path.open("wb") as made:
            made.truncate(int(file["bytes"]))
    else:
        path.write_text(file["text"], encoding="utf-8")
