"""How long to train is chosen in the notebook: the short training, which is the default, or the full one of an hour or so.

    epochs = choose_epochs("conv", default=3, full=50)

The choice is kept beside the notebook, where the guesses are. Grading does not look at it: weights of more epochs than the
default come with a submission and are taken as they are, and nobody waits there for a training of an hour.
"""

from __future__ import annotations

import os

from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import grading_folder
from autoencoder_helpers.front_end import shows_cards, somebody_is_there
from autoencoder_helpers.guesses.cards import Choices
from autoencoder_helpers.guesses.keeping import keep, kept_in

_SHORT, _FULL = "short", "full"
_CHANGED = "Kept. Run all cells from the top once more, so that a fresh network is trained."
_ONLY_HERE = "It lasts as long as this kernel: the notebook's folder cannot be written to."
_TIMED = "How long the full one takes on this machine is measured and said before it begins; it can be stopped and goes on later."
_WRITE = 'For the full one write `choice="full"` behind the numbers.'


class FullEpochs(int):
    """The epochs of a full training, by choice: `train` says how long they will take before it begins."""


def choose_epochs(chapter: str | None = None, *, default: int, full: int, choice: str | None = None) -> int:
    """``default`` epochs, or ``full`` ones where the full training was chosen.

    chapter: as in the names of its checks, "conv"; with it the choice is shown and kept, as buttons where somebody sits at a
    notebook that has them, else to be read. choice: "full" or "short", where there are no buttons. Without any choice
    it is what the environment variable ``AUTOENCODER_EPOCHS`` says, "full" or "default", and else ``default``. It never waits
    for an answer. In grading only the variable counts.
    Raises CourseError for another choice, or another value of the variable.
    """
    wish = _wish_of_the_environment()
    if grading_folder():
        return int(full if wish == _FULL else default)
    if choice not in (None, _SHORT, _FULL, "default"):
        raise CourseError(f"choose_epochs: choice is {choice!r}; write 'full' or 'short', or leave it out.")
    choice = _SHORT if choice == "default" else choice
    if chapter is not None and default != full:
        choice = _ask(f"{chapter}.epochs", {_SHORT: default, _FULL: full}, choice, wish)
    return FullEpochs(full) if (choice or wish) == _FULL else int(default)


def _wish_of_the_environment() -> str:
    wish = os.environ.get("AUTOENCODER_EPOCHS", "").strip().lower()
    if wish not in ("", "default", _FULL):
        raise CourseError(f"AUTOENCODER_EPOCHS is {wish!r}; set it to 'full' or 'default', or leave it out.")
    return _FULL if wish == _FULL else _SHORT


def _ask(name: str, epochs: dict[str, int], choice: str | None, wish: str) -> str:
    """Show both trainings and what is chosen; returns that."""
    texts = {f"{which}: {number} epochs": which for which, number in epochs.items()}
    text_of = {which: text for text, which in texts.items()}
    if choice:
        keep(name, choice)
    kept = kept_in().get(name)
    chosen = kept.guess if kept and kept.guess in epochs else wish

    def press(text: str) -> tuple[str, str, bool]:
        outlives = keep(name, texts[text])
        return text, _CHANGED if outlives else f"{_CHANGED} {_ONLY_HERE}", True

    shown = Choices(tuple(texts), text_of[chosen], f"{_TIMED} {_WRITE}", title="Which training?")
    if shows_cards() and somebody_is_there():
        try:
            from autoencoder_helpers.guesses.buttons import Buttons
        except ImportError:  # no ipywidgets
            pass
        else:
            buttons = Buttons(tuple(texts), press)
            buttons.show(text_of[chosen], _TIMED, True)
            buttons.display(shown.html(), str(shown))
            return chosen
    if shows_cards():
        from IPython.display import display

        display(shown)
    else:
        print(shown)
    return chosen
