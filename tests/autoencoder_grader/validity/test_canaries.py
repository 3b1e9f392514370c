"""Each canary tells when it is reached, and is quiet when it is not."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from autoencoder_grader.validity.canaries import Canaries


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Submissions; the home folder is beside them."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    submitted = tmp_path / "submitted" / "ada"
    submitted.mkdir(parents=True)
    (submitted / "notebook.ipynb").write_text("{}")
    return tmp_path / "submitted"


def test_where_nothing_is_reached_nothing_is_said(folder):
    with Canaries([folder]) as canaries:
        pass
    assert canaries.harmed == [] and not list(folder.parent.glob(".canary*"))


def test_changed_files_are_told(folder):
    with Canaries([folder]) as canaries:
        (folder / "ada" / "notebook.ipynb").write_text("{ }")
        (home,) = folder.parent.glob(".canary*")
        home.write_text("")
    assert len(canaries.harmed) == 2
    assert "home folder" in canaries.harmed[0] and str(folder) in canaries.harmed[1]


def test_a_visitor_is_told(folder):
    with Canaries([folder]) as canaries:
        address = canaries._listeners[0].getsockname()
        socket.create_connection(address).close()
        socket.create_connection(address).close()
    assert len(canaries.harmed) == 2 and "connected" in canaries.harmed[0]


@pytest.mark.skipif(os.name != "posix", reason="needs a process whose parent is gone")
def test_a_survivor_is_told_and_a_sandbox_at_work_is_not(folder):
    mark = "/opt/system_calls.py"
    with Canaries([folder]) as canaries:
        sleeper = [sys.executable, "-c", "import time; time.sleep(60)", mark]
        at_work = subprocess.Popen(sleeper)
        code = f"import subprocess as s; print(s.Popen({sleeper!r}, stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    at_work.kill()
    at_work.wait()
    os.kill(int(told.stdout), signal.SIGKILL)
    assert canaries.harmed == [f"process {told.stdout.strip()} of a sandbox is still there"]
