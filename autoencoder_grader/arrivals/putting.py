"""Puts what was collected into submitted/, whole or not at all, and over nothing that is there."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from autoencoder_grader.arrivals.choosing import Parcel

NEW, ADDS, THERE, OTHER = "new", "adds", "there already", "another version is there"


@dataclass(frozen=True)
class Deed:
    """What is done with a parcel.

    what: NEW, ADDS (files that were not there), THERE or OTHER. paths: the files that are written. differs: those that
    are there with other content, and stay.
    """

    what: str
    target: Path
    paths: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


def decide(parcel: Parcel, submitted: Path) -> Deed:
    """What is to be done with a parcel, by what lies in submitted/."""
    target = submitted / parcel.student / parcel.chapter
    if not os.path.lexists(target):
        return Deed(NEW, target, tuple(parcel.files))
    notebook = target / f"{parcel.chapter}.ipynb"
    if target.is_symlink() or not target.is_dir() or (os.path.lexists(notebook) and not _holds(notebook, parcel)):
        return Deed(OTHER, target)
    missing = tuple(path for path in parcel.files if not os.path.lexists(target / path))
    differs = tuple(
        path for path, data in parcel.files.items() if path not in missing and not _same(target / path, data)
    )
    return Deed(ADDS if missing else THERE, target, missing, differs)


def put(parcel: Parcel, deed: Deed, scratch: Path) -> None:
    """Do it. scratch: an empty folder on the same disk, which is empty again afterwards. Raises OSError."""
    made = scratch / "parcel"
    shutil.rmtree(made, ignore_errors=True)  # what a killed run left
    try:
        for path in deed.paths:
            target = _inside(made, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(parcel.files[path])
        deed.target.parent.mkdir(parents=True, exist_ok=True)
        if deed.what == NEW:
            os.rename(made, deed.target)  # never over a folder with anything in it
            return
        for path in deed.paths:
            target = _inside(deed.target, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not os.path.lexists(target):
                os.replace(_inside(made, path), target)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _holds(notebook: Path, parcel: Parcel) -> bool:
    return _same(notebook, parcel.files[notebook.name])


def _same(path: Path, data: bytes) -> bool:
    plain = path.is_file() and not path.is_symlink()
    return plain and path.stat().st_size == len(data) and path.read_bytes() == data


def _inside(folder: Path, path: str) -> Path:
    """The file's place below a folder, which no link leads out of; every name was looked at before, and is again."""
    parts = Path(path).parts
    if Path(path).is_absolute() or ".." in parts or not parts:
        raise ValueError(f"{path!r} is no place below a folder")
    place = folder
    for part in parts[:-1]:
        place = place / part
        if place.is_symlink():
            raise OSError(f"{place} is a link")
    return folder / path
