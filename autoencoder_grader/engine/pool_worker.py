"""What runs in a worker of engine/pool.py: it grades one order after another, and says every few seconds that it lives."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import threading

from autoencoder_grader.engine.orders import InfrastructureFault
from autoencoder_grader.files.imports import leave_out_unneeded

_BEAT = 1.0  # seconds between two signs of life
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def packed(grade_one) -> bytes | None:
    """What stands in for grading, as a new process can read it: a function inside another, too."""
    if grade_one is None:
        return None
    import cloudpickle

    return cloudpickle.dumps(grade_one)


def work(connection, threads: int, stand_in: bytes | None) -> None:
    """Grade what comes by `connection` until None comes, or its other end is closed.

    threads: for whatever computes here. stand_in: of `packed`; None: grade.
    """
    _settle(threads)
    lock, over = threading.Lock(), threading.Event()

    def say(*message) -> None:
        with lock:
            connection.send(message)

    def beat() -> None:
        while not over.wait(_BEAT):
            try:
                say("alive")
            except OSError:  # nobody listens any more
                return

    threading.Thread(target=beat, daemon=True).start()
    try:
        say("alive")
        _serve(connection, say, stand_in)
    except (EOFError, OSError):  # whoever gave the orders has gone
        return
    finally:
        over.set()


def _serve(connection, say, stand_in: bytes | None) -> None:
    while (order := connection.recv()) is not None:
        if isinstance(order, tuple):
            from autoencoder_grader.engine.worker import get_ready

            say("ready", get_ready(*order[1:]))
            continue
        try:
            graded = _grade(stand_in)(order, lambda event, name=str(order): say("event", name, event))
        except InfrastructureFault as fault:
            say("fault", str(fault), fault.again)
        except Exception as error:  # noqa: BLE001 - a bug of ours in one must not end the others
            say("fault", f"{type(error).__name__}: {error}", False)
        else:
            say("graded", graded)


def _grade(stand_in: bytes | None):
    if stand_in is None:
        from autoencoder_grader.engine.worker import grade_order

        return grade_order
    import cloudpickle

    return cloudpickle.loads(stand_in)


def _settle(threads: int) -> None:
    """Leave Ctrl-C to the process that started this one, and end when it is gone, or tells this to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    if sys.platform == "linux":
        from autoencoder_grader.kernels.namespaces import die_with_parent

        die_with_parent()
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():  # it was gone before this process could say what it wants then
        os._exit(1)
    leave_out_unneeded()
    for name in _THREADS:
        os.environ.setdefault(name, str(threads))


def _end(number, frame) -> None:
    """Put away what is here, in the middle of whatever goes on: nobody wants its result, or to read what it says of it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    atexit._run_exitfuncs()
    os._exit(0)
