"""The time left, and the lines that stand for a bar where there is no terminal."""

import io

import pytest
from autoencoder_grader import progress as progress_module
from autoencoder_grader.progress import GradingProgress, duration
from rich.console import Console


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_follows_the_clock_and_what_others_took(clock):
    with GradingProgress(
        [("ada/1", 60), ("ben/1", 60), ("cleo/1", 30)], Console(file=io.StringIO())
    ) as progress:
        progress.start(0, cells=12)
        progress.cell(2, "train-net")
        assert progress.step() == "cell 3 of 12 train-net · about 2 min 30 s left"
        clock[0] += 30
        assert progress.step().endswith("about 2 min 00 s left")
        clock[0] += 90  # twice as long as expected: then the rest will be, too
        assert progress.step().endswith("about 3 min 01 s left")
        assert progress.finish("done") == 120
        assert progress.step() == ""
        progress.start(1, cells=12)
        assert progress.step().endswith("about 3 min 00 s left")


def test_what_goes_on_in_a_cell_is_shown(clock):
    with GradingProgress([("ada/1", 60)], Console(file=io.StringIO())) as progress:
        progress.start(0, 12, detail=lambda since: "net: 2 epochs trained")
        assert "cell 1 of 12 · net: 2 epochs trained · about 1 min 00 s left" in progress.step()


def test_without_a_terminal_there_are_lines(clock):
    file = io.StringIO()
    with GradingProgress([("ada/1", 60)], Console(file=file, width=40)) as progress:
        progress.start(0, 12)
        clock[0] += 61
        progress.finish("✓ ada/1 graded")
    assert file.getvalue().splitlines() == [
        "  1 of 1 · ada/1 · cell 1 of 12 · about 1 min 00 s left",
        "✓ ada/1 graded (1 min 01 s)",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3725, "62 min 05 s")]
)
def test_durations_are_said_for_people(seconds, words):
    assert duration(seconds) == words
