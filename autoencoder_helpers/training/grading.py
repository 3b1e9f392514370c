"""A training while a notebook is graded without the cells that only show: it does not begin, and says so.

With weights that match nothing is trained. Without them what is trained is to come out as it does in the whole notebook,
so grading runs that instead: better before the training than after it.
"""

from __future__ import annotations

from pathlib import Path

from autoencoder_helpers.evidence.messages import NOT_WHOLE, TRAINS, grading_folder


class RunWhole(BaseException):
    """Nothing is trained in this run of the notebook. No Exception: what a learner catches is not meant for this."""


def expect_whole() -> None:
    """Raise RunWhole where a training would begin in a notebook that is graded without some of its cells."""
    folder = grading_folder()
    if folder and Path(folder, "questions", NOT_WHOLE).exists():
        Path(folder, "answers", TRAINS).write_bytes(b"")
        raise RunWhole("the notebook is run whole, with this training")
