"""The sandbox, tried from inside: what a learner's code can see, change, use up and leave behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from autoencoder_grader.kernels import places, sandbox
from autoencoder_grader.kernels.sandbox import HOME, Limits
from autoencoder_helpers.errors import CourseError
from sandboxes import FILL, LEAVES, MEGABYTE, REPOSITORY, gone, needs_sandbox, processes_with, sealed

# --------------------------------------------------------------------------------------------------------- what it sees


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
    assert set(names) - {"LC_CTYPE", "PWD", "LD_LIBRARY_PATH"} == {"HOME", "PATH", "LANG", "USER", "LOGNAME", "GIVEN"}
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


def test_nothing_of_the_outside_is_open_in_it_and_its_first_process_is_out_of_reach(inside_any):
    """Through an open file one submission would write where the next one reads; in the first process no filter holds."""
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def reached(function, *arguments):
    try:
        return bool(function(*arguments)) or True
    except OSError:
        return False
found = []
for process in {1, os.getppid()}:
    place = f"/proc/{process}"
    for name in ("mem", "maps", "environ", "cmdline", "fd/0", "fd/1", "fd/2", "root/etc", "task", "map_files", "cwd"):
        for function in (open, os.listdir, os.readlink):
            if reached(function, f"{place}/{name}"):
                found.append(f"{place}/{name}")
    if reached(open, f"{place}/new", "w"):
        found.append(f"{place}/new")
    if libc.ptrace(16, process, 0, 0) == 0:
        found.append(f"{process} traced")
for number in map(int, os.listdir("/proc/self/fd")):
    if reached(os.readlink, f"/proc/self/fd/{number}"):
        name = os.readlink(f"/proc/self/fd/{number}")
        if name[:1] == "/" and name != "/dev/null" and not name.startswith(("/proc/", os.environ["HOME"], "/dev/pts/")):
            found.append(f"open: {name}")
print(json.dumps(found))"""
    assert inside_any(code) == []


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


def test_what_programs_ask_a_machine_for_is_there(inside_any):
    """Each of them raised an error somewhere, or fell back to something else, where it was not."""
    code = """
import getpass, locale, os, socket, ssl, time, zoneinfo
def tried(function, *arguments):
    try:
        function(*arguments)
        return ""
    except Exception as error:
        return f"{function.__name__}: {type(error).__name__}: {error}"
print(json.dumps([getpass.getuser(), list(time.tzname), os.path.isdir("/usr/share/fonts"), [line for line in (
    tried(locale.setlocale, locale.LC_ALL, ""), tried(ssl.create_default_context), tried(os.path.expanduser, "~"),
    tried(zoneinfo.ZoneInfo, "Europe/Berlin") if os.path.isdir("/usr/share/zoneinfo") else "",
    tried(os.cpu_count), tried(os.getcwd), tried(os.getlogin) and "", tried(open, "/proc/meminfo"),
) if line]]))"""
    user, zone, fonts, missing = inside_any(code)
    assert user == "learner" and zone == list(time.tzname) and fonts == os.path.isdir("/usr/share/fonts")
    assert missing == []


# --------------------------------------------------------------------------------------------------- what it may change


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
numbers = {"x86_64": (250, 319, 29, 68, 64, 240), "aarch64": (219, 279, 194, 186, 190, 180)}[platform.machine()]
keyctl, memfd_create, shmget, msgget, semget, mq_open = numbers
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
    fails(libc.syscall, msgget, 0, 0o600),
    fails(libc.syscall, semget, 0, 1, 0o600),
    fails(libc.syscall, mq_open, b"queue", 0o102, 0o600, None),
    fails(libc.ioctl, right, 0x5412, b"x"),
    connected(socket.AF_VSOCK), connected(socket.AF_UNIX), connected(socket.AF_INET),
]))"""
    assert inside(code) == [True] * 8 + [False, True, True]


# --------------------------------------------------------------------------------------------------- what it may use up


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


# ------------------------------------------------------------------------------------------------ what it leaves behind


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


# -------------------------------------------------------------------------------------------------- where there is none


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


SLOW = "#!/bin/sh\nexec sleep 60\n"
SHORT = "#!/bin/sh\necho 'bwrap: Creating new namespace failed: Resource temporarily unavailable' >&2\nexit 1\n"
KILLED = "#!/bin/sh\nkill -9 $$\n"


@needs_sandbox
@pytest.mark.parametrize("program", [SLOW, SHORT, KILLED], ids=["slow", "short", "killed"])
def test_a_machine_that_is_busy_gets_patience_and_never_a_lesser_tier(fresh_answer, monkeypatch, tmp_path, program):
    monkeypatch.delenv(sandbox.ONLY, raising=False)
    monkeypatch.setattr(sandbox, "_PATIENCE", (0.3, 20))
    monkeypatch.setattr(sandbox, "_PAUSE", 0)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    real, tries = sandbox.shutil.which("bwrap"), tmp_path / "tries"
    # The first time it is busy, then as always.
    once = program.replace("#!/bin/sh\n", f'#!/bin/sh\n[ -e {tries} ] && exec {real} "$@"\n: > {tries}\n')
    (tmp_path / "bwrap").write_text(once)
    (tmp_path / "bwrap").chmod(0o755)
    assert sandbox.best_tier() == sandbox.BUBBLEWRAP and tries.exists()
    sandbox.trouble_with.cache_clear()
    monkeypatch.setattr(sandbox, "_PATIENCE", (0.3, 0.3))
    (tmp_path / "bwrap").write_text(program)
    with pytest.raises(sandbox.TooBusy, match="too busy to find out whether bubblewrap works") as caught:
        sandbox.require(trusted=True)
    assert "AUTOENCODER_SANDBOX=landlock" in str(caught.value) and "\n" not in str(caught.value)


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
