"""How far the reading of a class is, for whoever waits for it at a terminal: thousands of submissions take minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

#: Goes through some things, and says in a few words what is done with them, and how far that is.
Watch = Callable[[Sequence, str], Iterable]


def unwatched(things: Sequence, words: str) -> Iterable:
    """For whoever does not wait."""
    return things


def watched(things: Sequence, words: str) -> Iterable:
    """A bar on stderr, with the time left, which goes away at the end; nothing where no terminal is."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(things, words, console=console, transient=True, disable=not console.is_terminal)
