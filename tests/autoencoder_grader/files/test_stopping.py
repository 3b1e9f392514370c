"""A SIGTERM ends a command as Ctrl-C does: what it started ends, what it made goes."""

import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from autoencoder_grader.cli import main
from autoencoder_grader.files.stopping import as_ctrl_c, end
from autoencoder_grader.learning import lab
from autoencoder_grader.validity import report
from click.testing import CliRunner

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
SLEEPS = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(300)"]


def tell(number, seconds=0.5):
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in the background"])
def handlers(request):
    """As a command finds them; put back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, request.param)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL == signal.getsignal(signal.SIGHUP)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_is_what_ctrl_c_is(handlers, number):
    with pytest.raises(KeyboardInterrupt), as_ctrl_c():
        tell(number)
        time.sleep(20)


def test_whoever_waits_for_ctrl_c_gets_it(handlers):
    came = []
    signal.signal(signal.SIGINT, lambda *_: came.append(1))
    with as_ctrl_c():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
    assert came == [1]


@pytest.mark.parametrize("command", ["grade", "validity", "lab", "demo", "book", "references"])
def test_each_command_takes_it_so(handlers, monkeypatch, command):
    """By the group, so that one that comes is no exception."""
    monkeypatch.setattr(main.commands[command], "callback", lambda **_: time.sleep(20))
    tell(signal.SIGTERM, 0.2)
    began = time.monotonic()
    ended = CliRunner().invoke(main, [command])
    assert ended.exit_code != 0 and time.monotonic() - began < 10


def test_the_processes_that_grade_a_corpus_end_with_the_command(handlers, monkeypatch, tmp_path):
    running = []
    monkeypatch.setattr(report, "read_cases", lambda *_: [SimpleNamespace(name="a case")])
    monkeypatch.setattr(report, "lay_out", lambda *_: None)
    monkeypatch.setattr(report.sandbox, "require", lambda trusted: "bubblewrap")
    monkeypatch.setattr(report, "Canaries", Nothing)
    start = subprocess.Popen

    def popen(command, **settings):
        running.append(start(SLEEPS, **settings))
        return running[-1]

    monkeypatch.setattr(report.subprocess, "Popen", popen)
    tell(signal.SIGTERM, 1.0)
    with pytest.raises(KeyboardInterrupt), as_ctrl_c():
        report.run_validity(tmp_path, tmp_path)
    assert running and all(process.returncode is not None for process in running)


def test_jupyterlab_ends_with_the_command_that_opened_it(handlers, monkeypatch, tmp_path):
    monkeypatch.setattr(lab, "jupyterlab_command", lambda *_: SLEEPS)
    tell(signal.SIGTERM, 1.0)
    with as_ctrl_c():
        assert lab.open_jupyterlab(tmp_path) == -signal.SIGTERM


def test_what_does_not_end_by_itself_is_ended_by_force(monkeypatch):
    monkeypatch.setattr("autoencoder_grader.files.stopping._SECONDS", 0.3)
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('here', flush=True); time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"here\n"
        end([process])
        assert process.returncode == -signal.SIGKILL


class Nothing:
    """Stands in for the canaries."""

    harmed = ()

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
