"""Names that people take for the same: in another case, another Unicode form, with other blanks."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable


def folded(name: str) -> str:
    """The name without what nobody sees or hears: case, the form of its letters, how many blanks."""
    # Twice, as Unicode says: folding may make letters that have another form again.
    name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(name.replace("_", " ").split())


def bare(name: str) -> str:
    """The letters and digits of a name alone, without accents: as platforms write names into those of files."""
    letters = unicodedata.normalize("NFKD", folded(name))
    return "".join(letter for letter in letters if letter.isalnum())


def alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of different names that people take for the same."""
    groups = defaultdict(set)
    for name in names:
        groups[folded(name)].add(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)
