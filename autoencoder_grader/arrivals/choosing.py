"""Chooses, of all that a student sent, the notebook of each chapter and the files that go with it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from autoencoder_grader.arrivals.archives import (
    UNREADABLE,
    Budget,
    Piece,
    TooMuch,
    is_left_about,
    unpacked,
    why_unreadable,
)
from autoencoder_grader.arrivals.downloads import Sent
from autoencoder_grader.nbgrader_steps.companions import WEIGHTS
from autoencoder_grader.nbgrader_steps.recognition import Chapters, cells_in, text_of, words
from autoencoder_grader.nbgrader_steps.same_names import bare

#: The rule by which one of several versions is taken, for people.
RULE = (
    "Of several versions of a notebook, one in which something was done is taken, and of these the one that was handed "
    "in last: by Canvas's number of the file, else by the time in the archive, else by the number of the copy, as in "
    "(2) or -Copy2."
)
_NOTEBOOK = re.compile(r"\.ipynb(?=$|[\s(.-])(?:\.(?:txt|json|download))?", re.IGNORECASE)
#: What browsers, Jupyter, Windows, macOS, Drive and Canvas add to the name of a copy.
_COPY = re.compile(
    r"\s*\((\d+)\)$|[-_ ]copy\s*(\d*)$|\s+-\s+(?:copy|kopie|copie|copia)(?:\s*\((\d+)\))?$|(?<=[a-z])-(\d{1,2})$",
    re.IGNORECASE,
)
_OF_TOOLS = (".ipynb_checkpoints", "__pycache__", ".git", ".venv", ".idea", ".vscode")


@dataclass
class Version:
    """One notebook that a student sent."""

    sent: Sent
    data: bytes
    cells: list[dict] | None
    chapter: str
    untouched: bool

    @property
    def rank(self) -> tuple:
        """Larger for what is to be taken rather."""
        piece = self.sent.piece
        readable = self.cells is not None
        return (
            readable,
            readable and not self.untouched,
            self.sent.order,
            round(piece.time / 3),
            copy_number(piece.name),
        )


@dataclass
class Parcel:
    """What a student sent for one chapter: files by their paths beside the notebook, which is among them.

    where: the place in the download that the notebook comes from. set_aside: other versions, by their places.
    """

    student: str
    chapter: str
    where: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    set_aside: list[str] = field(default_factory=list)
    late: bool = False


def parcels_of(student: str, sent: list[Sent], chapters: Chapters) -> tuple[list[Parcel], list[str], list[str]]:
    """For each chapter that a student sent something of, what is to be put where; lines about what cannot be; and lines
    about what was left out on purpose.
    """
    problems: list[str] = []
    remarks: list[str] = []
    try:
        pieces = _opened(sent, problems)
    except TooMuch as error:
        return [], [f"{student}: {error}; nothing of it was taken"], []
    notebooks, others = [], []
    for one in pieces:
        if is_left_about(one.piece.path):
            continue
        if any(part.startswith(".") or part in _OF_TOOLS for part in one.piece.path):
            remarks.append(f"{one.piece.where}: hidden, or a tool's own")
        elif len(one.piece.path) == 1 and one.piece.name == "timestamp.txt":
            remarks.append(f"{one.piece.where}: a student's own word on the time")
        elif "onlinetext.html" in one.piece.path:
            remarks.append(f"{one.piece.where}: a text typed into Moodle")
        else:
            (notebooks if _NOTEBOOK.search(one.piece.name) else others).append(one)
    versions = [version for one in notebooks if (version := _version(one, chapters, problems))]
    by_chapter = defaultdict(list)
    for version in versions:
        by_chapter[version.chapter].append(version)
    chosen: dict[str, Version] = {}
    parcels = []
    for chapter, own in sorted(by_chapter.items()):
        best = _best(own)
        if best is None:
            places = ", ".join(version.sent.piece.where for version in own)
            problems.append(
                f"{student}/{chapter}: nothing tells which of these is the later one: {places}; remove the others from "
                "the download, and collect again"
            )
            continue
        chosen[chapter] = best
        aside = [version.sent.piece.where for version in own if version.data != best.data]
        parcels.append(
            Parcel(student, chapter, best.sent.piece.where, {f"{chapter}.ipynb": best.data}, aside, best.sent.late)
        )
    if not versions and not problems:
        problems.append(f"{student}: no notebook in {sent[0].piece.where}{' and elsewhere' if len(sent) > 1 else ''}")
    _add_companions(parcels, chosen, versions, others, problems, remarks)
    return parcels, problems, remarks


def copy_number(name: str) -> int:
    """The number of a copy by its name: 0 for none, 2 for `x (2).ipynb`, 1 for `x-Copy.ipynb`."""
    found = _COPY.search(_stem(name))
    return int(next((number for number in found.groups() if number), 1)) if found else 0


def without_copy(stem: str) -> str:
    """A name, without its ending, and without what says that it is a copy."""
    shorter = _COPY.sub("", stem)
    return shorter if shorter == stem else without_copy(shorter)


def _stem(name: str) -> str:
    # A copy's number may stand behind the ending, too: `x.ipynb (1).txt`.
    return re.sub(r"\.(?:txt|json|download)$", "", _NOTEBOOK.sub("", name, count=1), flags=re.IGNORECASE)


def _opened(sent: list[Sent], problems: list[str]) -> list[Sent]:
    """All that was sent, archives opened, within a student's bounds."""
    budget, found = Budget(), []
    for one in sent:
        found += [Sent(piece, one.order, one.late, one.download) for piece in unpacked([one.piece], budget, problems)]
    return found


def _version(sent: Sent, chapters: Chapters, problems: list[str]) -> Version | None:
    piece = sent.piece
    try:
        data = piece.read()
    except UNREADABLE as error:
        problems.append(f"{piece.where}: {why_unreadable(error)}")
        return None
    try:
        cells = cells_in(data)
    except ValueError:
        cells = None
    chapter = (chapters.chapter_of(cells) if cells else None) or _named(piece, chapters)
    if chapter is None:
        problems.append(
            f"{piece.where}: of which chapter is it? Neither its name nor a check in it says so; rename it to one of "
            f"{', '.join(f'{name}.ipynb' for name in chapters.names)}"
        )
        return None
    return Version(sent, data, cells, chapter, cells is not None and chapters.is_untouched(chapter, cells))


def _named(piece: Piece, chapters: Chapters) -> str | None:
    """The chapter that the name of a file, or of the folder that it lies in, says."""
    for name in reversed(piece.path):
        letters = bare(_stem(name))
        found = [chapter for chapter in chapters.names if bare(chapter) in letters]
        found = found or [chapter for chapter in chapters.names if bare(chapter.lstrip("0123456789_")) in letters]
        if len(found) == 1:
            return found[0]
    return None


def _best(versions: list[Version]) -> Version | None:
    """The version to take; None where nothing tells."""
    ranked = sorted(versions, key=lambda version: version.rank)
    best = ranked[-1]
    rivals = [version for version in ranked[:-1] if version.rank == best.rank and _work(version) != _work(best)]
    return None if rivals else best


def _work(version: Version):
    return version.data if version.cells is None else [words(text_of(cell)) for cell in version.cells]


def _add_companions(parcels, chosen, versions, others, problems, remarks) -> None:
    """Add to each parcel the files that were sent with its notebook."""
    folders = {version.sent.piece.folder for version in chosen.values()}
    of_others = {version.sent.piece.folder for version in versions} - folders
    by_chapter = {parcel.chapter: parcel for parcel in parcels}
    # The last that was sent first: of two files with one name it is taken.
    for one in sorted(others, key=lambda one: (one.order, one.piece.time), reverse=True):
        piece = one.piece
        home = max((folder for folder in folders | of_others if _within(piece, folder)), key=len, default=())
        if home in of_others:
            remarks.append(f"{piece.where}: lies beside another version of the notebook")
            continue
        near = [chapter for chapter, version in chosen.items() if version.sent.piece.folder == home] or list(chosen)
        if len(near) > 1 and piece.name.lower().endswith(".npz"):
            near = [chapter for chapter in near if _weights_name(piece, chosen[chapter].data)]
        if not near:
            remarks.append(f"{piece.where}: belongs to no notebook that was sent")
        for chapter in near:
            path = _beside(piece, home, chosen[chapter].data)
            _add(by_chapter[chapter], piece, path, problems, remarks)


def _within(piece: Piece, folder: tuple[str, ...]) -> bool:
    return piece.folder[: len(folder)] == folder


def _beside(piece: Piece, home: tuple[str, ...], notebook: bytes) -> str:
    """The path of a companion beside its notebook; weights lie in weights/, wherever they lay before."""
    path = piece.path[len(home) :]
    if piece.name.lower().endswith(".npz") and (len(path) == 1 or without_copy(path[-2]).casefold() == WEIGHTS):
        return f"{WEIGHTS}/{_weights_name(piece, notebook) or piece.name[:-4]}.npz"
    return "/".join(path)


def _weights_name(piece: Piece, notebook: bytes) -> str | None:
    """The name by which a notebook asks for the weights in a file, which may be called a copy's; None if by none."""
    text = notebook.replace(b'\\"', b'"').replace(b"'", b'"')
    name = piece.name[:-4]
    return next((one for one in (name, without_copy(name)) if f'"{one}"'.encode() in text), None)


def _add(parcel: Parcel, piece: Piece, path: str, problems: list[str], remarks: list[str]) -> None:
    taken = {name.casefold(): name for name in parcel.files}
    before = taken.get(path.casefold())
    try:
        data = piece.read()
    except UNREADABLE as error:
        problems.append(f"{piece.where}: {why_unreadable(error)}")
        return
    if before is None and any(
        one.startswith(f"{path.casefold()}/") or path.casefold().startswith(f"{one}/") for one in taken
    ):
        problems.append(f"{piece.where}: a file that has the name of a folder; left out")
    elif before is None:
        parcel.files[path] = data
    elif parcel.files[before] != data:
        remarks.append(f"{piece.where}: an earlier version of {before}")
