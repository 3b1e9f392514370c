"""The reduced sandbox, for machines without namespaces, tried from inside."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from autoencoder_grader.kernels import landlock, sandbox
from autoencoder_grader.kernels.sandbox import Limits
from sandboxes import FILL, LEAVES, MEGABYTE, REPOSITORY, gone, needs_landlock, processes_with, sealed


@needs_landlock
def test_landlock_shows_the_home_folder_where_it_is_and_no_contents_of_others(inside_landlock, folder, tmp_path):
    secret, own = tmp_path / "secret", Path.home()
    secret.write_text("solutions")
    code = f"""
import tempfile
def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        return True
open("new.txt", "w").write("x")
os.rename("new.txt", "renamed.txt")
tempfile.TemporaryFile(dir=os.environ["HOME"]).write(b"x")
print(json.dumps([os.getcwd(), os.environ["HOME"], [
    refused(open, {str(secret)!r}), refused(open, {str(secret)!r}, "a"), refused(os.unlink, {str(secret)!r}),
    refused(os.truncate, {str(secret)!r}, 0), refused(os.rename, {str(secret)!r}, "mine"),
    refused(os.link, {str(secret)!r}, "mine"), refused(os.listdir, {str(tmp_path)!r}),
    refused(os.listdir, {str(REPOSITORY)!r}), refused(os.listdir, {str(own)!r}), refused(os.listdir, "/tmp"),
    refused(os.mkdir, "/tmp/new"), refused(open, "/proc/1/cmdline"), refused(os.listdir, "/proc"),
    refused(open, "/dev/shm/new", "w"), refused(open, "/etc/passwd"),
]]))"""
    cwd, home, refused = inside_landlock(code)
    assert cwd == home == str(folder) and all(refused), refused
    assert (folder / "renamed.txt").read_text() == "x" and secret.read_text() == "solutions"


@needs_landlock
def test_landlock_lets_it_reach_nobody(inside_landlock, tmp_path):
    """Neither by a signal, nor by a socket in a folder, nor by what Linux lets a user do to all that is the user's."""
    import socketserver
    import threading

    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    address = tmp_path / "socket"
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.bind(str(tmp_path / "datagrams"))
    datagrams.setblocking(False)
    tmp_path.chmod(0o755)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0o640)
    code = f"""
import ctypes, resource, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        return True
def stream():
    socket.socket(socket.AF_UNIX).connect({str(address)!r})
def datagram():
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", {str(tmp_path / "datagrams")!r})
def pair():
    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", {str(tmp_path / "datagrams")!r})
left, right = socket.socketpair()
left.send(b"x")
os.chmod(os.environ["HOME"], 0o777)  # does nothing, and says nothing
os.chmod({str(tmp_path / "mine")!r}, 0o777)
os.setpriority(os.PRIO_PROCESS, {os.getpid()}, 19)
print(json.dumps([right.recv(1).decode(), [
    refused(os.kill, {os.getpid()}, 0), refused(os.kill, {os.getppid()}, signal.SIGTERM),
    refused(stream), refused(datagram), refused(pair),
    refused(resource.prlimit, {os.getpid()}, resource.RLIMIT_NOFILE, (64, 64)),
    libc.unshare(0x10000000) == -1,
    refused(os.setuid, 0), libc.ptrace(16, {os.getpid()}, 0, 0) == -1,
]]))"""
    with socketserver.UnixStreamServer(str(address), socketserver.BaseRequestHandler) as server, datagrams:
        os.chmod(address, 0o777)
        os.chmod(tmp_path / "datagrams", 0o777)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            among_themselves, refused = inside_landlock(code)
        finally:
            server.shutdown()
        with pytest.raises(BlockingIOError):
            datagrams.recv(1)
    assert among_themselves == "x" and all(refused), refused
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o640
    assert os.getpriority(os.PRIO_PROCESS, 0) == niceness


@needs_landlock
def test_in_landlock_it_is_another_user_when_this_is_root(inside_landlock, monkeypatch):
    monkeypatch.setenv("THE_GRADERS_TOKEN", "secret")
    code = "print(json.dumps([os.getuid(), os.getgid(), os.getgroups(), sorted(os.environ)]))"
    user, group, groups, names = inside_landlock(code, environment={"GIVEN": "1"})
    assert set(names) - {"LC_CTYPE", "PWD", "LD_LIBRARY_PATH"} == {
        "HOME",
        "PATH",
        "LANG",
        "TMPDIR",
        "USER",
        "LOGNAME",
        "GIVEN",
    }
    assert user == sandbox.sandbox_user() != 0
    if os.geteuid() == 0:
        assert group == user and groups == []


@needs_landlock
@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_in_landlock_a_folder_for_temporary_files_that_is_roots_alone_keeps_nobody_out(inside_landlock, monkeypatch):
    monkeypatch.setattr(sandbox, "_everybody_may_read", lambda place: True)  # as where Python is the system's
    assert inside_landlock('print(json.dumps(open("notes.txt").read()))') == "the learner's"


@needs_landlock
def test_in_landlock_honest_code_makes_and_copies_files_as_everywhere(inside_landlock):
    code = """
import pathlib, shutil
new = pathlib.Path("new")
new.touch()
made = new.exists()
new.touch()
shutil.copy2("notes.txt", "copy.txt")
os.utime("copy.txt", (1, 1))
with open("copy.txt") as file:
    os.utime(file.fileno())
    print(json.dumps([made, file.read()]))"""
    assert inside_landlock(code) == [True, "the learner's"]


@needs_landlock
def test_in_landlock_files_have_a_largest_size(inside_landlock):
    assert inside_landlock(FILL.format(path="file"), Limits(file=4 * MEGABYTE)) <= 4


@needs_landlock
@pytest.mark.parametrize("how", ["asked", "orphaned"])
def test_nothing_in_landlock_outlives_who_started_it(folder, how):
    marker = f"marker-{uuid.uuid4()}"
    code = LEAVES.format(marker=marker, then="time.sleep(300)")
    command = sealed(code, folder, tier=sandbox.LANDLOCK)
    if how == "orphaned":
        starts = f"import subprocess, time; subprocess.Popen({command!r}); time.sleep(300)"
        command = [sys.executable, "-c", starts]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == '"started"\n'
        assert processes_with(marker)
        running.send_signal(signal.SIGTERM if how == "asked" else signal.SIGKILL)
    assert gone(marker)


@needs_landlock
def test_processes_that_fork_while_they_are_killed_end_too(folder):
    marker = f"marker-{uuid.uuid4()}"
    code = f"""
marker = {marker!r}
print(json.dumps("started"), flush=True)
for _ in range(20):
    try:
        os.fork()
    except OSError:
        pass
while True:
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
    except OSError:
        pass"""
    command = sealed(code, folder, Limits(threads=200), tier=sandbox.LANDLOCK)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == '"started"\n'
        time.sleep(1)
        running.send_signal(signal.SIGTERM)
        running.wait(30)
    assert gone(marker, 1)


@pytest.mark.skipif(
    os.geteuid() != 0 or landlock.version() < landlock.LEAST_VERSION or not os.path.exists("/usr/bin/python3"),
    reason="root only can become somebody else; a system's Python only can be read then",
)
def test_somebody_without_roots_rights_gets_the_same(tmp_path):
    """As above, where processes in there and the grader are the same user."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        (folder / "home").mkdir()
        (folder / "secret").write_text("x")
        package = folder / "kernels"
        shutil.copytree(Path(landlock.__file__).parent, package)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 61_000, 61_000)
        code = f"""
import json, os
seen = []
for call in (lambda: open("{folder}/secret"), lambda: os.kill(os.getppid(), 9), lambda: open(f"/proc/{{os.getppid()}}/status")):
    try:
        call()
        seen.append("done")
    except PermissionError:
        seen.append("refused")
os.chmod("{folder}/secret", 0)
print(json.dumps([os.getuid(), os.path.exists("new"), seen]))"""
        settings = {
            "readable": ["/usr", "/lib", "/lib64", "/bin"],
            "writable": [f"{folder}/home", "/dev/null"],
            "environment": {},
            "start_in": f"{folder}/home",
            "limits": Limits().of_a_process(),
            "user": None,
            "reads_all": False,
        }
        start = f"import sys; sys.path.append({str(folder)!r}); from kernels.landlock import main; main()"
        command = [
            "setpriv",
            "--reuid=61000",
            "--regid=61000",
            "--clear-groups",
            "/usr/bin/python3",
            "-I",
            "-S",
            "-c",
        ]
        command += [start, json.dumps(settings), "/usr/bin/python3", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert json.loads(done.stdout or "null") == [61_000, False, ["refused"] * 3], done.stderr
        assert (folder / "secret").stat().st_mode & 0o777 != 0
    finally:
        shutil.rmtree(folder)
