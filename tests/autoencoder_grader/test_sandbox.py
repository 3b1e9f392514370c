"""The sandbox, tried from inside: what a learner's code can see, change, use up and leave behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from autoencoder_grader import sandbox
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.sandbox import HOME, Limits, Room, seal
from autoencoder_helpers.errors import CourseError

REPOSITORY = Path(__file__).resolve().parents[2]
MEGABYTE = 1 << 20
needs_sandbox = pytest.mark.skipif(
    not sandbox.available(), reason="no sandbox here: bubblewrap is missing or may not run"
)


@pytest.fixture
def folder(tmp_path):
    """A submission's folder, which belongs to the sandbox's user."""
    path = tmp_path / "submission"
    path.mkdir()
    (path / "notes.txt").write_text("the learner's")
    sandbox.give_to(sandbox.sandbox_user(), path)
    return path


@pytest.fixture
def inside_room(folder):
    """Runs Python code in a sandbox around `folder`; returns what it printed, read as JSON."""

    def run(code, limits=Limits(), **room):
        command = sealed(code, folder, limits, **room)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A process that kernels are forked from."""
    log = tmp_path_factory.mktemp("log") / "kernels.log"
    server = ForkServer([], {}, {}, log)
    yield server
    server.close()


@pytest.fixture
def inside_fork(folder, server, kernel):
    """The same in a forked kernel, whose sandbox is made by other means."""

    def run(code, limits=Limits()):
        home = server.places / folder.name
        shutil.copytree(folder, home, dirs_exist_ok=True)
        sandbox.give_to(sandbox.sandbox_user(), home)
        with kernel(server, home, limits) as (_, printed):
            result = json.loads(printed(f"import json, os\nos.chdir({HOME!r})\n{code}"))
        shutil.copytree(home, folder, dirs_exist_ok=True)
        return result

    return run


@pytest.fixture(params=["program", "fork"])
def inside(request):
    """Either of the two."""
    return request.getfixturevalue({"program": "inside_room", "fork": "inside_fork"}[request.param])


def sealed(code, folder, limits=Limits(), **room):
    lines = f"import json, os\n{code}"
    return seal([sys.executable, "-c", lines], Room(folder, **room), sandbox.sandbox_user(), limits)


def processes_with(marker):
    """The processes of this machine whose command line holds a text."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def gone(marker, seconds=10):
    """Whether such processes have ended within some seconds."""
    end = time.monotonic() + seconds
    while processes_with(marker):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# ----------------------------------------------------------------------------------------------- what it sees


@needs_sandbox
def test_the_home_folder_is_the_submissions_and_what_is_written_there_stays(inside, folder):
    code = "open('new.txt', 'w').write('x')\nnames = [name for name in os.listdir() if name[0] != '.']\nprint(json.dumps([os.getcwd(), sorted(names)]))"
    assert inside(code) == [HOME, ["new.txt", "notes.txt"]]
    assert (folder / "new.txt").read_text() == "x"


@needs_sandbox
def test_there_is_no_network(inside):
    listener = socket.create_server(("127.0.0.1", 0))
    hidden = socket.socket(socket.AF_UNIX)  # an abstract name: no file that could be left out
    name = f"\0{uuid.uuid4()}"
    hidden.bind(name)
    hidden.listen()
    code = f"""
import socket
def reached(family, address):
    try:
        with socket.socket(family) as s:
            s.settimeout(5)
            s.connect(address)
        return True
    except OSError:
        return False
print(json.dumps([
    reached(socket.AF_INET, ("127.0.0.1", {listener.getsockname()[1]})),
    reached(socket.AF_INET, ("192.0.2.1", 80)),
    reached(socket.AF_UNIX, {name!r}),
    [name for _, name in socket.if_nameindex()],
]))"""
    with listener, hidden:
        assert inside(code) == [False, False, False, ["lo"]]


@needs_sandbox
def test_of_the_course_only_the_helpers_are_there(inside, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("solutions")
    code = f"""
import autoencoder_helpers
try:
    import autoencoder_grader
    grader = True
except ImportError:
    grader = False
print(json.dumps([os.path.exists({str(secret)!r}), os.listdir({str(REPOSITORY)!r}), grader]))"""
    seen, listed, grader = inside(code)
    assert not seen and not grader
    assert set(listed) <= {"autoencoder_helpers", Path(sys.prefix).name}


@needs_sandbox
def test_nothing_of_the_graders_home_is_there_but_python(inside):
    home = Path.home()
    code = f"home = {str(home)!r}\nprint(json.dumps(os.listdir(home) if os.path.isdir(home) else []))"
    python = [place for place in sandbox._python_places() if place.is_relative_to(home)]
    assert set(inside(code)) <= {place.relative_to(home).parts[0] for place in python}


@needs_sandbox
def test_the_environment_is_what_the_room_says(inside_room, monkeypatch):
    monkeypatch.setenv("THE_GRADERS_TOKEN", "secret")
    names = inside_room("print(json.dumps(dict(os.environ)))", environment={"GIVEN": "1"})
    assert set(names) - {"LC_CTYPE", "PWD"} == {"HOME", "PATH", "LANG", "GIVEN"}
    assert names["HOME"] == HOME and names["GIVEN"] == "1"


@needs_sandbox
def test_no_other_process_is_there(inside):
    marker = f"marker-{uuid.uuid4()}"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", marker]) as other:
        code = """
commands = []
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        commands.append(open(f"/proc/{name}/cmdline").read())
    except OSError:
        pass
print(json.dumps(commands))"""
        try:
            commands = inside(code)
        finally:
            other.kill()
    assert not any(marker in command for command in commands)
    assert 1 <= len(commands) <= 3  # the first process, and this


@needs_sandbox
def test_a_place_may_be_readable_or_shown_under_another_name(inside_room, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("a flower")
    tmp_path.chmod(0o755)
    code = f"""
seen = [open({str(tmp_path / "photos" / "a.jpg")!r}).read(), open("/var/cache/here/a.jpg").read()]
for folder in ({str(tmp_path / "photos")!r}, "/var/cache/here"):
    try:
        open(folder + "/new", "w")
        seen.append("written")
    except OSError:
        seen.append("kept")
print(json.dumps(seen))"""
    photos = tmp_path / "photos"
    seen = inside_room(code, readable=[photos], shown_as={photos: "/var/cache/here"})
    assert seen == ["a flower", "a flower", "kept", "kept"]


# ----------------------------------------------------------------------------------------- what it may change


@needs_sandbox
def test_the_system_python_and_the_helpers_are_read_only(inside):
    code = """
import sys, autoencoder_helpers
folders = ["/", "/usr", "/usr/bin", "/etc", "/home", "/dev", "/proc", sys.prefix, sys.base_prefix,
           os.path.dirname(os.__file__), os.path.dirname(autoencoder_helpers.__file__)]
written = []
for folder in folders:
    try:
        open(os.path.join(folder, "new"), "w")
        written.append(folder)
    except OSError:
        pass
for file in (sys.executable, autoencoder_helpers.__file__, "/proc/sys/kernel/hostname"):
    try:
        open(file, "r+").write("x")
        written.append(file)
    except OSError:
        pass
print(json.dumps(written))"""
    assert inside(code) == []


@needs_sandbox
def test_it_has_no_rights_and_can_get_none(inside):
    code = """
import ctypes, subprocess
libc = ctypes.CDLL(None, use_errno=True)
lines = open("/proc/self/status").read().splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
NEWUSER, NEWNS = 0x10000000, 0x00020000
nested = subprocess.run(["unshare", "--user", "--map-root-user", "true"], capture_output=True)
print(json.dumps({
    "rights": [status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no new": status["NoNewPrivs"],
    "user": os.getuid(),
    "namespaces": [libc.unshare(NEWUSER), libc.unshare(NEWNS)],
    "mount": libc.mount(b"tmpfs", b"/home", b"tmpfs", 0, None),
    "nested": nested.returncode == 0,
}))"""
    found = inside(code)
    assert found["rights"] == ["0" * 16] * 5 and found["no new"] == "1"
    assert found["user"] == sandbox.sandbox_user() != 0
    assert found["namespaces"] == [-1, -1] and found["mount"] == -1 and not found["nested"]


@needs_sandbox
def test_system_calls_that_no_notebook_needs_fail(inside):
    code = """
import ctypes, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
def fails(call, *arguments):
    return call(*arguments) == -1 and ctypes.get_errno() == 1
keyctl, memfd_create, shmget = {"x86_64": (250, 319, 29), "aarch64": (219, 279, 194)}[platform.machine()]
def connected(family):
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
        return True
    except PermissionError:
        return False
left, right = os.openpty()
print(json.dumps([
    fails(libc.syscall, keyctl, 0, -3, 1),  # the keys of a session are those of all kernels of a grader
    fails(libc.ptrace, 0, 0, 0, 0),
    fails(libc.syscall, memfd_create, b"memory of no process", 0),
    fails(libc.syscall, shmget, 0, 4096, 0o600),
    fails(libc.ioctl, right, 0x5412, b"x"),
    connected(socket.AF_VSOCK), connected(socket.AF_UNIX), connected(socket.AF_INET),
]))"""
    assert inside(code) == [True] * 5 + [False, True, True]


# ----------------------------------------------------------------------------------------- what it may use up


FILL = """
written = 0
try:
    with open({path!r}, "wb") as file:
        while written < 64 << 20:
            written += file.write(bytes(1 << 20))
            file.flush()
except OSError:
    pass
print(json.dumps(written >> 20))"""


@needs_sandbox
@pytest.mark.parametrize(
    ("path", "limits"),
    [
        ("/dev/shm/file", Limits(shared_memory=4 * MEGABYTE)),
        ("/tmp/file", Limits(temporary=4 * MEGABYTE)),
        (f"{HOME}/file", Limits(file=4 * MEGABYTE)),
    ],
)
def test_what_it_may_store_is_limited(inside, path, limits):
    assert inside(FILL.format(path=path), limits) <= 4


@needs_sandbox
def test_its_memory_is_limited(inside):
    code = """
try:
    bytearray(7 << 30)  # never touched: only addresses are used up
    print(json.dumps("seven gigabytes"))
except MemoryError:
    print(json.dumps("refused"))"""
    assert inside(code, Limits(address_space=6 << 30)) == "refused"
    assert inside(code) == "seven gigabytes"


@needs_sandbox
def test_its_processes_are_limited(inside):
    code = """
import signal
children = []
try:
    for _ in range(200):
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError:
    pass
print(json.dumps(len(children)))"""
    assert inside(code, Limits(threads=40)) < 60


@needs_sandbox
def test_its_open_files_are_limited(inside):
    code = """
files = []
try:
    for _ in range(400):
        files.append(open("/dev/null"))
except OSError:
    pass
print(json.dumps(len(files)))"""
    assert inside(code, Limits(open_files=200)) < 200
    whole_machine = (
        int(Path("/proc/sys/fs/file-max").read_text()) if os.path.exists("/proc/sys/fs/file-max") else 2**63
    )
    assert Limits().open_files * Limits().threads < whole_machine


# -------------------------------------------------------------------------------------- what it leaves behind


LEAVES = """
import subprocess, sys, time
marker = {marker!r}
for _ in range(2):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", marker], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(300)", marker])
    os._exit(0)
time.sleep(0.5)
print(json.dumps("started"), flush=True)
{then}"""


@needs_sandbox
def test_no_process_outlives_it(inside):
    marker = f"marker-{uuid.uuid4()}"
    assert inside(LEAVES.format(marker=marker, then="")) == "started"
    assert gone(marker)


@needs_sandbox
def test_killing_it_from_outside_kills_all_that_is_in_it(folder):
    marker = f"marker-{uuid.uuid4()}"
    command = sealed(LEAVES.format(marker=marker, then="time.sleep(300)"), folder)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == '"started"\n'
        assert processes_with(marker)
        running.send_signal(signal.SIGKILL)
    assert gone(marker)


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


# ---------------------------------------------------------------------------------------- where there is none


@pytest.fixture
def fresh_answer():
    """Forget whether there is a sandbox, before and after."""
    sandbox.available.cache_clear()
    yield
    sandbox.available.cache_clear()


def test_without_bubblewrap_there_is_no_sandbox(fresh_answer, monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert not sandbox.available()


@pytest.mark.skipif(os.name != "posix", reason="runs a shell script")
def test_a_bubblewrap_that_may_not_run_is_none(fresh_answer, monkeypatch, tmp_path):
    """As in a container without user namespaces."""
    for name in ("bwrap", "prlimit", "setpriv"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not sandbox.available()


def test_strangers_code_needs_a_sandbox_and_trusted_code_takes_it_where_there_is_one(monkeypatch):
    monkeypatch.setattr(sandbox, "available", lambda: False)
    with pytest.raises(CourseError) as error:
        sandbox.require(trusted=False)
    assert str(error.value) == sandbox.NO_SANDBOX and "\n" not in str(error.value)
    assert sandbox.require(trusted=True) is False
    monkeypatch.setattr(sandbox, "available", lambda: os.name == "posix")
    assert sandbox.require(trusted=True) is (os.name == "posix")


def test_a_course_that_submissions_could_read_is_refused(tmp_path):
    sandbox.expect_hidden(tmp_path)
    sandbox.expect_hidden(REPOSITORY)
    for place in (
        Path(sys.prefix),
        Path(sys.prefix) / "share" / "course",
        Path("/usr/share/course"),
        Path("/bin/course"),
    ):
        with pytest.raises(CourseError, match="can read"):
            sandbox.expect_hidden(place)
