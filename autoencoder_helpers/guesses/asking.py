"""`guess` asks, `came_out` answers."""

from __future__ import annotations

from dataclasses import replace

from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import grading_folder
from autoencoder_helpers.front_end import shows_cards, somebody_is_there
from autoencoder_helpers.guesses.cards import Answer, Choices
from autoencoder_helpers.guesses.keeping import keep, kept_in
from autoencoder_helpers.guesses.questions import question

_MOST_CHOICES = 9
_CHANGE = "Kept. You may change it until the answer is told."
_ONLY_HERE = "It lasts as long as this kernel: the notebook's folder cannot be written to."
_TOLD = "Your guess. The answer has been told."

# Seen where a page was loaded again or a notebook opened: buttons live as long as the page.
_RUN = "Run this cell, and you can press one."
_WRITE = "To keep a guess, write its number behind the choices, as in `choice=2`, and run the cell again."

# The answers that were told in this session: what they were about, and where they are displayed.
_told: dict[str, tuple[Answer, object]] = {}


def guess(name: str, *choices: str, choice: int | str | None = None) -> None:
    """Ask for a guess, and keep it; `came_out` answers after the cell that shows the truth. No points hang on it.

    name: of the question, its chapter's and its own, as "vae.double"; what is right, and why, stands in `vae.toml` beside
    this file (its form: `questions.py`).
    choices: two to nine texts, short enough for a button; the right one among them, to the letter.
    choice: your guess where there are no buttons, the number of a choice or its text.

        guess("vae.double", "once", "twice", "it depends")
        guess("vae.double", "once", "twice", "it depends", choice=2)

    It never waits for an answer, so that *Run all* goes on; in grading it does nothing at all. What was guessed is kept
    in `guesses.json` beside the notebook, and can be changed until the answer is told.
    Raises CourseError for a name under which nothing is asked, for choices that cannot be, and for a choice that is none.
    """
    if grading_folder():
        return
    asked = question(name)
    if not 2 <= len(set(choices)) == len(choices) <= _MOST_CHOICES or not all(
        isinstance(text, str) for text in choices
    ):
        raise CourseError(f"guess: give {name} two to {_MOST_CHOICES} different choices, each a text.")
    if choice is not None:
        _choose(asked.name, _chosen(choice, choices))
    chosen, said, may_change = _standing(asked.name)
    shown = Choices(choices, chosen, said)
    if shows_cards() and somebody_is_there():
        try:
            from autoencoder_helpers.guesses.buttons import Buttons
        except ImportError:  # no ipywidgets
            pass
        else:
            buttons = Buttons(choices, lambda text: _choose(name, text))
            buttons.show(chosen, said, may_change)
            saved = shown if chosen else replace(shown, said=_RUN)
            buttons.display(saved.html(), str(saved))
            return
        if not chosen:
            shown = Choices(choices, said=_WRITE)
    _show(shown)


def came_out(name: str, measured: str = "") -> None:
    """Tell what came out of a guess, and why: the cell after the one that shows the truth.

    name: as in `guess`. measured: what this run has shown, in a few words; made of what that cell has bound, so that
    nothing is told before it was run.

        came_out("vae.double", f"{sum(entries) / exact:.2f} times the exact KL")

    It is folded for whoever made no guess, and unfolds when one is made. In grading it does nothing at all.
    Raises CourseError for a name under which nothing is asked.
    """
    if grading_folder():
        return
    asked = question(name)
    kept = kept_in().get(name)
    if kept and not kept.told:
        keep(name, kept.guess, told=True)
    answer = Answer(asked, str(measured), kept.guess if kept else "")
    _told[name] = answer, _show(answer)


def _choose(name: str, text: str) -> tuple[str, str, bool]:
    """Keep a guess, unless the answer to another one was told; returns how it stands then."""
    kept = kept_in().get(name)
    if kept and kept.told:
        return _standing(name)
    outlives = keep(name, text, told=name in _told)
    if name in _told:
        answer, place = _told[name]
        answer = replace(answer, guess=text)
        _told[name] = answer, place
        if place is not None:
            place.update(answer)
    chosen, said, may_change = _standing(name)
    return chosen, said if outlives else f"{said} {_ONLY_HERE}", may_change


def _standing(name: str) -> tuple[str, str, bool]:
    """The guess that is kept, or "", what to say of it, and whether another one may be made."""
    kept = kept_in().get(name)
    if kept is None:
        return "", "", True
    return kept.guess, _TOLD if kept.told else _CHANGE, not kept.told


def _chosen(choice, choices):
    """The choice that is meant by its number or its text."""
    if isinstance(choice, str) and choice in choices:
        return choice
    if isinstance(choice, int) and 1 <= choice <= len(choices):
        return choices[choice - 1]
    raise CourseError(
        f"guess: choice={choice!r} is none of the {len(choices)}; write a number from 1 to {len(choices)}."
    )


def _show(card):
    """Show a card, or print it where none can be drawn; returns the handle with which it can be replaced."""
    if shows_cards():
        from IPython.display import display

        return display(card, display_id=True)
    print(card)
    return None
