"""Answers to the tiny chapter that conftest.py makes up, what became of them, and a console that nobody reads."""

import io

from autoencoder_grader.results.graded_notebooks import read_results
from rich.console import Console

#: Right but for what it should have rounded up.
ROUNDS_DOWN = """\
def after_conv(side, kernel, padding):
    return side if padding == "same" else side - kernel + 1

def after_pool(side):
    return side // 2"""
DIES = "import os\nos._exit(1)"


def quiet():
    return Console(file=io.StringIO(), width=200)


def points(course, student):
    """The points of a student by check, written answers left out."""
    rows = [row for row in read_results(course.folder) if row.student == student]
    return {row.check: row.points for row in rows if not row.written}


class FailingScoring:
    """Stands in for `execution.scoring_process`: fails so many times before it gives what that gives.

    tries: how often it was asked.
    """

    def __init__(self, execution):
        self._scoring_process, self._error = execution.scoring_process, execution.ScoringFailed
        self.fail(0)

    def fail(self, times):
        """Fail so many times from now on."""
        self.times, self.tries = times, 0

    def __call__(self, *arguments):
        self.tries += 1
        if self.tries > self.times:
            return self._scoring_process(*arguments)
        raise self._error("the scoring process has ended; run the grading again")
