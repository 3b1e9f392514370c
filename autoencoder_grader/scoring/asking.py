"""Asks the process that ran a learner's code: stand-ins for functions, distributions and large arrays over there.

A rule calls them as it calls the live ones in the notebook. Every call is one question and one answer, data only;
the inputs are made for this run and are seen over there one question at a time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np
from autoencoder_helpers.checks.answers import Prior, Rows
from autoencoder_helpers.evidence.messages import DTYPES, BadMessage, Mailbox
from autoencoder_helpers.evidence.values import Recorder, decode, encode

SECONDS_PER_ANSWER = 60.0
SECONDS_IN_ALL = 240.0
_MOST_QUESTIONS = 500


class Gone(Exception):
    """Nobody answers any more: the cell has ended, or time is up."""


class RaisedThere(Exception):
    """A learner's function raised; the class made for each case carries the error's own name."""


class Asker:
    """Asks questions about the answers of one check.

    box: the mailbox, seen from the grader. ticket: the prefix of all messages of this check.
    ended: says whether the learner's cell has ended, after which no answer comes.
    """

    def __init__(self, box: Mailbox, ticket: str, ended: Callable[[], bool] = lambda: False):
        self._box, self._ticket, self._ended = box, ticket, ended
        self._number = 0
        self.changed: frozenset[int] = frozenset()  # the places of those arguments that the last call has changed
        self._end = time.monotonic() + SECONDS_IN_ALL

    def ask(
        self,
        name: str,
        arguments: tuple,
        method: str = "",
        right_parts: tuple[str, ...] = (),
        training: bool = False,
    ):
        """Return what `name` (or its method) gives for the arguments over there.

        right_parts: earlier exercises, right answers to which stand in for the learner's meanwhile.
        training: call it as training does (see autoencoder_helpers.checks.in_training).

        Raises RaisedThere with the error's name if it raised, Gone if no answer comes, BadMessage if what comes is
        none.
        """
        seconds = min(SECONDS_PER_ANSWER, self._end - time.monotonic())
        if seconds <= 0 or self._number >= _MOST_QUESTIONS:
            raise Gone("the check took too long")
        arrays: list[np.ndarray] = []
        question = {"name": name, "method": method, "arguments": [encode(part, arrays) for part in arguments]}
        if right_parts:
            question["right_parts"] = list(right_parts)
        if training:
            question["training"] = True
        message = f"{self._ticket}-{self._number:04d}"
        self._number += 1
        self.changed = frozenset()
        self._box.send(message, question, arrays)
        answer = self._box.receive(message, seconds, self._ended)
        if answer is None:
            raise Gone(f"no answer from {name} within {seconds:.0f} s")
        tree, arrays = answer
        if not isinstance(tree, dict):
            raise BadMessage("an answer of no known kind")
        if "error" in tree:
            raise _raised(tree["error"])
        self._fill_recorders(arguments, tree.get("recorded"))
        changed = tree.get("changed")
        self.changed = (
            frozenset(place for place in changed if type(place) is int) if isinstance(changed, list) else frozenset()
        )
        return decode(tree.get("result"), arrays)

    def close(self) -> None:
        """Say that there are no more questions, so that the learner's cell goes on."""
        self._box.send(f"{self._ticket}-{self._number:04d}", {"ask": "no more"})

    @staticmethod
    def _fill_recorders(arguments, shapes):
        recorders = [argument for argument in arguments if isinstance(argument, Recorder)]
        for recorder, shape in zip(recorders, shapes if isinstance(shapes, list) else [], strict=False):
            if isinstance(shape, list) and all(type(side) is int for side in shape):
                recorder.shape = tuple(shape)


def _raised(error) -> Exception:
    name, text = error if isinstance(error, list) and len(error) == 2 else ("Error", "")
    name = name if isinstance(name, str) and re.fullmatch(r"[A-Za-z_]\w{0,60}", name) else "Error"
    return type(name, (RaisedThere,), {})(text[:300] if isinstance(text, str) else "")


class RemoteFunction:
    """A learner's function; calling it asks for its value."""

    def __init__(
        self, asker: Asker, name: str, shown_name: str, right_parts: tuple[str, ...] = (), training: bool = False
    ):
        self._asker, self._name, self.__name__ = asker, name, shown_name
        self._right_parts, self._training = right_parts, training

    def __call__(self, *arguments):
        return self._asker.ask(self._name, arguments, right_parts=self._right_parts, training=self._training)

    @property
    def changed_arguments(self) -> frozenset[int]:
        """The places of the arrays that the last call has changed over there; those here are as they were."""
        return self._asker.changed

    def with_right_parts(self, names: tuple[str, ...]) -> RemoteFunction:
        """The same function, asked with right answers to these earlier exercises in place."""
        return RemoteFunction(self._asker, self._name, self.__name__, names, self._training)

    def in_training(self) -> RemoteFunction:
        """The same function, asked as training calls it."""
        return RemoteFunction(self._asker, self._name, self.__name__, self._right_parts, True)


class RemoteRows(Rows):
    """A learner's large array; `take` asks for rows."""

    def __init__(self, asker: Asker, name: str, facts: dict):
        shape, dtype = facts.get("shape"), facts.get("dtype")
        if not (_is_shape(shape) and _is_dtype(dtype)):
            raise BadMessage(f"{name}: an array without shape and dtype")
        super().__init__(tuple(shape), np.dtype(dtype), self._take)
        self._asker, self._name = asker, name

    def _take(self, rows):
        found = self._asker.ask(self._name, (np.asarray(rows),))
        if (
            not isinstance(found, np.ndarray)
            or found.shape != (len(rows), *self.shape[1:])
            or found.dtype != self.dtype
        ):
            raise BadMessage(f"{self._name}: other rows than those asked for")
        return found


class RemotePrior(Prior):
    """A learner's distribution; densities and draws are asked for."""

    def __init__(self, asker: Asker, name: str, facts: dict):
        batch, event, dtype = (facts.get(key) for key in ("batch_shape", "event_shape", "dtype"))
        if not (_is_shape(batch) and _is_shape(event) and _is_dtype(dtype)):
            raise BadMessage(f"{name}: a distribution without shapes and dtype")
        self.batch_shape, self.event_shape, self.dtype = batch, event, np.dtype(dtype)
        self.exact_kl = facts.get("exact_kl") is not False  # one more note on the page, never a point
        self._asker, self._name = asker, name

    def log_prob(self, z):
        return self._asker.ask(self._name, (np.asarray(z),), "log_prob")

    def sample(self, count):
        return self._asker.ask(self._name, (int(count),), "sample")


def _is_shape(shape) -> bool:
    return isinstance(shape, list) and len(shape) <= 8 and all(type(side) is int and side >= 0 for side in shape)


def _is_dtype(name) -> bool:
    return isinstance(name, str) and name in DTYPES
