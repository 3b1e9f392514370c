"""The grader's handle on the scoring process: starts it, tells it which check to score, takes the result."""

from __future__ import annotations

import atexit
import functools
import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import psutil
from autoencoder_grader.scoring.post import Postman
from autoencoder_grader.scoring.private_data import secret_seed
from autoencoder_helpers.checks.result import CheckResult
from autoencoder_helpers.errors import CourseError

_START_SECONDS = 180.0
_RESULT_SECONDS = 300.0
#: Of processor time, for one check. A busy machine takes longer, but does not compute more.
MOST_PROCESSOR_SECONDS = 200.0
_LOOK_SECONDS = 1.0


class ScoringFailed(CourseError):
    """The scoring process ended or did not answer: nobody's wrong answer, to be tried again."""


class DataMissing(CourseError):
    """What a check measures on is not at hand here: nobody's wrong answer, and trying again does not help."""


class TooMuchToScore(Exception):
    """What was handed in takes more computation than a check may: its own limit, not to be tried again."""


class Started(NamedTuple):
    """What has been started to score.

    process: with poll, kill, wait and pid as subprocess.Popen has them. orders, answers: its stdin and stdout.
    """

    process: subprocess.Popen
    orders: BinaryIO
    answers: BinaryIO


#: Starts the program scoring.worker; given the file for what it prints. Raises CourseError.
Start = Callable[[Path], Started]


def start_anew(log: Path) -> Started:
    """Start it as a new Python."""
    command = [sys.executable, "-m", "autoencoder_grader.scoring.worker"]
    pipe = subprocess.PIPE
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors)
    return Started(process, process.stdin, process.stdout)


class ScoringProcess:
    """A running scoring process for the course in `course`.

    more_seeds: also score on the private data of so many other secret seeds. log: a file for what it prints.
    start: how it is started.
    Raises ScoringFailed when it cannot be started.
    """

    def __init__(self, course: Path, more_seeds: int = 0, log: Path | None = None, start: Start = start_anew):
        log = log or Path(os.devnull)
        try:
            secret = secret_seed(course)
            log.parent.mkdir(parents=True, exist_ok=True)
            self._process, orders, answers = start(log)
        except CourseError as error:
            raise ScoringFailed(str(error)) from error
        self._log = log
        self._heard: queue.Queue = queue.Queue()
        self._post = Postman(orders, answers, self._heard.put)
        self._ready = False
        self._ticket = ""
        self._used_before = 0.0
        self._tell({"secrets": [f"{secret + more:x}" for more in range(1 + more_seeds)]})

    def listen(self, check: str, folder: Path, ticket: str, charged: Mapping[str, tuple] | None = None) -> None:
        """Score `check` from the evidence that comes into the mailbox `folder` under `ticket`.

        charged: the checks of the same notebook that have taken points so far: charge_of each.
        """
        if not self._ready:
            self._answer(_START_SECONDS)
            self._ready = True
        self._ticket, self._used_before = ticket, self._processor_seconds()
        self._post.serve(folder, ticket)
        self._tell({"check": check, "ticket": ticket, "charged": dict(charged or {})})

    def collect(self) -> list[CheckResult] | None:
        """The cell has ended: return the results, one a secret seed, or None if nothing was handed over.

        Raises ScoringFailed when the process has ended or does not answer, DataMissing when it misses data, and
        TooMuchToScore when the answers need too much computation; this process has ended then, too.
        """
        self._post.wait_no_more()
        self._tell({"stop": True})
        answer = self._answer(_RESULT_SECONDS, self._expect_little_work)
        if answer.get("ticket") != self._ticket:  # after an interrupt between listen and collect
            raise self._failure("answered for another check")
        if "error" in answer:
            raise DataMissing(str(answer["error"]))
        results = answer.get("results")
        return None if results is None else [CheckResult.from_dict(result) for result in results]

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._post.close()

    @functools.cached_property
    def pid(self) -> int:
        """The number of the process itself: a forked one has others above it that see to its end.

        It is first asked for before the process has read anything of a learner's.
        """
        process = psutil.Process(self._process.pid)
        while below := process.children():
            process = below[0]
        return process.pid

    def _tell(self, order: dict) -> None:
        if not self.alive:
            raise self._failure("has ended")
        self._post.tell(order)

    def _answer(self, seconds: float, look=lambda: None) -> dict:
        """The next answer. look: called from time to time while there is none."""
        end = time.monotonic() + seconds
        while True:
            try:
                answer = self._heard.get(timeout=min(_LOOK_SECONDS, seconds))
                break
            except queue.Empty:
                look()
                if time.monotonic() >= end:
                    raise self._failure(f"did not answer within {seconds:.0f} s") from None
        if answer is None:
            raise self._failure("has ended")
        return answer

    def _expect_little_work(self) -> None:
        if self._processor_seconds() - self._used_before > MOST_PROCESSOR_SECONDS:
            self.close()
            raise TooMuchToScore

    def _processor_seconds(self) -> float:
        """What the process has used so far on all cores."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:  # it has ended, which `_answer` finds out
            return 0.0
        return times.user + times.system

    def _failure(self, what: str) -> ScoringFailed:
        self.close()
        return ScoringFailed(f"the scoring process {what}; run the grading again (what it printed: {self._log})")


_running: dict[tuple[Path, int], ScoringProcess] = {}


def scoring_process(
    course: Path, more_seeds: int = 0, log: Path | None = None, start: Start = start_anew
) -> ScoringProcess:
    """The scoring process of a course, started if none runs; it ends with this process."""
    key = course.resolve(), more_seeds
    if key not in _running or not _running[key].alive:
        _running[key] = ScoringProcess(course, more_seeds, log, start)
    return _running[key]


@atexit.register
def _close_all() -> None:
    for process in _running.values():
        process.close()
