"""The process that scores: started once, kept warm, never runs a learner's code.

Reads one JSON object a line on standard input and answers one on standard output:

    {"check": "dense.encoder", "folder": ".../mailbox", "ticket": "7", "charged": {...}}    the cell of this check begins
    {"stop": true}                                                                          it has ended: answer

`charged` names the checks that have taken points of the same notebook before, and how many. The answer is {"ticket": "7", "results": [...]}, with null for the results when nothing was handed over.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from autoencoder_helpers.errors import CourseError

_MOST_MEMORY = 8 << 30  # address space; hostile evidence that gets past every cap ends this process, not the machine
_PAUSE = 0.004


def main() -> None:
    """Serve until standard input ends. Arguments: the course folder, and how many more secret seeds to score with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the command that started this
    course, more_seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _limit_memory()
    _Server(course, more_seeds, answers).serve()


class _Server:
    def __init__(self, course: Path, more_seeds: int, answers):
        self._answers = answers
        self._stopped = threading.Event()
        self._orders: list[dict] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read_orders, daemon=True).start()
        from autoencoder_grader.scoring.private_data import PrivateData, secret_seed
        from autoencoder_helpers.checks import catalogue

        secret = secret_seed(course)
        self._data, *self._more_data = [PrivateData(secret + more) for more in range(1 + more_seeds)]
        catalogue()
        self._say({"ready": True})

    def serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._orders)
                order = self._orders.pop(0)
            if order is None:
                return
            try:
                answer = {"results": self._score(order)}
            except CourseError as error:  # data that cannot be had is nobody's wrong answer
                self._stopped.wait()
                answer = {"error": str(error)}
            self._say({"ticket": order["ticket"], **answer})

    def _score(self, order):
        from autoencoder_grader.scoring.scorer import score
        from autoencoder_helpers.evidence.messages import Mailbox

        folder, ticket = Path(order["folder"]), order["ticket"]
        box = Mailbox(folder / "answers", folder / "questions")
        results = None
        while results is None:
            stopped = self._stopped.is_set()
            if box.has(f"{ticket}-evidence"):
                found = score(
                    box,
                    ticket,
                    order["check"],
                    self._data,
                    self._stopped.is_set,
                    self._more_data,
                    charged=order.get("charged", {}),
                )
                results = [result.to_dict() for result in found]
            elif stopped:
                return None
            else:
                time.sleep(_PAUSE)
        self._stopped.wait()
        return results

    def _read_orders(self) -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if order.get("stop"):
                self._stopped.set()
                continue
            with self._changed:
                self._stopped.clear()
                self._orders.append(order)
                self._changed.notify()
        with self._changed:
            self._stopped.set()
            self._orders.append(None)
            self._changed.notify()

    def _say(self, answer: dict) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has none; elsewhere it may be lower already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
