"""Finds submissions that are too much alike to have come about apart: a reason to look, never one to take points off.

Answers are compared with those of other students alone, without names, comments and blanks; what the release has, and
what many have, tells nothing. Weights are compared as numbers.
"""

from __future__ import annotations

import builtins
import functools
import io
import keyword
import re
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from autoencoder_grader.engine.submissions import Submission
from autoencoder_grader.nbgrader_steps.companions import WEIGHTS
from autoencoder_grader.nbgrader_steps.recognition import Chapters, cells_in, is_nothing_but_checks, names_in
from autoencoder_grader.references.trained import trained_weights
from autoencoder_grader.results.watching import Watch, unwatched
from autoencoder_helpers.evidence.messages import BadMessage, count_entries, read_file

_MOST_BYTES = 100 << 20  # of a file; a larger one is not compared
_LONGEST, _LONGEST_OF_ALL = 50_000, 500_000  # signs of one cell and of one submission that are compared
_MOST_ARRAYS = 1000  # in a file of weights
_FEWEST_TOKENS, _FEWEST_WORDS = 40, 12  # of code and of words; shorter answers are alike by themselves
_SHINGLE = 10  # tokens in a row
_COMMON = 20  # what more students than that have in common was copied from no one of them
_FEWEST_SHARED, _SHARE = 30, 0.8  # shingles that hardly anybody else has: so many, and that part of the shorter one's
_READ, _NUMBERS = 1 << 16, 512  # bytes of each array of weights that are read, and numbers that are compared
_UNREADABLE = (
    *(BadMessage, OSError, ValueError, KeyError, RuntimeError, EOFError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)
# Of the length of the weights, as a vector. Measured on trained networks: 0.0002 for the same one written with other layers,
# 0.02 and more for one seed and another loss or prior, 0.6 for other weights of the KL, 1.1 and more for other seeds.
_NEAR = 1e-2
# Each kind of text ends at the latest where its line, or all, ends: so none is looked at twice.
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<doc>\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|(?<=\n)[ \t]*"[^"\n]*"[ \t]*(?=\n))"""
    r"""|(?P<text>"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|(?P<number>\d[\w.]*)"""
    r"""|(?P<name>\.?[^\W\d]\w*)|(?P<sign>[^\s\w])""",
    re.DOTALL | re.VERBOSE,
)
_WORDS_OF_PYTHON = {*keyword.kwlist, *dir(builtins)}


@dataclass(frozen=True)
class Likeness:
    """Students of an assignment with something too much alike. what: the thing, as a person says it."""

    assignment: str
    students: tuple[str, ...]
    what: str


@dataclass
class _Work:
    """What is compared of one submission. weights: by file, what its arrays are called and how large, the sums of their
    bytes, and some of their numbers.
    """

    student: str
    answers: tuple[str, ...] = ()
    tokens: int = 0
    shingles: set[int] = field(default_factory=set)
    words: str = ""
    weights: dict[str, tuple[tuple, tuple, np.ndarray]] = field(default_factory=dict)


def find_likenesses(submissions: Iterable[Submission], chapters: Chapters, watch: Watch = unwatched) -> list[Likeness]:
    """What is too much alike in a class, by assignment. What cannot be read is left out. watch: shows how far it is."""
    by_assignment = defaultdict(list)
    for submission in submissions:
        if submission.assignment in chapters.names:
            by_assignment[submission.assignment].append(submission)
    found = []
    for assignment, own in sorted(by_assignment.items()):
        if len(own) > 1:
            works = [_work(submission, chapters) for submission in watch(own, f"comparing {assignment}")]
            solved = sorted(map(plain_code, chapters.solved(assignment).values()))
            found += _answers_alike(assignment, works, solved)
            found += _words_alike(assignment, works)
            found += _weights_alike(assignment, works)
    return found


def plain_code(source: str) -> str:
    """A text of Python without comments, docstrings and blanks, and with one name for all that are not Python's own."""
    tokens = []
    for match in _TOKEN.finditer(f"\n{source[:_LONGEST]}\n"):
        kind, text = match.lastgroup, match.group()
        if kind == "name" and not text.startswith(".") and text not in _WORDS_OF_PYTHON:
            tokens.append("N")
        elif kind == "text":
            tokens.append(text.replace("'", '"').replace(" ", "_"))
        elif kind not in ("comment", "doc"):
            tokens.append(text)
    return " ".join(tokens)


def _work(submission: Submission, chapters: Chapters) -> _Work:
    work = _Work(submission.student)
    try:
        cells = cells_in(read_file(submission.notebook, _MOST_BYTES) or b"")
    except (BadMessage, OSError, ValueError):
        return work
    chapter = submission.assignment
    answers = chapters.solved(chapter).keys()
    marked = [cell for cell in cells if cell.get("cell_type") == "code" and names_in([cell]) & answers]
    own = _cut(text for text in chapters.own_code(chapter, cells) if not is_nothing_but_checks(text))
    code = _cut(chapters.own_code(chapter, marked)) if marked else own
    work.answers = tuple(sorted(filter(None, map(plain_code, code))))
    work.tokens = sum(text.count(" ") + 1 for text in work.answers)
    given = set().union(*(_shingles(plain_code(text)) for text in chapters.solved(chapter).values()), set())
    work.shingles = set().union(*map(_shingles, map(plain_code, own)), set()) - given
    work.words = " ".join(re.findall(r"\w+", " ".join(_cut(chapters.own_words(chapter, cells))).casefold()))
    carried = _carried(chapter)
    for path in sorted((submission.folder / WEIGHTS).glob("*.npz")):
        try:
            layout, digest, numbers = _weights(path)
        except _UNREADABLE:
            continue
        if numbers.size and digest not in carried:
            work.weights[path.name] = layout, digest, numbers
    return work


def _cut(texts: Iterable[str]) -> list[str]:
    """As much of some texts as is compared: what is longer was not written by hand, and takes minutes."""
    cut, left = [], _LONGEST_OF_ALL
    for text in texts:
        cut.append(text[: min(left, _LONGEST)])
        left -= len(cut[-1])
        if not left:
            break
    return cut


@functools.cache
def _carried(chapter: str) -> set[tuple]:
    """The sums of the weights that the course itself carries: who hands in those has copied nobody."""
    return {_weights(path)[1] for path in trained_weights(chapter)}


def _shingles(code: str) -> set[int]:
    tokens = code.split(" ")
    return {zlib.crc32(" ".join(tokens[at : at + _SHINGLE]).encode()) for at in range(len(tokens) - _SHINGLE + 1)}


def _answers_alike(assignment: str, works: list[_Work], solved: list[str]) -> list[Likeness]:
    same = defaultdict(list)
    for work in works:
        if work.tokens >= _FEWEST_TOKENS:
            same[work.answers].append(work.student)
    found = []
    for answers, students in same.items():
        if len(students) > 1:
            what = "the same answers, but for names, comments and blanks"
            if set(answers) <= set(solved):
                what += "; they are those of the course's own solution"
            found.append(Likeness(assignment, tuple(sorted(students)), what))
    holders = defaultdict(list)
    for number, work in enumerate(works):
        for shingle in work.shingles:
            holders[shingle].append(number)
    most = max(3, min(len(works) // 10, _COMMON))
    rare, shared = Counter(), Counter()
    for numbers in holders.values():
        if len(numbers) <= most:
            rare.update(numbers)
            shared.update(combinations(numbers, 2))
    near = [
        (works[one].student, works[other].student)
        for (one, other), count in shared.items()
        if count >= max(_FEWEST_SHARED, _SHARE * min(rare[one], rare[other]))
        and works[one].answers != works[other].answers
    ]
    return found + [
        Likeness(assignment, group, "nearly the same answers, where others have other ones") for group in _groups(near)
    ]


def _words_alike(assignment: str, works: list[_Work]) -> list[Likeness]:
    same = defaultdict(list)
    for work in works:
        if len(work.words.split()) >= _FEWEST_WORDS:
            same[work.words].append(work.student)
    groups = [tuple(sorted(students)) for students in same.values() if len(students) > 1]
    return [Likeness(assignment, group, "the same words in the written answer") for group in groups]


def _weights_alike(assignment: str, works: list[_Work]) -> list[Likeness]:
    found = []
    same, layouts = defaultdict(set), defaultdict(dict)
    for work in works:
        for name, (layout, digest, numbers) in work.weights.items():
            same[layout, digest].add((work.student, name))
            layouts[layout].setdefault(digest, (work.student, name, numbers))
    for holders in same.values():
        students = tuple(sorted({student for student, _ in holders}))
        if len(students) > 1:
            names = ", ".join(sorted({name for _, name in holders}))
            found.append(Likeness(assignment, students, f"identical weights ({names})"))
    near: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for held in layouts.values():
        students = list(held.values())
        for one, other in _close([numbers for *_, numbers in students]):
            if students[one][0] != students[other][0]:
                near[students[one][1]].append((students[one][0], students[other][0]))
    for name, pairs in sorted(near.items()):
        found += [Likeness(assignment, group, f"nearly identical weights ({name})") for group in _groups(pairs)]
    return found


def _close(vectors: list[np.ndarray]) -> list[tuple[int, int]]:
    """Pairs of vectors that are hardly apart."""
    if len(vectors) < 2:
        return []
    matrix = np.stack(vectors).astype(np.float64)
    squares = (matrix**2).sum(axis=1)
    pairs = []
    for start in range(0, len(matrix), 500):
        rows = slice(start, start + 500)
        apart = squares[rows, None] + squares[None] - 2 * matrix[rows] @ matrix.T
        for one, other in np.argwhere(apart <= _NEAR**2 * np.maximum(squares[rows, None], 1e-12)):
            if start + one < other:
                pairs.append((int(start + one), int(other)))
    return pairs


def _weights(path: Path) -> tuple[tuple, tuple, np.ndarray]:
    """What the arrays of a file of weights are called and how large they are, the sums of their bytes, and some of their
    numbers.

    A stranger's file: nothing of it is unpickled, no link is followed and no FIFO waited for.
    """
    layout, digest, numbers = [], [], []
    data = read_file(path, _MOST_BYTES) or b""
    if count_entries(data) > _MOST_ARRAYS:
        raise BadMessage("it holds too many arrays")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        arrays = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        # As `train` calls them: whatever else lies beside them makes no other weights. Some files are not `train`'s.
        weights = [info for info in arrays if info.filename.startswith("weight_")]
        for info in weights or arrays:
            layout.append((info.filename, info.file_size))
            digest.append(info.CRC)
            with archive.open(info) as member:
                numbers.append(_numbers(member.read(_READ)))
    every = np.concatenate(numbers) if numbers else np.empty(0, np.float32)
    chosen = every[np.linspace(0, len(every) - 1, min(len(every), _NUMBERS)).astype(int)] if len(every) else every
    return tuple(layout), tuple(digest), chosen if np.isfinite(chosen).all() else np.empty(0, np.float32)


def _numbers(data: bytes) -> np.ndarray:
    """The first numbers of an array's file; none where it holds other things than float numbers."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        return np.empty(0, np.float32)
    begins = 10 + int.from_bytes(data[8:10], "little") if data[6] == 1 else 12 + int.from_bytes(data[8:12], "little")
    kind = re.search(rb"'descr': *'<f([248])'", data[:begins])
    if not kind:
        return np.empty(0, np.float32)
    size = int(kind[1])
    body = data[begins:]
    return np.frombuffer(body[: len(body) // size * size], f"<f{size}").astype(np.float32)


def _groups(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Pairs joined to groups."""
    group_of: dict[str, set[str]] = {}
    for one, other in pairs:
        joined = group_of.get(one, {one}) | group_of.get(other, {other})
        for student in joined:
            group_of[student] = joined
    return sorted({tuple(sorted(group)) for group in group_of.values()})
