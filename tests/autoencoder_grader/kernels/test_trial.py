"""Kernels are tried out by running one; one that does not start says why."""

import asyncio
import atexit
import io
import os
import signal
import sys
import threading

import pytest
from autoencoder_grader.engine import cluster, worker
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.kernels import sandbox, trial
from autoencoder_grader.kernels.last_words import LastWords, last_line
from autoencoder_grader.kernels.trial import kernel_server
from autoencoder_grader.kernels.workplace import Workplace
from jupyter_core.utils import run_sync
from rich.console import Console
from sandboxes import needs_any_sandbox, needs_landlock

needs_bubblewrap = pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.BUBBLEWRAP)),
    reason="bubblewrap is missing or may not run (Debian: apt-get install bubblewrap)",
)
BREAKS = "--IPKernelApp.kernel_class=no_such_module.Kernel"
SLOW = "slow"
SAYS = "import sys; print('a warning', file=sys.stderr); sys.exit('\\x1b[31mno kernel\\x07 today\\n\\n')"


@pytest.fixture(autouse=True)
def fresh_answers():
    """Forget what was found out about kernels that start anew."""
    trial._trouble_anew.cache_clear()
    yield
    trial._trouble_anew.cache_clear()


@pytest.fixture
def server(tmp_path):
    """The fork server of this process."""
    server = kernel_server(tmp_path / "kernels.log")
    if server is None:
        pytest.skip("no kernels can be forked here")
    return server


@pytest.fixture
def broken_forks(server, monkeypatch):
    """Kernels of the fork server do not start."""
    start = server.fork
    monkeypatch.setattr(server, "fork", lambda folders, arguments, limits: start(folders, [*arguments, BREAKS], limits))
    return server


@pytest.fixture
def silent(monkeypatch):
    """What each tier does when a kernel starts anew: "" if it runs, else why not."""
    troubles = dict.fromkeys(sandbox.TIERS, "")

    def run_a_cell(tier, server=None, cell=""):
        if troubles[tier] == SLOW:
            raise trial.KernelSlow("it did not answer")
        if troubles[tier]:
            raise trial.KernelFailed(troubles[tier])

    monkeypatch.setattr(sandbox, "tiers", lambda: iter(sandbox.TIERS))
    monkeypatch.setattr(trial, "kernel_server", lambda log: None)
    monkeypatch.setattr(trial, "run_a_cell", run_a_cell)
    return troubles


# ------------------------------------------------------------------------------------------------- last words


@needs_bubblewrap
def test_a_forked_kernel_that_does_not_start_says_why(broken_forks):
    with pytest.raises(trial.KernelFailed, match="its last words: .*no_such_module") as caught:
        trial.run_a_cell(sandbox.BUBBLEWRAP, broken_forks)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("tier", sandbox.TIERS)
def test_a_kernel_started_anew_that_does_not_start_says_why(tier, monkeypatch):
    if sandbox.trouble_with(tier):
        pytest.skip(f"{sandbox.trouble_with(tier)} (Debian: apt-get install bubblewrap)")
    command = Workplace.command
    monkeypatch.setattr(Workplace, "command", lambda place, kernel: command(place, [sys.executable, "-c", SAYS]))
    left = []
    monkeypatch.setattr(atexit, "register", left.append)
    monkeypatch.setattr(atexit, "unregister", left.remove)
    with pytest.raises(trial.KernelFailed, match="its last words: no kernel today"):
        trial.run_a_cell(tier)
    assert left == []  # it would print a traceback in the end


def test_ctrl_c_ends_a_trial_and_a_trial_leaves_ctrl_c_as_it_was(monkeypatch, ctrl_c):
    tier = next(sandbox.tiers(), "")
    if not tier:
        pytest.skip("no sandbox here (Debian: apt-get install bubblewrap)")
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    command, lives = Workplace.command, "import time; time.sleep(300)"
    monkeypatch.setattr(Workplace, "command", lambda place, kernel: command(place, [sys.executable, "-c", lives]))
    threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        trial.run_a_cell(tier)
    monkeypatch.setattr(Workplace, "command", lambda place, kernel: command(place, [sys.executable, "-c", SAYS]))
    with pytest.raises(trial.KernelFailed):
        trial.run_a_cell(tier)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@needs_bubblewrap
def test_the_line_about_a_submission_names_them(graded_course, notebook, broken_forks, monkeypatch):
    monkeypatch.setattr(worker, "_TRIES", 1)
    monkeypatch.setattr(cluster, "_RETRIES", 0)
    monkeypatch.setattr(cluster, "_get_ready", lambda course: "")
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    report = grade(graded_course.folder, console=Console(file=io.StringIO()))
    (line,) = report.faults
    assert "ada/01_tiny was not graded: the kernel did not start (Kernel died" in line
    assert "no_such_module" in line and "\n" not in line and report.exit_code == 3


@needs_bubblewrap
def test_a_server_that_does_not_start_says_why(monkeypatch, tmp_path):
    from autoencoder_grader.kernels import fork_server

    monkeypatch.setattr(fork_server, "MODULES", ("no_such_module",))
    log = tmp_path / "kernels.log"
    log.write_text("of another one\n")
    server = fork_server.ForkServer([], {}, {}, log)
    try:
        with pytest.raises(fork_server.ForkFailed, match="No module named 'no_such_module'"):
            server.fork([], [])
    finally:
        server.close()


@pytest.mark.skipif(os.name != "posix", reason="writes to a pipe")
def test_of_what_is_printed_without_end_the_last_is_kept():
    words = LastWords()
    copy = os.dup(words.writes)
    words.begin()
    for number in range(2000):
        os.write(copy, b"%06d of many lines\n" % number)
    os.close(copy)
    text = words.text(10)
    assert text.endswith("001999 of many lines\n") and len(text) <= 4096


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", ""),
        ("\n \n", ""),
        ("Traceback:\n  line 3\nValueError: bad\n\n", "ValueError: bad"),
        ("\x1b[1;31mred\x1b[0m \x07bell\tand tab\r\n", "red bell and tab"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_the_last_line_is_fit_for_people(text, line):
    assert last_line(text) == line


# -------------------------------------------------------------------------------------- the choice of a tier


def test_the_better_tier_in_which_a_kernel_runs_is_taken(silent, tmp_path):
    assert trial.require(trusted=False, log=tmp_path / "log") == sandbox.BUBBLEWRAP
    trial._trouble_anew.cache_clear()
    silent[sandbox.BUBBLEWRAP] = "the kernel did not start"
    assert trial.require(trusted=False, log=tmp_path / "log") == sandbox.LANDLOCK


def test_a_kernel_that_is_slow_costs_no_tier(silent, tmp_path):
    silent[sandbox.BUBBLEWRAP] = SLOW
    with pytest.raises(sandbox.TooBusy, match="too busy to find out whether bubblewrap works"):
        trial.require(trusted=True, log=tmp_path / "log")
    silent[sandbox.BUBBLEWRAP] = ""  # it is asked again
    assert trial.require(trusted=False, log=tmp_path / "log") == sandbox.BUBBLEWRAP


@needs_any_sandbox
def test_a_kernel_that_does_not_answer_in_time_is_slow(monkeypatch):
    command, lives = Workplace.command, "import time; time.sleep(300)"
    monkeypatch.setattr(Workplace, "command", lambda place, kernel: command(place, [sys.executable, "-c", lives]))
    monkeypatch.setattr(trial, "_SECONDS", 1)
    with pytest.raises(trial.KernelSlow, match="did not start"):
        trial.run_a_cell(sandbox.best_tier())


def test_where_no_kernel_runs_it_is_one_line_with_the_reason_of_each_tier(silent, tmp_path):
    silent |= {sandbox.BUBBLEWRAP: "it cannot be read", sandbox.LANDLOCK: "it cannot be listed"}
    with pytest.raises(sandbox.NoSandbox) as caught:
        trial.require(trusted=False, log=tmp_path / "log")
    line = str(caught.value)
    assert "bubblewrap: it cannot be read; landlock: it cannot be listed" in line and "\n" not in line
    assert "--i-trust-these-submissions" in line and "doctor" in line
    assert trial.require(trusted=True, log=tmp_path / "log") == ""


def test_what_was_found_out_is_kept(silent, monkeypatch, tmp_path):
    silent[sandbox.BUBBLEWRAP] = "no"
    assert trial.trouble_with(sandbox.BUBBLEWRAP, tmp_path / "log") == "no"
    monkeypatch.setattr(trial, "run_a_cell", lambda tier: pytest.fail("it was tried again"))
    assert trial.trouble_with(sandbox.BUBBLEWRAP, tmp_path / "log") == "no"


def test_a_worker_says_why_it_cannot_grade_before_it_gets_anything(silent, graded_course, notebook, monkeypatch):
    silent |= dict.fromkeys(sandbox.TIERS, "it cannot be read")
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    monkeypatch.setattr(worker, "grade_order", lambda *_: pytest.fail("grading has begun"))
    with pytest.raises(sandbox.CourseError, match="no kernel runs in a sandbox here .*it cannot be read"):
        grade(graded_course.folder, console=Console(file=io.StringIO()))


@pytest.mark.parametrize(
    "tier",
    [pytest.param(sandbox.BUBBLEWRAP, marks=needs_bubblewrap), pytest.param(sandbox.LANDLOCK, marks=needs_landlock)],
)
@pytest.mark.parametrize("where", ["in its thread", "in a thread that it waits for"])
def test_a_kernel_is_tried_out_where_an_event_loop_runs_already(tier, where):
    async def inside():
        if where == "in its thread":
            return trial.run_a_cell(tier)
        return await asyncio.to_thread(trial.run_a_cell, tier)

    assert run_sync(inside)() == "it runs\n", "the loop is now the one that Jupyter's libraries keep"
