"""The time left, the counts, and the lines that stand for a bar where there is no terminal."""

import io

import pytest
from autoencoder_grader.engine import progress as progress_module
from autoencoder_grader.engine.progress import GradingProgress, duration
from rich.console import Console


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def quiet():
    return Console(file=io.StringIO(), width=40)


BEGINS = {"begins": True}


def test_the_time_left_follows_the_clock_and_what_others_took(clock):
    with GradingProgress({"ada/1": 60, "ben/1": 60, "cleo/1": 30}, quiet()) as progress:
        progress.event("ada/1", BEGINS)
        progress.event("ada/1", {"cell": 3, "cells": 12, "id": "train-net"})
        assert progress.words() == "0 of 3 · about 2 min 30 s left · ada/1 cell 3 of 12 train-net"
        clock[0] += 30
        assert "about 2 min 00 s left" in progress.words()
        clock[0] += 90  # twice as long as expected: then the rest will be, too
        assert "about 3 min 02 s left" in progress.words()
        progress.finish("ada/1", "done", "graded")
        assert progress.words().startswith("1 of 3 · 1 graded · about 3 min 00 s left")


def test_several_at_the_same_time_take_less_but_not_less_than_the_longest(clock):
    with GradingProgress({"ada/1": 60, "ben/1": 60, "cleo/1": 60}, quiet(), workers=2) as progress:
        progress.event("ada/1", BEGINS)
        progress.event("ben/1", BEGINS)
        assert progress.words() == "0 of 3 · about 1 min 30 s left · ada/1 · ben/1"
    with GradingProgress({"ada/1": 100, "ben/1": 10}, quiet(), workers=2) as progress:
        assert "about 1 min 40 s left" in progress.words()


def test_statuses_and_the_rate_are_counted(clock):
    with GradingProgress({f"s{n}/1": 10 for n in range(4)}, quiet()) as progress:
        for name, status in (("s0/1", "graded"), ("s1/1", "limit"), ("s2/1", "graded")):
            progress.event(name, BEGINS)
            clock[0] += 10
            progress.finish(name, "line", status)
        assert progress.words() == "3 of 4 · 2 graded, 1 limit · 6.0 a minute · about 10 s left"


def test_what_goes_on_in_a_cell_is_shown(clock):
    with GradingProgress({"ada/1": 60}, quiet()) as progress:
        progress.event("ada/1", BEGINS)
        progress.event("ada/1", {"cell": 1, "cells": 12, "id": "", "detail": "net: 2 epochs trained"})
        assert "ada/1 cell 1 of 12 net: 2 epochs trained" in progress.words()


def test_no_name_writes_a_line_of_its_own(clock):
    name = "eve\n✓ ben/1 graded\x1b[2J/1"
    with GradingProgress({name: 60}, quiet()) as progress:
        progress.event(name, BEGINS)
        assert "eve ✓ ben/1 graded\ufffd[2J/1" in progress.words() and "\n" not in progress.words()


def test_one_that_begins_again_is_timed_anew(clock):
    with GradingProgress({"ada/1": 60}, quiet()) as progress:
        progress.event("ada/1", BEGINS)
        clock[0] += 50  # its worker dies; another one takes it
        progress.event("ada/1", BEGINS)
        assert "about 1 min 00 s left" in progress.words()


def test_without_a_terminal_there_are_lines(clock):
    console = quiet()
    with GradingProgress({"ada/1": 60}, console) as progress:
        progress.event("ada/1", BEGINS)
        clock[0] += 61
        progress.finish("ada/1", "✓ ada/1 graded", "graded")
    assert console.file.getvalue().splitlines() == [
        "  0 of 1 · about 1 min 00 s left · ada/1",
        "✓ ada/1 graded (1 min 01 s)",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3725, "62 min 05 s")])
def test_durations_are_said_for_people(seconds, words):
    assert duration(seconds) == words
