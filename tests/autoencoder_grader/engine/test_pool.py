"""Workers of our own on this machine: whatever one does, its submission is graded or it is said why not."""

import os
import signal
import sys
import time

import psutil
import pytest
from autoencoder_grader.engine import pool
from autoencoder_grader.engine.orders import CourseCopy, Graded, InfrastructureFault, Order, Reply
from autoencoder_grader.engine.pool import Pool

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="stops and kills processes")


def orders_of(count):
    """So many orders that nothing real is in."""
    copy = CourseCopy("01_tiny", "", b"", 1)
    return [Order(f"student{number}", "01_tiny", b"files", f"hash {number}", copy) for number in range(count)]


@pytest.fixture
def started():
    """started(grade_one): a Pool of two, closed with the test."""
    pools = []

    def begin(grade_one, on_event=lambda name, event: None):
        pools.append(Pool(on_event, 2, grade_one))
        return pools[-1]

    yield begin
    for one in pools:
        processes = [worker.process.pid for worker in one._workers]
        one.close()
        assert not any(psutil.pid_exists(process) for process in processes)


def standing_in(seconds=0.0):
    """What a worker can be sent in place of the real grading: a function inside, which travels by value."""

    def grade_one(order, report):
        report({"cell": 1, "cells": 1, "id": str(os.getpid())})
        time.sleep(seconds)
        return Graded(order.student, order.assignment, order.sha256, "graded", autograded=order.files * 1000)

    return grade_one


def graded(replies):
    return sorted(reply.order.student for reply in replies if reply.graded)


def test_all_come_back_with_all_that_is_in_them(started):
    events, orders = [], orders_of(5)
    workers = started(standing_in(), lambda name, event: events.append((name, event)))
    replies = {str(reply.order): reply for reply in workers.run(iter(orders))}
    assert set(replies) == set(map(str, orders))
    assert replies[str(orders[3])] == Reply(orders[3], standing_in()(orders[3], lambda event: None))
    for order in orders:
        begins, told = [event for name, event in events if name == str(order)]
        assert begins["begins"] and told["id"] == begins["worker"]


@linux_only
@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_workers_that_hang_or_die_are_replaced(started, monkeypatch, how):
    monkeypatch.setattr(pool, "_SILENT", 10.0)  # a busy machine lets one wait, too
    workers, orders = started(standing_in(0.5)), orders_of(8)
    replies = workers.run(iter(orders))
    found = [next(replies)]
    processes = [worker.process.pid for worker in workers._workers]
    for process in processes:
        os.kill(process, how)
    found += replies
    assert graded(found) == sorted(order.student for order in orders)
    assert not any(psutil.pid_exists(process) for process in processes) and workers.workers == 2


def test_workers_are_not_taken_for_silent_while_nobody_listens(started, monkeypatch):
    workers = started(standing_in(0.1))
    replies = workers.run(iter(orders_of(6)))
    found = [next(replies)]
    processes = {worker.process.pid for worker in workers._workers}
    monkeypatch.setattr(pool, "_SILENT", 2.5)
    time.sleep(4)  # as long as writing what came takes, on a slow disk
    found += replies
    assert len(graded(found)) == 6 and {worker.process.pid for worker in workers._workers} == processes


@linux_only
def test_what_kills_each_worker_is_given_up_and_all_others_are_graded(started):
    def grade_one(order, report):
        if order.student == "student1":
            os.kill(os.getpid(), signal.SIGKILL)
        return Graded(order.student, order.assignment, order.sha256, "graded")

    found = list(started(grade_one).run(iter(orders_of(4))))
    assert graded(found) == ["student0", "student2", "student3"]
    (fault,) = [reply.fault for reply in found if not reply.graded]
    assert fault == "each worker that graded it has died"


def test_a_fault_is_tried_again_and_a_bug_of_ours_ends_no_other(started, tmp_path):
    def grade_one(order, report):
        tries = tmp_path / order.student
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        number = len(tries.read_text())
        if order.student == "student1" and number < 3:
            raise InfrastructureFault("once more")
        if order.student == "student2":
            raise InfrastructureFault("every time")
        if order.student == "student3":
            raise InfrastructureFault("never again", again=False)
        if order.student == "student4":
            raise ValueError("a bug")
        return Graded(order.student, order.assignment, order.sha256, "graded")

    found = {reply.order.student: reply for reply in started(grade_one).run(iter(orders_of(6)))}
    assert graded(found.values()) == ["student0", "student1", "student5"]
    faults = [found[f"student{number}"].fault for number in (2, 3, 4)]
    assert faults == ["every time", "never again", "ValueError: a bug"]
    assert [len((tmp_path / f"student{number}").read_text()) for number in range(6)] == [1, 3, 3, 1, 1, 1]


def test_workers_that_never_start_are_one_line(started, monkeypatch):
    monkeypatch.setattr(pool.pool_worker, "work", _ends)
    workers = started(standing_in())
    assert list(workers.run(iter(orders_of(3)))) == []
    assert workers.trouble == "the workers do not start (exit code 7)"


def _ends(connection, threads, stand_in):
    os._exit(7)


@linux_only
def test_workers_leave_ctrl_c_alone_and_end_with_the_command(started):
    def grade_one(order, report):
        import ctypes

        at_parents_end = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(at_parents_end), 0, 0, 0)  # PR_GET_PDEATHSIG
        note = f"{signal.getsignal(signal.SIGINT) is signal.SIG_IGN} {at_parents_end.value}"
        return Graded(order.student, order.assignment, order.sha256, "graded", (note,))

    (reply,) = started(grade_one).run(iter(orders_of(1)))
    assert reply.graded.notes == (f"True {signal.SIGKILL.value}",)


@linux_only
def test_closing_does_not_wait_for_what_goes_on(started):
    workers = started(standing_in(60))
    replies = workers.run(iter(orders_of(2)))

    class Enough(Exception):
        pass

    def enough(name, event):
        if "cell" in event:
            raise Enough

    workers._on_event = enough
    with pytest.raises(Enough):
        next(replies)
    began = time.monotonic()
    workers.close()
    assert time.monotonic() - began < 2 * pool._CLOSE_SECONDS
