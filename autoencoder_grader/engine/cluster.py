"""Where submissions are graded: in this process, by workers on this machine, or on any Dask cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass

import psutil

from autoencoder_grader.engine.orders import Graded, InfrastructureFault, Order
from autoencoder_grader.temporary import prefix
from autoencoder_helpers.errors import CourseError

#: Bytes of memory that a worker needs with its scoring process and its kernels.
WORKER_MEMORY = 1_500_000_000
_TOPIC = "autoencoder-course"
_RETRIES = 2
_CONNECT_SECONDS = 30


@dataclass(frozen=True)
class Outcome:
    """What came of an order: `graded`, or `fault`, why the machine could not grade it."""

    order: Order
    graded: Graded | None = None
    fault: str = ""


def fitting_workers() -> int:
    """How many workers this machine has cores and memory for; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().available // WORKER_MEMORY))


class InThisProcess:
    """Grades one order after another, without a cluster.

    on_event: called with (student/assignment, event); see worker.grade_order for events.
    """

    workers = 1
    dashboard = ""

    def __init__(self, on_event: Callable[[str, dict], None]):
        self._on_event = on_event

    def run(self, orders: Iterator[Order]) -> Iterator[Outcome]:
        """The outcome of each order, as they come."""
        from autoencoder_grader.engine.worker import grade_order

        for order in orders:
            name = str(order)
            self._on_event(name, {"begins": True})
            for attempt in range(1 + _RETRIES):
                try:
                    yield Outcome(order, grade_order(order, lambda event, name=name: self._on_event(name, event)))
                    break
                except InfrastructureFault as fault:
                    if attempt == _RETRIES:
                        yield Outcome(order, fault=str(fault))

    def close(self) -> None:
        """Nothing to be ended."""


class Cluster:
    """Grades orders on a Dask cluster.

    scheduler: the address of an existing one; None for workers of our own on this machine, `workers` of them.
    Raises CourseError when the address does not answer.
    """

    def __init__(self, on_event: Callable[[str, dict], None], workers: int, scheduler: str | None = None):
        import dask
        from distributed import Client, LocalCluster
        from distributed.security import Security

        self._cluster = self._folder = None
        if scheduler is None:
            # Nobody waits for a worker that has lost the network; what it had is graded elsewhere.
            dask.config.set({"distributed.worker.daemon": True, "distributed.admin.log-format": "%(message)s"})
            self._folder = tempfile.TemporaryDirectory(prefix=f"{prefix()}dask-")
            dask.config.set({"temporary-directory": self._folder.name})  # of the scheduler, too
            threads = str(max(1, (os.cpu_count() or 1) // workers))
            names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
            self._cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,  # what a submission may use is its sandbox's affair
                local_directory=self._folder.name,
                # Whoever else is on this machine must not be able to hand in work.
                security=Security.temporary(),
                protocol="tls://",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                env={name: os.environ.get(name, threads) for name in names},
            )
            self._client = Client(self._cluster)
        else:
            self._client = _connect(scheduler)
        self._on_event = on_event
        self._client.subscribe_topic(_TOPIC, self._take)

    @property
    def workers(self) -> int:
        """How many workers there are now."""
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    @property
    def dashboard(self) -> str:
        """The address of Dask's page."""
        return self._client.dashboard_link or ""

    def run(self, orders: Iterator[Order]) -> Iterator[Outcome]:
        """The outcome of each order, as they come; only so many are on their way that memory stays bounded."""
        from distributed import as_completed

        waiting: dict = {}
        running = as_completed(with_results=False)
        number = 0

        def send_more() -> None:
            nonlocal number
            while len(waiting) < 2 * self.workers:
                order = next(orders, None)
                if order is None:
                    return
                number += 1
                future = self._client.submit(
                    _grade_there, order, key=f"{order}-{number}-{order.sha256[:8]}", retries=_RETRIES, pure=False
                )
                waiting[future.key] = order
                running.add(future)

        send_more()
        while waiting:
            future = next(running)
            order = waiting.pop(future.key)
            send_more()
            yield _outcome(order, future)

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


def _outcome(order: Order, future) -> Outcome:
    from distributed.scheduler import KilledWorker

    try:
        return Outcome(order, future.result())
    except InfrastructureFault as fault:
        return Outcome(order, fault=str(fault))
    except KilledWorker:
        return Outcome(order, fault="each worker that graded it has died")
    except CancelledError:
        return Outcome(order, fault="the cluster lost it")
    except Exception as error:  # noqa: BLE001 - a bug of ours in one must not end the others
        return Outcome(order, fault=f"{type(error).__name__}: {error}")
    finally:
        future.release()


def _grade_there(order: Order) -> Graded:
    """Runs on a worker."""
    from distributed import get_worker

    from autoencoder_grader.engine.worker import grade_order

    worker = get_worker()

    def report(event: dict) -> None:
        worker.log_event(_TOPIC, {"name": str(order), "event": event})

    report({"begins": True, "worker": worker.address})
    return grade_order(order, report)
