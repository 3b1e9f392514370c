"""Where submissions are graded: in this process or on somebody's Dask cluster; engine/pool.py has workers of our own."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import psutil
from autoencoder_grader.engine.orders import CourseCopy, Graded, InfrastructureFault, Order, Reply
from autoencoder_grader.engine.pulse import Pulse
from autoencoder_grader.engine.quiet_dask import hush
from autoencoder_helpers.errors import CourseError

#: Bytes of memory that a worker needs with its scoring process and its kernels.
WORKER_MEMORY = 1_500_000_000
_TOPIC = "autoencoder-course"
_RETRIES = 2
_CONNECT_SECONDS = 30
_READY_SECONDS = 300
_PAUSE = 0.02  # seconds between two looks at what has ended
#: Grades an order, and calls what it is given with what goes on meanwhile; see worker.grade_order.
GradeOne = Callable[[Order, Callable[[dict], None]], Graded]


def fitting_workers() -> int:
    """How many workers this machine has cores and memory for; at least 1."""
    return max(1, min(usable_cores(), psutil.virtual_memory().available // WORKER_MEMORY))


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class InThisProcess:
    """Grades one order after another, without a cluster.

    on_event: called with (student/assignment, event); see worker.grade_order for events.
    grade_one: grades an order; worker.grade_order if None.
    """

    workers = 1
    dashboard = ""
    trouble = ""

    def __init__(self, on_event: Callable[[str, dict], None], grade_one: GradeOne | None = None):
        self._on_event, self._grade_one = on_event, grade_one

    def get_ready(self, course: CourseCopy) -> None:
        """Start what grading needs. Raises CourseError, one line, where submissions cannot be graded here."""
        if self._grade_one is None:
            trouble = _get_ready(course)
            if trouble:
                raise CourseError(trouble)

    def run(self, orders: Iterator[Order]) -> Iterator[Reply]:
        """The reply to each order, as they come."""
        grade_one = self._grade_one or _grade_order()
        for order in orders:
            name = str(order)
            self._on_event(name, {"begins": True})
            yield self._graded(order, grade_one, lambda event, name=name: self._on_event(name, event))

    @staticmethod
    def _graded(order: Order, grade_one: GradeOne, report: Callable[[dict], None]) -> Reply:
        for _ in range(1 + _RETRIES):
            try:
                return Reply(order, grade_one(order, report))
            except InfrastructureFault as fault:
                reply = Reply(order, fault=str(fault))
                if not fault.again:
                    break
        return reply

    def close(self) -> None:
        """Nothing to be ended."""


class NoCluster(Exception):
    """There is no cluster to grade on, or none any more; the text says why in a few words."""


class Cluster:
    """Grades orders on a Dask cluster.

    scheduler: its address.
    grade_one: grades an order on a worker, and can be sent there; worker.grade_order if None.
    trouble: why no more orders were taken, once that is so; else "".
    Raises CourseError for an address that is none, and a cluster without workers; NoCluster when nobody answers.
    """

    def __init__(
        self,
        on_event: Callable[[str, dict], None],
        scheduler: str,
        grade_one: GradeOne | None = None,
    ):
        self.trouble, self._number = "", 0  # number: of what was sent so far
        self._scheduler = scheduler
        self._on_event, self._grade_one = on_event, grade_one
        self._client = self._pulse = None
        try:
            self._open()
            self._pulse = Pulse(self._client, _CONNECT_SECONDS)
            self._client.subscribe_topic(_TOPIC, self._take)
        except (NoCluster, CourseError):
            self.close()
            raise
        except Exception as error:  # whatever Dask raises when a scheduler goes while all of this is asked of it
            self.close()
            raise NoCluster(self._gone) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        import dask
        import distributed  # noqa: F401 - its loggers have to be there before they can be told to say nothing

        hush()
        # What a submission holds goes with its order. Dask warns of that, and asks for what would lose it with a worker.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})
        self._client = _connect(self._scheduler, self._gone)

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return max(1, len(self._pulse.addresses))

    @property
    def dashboard(self) -> str:
        """The address of Dask's page."""
        with contextlib.suppress(Exception):  # of a scheduler that has just gone
            return self._client.dashboard_link or ""
        return ""

    def get_ready(self, course: CourseCopy) -> None:
        """Have each worker start what it needs. Raises CourseError, one line, where one cannot grade."""
        if self._grade_one is not None:
            return
        waiting: dict = {}
        with contextlib.suppress(Exception):  # of a scheduler that has just gone: `run` says so
            for address in self._pulse.addresses:
                waiting[address] = self._client.submit(_get_ready, course, workers=[address], pure=False)
        end = time.monotonic() + _READY_SECONDS
        while waiting and not self._is_gone() and time.monotonic() < end:
            # What one has to do that has ended is for nobody else, and would never be done.
            waiting = {address: future for address, future in waiting.items() if address in self._pulse.addresses}
            for address in [address for address, future in waiting.items() if future.status != "pending"]:
                trouble = ""
                # A worker that dies meanwhile, or has other work, costs nobody anything: its orders go to another one.
                with contextlib.suppress(Exception):
                    trouble = waiting.pop(address).result(timeout=_CONNECT_SECONDS)
                if trouble:
                    raise CourseError(f"the worker at {address} cannot grade: {trouble}")
            time.sleep(_PAUSE)

    def run(self, orders: Iterator[Order]) -> Iterator[Reply]:
        """The reply to each order, as they come; only so many are on their way that memory stays bounded.

        What the cluster loses is sent again. When the scheduler has gone, what is on its way is dropped, and no more is
        taken; `trouble` says why. Nothing here waits for Dask: a scheduler that goes leaves some of its promises open.
        """
        waiting: dict = {}  # key: (order, future)
        lost: list[Order] = []
        tries: Counter[str] = Counter()
        exhausted = False
        while True:
            if self._client.status == "running" and not self._pulse.gone:
                while len(waiting) < 2 * self.workers and not (exhausted and not lost):
                    order = lost.pop() if lost else next(orders, None)
                    if order is None:
                        exhausted = True
                        break
                    tries[str(order)] += 1
                    try:
                        future = self._send(order)
                    except Exception:
                        if self._client.status == "running":
                            raise
                        lost.append(order)  # it has gone this very moment
                        break
                    waiting[future.key] = order, future
            if exhausted and not waiting and not lost:
                return
            ended = [key for key, (_, future) in waiting.items() if future.status != "pending"]
            for key in ended:
                order, future = waiting.pop(key)
                reply = _reply(order, future)
                if reply is None and tries[str(order)] > _RETRIES and not self._is_gone():
                    reply = Reply(order, fault="the cluster lost it again and again")
                if reply is None:
                    lost.append(order)
                else:
                    yield reply
            if self._is_gone():
                self.trouble = self._gone
                return
            if not ended:
                time.sleep(_PAUSE)

    def _is_gone(self) -> bool:
        """Whether the scheduler is given up; one that is only silent has half a minute."""
        return self._client.status == "closed" or self._pulse.gone

    @property
    def _gone(self) -> str:
        return f"the Dask scheduler at {self._scheduler} does not answer"

    def _send(self, order: Order):
        """The future of an order on its way."""
        self._number += 1
        return self._client.submit(
            _grade_there,
            order,
            self._grade_one,
            key=f"{order}-{self._number}-{order.sha256[:8]}",
            retries=_RETRIES,
            pure=False,
        )

    def close(self) -> None:
        """Leave the cluster as it was."""
        if self._pulse is not None:
            self._pulse.stop()
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=5)

    def _take(self, event) -> None:
        _, message = event
        self._on_event(message["name"], message["event"])


def _connect(scheduler: str, gone: str):
    """A client of an existing cluster. gone: says that nobody answers.

    Raises NoCluster then, and CourseError for what is no address, and for a cluster without workers.
    """
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS)
    except OSError as error:
        raise NoCluster(gone) from error
    except (ValueError, TypeError) as error:
        raise CourseError(f"{scheduler} is not the address of a Dask scheduler ({error})") from error
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except Exception as error:
        with contextlib.suppress(Exception):
            client.close(timeout=5)
        if not isinstance(error, TimeoutError):
            raise NoCluster(gone) from error
        raise CourseError(
            f"the Dask scheduler at {scheduler} has no workers: start some with `dask worker {scheduler} --nthreads 1`"
        ) from None
    return client


def _reply(order: Order, future) -> Reply | None:
    """What came of an order that is no longer pending; None if the cluster has lost it."""
    from distributed.scheduler import KilledWorker

    try:
        if future.status == "error":
            error = future.exception(timeout=_CONNECT_SECONDS)
            if isinstance(error, CancelledError):
                return None
            if isinstance(error, KilledWorker):
                return Reply(order, fault="each worker that graded it has died")
            if isinstance(error, InfrastructureFault):
                return Reply(order, fault=str(error))
            # A bug of ours in one must not end the others.
            return Reply(order, fault=f"{type(error).__name__}: {error}")
        if future.status != "finished":
            return None
        found = future.result(timeout=2 * _CONNECT_SECONDS)
    except Exception:  # noqa: BLE001 - not the order's: with whom it lay has gone
        return None
    else:
        if isinstance(found, str):
            return Reply(order, fault=found)
        return Reply(order, found)
    finally:
        with contextlib.suppress(Exception):
            future.release()


def _grade_there(order: Order, grade_one: GradeOne | None) -> Graded | str:
    """Runs on a worker; a fault that would come again is no error there, or Dask would try again."""
    from distributed import get_worker

    worker = get_worker()

    def report(event: dict) -> None:
        worker.log_event(_TOPIC, {"name": str(order), "event": event})

    report({"begins": True, "worker": worker.address})
    try:
        graded = (grade_one or _grade_order())(order, report)
    except InfrastructureFault as fault:
        if fault.again:
            raise
        return str(fault)
    return graded


def _grade_order() -> GradeOne:
    """What grades an order; imported late, because it imports much."""
    from autoencoder_grader.engine.worker import grade_order

    return grade_order


def _get_ready(course: CourseCopy) -> str:
    from autoencoder_grader.engine.worker import get_ready

    return get_ready(course)
