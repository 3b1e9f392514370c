"""What is right, and why: the questions of each chapter, from a file of its own.

`vae.toml` holds what is asked in the chapter whose checks begin with `vae.`:

    [ideas]
    balance = "what counts is the balance of R and K"   # in one line, for the card at the chapter's end

    [double]                      # asked as guess("vae.double", "once", "twice", "it depends")
    right = "twice"               # that choice, to the letter
    idea = "balance"              # one of the ideas above; wrong guesses that concern the same one are counted
    why = "..."                   # plain text: `code`, and an empty line between paragraphs
    tells = ["twice"]             # regular expressions for what gives it away: no text of the chapter may, before its cell

A test over solutions/ holds the chapters to `right` and `tells`.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from autoencoder_helpers.errors import CourseError


@dataclass(frozen=True)
class Question:
    """right: the choice that comes out. idea: what it is about, in a line. why: text. tells: what gives it away."""

    name: str
    right: str
    idea: str
    why: str
    tells: tuple[str, ...]


def question(name: str) -> Question:
    """The question of this name. Raises CourseError when there is none."""
    found = questions(name.partition(".")[0]).get(name) if isinstance(name, str) else None
    if found is None:
        raise CourseError(
            f"guess: nothing is asked under the name {name!r}; it is a chapter's and its own, as 'vae.double'."
        )
    return found


@functools.cache
def questions(chapter: str) -> Mapping[str, Question]:
    """All questions of a chapter by name, none for a chapter without any. chapter: as in "vae.double", before the point."""
    file = resources.files(__package__) / f"{chapter}.toml"
    if not (chapter.isidentifier() and file.is_file()):
        return {}
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    ideas = tables.pop("ideas")
    found = {}
    for own_name, table in tables.items():
        name = f"{chapter}.{own_name}"
        why = "\n\n".join(" ".join(part.split()) for part in table["why"].split("\n\n") if part.strip())
        found[name] = Question(name, table["right"], ideas[table["idea"]], why, tuple(table["tells"]))
    return found
