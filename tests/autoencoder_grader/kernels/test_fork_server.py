"""Kernels that are forked: what kills them, and that they see nothing of each other."""

import json
import signal
import uuid
from pathlib import Path

import pytest
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import fork_server, sandbox
from autoencoder_grader.kernels.fork_server import ForkServer, Joined
from autoencoder_grader.kernels.sandbox import Limits
from sandboxes import LEAVES, gone, needs_landlock, needs_sandbox, processes_with


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
def test_each_fork_draws_numbers_of_its_own(server, kernel):
    draw = """
import json, random, secrets, tempfile, uuid
import numpy, tensorflow
print(json.dumps([random.random(), numpy.random.random(), float(tensorflow.random.uniform([])), secrets.token_hex(),
                  next(tempfile._get_candidate_names()), str(uuid.uuid4())]))"""
    drawn = []
    for name in ("first drawer", "second drawer"):
        home = server.places / name
        home.mkdir()
        sandbox.give_to(sandbox.sandbox_user(), home)
        with kernel(server, home, Limits()) as (_, printed):
            drawn.append(json.loads(printed(draw)))
    assert not any(one == other for one, other in zip(*drawn, strict=True)), drawn


@pytest.mark.parametrize(
    "kind",
    [pytest.param("inside_room", marks=needs_sandbox), pytest.param("inside_landlock", marks=needs_landlock)],
)
def test_a_kernel_that_starts_anew_has_a_hash_seed_of_its_own(kind, monkeypatch, request):
    """Forks share theirs, which Python takes when it starts: docs/how-grading-works.md says what that means."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    inside, code = request.getfixturevalue(kind), "print(json.dumps(hash('autoencoder')))"
    assert inside(code) != inside(code)


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
        # Where the course itself lies below /tmp, the way to it is to be seen there.
        ours = sorted({Path(place).parts[2] for place in server._kept if Path(place).parts[1] == "tmp"})
        ours = [name for name in ours if name[0] != "."]
        assert json.loads(printed(look)) == [ours, ["ptmx"], False, []]
        other(act)
        assert json.loads(printed(look)) == [ours, ["ptmx"], False, []]
        assert json.loads(other(look))[0] == sorted([*ours, *["mine"] * 3])


@needs_sandbox
def test_folders_of_others_are_hidden_also_where_they_do_not_lie_in_tmp(tmp_path, kernel, monkeypatch):
    """Where nobody may write to /tmp they lie in /var/tmp, of which a fork has none of its own."""
    monkeypatch.setattr(temporary, "short_folder", lambda: "/var/tmp")
    server = ForkServer([], {}, {}, tmp_path / "kernels.log")
    home = server.places / "home"
    try:
        with kernel(server, home, Limits()) as (_, printed):
            look = f"import os; print(os.listdir({str(server.places)!r}), os.path.exists('/home/learner'))"
            assert printed(look) == "[] True\n"
    finally:
        server.close()


@needs_sandbox
def test_another_process_of_ours_joins_it_and_ends_nothing_there(server, kernel):
    joined, home = Joined(server.address), server.places / "joined"
    home.mkdir()
    sandbox.give_to(joined.user, home)
    with kernel(joined, home, Limits()) as (_, printed):
        joined.close()
        assert joined.alive and printed("print(1)") == "1\n"


@needs_sandbox
def test_who_loses_the_one_that_it_joined_has_one_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(fork_server, "MODULES", ())
    settings = [], {}, {"MARK": str(tmp_path)}, tmp_path / "kernels.log"
    first = ForkServer(*settings)
    fork_server.join(first.address)
    found = fork_server.fork_server(*settings, lambda server: None)
    assert isinstance(found, Joined) and found.places == first.places
    first.close()
    own = fork_server.fork_server(*settings, lambda server: None)
    try:
        assert not found.alive and own.alive and own.places != first.places
    finally:
        own.close()
        fork_server._running.popitem()


@needs_sandbox
def test_one_that_shows_other_things_is_not_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(fork_server, "MODULES", ())
    first = ForkServer([], {}, {"MARK": "other"}, tmp_path / "kernels.log")
    fork_server.join(first.address)
    own = fork_server.fork_server([], {}, {"MARK": "ours"}, tmp_path / "kernels.log", lambda server: None)
    try:
        assert own.places != first.places
    finally:
        for server in (first, own):
            server.close()
        fork_server._running.popitem()
        fork_server._joined.clear()
