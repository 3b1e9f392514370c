"""The process that scores: started once, kept warm, never runs a learner's code, opens no file of a submission.

Reads messages (scoring/post.py) on standard input and answers on standard output:

    {"secrets": ["5f...", ...]}      the first: what the private images are made from, the course's own secret first
    {"check": "dense.encoder", "ticket": "7", "charged": {...}}    the cell of this check begins
    {"stop": true}                                                 it has ended: answer

`charged` names the checks that have taken points of the same notebook before, and how many. The answer is
{"ticket": "7", "results": [...]}, with null for the results when nothing was handed over.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading

from autoencoder_grader.scoring.post import Letterbox, hear, say
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.evidence.messages import ENVIRONMENT

_MOST_MEMORY = 8 << 30  # address space; hostile evidence that gets past every cap ends this process, not the machine


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the command that started this
    os.environ.pop(ENVIRONMENT, None)  # nothing is handed over from here
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory()
    _Server(answers).serve()


class _Server:
    def __init__(self, answers):
        self._answers = answers
        first = hear(sys.stdin.buffer)
        if first is None:  # whoever started this has ended meanwhile
            os._exit(0)
        secrets = [int(secret, 16) for secret in first[0]["secrets"]]
        self._replies: queue.SimpleQueue = queue.SimpleQueue()
        self._box = Letterbox(self._say, self._replies)
        self._stopped = threading.Event()
        self._orders: list[dict] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._read_orders, daemon=True).start()
        from autoencoder_grader.scoring.private_data import PrivateData
        from autoencoder_helpers.checks import catalogue

        self._data, *self._more_data = map(PrivateData, secrets)
        catalogue()
        self._say({"ready": True})

    def serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._orders)
                order = self._orders.pop(0)
            try:
                answer = {"results": self._score(order)}
            except CourseError as error:  # data that cannot be had is nobody's wrong answer
                self._stopped.wait()
                answer = {"error": str(error)}
            self._say({"ticket": order["ticket"], **answer})

    def _score(self, order):
        from autoencoder_grader.scoring.scorer import score

        ticket, results = order["ticket"], None
        if self._box.wait(f"{ticket}-evidence"):
            found = score(
                self._box,
                ticket,
                order["check"],
                self._data,
                self._stopped.is_set,
                self._more_data,
                charged=order.get("charged", {}),
            )
            results = [result.to_dict() for result in found]
        self._stopped.wait()
        return results

    def _read_orders(self) -> None:
        while (heard := hear(sys.stdin.buffer)) is not None:
            order, data = heard
            if "post" in order:
                self._replies.put((order, data))
            elif order.get("stop"):
                self._stopped.set()
            else:
                with self._changed:
                    self._stopped.clear()
                    self._orders.append(order)
                    self._changed.notify()
        os._exit(0)  # nobody waits for an answer any more

    def _say(self, answer: dict, data: bytes = b"") -> None:
        say(self._answers, answer, data)


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has none; elsewhere it may be lower already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main()
