"""A machine in trouble: a clock that jumps, a gradebook that is locked, a disk that is full. The next run ends well."""

import errno
import os
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from autoencoder_grader.engine import writer
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.engine.writer import Writer
from tiny_class import quiet

STUDENTS = 4
HOURS = 3600


@pytest.fixture
def course(undisturbed, tmp_path):
    """The folder of a class that is not graded yet."""
    shutil.copytree(undisturbed(STUDENTS)[0], tmp_path / "course")
    return tmp_path / "course"


@pytest.mark.parametrize("jump", [30 * HOURS, -30 * HOURS])
def test_a_clock_that_jumps_changes_nothing(undisturbed, course, all_of, monkeypatch, jump):
    real, calls = time.time, [0]

    def jumping():
        calls[0] += 1
        return real() + (jump if calls[0] // 20 % 2 else 0)

    monkeypatch.setattr(time, "time", jumping)
    report = grade(course, console=quiet(), trusted=True)
    monkeypatch.undo()
    assert calls[0] > 20 and report.exit_code == 0
    assert all_of(course) == undisturbed(STUDENTS)[1]
    assert not grade(course, console=quiet(), trusted=True).graded


def test_a_gradebook_locked_by_another_program_is_waited_for(undisturbed, course, all_of, monkeypatch):
    commit, locks = Writer.commit, []

    def locked_for_a_while(self, graded, *more):
        if not locks:
            lock = sqlite3.connect(course / "gradebook.db", check_same_thread=False)
            lock.execute("BEGIN IMMEDIATE")
            locks.append(threading.Timer(3, lambda: (lock.rollback(), lock.close())))
            locks[0].start()
        commit(self, graded, *more)

    monkeypatch.setattr(Writer, "commit", locked_for_a_while)
    report = grade(course, console=quiet(), trusted=True)
    locks[0].join()
    assert report.exit_code == 0
    assert all_of(course) == undisturbed(STUDENTS)[1]


def test_a_gradebook_that_stays_locked_costs_nobody_anything(undisturbed, course, all_of, monkeypatch):
    commit, locks = Writer.commit, []
    monkeypatch.setattr(writer, "_TRIES", 1)

    def locked(self, graded, *more):
        if graded.student == "student01":
            locks.append(sqlite3.connect(course / "gradebook.db"))
            locks[-1].execute("BEGIN IMMEDIATE")
        try:
            commit(self, graded, *more)
        finally:
            if graded.student == "student01":
                locks[-1].rollback()

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "commit", locked)
        report = grade(course, console=quiet(), trusted=True)
    assert report.exit_code == 3 and len(report.graded) == STUDENTS - 1
    assert len(report.faults) == 1 and "locked" in report.faults[0] and "student01" in report.faults[0]
    second = grade(course, console=quiet(), trusted=True)
    assert [str(submission) for submission in second.graded] == ["student01/01_tiny"]
    assert all_of(course) == undisturbed(STUDENTS)[1]


def test_a_full_disk_costs_nobody_anything(undisturbed, course, all_of, monkeypatch):
    write_bytes = Path.write_bytes

    def full(path, data):
        if "incoming" in path.parts and "feedback" in path.parts and full.left > 0:
            full.left -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write_bytes(path, data)

    full.left = 2
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        report = grade(course, console=quiet(), trusted=True)
    assert report.exit_code == 3 and len(report.faults) == 2 and "No space left" in report.faults[0]
    second = grade(course, console=quiet(), trusted=True)
    assert second.exit_code == 0 and len(second.graded) == 2
    assert all_of(course) == undisturbed(STUDENTS)[1]
