"""Kernels that are forked: what kills them, and that they see nothing of each other."""

import json
import signal
import uuid

import pytest
from autoencoder_grader.kernels import sandbox
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.sandbox import Limits
from sandboxes import LEAVES, gone, needs_sandbox, processes_with


@needs_sandbox
@pytest.mark.parametrize("how", ["kernel", "server"])
def test_killing_a_fork_or_its_server_kills_all_that_is_in_it(folder, tmp_path, kernel, how):
    marker = f"marker-{uuid.uuid4()}"
    server = ForkServer([], {}, {}, tmp_path / "kernels.log")
    home = server.places / "home"
    with kernel(server, home, Limits()) as (fork, printed):
        assert printed("import json, os" + LEAVES.format(marker=marker, then="")) == '"started"\n'
        assert processes_with(marker)
        if how == "kernel":
            fork.kill()
            assert fork.wait(10) == -signal.SIGKILL and server.alive
        else:
            server.close()
    assert gone(marker)
    server.close()
    assert not server.places.exists()


@needs_sandbox
def test_forks_see_nothing_of_each_other(server, kernel):
    homes = [server.places / name for name in ("first", "second")]
    for home in homes:
        home.mkdir()
        sandbox.give_to(sandbox.sandbox_user(), home)
    look = """
import json, os, socket
def listed(*folders):
    return sorted(name for folder in folders for name in os.listdir(folder) if name[0] != ".")
hidden = socket.socket(socket.AF_UNIX)
try:
    hidden.connect("\\0meeting")
    met = True
except OSError:
    met = False
print(json.dumps([listed("/tmp", "/dev/shm", "/home/learner"), listed("/dev/pts"), met,
                  [name for name in os.listdir("/proc") if name.isdigit() and int(name) > 2]]))"""
    act = """
import os, socket
for folder in ("/tmp", "/dev/shm", "/home/learner"):
    open(folder + "/mine", "w")
os.openpty()
meeting = socket.socket(socket.AF_UNIX)
meeting.bind("\\0meeting")
meeting.listen()"""
    with kernel(server, homes[0], Limits()) as (_, printed), kernel(server, homes[1], Limits()) as (_, other):
        assert json.loads(printed(look)) == [[], ["ptmx"], False, []]
        other(act)
        assert json.loads(printed(look)) == [[], ["ptmx"], False, []]
        assert json.loads(other(look))[0] == ["mine"] * 3
