"""What became of a chapter's guesses, in a line: how many were right, and what the wrong ones have in common."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from autoencoder_helpers.guesses.keeping import kept_in
from autoencoder_helpers.guesses.questions import questions

_NONE = "Guesses: none answered. They cost nothing, and what one has guessed at first is kept in mind longer."


def tally(chapter: str, folder: Path | None = None) -> str:
    """The line for a chapter, "" if nothing is asked there. folder: of the notebook, else where we are.

    Only guesses whose answer was told are counted: the line gives nothing away.
    """
    asked = questions(chapter)
    if not asked:
        return ""
    answered = {name: kept.guess for name, kept in kept_in(folder).items() if name in asked and kept.told}
    if not answered:
        return _NONE
    wrong = [asked[name].idea for name, guess in answered.items() if guess != asked[name].right]
    line = f"Guesses: {len(answered) - len(wrong)} of {len(answered)} right."
    if not wrong:
        return line
    idea, most = Counter(wrong).most_common(1)[0]
    if len(wrong) == 1:
        return f"{line} The wrong one is about this: {idea}."
    if most == 1:
        return f"{line} The {len(wrong)} wrong ones are about different ideas."
    which = f"All {most} wrong ones" if most == len(wrong) else f"{most} of the {len(wrong)} wrong ones"
    return f"{line} {which} are about the same idea: {idea}."
