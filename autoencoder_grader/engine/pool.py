"""Workers of our own on this machine, without a scheduler between: a process and a pipe each, from the standard library.

It starts in a second, where a Dask cluster takes ten; what a worker may do wrong, and what becomes of its submission
then, is the same with both.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autoencoder_grader.engine import pool_worker
from autoencoder_grader.engine.orders import CourseCopy, Graded, Order, Reply
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.workplace import server_for_workers
from autoencoder_helpers.errors import CourseError

_RETRIES = 2
_PAUSE = 0.5  # seconds between two looks at who is silent
_SILENT = 120.0  # seconds; a worker that says nothing for so long hangs, and is replaced
_START_SECONDS = 300.0  # until its first word
_CLOSE_SECONDS = 10.0
_NEVER_READY = 3  # workers that ended, one after the other, before any could do anything


class WorkersDoNotStart(Exception):
    """No worker lives long enough to say that it is there; the text says so in a few words."""


@dataclass(eq=False)
class _Worker:
    """A worker process. order: what it grades. heard: when it last said something. begun: whether it ever did."""

    process: multiprocessing.process.BaseProcess
    connection: multiprocessing.connection.Connection
    order: Order | None = None
    heard: float = field(default_factory=time.monotonic)
    begun: bool = False
    asked: bool = False  # to get ready, and has not answered yet

    def tell(self, what) -> None:
        """Send something, without waiting for it to be taken: a worker may hang."""
        threading.Thread(target=self._send, args=(what,), daemon=True).start()

    def _send(self, what) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended, as is seen elsewhere
            self.connection.send(what)


class Pool:
    """Grades orders by processes of its own, `workers` of them.

    on_event: called with (student/assignment, event); see worker.grade_order for events.
    grade_one: grades an order in a worker; worker.grade_order if None. log: a file for what the process prints that
    their kernels are forked from; None: each has one of its own.
    trouble: why no more orders were taken; else "".
    """

    dashboard = ""

    def __init__(
        self,
        on_event: Callable[[str, dict], None],
        workers: int,
        grade_one: Callable[[Order, Callable[[dict], None]], Graded] | None = None,
        log: Path | None = None,
    ):
        self.trouble = ""
        self._on_event, self._wanted = on_event, workers
        self._grade_one = pool_worker.packed(grade_one)
        self._real = grade_one is None
        self._course: CourseCopy | None = None
        self._said: queue.Queue = queue.Queue()  # (worker, message), None for the end of a worker
        self._workers: list[_Worker] = []
        self._threads = max(1, (os.cpu_count() or 1) // workers)
        self._kernels: ForkServer | None = None
        self._ended_unheard = 0
        self._replaced = False
        try:
            if self._real and log is not None and sandbox.best_tier() == sandbox.BUBBLEWRAP:
                self._kernels = server_for_workers(log, self._threads)  # it imports while workers start
            while len(self._workers) < workers:
                self._start()
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return max(1, len(self._workers))

    def get_ready(self, course: CourseCopy) -> None:
        """Have each worker start what it needs. Raises CourseError, one line, where one cannot grade."""
        if not self._real:
            return
        self._course = course
        for worker in self._workers:
            self._ask_to_get_ready(worker)
        try:
            # One that is ready grades while others get ready; in one that is replaced nobody waits either.
            while self._workers and all(worker.asked for worker in self._workers):
                self._listen()
        except WorkersDoNotStart as error:
            self.trouble = str(error)

    def run(self, orders: Iterator[Order]) -> Iterator[Reply]:
        """The reply to each order, as they come. What a worker loses is given to another one."""
        waiting: list[Order] = []
        tries: Counter[str] = Counter()
        exhausted = False
        while not self.trouble:
            while len(waiting) < self._wanted and not exhausted:  # read from the disk before a worker asks for it
                order = next(orders, None)
                exhausted = order is None
                waiting += [] if exhausted else [order]
            for worker in self._workers:
                if waiting and worker.order is None and not worker.asked:
                    worker.order = waiting.pop(0)
                    tries[str(worker.order)] += 1
                    self._on_event(str(worker.order), {"begins": True, "worker": str(worker.process.pid)})
                    worker.tell(worker.order)
            if exhausted and not waiting and not any(worker.order for worker in self._workers):
                return
            try:
                worker, message = self._listen()
            except WorkersDoNotStart as error:
                self.trouble = str(error)
                return
            if worker is None:
                continue
            if message is None:
                order, worker.order = worker.order, None
                again, reply = True, Reply(order, fault="each worker that graded it has died") if order else None
            elif message[0] == "graded":
                order, worker.order = worker.order, None
                again, reply = False, Reply(order, message[1])
            elif message[0] == "fault":
                order, worker.order = worker.order, None
                again, reply = message[2], Reply(order, fault=message[1])
            else:
                continue
            if reply is not None and again and tries[str(order)] <= _RETRIES:
                waiting.insert(0, order)
            elif reply is not None:
                yield reply

    def close(self) -> None:
        """End all workers, and what they have started."""
        workers, self._workers = self._workers, []
        for worker in workers:
            # One that has nothing to do ends by itself; one that grades is told to stop.
            if worker.order is None and not worker.asked:
                worker.tell(None)
            else:
                worker.process.terminate()
        end = time.monotonic() + _CLOSE_SECONDS
        for worker in workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            _kill(worker)
        if self._kernels:
            self._kernels.close()
        if workers and (self._replaced or any(worker.process.exitcode for worker in workers)):
            temporary.remove_abandoned()  # what those have left that could not put it away

    # -- workers

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=pool_worker.work, args=(theirs, self._threads, self._grade_one), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        threading.Thread(target=self._read, args=(worker,), daemon=True).start()

    def _ask_to_get_ready(self, worker: _Worker) -> None:
        worker.asked = True
        kernels = self._kernels.address if self._kernels and self._kernels.alive else None
        worker.tell(("get ready", self._course, kernels))

    def _read(self, worker: _Worker) -> None:
        """Runs in a thread for each worker: one that hangs in the middle of a message holds up nobody else."""
        try:
            while True:
                message = worker.connection.recv()
                # Here, and not where it is looked at: whoever looks may have been busy with writing for minutes.
                worker.heard = time.monotonic()
                self._said.put((worker, message))
        except Exception:  # noqa: BLE001 - the pipe has ended with the worker, perhaps in the middle of a message
            worker.connection.close()
            self._said.put((worker, None))

    def _listen(self) -> tuple[_Worker | None, tuple | None]:
        """The next word of a worker that is one for `run`; (None, None) if there was none.

        Raises CourseError for one that cannot grade, and WorkersDoNotStart.
        """
        try:
            worker, message = self._said.get(timeout=_PAUSE)
        except queue.Empty:
            worker, message = None, None
        now = time.monotonic()
        if worker is not None and message is not None:
            worker.begun, self._ended_unheard = True, 0
            if message[0] == "event":
                self._on_event(message[1], message[2])
            elif message[0] == "ready":
                worker.asked = False
                if message[1]:
                    raise CourseError(message[1])
        for silent in [one for one in self._workers if now - one.heard > (_SILENT if one.begun else _START_SECONDS)]:
            silent.heard = now
            _kill(silent)  # its pipe ends with it
        if worker is not None and message is None and worker in self._workers:
            self._workers.remove(worker)
            _kill(worker)
            self._ended_unheard += not worker.begun
            if self._ended_unheard >= _NEVER_READY:
                raise WorkersDoNotStart(f"the workers do not start (exit code {worker.process.exitcode})")
            self._replaced = True
            self._start()
            if self._course is not None:
                self._ask_to_get_ready(self._workers[-1])
        return worker, message


def _kill(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join(_CLOSE_SECONDS)
