"""Where submissions are graded: in this process, by workers on this machine, or on any Dask cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from autoencoder_grader.engine.orders import CourseCopy, Graded, InfrastructureFault, Order
from autoencoder_grader.files.temporary import prefix
from autoencoder_helpers.errors import CourseError

#: Bytes of memory that a worker needs with its scoring process and its kernels.
WORKER_MEMORY = 1_500_000_000
_TOPIC = "autoencoder-course"
_RETRIES = 2
_CONNECT_SECONDS = 30
_READY_SECONDS = 300
_SILENT = "2 minutes"  # a worker of ours that says nothing for so long hangs, and is replaced
#: Grades an order, and calls what it is given with what goes on meanwhile; see worker.grade_order.
GradeOne = Callable[[Order, Callable[[dict], None]], Graded]


@dataclass(frozen=True)
class Reply:
    """What came of an order: `graded`, or `fault`, why the machine could not grade it."""

    order: Order
    graded: Graded | None = None
    fault: str = ""


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


class Cluster:
    """Grades orders on a Dask cluster.

    scheduler: the address of an existing one; None for workers of our own on this machine, `workers` of them.
    grade_one: grades an order on a worker, and can be sent there; worker.grade_order if None.
    trouble: why no more orders were taken, once that is so; else "".
    Raises CourseError when the address does not answer.
    """

    def __init__(
        self,
        on_event: Callable[[str, dict], None],
        workers: int,
        scheduler: str | None = None,
        grade_one: GradeOne | None = None,
    ):
        import dask
        from distributed import Client, LocalCluster
        from distributed.security import Security

        self.trouble = ""
        self._cluster = self._folder = None
        # What a submission holds goes with its order. Dask warns of that, and asks for what would lose it with a worker.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})
        if scheduler is None:
            # Nobody waits for a worker that has lost the network; what it had is graded elsewhere.
            dask.config.set({"distributed.worker.daemon": True, "distributed.admin.log-format": "%(message)s"})
            dask.config.set({"distributed.scheduler.worker-ttl": _SILENT})
            self._folder = tempfile.TemporaryDirectory(prefix=f"{prefix()}dask-")
            dask.config.set({"temporary-directory": self._folder.name})  # of the scheduler, too
            threads = str(max(1, (os.cpu_count() or 1) // workers))
            names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
            self._cluster = _started(
                LocalCluster,
                n_workers=workers,
                threads_per_worker=1,
                preload="autoencoder_grader.engine.own_worker",
                memory_limit=0,  # what a submission may use is its sandbox's affair
                local_directory=self._folder.name,
                # Whoever else is on this machine must not be able to hand in work.
                security=Security.temporary(),
                protocol="tls://",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                env={name: os.environ.get(name, threads) for name in names},
            )
            # Results come from the workers themselves, not by way of the scheduler.
            self._client = Client(self._cluster, direct_to_workers=True)
        else:
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it would say, we say in one line
            self._client = _connect(scheduler)
        self._on_event, self._grade_one = on_event, grade_one
        self._client.subscribe_topic(_TOPIC, self._take)

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return max(1, len(self._client.scheduler_info(n_workers=-1).get("workers", ())))

    @property
    def dashboard(self) -> str:
        """The address of Dask's page."""
        return self._client.dashboard_link or ""

    def get_ready(self, course: CourseCopy) -> None:
        """Have each worker start what it needs. Raises CourseError, one line, where one cannot grade."""
        if self._grade_one is not None:
            return
        waiting = {
            address: self._client.submit(_get_ready, course, workers=[address], pure=False)
            for address in self._client.scheduler_info(n_workers=-1).get("workers", ())
        }
        for address, future in waiting.items():
            trouble = ""
            # A worker that dies meanwhile, or has other work, costs nobody anything: its orders go to another one.
            with contextlib.suppress(Exception):
                trouble = future.result(timeout=_READY_SECONDS)
            if trouble:
                where = "" if self._cluster is not None else f"the worker at {address} cannot grade: "
                raise CourseError(f"{where}{trouble}")

    def run(self, orders: Iterator[Order]) -> Iterator[Reply]:
        """The reply to each order, as they come; only so many are on their way that memory stays bounded.

        When the scheduler has died, those on their way get a fault, and no more are taken; `trouble` says why.
        """
        from distributed import as_completed

        waiting: dict = {}
        running = as_completed(with_results=False)
        number = 0

        def send_more() -> None:
            nonlocal number
            if self._client.status != "running":  # Dask has tried to reach it again, for half a minute
                self.trouble = "the Dask scheduler does not answer any more"
                return
            most = 2 * self.workers  # the scheduler is asked: once, not for each order
            while len(waiting) < most:
                order = next(orders, None)
                if order is None:
                    return
                number += 1
                shelf = _Shelf(Path(self._folder.name, f"parcel-{number}")) if self._folder else None
                future = self._client.submit(
                    _grade_there,
                    shelf.put_order(order) if shelf else order,
                    self._grade_one,
                    shelf,
                    key=f"{order}-{number}-{order.sha256[:8]}",
                    retries=_RETRIES,
                    pure=False,
                )
                waiting[future.key] = order, shelf
                running.add(future)

        send_more()
        while waiting:
            future = next(running)
            order, shelf = waiting.pop(future.key)
            send_more()
            yield _reply(order, future, shelf)

    def close(self) -> None:
        """End our own workers; leave a cluster of others as it was."""
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=10)
        if self._folder is not None:
            self._folder.cleanup()

    def _take(self, event) -> None:
        _, message = event
        self._on_event(message["name"], message["event"])


@dataclass(frozen=True)
class _Shelf:
    """A place on this machine for the files of an order and of its result: our own workers fetch and leave them there.

    Encrypting, copying and decrypting them on their way through Dask would be most of what the engine costs. What
    cannot be put there travels all the same. folder: for one order, in a folder that is ours alone.
    """

    folder: Path

    def put_order(self, order: Order) -> Order:
        """The order as it is to be sent."""
        return replace(order, files=b"") if self._put(files=order.files) else order

    def whole_order(self, order: Order) -> Order:
        """The order as it was, on a worker."""
        return order if order.files else replace(order, **self._get("files"))

    def put_result(self, graded: Graded) -> Graded:
        """The result as it is to be sent."""
        kept = {"autograded": graded.autograded, "feedback": graded.feedback}
        return replace(graded, **dict.fromkeys(kept, b"")) if self._put(**kept) else graded

    def whole_result(self, graded: Graded) -> Graded:
        """The result as it was."""
        return graded if graded.autograded else replace(graded, **self._get("autograded", "feedback"))

    def clear(self) -> None:
        """Throw away what is there."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _put(self, **parts: bytes) -> bool:
        try:
            self.folder.mkdir(exist_ok=True)
            for name, data in parts.items():
                (self.folder / name).write_bytes(data)
        except OSError:  # the disk is full
            return False
        return True

    def _get(self, *names: str) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in names}


def _started(make: Callable, **settings):
    """A cluster of our own. Dask gives up when one worker dies while it starts; then all of them start again."""
    for left in reversed(range(1 + _RETRIES)):
        try:
            return make(**settings)
        except RuntimeError as error:
            if not left:
                raise CourseError(
                    f"the workers do not start ({error}); nothing is lost, the same command tries again"
                ) from error


def _connect(scheduler: str):
    """A client of an existing cluster. Raises CourseError where there is none, or one without workers."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise CourseError(f"no Dask scheduler answers at {scheduler} ({error})") from error
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError:
        client.close()
        raise CourseError(
            f"the Dask scheduler at {scheduler} has no workers: start some with `dask worker {scheduler} --nthreads 1`"
        ) from None
    return client


def _reply(order: Order, future, shelf: _Shelf | None) -> Reply:
    from distributed.scheduler import KilledWorker

    try:
        found = future.result()
        if isinstance(found, str):
            return Reply(order, fault=found)
        return Reply(order, shelf.whole_result(found) if shelf else found)
    except InfrastructureFault as fault:
        return Reply(order, fault=str(fault))
    except KilledWorker:
        return Reply(order, fault="each worker that graded it has died")
    except CancelledError:
        return Reply(order, fault="the cluster lost it")
    except Exception as error:  # noqa: BLE001 - a bug of ours in one must not end the others
        return Reply(order, fault=f"{type(error).__name__}: {error}")
    finally:
        future.release()
        if shelf:
            shelf.clear()


def _grade_there(order: Order, grade_one: GradeOne | None, shelf: _Shelf | None) -> Graded | str:
    """Runs on a worker; a fault that would come again is no error there, or Dask would try again."""
    from distributed import get_worker

    worker = get_worker()

    def report(event: dict) -> None:
        worker.log_event(_TOPIC, {"name": str(order), "event": event})

    report({"begins": True, "worker": worker.address})
    try:
        graded = (grade_one or _grade_order())(shelf.whole_order(order) if shelf else order, report)
    except InfrastructureFault as fault:
        if fault.again:
            raise
        return str(fault)
    return shelf.put_result(graded) if shelf else graded


def _grade_order() -> GradeOne:
    """What grades an order; imported late, because it imports much."""
    from autoencoder_grader.engine.worker import grade_order

    return grade_order


def _get_ready(course: CourseCopy) -> str:
    from autoencoder_grader.engine.worker import get_ready

    return get_ready(course)
