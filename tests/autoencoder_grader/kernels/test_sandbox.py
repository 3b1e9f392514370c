"""The sandbox, tried from inside: what a learner's code can see, change, use up and leave behind."""

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
from autoencoder_grader.kernels import landlock, places, sandbox
from autoencoder_grader.kernels.fork_server import ForkServer
from autoencoder_grader.kernels.sandbox import HOME, Limits, Room, seal
from autoencoder_helpers.errors import CourseError

REPOSITORY = Path(__file__).resolve().parents[3]
MEGABYTE = 1 << 20
needs_sandbox = pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.BUBBLEWRAP)), reason="bubblewrap is missing or may not run"
)
needs_landlock = pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.LANDLOCK)), reason="this Linux has no Landlock, or none that will do"
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


@pytest.fixture
def inside_landlock(inside_room):
    """The same in the reduced sandbox."""

    def run(code, limits=Limits(), **room):
        return inside_room(code, limits, tier=sandbox.LANDLOCK, **room)

    return run


@pytest.fixture(params=["program", "fork"])
def inside(request):
    """Either of the two that have namespaces."""
    return request.getfixturevalue({"program": "inside_room", "fork": "inside_fork"}[request.param])


@pytest.fixture(
    params=[
        pytest.param("program", marks=needs_sandbox),
        pytest.param("fork", marks=needs_sandbox),
        pytest.param("landlock", marks=needs_landlock),
    ]
)
def inside_any(request):
    """Each of the three."""
    names = {"program": "inside_room", "fork": "inside_fork", "landlock": "inside_landlock"}
    return request.getfixturevalue(names[request.param])


def sealed(code, folder, limits=Limits(), tier=sandbox.BUBBLEWRAP, **room):
    lines = f"import json, os\n{code}"
    command = [sys.executable, "-c", lines]
    return seal(command, Room(folder, **room), sandbox.sandbox_user(), limits, tier=tier)


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


def test_there_is_no_network(inside_any):
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
]))"""
    with listener, hidden:
        assert inside_any(code) == [False, False, False]


@needs_sandbox
def test_the_only_network_device_is_its_own(inside):
    code = "import socket\nprint(json.dumps([name for _, name in socket.if_nameindex()]))"
    assert inside(code) == ["lo"]


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
    python = [place for place in places.python_places() if place.is_relative_to(home)]
    assert set(inside(code)) <= {place.relative_to(home).parts[0] for place in python}


@needs_sandbox
def test_the_environment_is_what_the_room_says(inside_room, monkeypatch):
    monkeypatch.setenv("THE_GRADERS_TOKEN", "secret")
    names = inside_room("print(json.dumps(dict(os.environ)))", environment={"GIVEN": "1"})
    assert set(names) - {"LC_CTYPE", "PWD", "LD_LIBRARY_PATH"} == {"HOME", "PATH", "LANG", "GIVEN"}
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


def test_the_system_python_and_the_helpers_are_read_only(inside_any):
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
    assert inside_any(code) == []


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


def test_its_memory_is_limited(inside_any):
    code = """
try:
    bytearray(7 << 30)  # never touched: only addresses are used up
    print(json.dumps("seven gigabytes"))
except MemoryError:
    print(json.dumps("refused"))"""
    assert inside_any(code, Limits(address_space=6 << 30)) == "refused"
    assert inside_any(code, Limits(address_space=16 << 30)) == "seven gigabytes"


def test_its_processes_are_limited(inside_any):
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
    assert inside_any(code, Limits(threads=40)) < 60


def test_its_open_files_are_limited(inside_any):
    code = """
files = []
try:
    for _ in range(400):
        files.append(open("/dev/null"))
except OSError:
    pass
print(json.dumps(len(files)))"""
    assert inside_any(code, Limits(open_files=200)) < 200
    whole_machine = int(Path("/proc/sys/fs/file-max").read_text()) if os.path.exists("/proc/sys/fs/file-max") else 2**63
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


def test_no_process_outlives_it(inside_any):
    marker = f"marker-{uuid.uuid4()}"
    assert inside_any(LEAVES.format(marker=marker, then="")) == "started"
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


# ---------------------------------------------------------------------------- the reduced sandbox: Landlock


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
    assert set(names) - {"LC_CTYPE", "PWD", "LD_LIBRARY_PATH"} == {"HOME", "PATH", "LANG", "TMPDIR", "GIVEN"}
    assert user == sandbox.sandbox_user() != 0
    if os.geteuid() == 0:
        assert group == user and groups == []


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


# ---------------------------------------------------------------------------------------- where there is none


@pytest.fixture
def fresh_answer():
    """Forget whether there is a sandbox, before and after."""
    sandbox.trouble_with.cache_clear()
    yield
    sandbox.trouble_with.cache_clear()


def test_without_bubblewrap_there_is_landlock_or_no_sandbox(fresh_answer, monkeypatch):
    landlock_works = not sandbox.trouble_with(sandbox.LANDLOCK)
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert sandbox.best_tier() == (sandbox.LANDLOCK if landlock_works else "")
    monkeypatch.setenv(sandbox.ONLY, sandbox.BUBBLEWRAP)
    assert not sandbox.available()


@pytest.mark.skipif(os.name != "posix", reason="runs a shell script")
def test_a_bubblewrap_that_may_not_run_is_none(fresh_answer, monkeypatch, tmp_path):
    """As in a container without user namespaces."""
    for name in ("bwrap", "prlimit", "setpriv"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'No permissions to create a new namespace' >&2\nexit 1\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox.trouble_with(sandbox.BUBBLEWRAP).endswith("No permissions to create a new namespace")


def test_landlock_that_this_linux_does_not_have_is_none(fresh_answer, monkeypatch):
    monkeypatch.setattr(sandbox.landlock, "version", lambda: 0)
    assert sandbox.trouble_with(sandbox.LANDLOCK)


def test_landlock_that_hides_nothing_is_none(fresh_answer, monkeypatch):
    """It is believed when it has been seen to work, not before."""
    monkeypatch.setattr(sandbox, "_seal_by_landlock", lambda command, *_: list(command))
    assert sandbox.trouble_with(sandbox.LANDLOCK)


def test_strangers_code_needs_a_sandbox_and_trusted_code_takes_it_where_there_is_one(monkeypatch):
    monkeypatch.setattr(sandbox, "best_tier", lambda: "")
    with pytest.raises(CourseError) as error:
        sandbox.require(trusted=False)
    assert str(error.value) == sandbox.NO_SANDBOX and "\n" not in str(error.value)
    assert sandbox.require(trusted=True) == ""
    monkeypatch.setattr(sandbox, "best_tier", lambda: sandbox.BUBBLEWRAP)
    assert sandbox.require(trusted=True) == sandbox.BUBBLEWRAP


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
