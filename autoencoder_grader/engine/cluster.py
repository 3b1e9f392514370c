"""Where submissions are graded: in this process or on a Dask cluster; engine/pool.py is for workers on this machine."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import psutil
from autoencoder_grader.engine.orders import CourseCopy, Graded, InfrastructureFault, Order, Reply
from autoencoder_grader.engine.pulse import Pulse
from autoencoder_grader.engine.quiet_dask import NEVER, hush
from autoencoder_grader.engine.shelf import Shelf
from autoencoder_grader.files import temporary
from autoencoder_helpers.errors import CourseError

#: Bytes of memory that a worker needs with its scoring process and its kernels.
WORKER_MEMORY = 1_500_000_000
#: In the place of a scheduler's address: a cluster of our own on this machine.
LOCAL = "local"
_TOPIC = "autoencoder-course"
_RETRIES = 2
_CONNECT_SECONDS = 30
_READY_SECONDS = 300
_PAUSE = 0.02  # seconds between two looks at what has ended
_SILENT = "2 minutes"  # a worker of ours that says nothing for so long hangs, and is replaced
_SET_BY_DASK = (
    "MALLOC_TRIM_THRESHOLD_",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "__DASK_PARENT_PID",
)
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

    scheduler: the address of an existing one; LOCAL for workers of our own on this machine, `workers` of them.
    grade_one: grades an order on a worker, and can be sent there; worker.grade_order if None.
    trouble: why no more orders were taken, once that is so; else "".
    Raises CourseError for an address that is none, and a cluster without workers; NoCluster when nobody answers.
    """

    def __init__(
        self,
        on_event: Callable[[str, dict], None],
        workers: int,
        scheduler: str = LOCAL,
        grade_one: GradeOne | None = None,
    ):
        self.trouble, self._number = "", 0  # number: of what was sent so far
        self._where = f"at {scheduler}" if scheduler != LOCAL else "of this command"
        self._on_event, self._grade_one = on_event, grade_one
        self._cluster = self._folder = self._client = self._pulse = None
        self._environment = dict(os.environ)
        try:
            self._open(workers, scheduler)
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

    def _open(self, workers: int, scheduler: str) -> None:
        import dask
        from distributed import Client, LocalCluster
        from distributed.security import Security

        hush()
        # What a submission holds goes with its order. Dask warns of that, and asks for what would lose it with a worker.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})
        if scheduler != LOCAL:
            self._client = _connect(scheduler, self._gone)
            return
        # Nobody waits for a worker that has lost the network; what it had is graded elsewhere.
        dask.config.set({"distributed.worker.daemon": True, "distributed.admin.log-format": "%(message)s"})
        dask.config.set({"distributed.scheduler.worker-ttl": _SILENT})
        self._folder = temporary.folder()
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
            silence_logs=NEVER,
            env={name: os.environ.get(name, threads) for name in names},
        )
        # Results come from the workers themselves, not by way of the scheduler.
        self._client = Client(self._cluster, direct_to_workers=True, timeout=_CONNECT_SECONDS)

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
                    where = "" if self._cluster is not None else f"the worker at {address} cannot grade: "
                    raise CourseError(f"{where}{trouble}")
            time.sleep(_PAUSE)

    def run(self, orders: Iterator[Order]) -> Iterator[Reply]:
        """The reply to each order, as they come; only so many are on their way that memory stays bounded.

        What the cluster loses is sent again. When the scheduler has gone, what is on its way is dropped, and no more is
        taken; `trouble` says why. Nothing here waits for Dask: a scheduler that goes leaves some of its promises open.
        """
        waiting: dict = {}  # key: (order, shelf, future)
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
                        shelf, future = self._send(order)
                    except Exception:
                        if self._client.status == "running":
                            raise
                        lost.append(order)  # it has gone this very moment
                        break
                    waiting[future.key] = order, shelf, future
            if exhausted and not waiting and not lost:
                return
            ended = [key for key, (_, _, future) in waiting.items() if future.status != "pending"]
            for key in ended:
                order, shelf, future = waiting.pop(key)
                reply = _reply(order, future, shelf)
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
        return f"the Dask scheduler {self._where} does not answer"

    def _send(self, order: Order):
        """(shelf, future) of an order on its way."""
        self._number += 1
        shelf = Shelf(Path(self._folder.name, f"parcel-{self._number}")) if self._folder else None
        future = self._client.submit(
            _grade_there,
            shelf.put_order(order) if shelf else order,
            self._grade_one,
            shelf,
            key=f"{order}-{self._number}-{order.sha256[:8]}",
            retries=_RETRIES,
            pure=False,
        )
        return shelf, future

    def close(self) -> None:
        """End our own workers, whatever has become of their scheduler; leave a cluster of others as it was."""
        own = []
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                own = [psutil.Process(nanny.pid) for nanny in list(self._cluster.workers.values()) if nanny.pid]
        if self._pulse is not None:
            self._pulse.stop()
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=5)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=10)
        for process in own:
            with contextlib.suppress(psutil.Error):
                if process.is_running():
                    process.kill()
        if self._folder is not None:
            self._forget()
            self._folder.cleanup()

    def _forget(self) -> None:
        """Take back what Dask has changed in this process for the workers that it started."""
        for name in os.environ.keys() & {*_SET_BY_DASK} - self._environment.keys():
            del os.environ[name]
        sys.path[:] = [place for place in sys.path if not place.startswith(self._folder.name)]

    def _take(self, event) -> None:
        _, message = event
        self._on_event(message["name"], message["event"])


def _started(make: Callable, **settings):
    """A cluster of our own. Dask gives up when one worker dies while it starts; then all of them start again."""
    for left in reversed(range(1 + _RETRIES)):
        try:
            return make(**settings)
        except RuntimeError as error:
            if not left:
                raise NoCluster(f"the workers do not start ({error})") from error


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


def _reply(order: Order, future, shelf: Shelf | None) -> Reply | None:
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
        try:
            return Reply(order, shelf.whole_result(found) if shelf else found)
        except OSError as error:  # what was left on the shelf cannot be read
            return Reply(order, fault=f"{type(error).__name__}: {error}")
    finally:
        with contextlib.suppress(Exception):
            future.release()
        if shelf:
            shelf.clear()


def _grade_there(order: Order, grade_one: GradeOne | None, shelf: Shelf | None) -> Graded | str:
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
