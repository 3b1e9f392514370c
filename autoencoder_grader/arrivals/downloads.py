"""Sorts the files of downloads by student: those of Moodle and Canvas, folders of archives, single archives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from autoencoder_grader.arrivals.archives import (
    UNREADABLE,
    Piece,
    ZipDownload,
    file_piece,
    folder_pieces,
    is_archive,
    safe_path,
    why_unreadable,
    without_ending,
)
from autoencoder_grader.arrivals.senders import Address, Roster, Sender, Unclear, address_of
from autoencoder_grader.nbgrader_steps.same_names import folded


@dataclass(frozen=True)
class Sent:
    """A file that a student sent, its path as the student had it. order: see Address. download: the number of the download."""

    piece: Piece
    order: int = -1
    late: bool = False
    download: int = 0


@dataclass
class Sorted:
    """All downloads by student. strangers: students who are in no roster, where there is one. by_id: lines about those who
    were known by an id alone, which somebody else may have taken for a name.
    """

    by_student: dict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    strangers: set[str] = field(default_factory=set)
    by_id: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def sort_downloads(paths: Iterable[Path], roster: Roster, stack: ExitStack) -> Sorted:
    """Sort what lies in downloads by who sent it; a line for each thing of which that cannot be told.

    stack: holds what is to be read open until the caller is done.
    """
    result = Sorted()
    for number, path in enumerate(dict.fromkeys(paths)):
        try:
            _sort_one(path, number, roster, stack, result)
        except Unclear as error:
            result.problems.append(f"{path}: {error}")
        except UNREADABLE as error:
            result.problems.append(f"{path}: {why_unreadable(error)}")
    return result


def _sort_one(path: Path, number: int, roster: Roster, stack: ExitStack, result: Sorted) -> None:
    name = without_ending(path.name)
    own = address_of(path.name) or address_of(name)
    if path.is_dir():
        pieces = list(folder_pieces(path, result.problems))
        one = roster.knows(path.resolve().name)
    elif path.suffix.lower() == ".zip" and not own and not roster.knows(name):
        download = ZipDownload(path)
        stack.callback(download.close)
        listed: list[str] = []
        pieces = list(download.pieces(listed))
        one = not _is_of_a_class(pieces, roster)
        if one:  # then it is opened as any other archive of a student, within a student's bounds
            pieces = [file_piece(path)]
        else:
            result.problems += listed
    else:
        pieces, one = [file_piece(path)], is_archive(path.name)
    people: dict[str, set[Sender]] = defaultdict(set)
    found: dict[str, list[Sent]] = defaultdict(list)
    depth = _depth(pieces)
    unclear = set()
    for piece in pieces:
        try:
            if own:
                sent = _sent(piece, own, number)
                sender = own.sender
            elif one:
                sender = Sender(path.resolve().name if path.is_dir() else name)
                sent = Sent(piece, download=number)
            else:
                sender, sent = _from(piece, depth, number, roster)
            student = roster.find(sender)
        except (Unclear, ValueError) as error:
            if str(error) not in unclear:
                unclear.add(str(error))
                result.problems.append(f"{path}: {error}")
            continue
        people[student].add(sender)
        found[student].append(sent)
    for student, sent in found.items():
        senders = sorted(map(str, people[student]))
        if len({sender.number for sender in people[student]}) > 1:
            result.problems.append(
                f"{path}: {' and '.join(senders)} are different people, and both would be {student}; say who each is "
                f"with --who '{senders[0]}=...'"
            )
            continue
        for sender in people[student]:
            other = roster.other_name(sender, student)
            if other:
                result.by_id.add(
                    f"{sender}: taken for {student}, whom the roster calls {other}: is it the same person?"
                )
        result.by_student[student] += sent
        if roster.known and student not in roster.known:
            result.strangers.add(student)


def _is_of_a_class(pieces: list[Piece], roster: Roster) -> bool:
    """Whether a zip file holds what several students sent, and not what one did."""
    if _depth(pieces) is not None:
        return True
    tops = {piece.path[0] for piece in pieces}
    if any(roster.knows(without_ending(top)) for top in tops):
        return True
    if len(tops) > 1 and all(len(piece.path) == 1 and is_archive(piece.name) for piece in pieces):
        return True
    places = defaultdict(set)
    for piece in pieces:
        if len(piece.path) > 1 and piece.name.lower().endswith(".ipynb") and ".ipynb_checkpoints" not in piece.path:
            places[folded(piece.name)].add(piece.path[0])
    for name, folders in places.items():
        if len(folders) > 1:
            raise Unclear(
                f"{name} lies in several of its folders, {', '.join(sorted(folders)[:3])}: are they one student's, or "
                "several's? Unpack it, and collect the folder that has one folder for each student"
            )
    return False


def _depth(pieces: list[Piece]) -> int | None:
    """How deep the names lie that a platform gave; None if it gave none.

    Below one folder that holds all of them, but not below several: those are students', and what is in them says nothing.
    """
    if any(address_of(piece.path[0]) for piece in pieces):
        return 0
    below_one = len({piece.path[0] for piece in pieces}) == 1
    return 1 if below_one and any(len(piece.path) > 1 and address_of(piece.path[1]) for piece in pieces) else None


def _from(piece: Piece, depth: int | None, number: int, roster: Roster) -> tuple[Sender, Sent]:
    """Who sent a file in the download of a class."""
    if depth is not None:
        address = address_of(piece.path[depth]) if len(piece.path) > depth else None
        if address is None:
            raise Unclear(f"{piece.path[0]}: no platform's name of a submission, so nobody's; left out")
        rest = (address.rest,) if address.rest else ()
        return address.sender, _sent(
            replace(piece, path=(*rest, *piece.path[depth + 1 :]) or piece.path), address, number
        )
    if len(piece.path) > 1:
        return Sender(piece.path[0]), Sent(replace(piece, path=piece.path[1:]), download=number)
    if is_archive(piece.name):
        return Sender(without_ending(piece.name)), Sent(piece, download=number)
    student = roster.found_in(piece.name)
    if student is None:
        raise Unclear(f"{piece.name}: whose is it? Put it into a folder with the student's name")
    return Sender(student), Sent(piece, download=number)


def _sent(piece: Piece, address: Address, number: int) -> Sent:
    if len(piece.path) == 1 and address.rest:
        piece = replace(piece, path=(address.rest,))
    if not safe_path(piece.name):  # it would be no file's
        raise Unclear(f"{piece.where}: no name of a file")
    return Sent(piece, address.order, address.late, number)
