"""The sandbox in which a learner's code runs: without network, rights, or a view of anything else.

There are two tiers. bubblewrap gives a submission namespaces of its own. Where that cannot run, Landlock (see
kernels/landlock.py) hides the contents of files, and a filter of system calls the network; each outcome names the tier.

What is inside: the system's programs and libraries, this Python and its packages, the helpers package, the public
data (all read-only), and the one folder of this submission. What is not: the course folder with its solutions,
secrets and gradebook, other submissions, home folders, other processes, the environment of the grader.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import landlock, places, system_calls
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images import cache

NO_SANDBOX = (
    "no sandbox: bubblewrap (bwrap) is missing or may not run here, and submissions are strangers' code; install it "
    "(Debian: apt-get install bubblewrap), or accept the risk with --i-trust-these-submissions; "
    "`autoencoder-course doctor` says what is wrong"
)
BUBBLEWRAP, LANDLOCK = TIERS = ("bubblewrap", "landlock")  # the better one first
NONE = "none (trusted)"  # what an outcome says where there was no sandbox
#: This environment variable names the one tier that may be used, for tests and for who wants no other.
ONLY = "AUTOENCODER_SANDBOX"
HOME = places.free_name("/home/learner")
# Its user has a number, and no entry in a list of users: who asks for the name, as getpass.getuser, looks here first.
_ABOUT_THE_USER = {"USER": "learner", "LOGNAME": "learner", "PATH": os.defpath, "LANG": "C.UTF-8"}
_SETTINGS = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "alternatives",
    "fonts",
    "mime.types",
    "hosts",
)
_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))
_ABOUT_THE_MACHINE = tuple(
    f"/proc/{name}" for name in ("cpuinfo", "meminfo", "stat", "loadavg", "uptime", "version", "filesystems")
)
_FILTER = (sys.executable, "-I", "-S", places.free_name("/opt/system_calls.py"))
_ASIDE = places.free_name("/opt/places")  # where root's layout keeps what the sandbox shows in its /dev/shm
_MEGABYTE = 1 << 20
#: Seconds that a tier has to show that it works, in one try after the other.
_PATIENCE = (30, 120, 300)
_PAUSE = 2  # seconds before the next, where something was short
_SHORT = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)  # what there will be again
_GIGABYTE = 1 << 30


class NoSandbox(CourseError):
    """Strangers' code cannot be run here: the machine's fault, never a learner's."""


class TooBusy(CourseError):
    """Whether a tier works here could not be found out now; so no other, lesser one is taken in its place."""

    def __init__(self, tier: str, why: str):
        super().__init__(
            f"this machine is too busy to find out whether {tier} works ({why}), and a lesser sandbox is not taken for "
            f"that: try again when it has less to do, or name the one to use, as {ONLY}={TIERS[-1]}"
        )


@dataclass(frozen=True)
class Limits:
    """What one submission may use. nbgrader_config.py can set each: c.SealedExecute.limits = {"memory": 2 << 30}.

    Of all its processes together, looked at a few times a second (kernels/watch.py says how each is counted):

    memory: bytes. processor_seconds: on all cores together. processes: how many.
    disk: bytes of the files that it can write, in its home folder, its mailbox and the folder of its sockets.
    files: how many of them, folders included, and those in its own /tmp and /dev/shm.

    Enforced by Linux itself:

    address_space, open_files: bytes and number of each process. The table of open files is the whole machine's:
        all processes of a submission together must not fill it, or other submissions fail.
    file: bytes of one file. temporary, shared_memory: bytes of /tmp and of /dev/shm.
    threads: of all processes together, each process counted as one at least.
    """

    memory: int = 6 * _GIGABYTE
    processor_seconds: int = 2 * 3600
    processes: int = 100
    disk: int = 2 * _GIGABYTE
    files: int = 20_000
    address_space: int = 8 * _GIGABYTE
    open_files: int = 1024
    file: int = 512 * _MEGABYTE
    temporary: int = 512 * _MEGABYTE
    shared_memory: int = 64 * _MEGABYTE
    threads: int = 600

    def of_a_process(self) -> dict[str, int]:
        """Those that setrlimit takes, by the names in the module resource, without RLIMIT_."""
        return {
            "AS": self.address_space,
            "FSIZE": self.file,
            "CORE": 0,
            "NPROC": self.threads,
            "NOFILE": self.open_files,
            # The watch comes first: it says what happened, while this ends a process without a word.
            "CPU": self.processor_seconds + 60,
        }


@dataclass(frozen=True)
class Room:
    """What a sandbox sees beside the system.

    folder: the submission's own, shown as the home folder. writable, readable: further places, shown where they are.
    shown_as: further read-only places under another name. empty: folders to be made, for what is shown there later.
    environment: all variables there are.
    start_in: the folder in which the command starts.
    """

    folder: Path
    writable: Sequence[Path] = ()
    readable: Sequence[Path] = ()
    shown_as: Mapping[Path, str] = field(default_factory=dict)
    empty: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    start_in: str = HOME


def seal(
    command: Sequence[str],
    room: Room,
    user: int,
    limits: Limits = Limits(),
    *,
    forks: bool = False,
    tier: str = BUBBLEWRAP,
) -> list[str]:
    """Return `command` as a command that runs it inside a sandbox.

    tier: one of TIERS. Landlock shows everything where it is: a room for it has nothing `shown_as`, and its home
    folder is `folder`. End it by SIGTERM, never by SIGKILL.

    forks: it is ours, runs no learner's code itself, and makes further sandboxes within this one: so it may make
    namespaces, and the limits are for it to set.

    user: the user and group id that it has inside; the folders that it writes to must belong to it when this
    process is root's. Without root, it is this process's own.
    """
    if tier == LANDLOCK:
        return _seal_by_landlock(command, room, user, limits)
    mounts = _mounts(room, limits)
    environment = ["--clearenv"]
    for name, value in {
        "HOME": HOME,
        **_ABOUT_THE_USER,
        **places.libraries(),
        **room.environment,
    }.items():
        environment += ["--setenv", name, value]
    isolation = [
        *("--unshare-all", "--unshare-user", *([] if forks else ["--disable-userns"]), "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
        # Its first process is bubblewrap, which no filter of ours stands around. Where more sandboxes are made within
        # this one, /proc must be whole.
        *("--proc", "/proc", *([] if forks else ["--tmpfs", "/proc/1", "--remount-ro", "/proc/1"])),
        *("--dev", "/dev", "--size", str(limits.shared_memory), "--tmpfs", "/dev/shm"),
        *_mounts_in_shared_memory(room),
        *("--remount-ro", "/dev", "--chdir", room.start_in),
    ]
    inside = list(command) if forks else [*_resource_limits(limits), *_FILTER, *command]
    if os.geteuid() != 0:
        return ["bwrap", *mounts, *isolation, *environment, "--", *inside]
    # Root in a user namespace is still root to the kernel. So root only lays out the files; then all rights are
    # dropped for good, and a sandbox that any user may make is made within that layout. It needs an unmasked /proc.
    # The layout has its process ids to itself, because the end of a process of root's without rights does not
    # reach a child that is another user's: with the first of them, the kernel ends them all.
    layout = ["bwrap", *mounts, "--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc"]
    layout += ["--unshare-pid", "--die-with-parent", "--"]
    drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--"]
    return [*layout, *drop, "bwrap", "--bind", "/", "/", *isolation, *environment, "--", *inside]


def _seal_by_landlock(command: Sequence[str], room: Room, user: int, limits: Limits) -> list[str]:
    system = [*places.SYSTEM, *(f"/etc/{name}" for name in _SETTINGS), *_ABOUT_THE_MACHINE]
    readable = [*map(Path, system), *places.python_places(), *room.readable]
    folder = str(room.folder)
    variables = {
        "HOME": folder,
        **_ABOUT_THE_USER,
        "TMPDIR": f"{folder}/.tmp",  # what is there counts as the submission's files
        **places.libraries(),
        **room.environment,
    }
    settings = {
        "readable": [str(place) for place in readable],
        "writable": [folder, *map(str, room.writable), *_DEVICES],
        "environment": variables,
        "start_in": folder if room.start_in == HOME else room.start_in,
        "limits": limits.of_a_process(),
        "user": user if os.geteuid() == 0 else None,
        "reads_all": os.geteuid() == 0
        and not (
            all(map(_everybody_may_read, readable)) and all(map(_everybody_gets_to, [room.folder, *room.writable]))
        ),
    }
    package = Path(landlock.__file__).parent
    # Appended, so that no module of ours takes the place of one of Python's.
    code = f"import sys; sys.path.append({str(package.parent)!r}); from {package.name}.landlock import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, json.dumps(settings), *command]


def _everybody_may_read(place: Path) -> bool:
    if not place.exists():
        return True
    needed = 0o005 if place.is_dir() else 0o004
    return place.stat().st_mode & needed == needed and _everybody_gets_to(place)


def _everybody_gets_to(place: Path) -> bool:
    """Whether no folder above keeps other users out, as one for temporary files may that is root's alone."""
    return all(parent.stat().st_mode & 0o001 for parent in place.resolve().parents)


def _mounts(room: Room, limits: Limits) -> list[str]:
    mounts = ["--tmpfs", "/"]
    made: set[Path] = set()

    def show(path: Path | str, name: Path | str, how: str = "--ro-bind") -> None:
        mounts.extend(_shown(path, name, how, made))

    for name in places.SYSTEM:
        if Path(name).is_symlink():
            mounts += ["--symlink", os.readlink(name), name]
        elif Path(name).is_dir():
            show(name, name)
    for name in _SETTINGS:
        show(f"/etc/{name}", f"/etc/{name}", "--ro-bind-try")
    mounts += ["--dir", "/dev", "--dir", "/proc"]
    mounts += ["--size", str(limits.temporary), "--perms", "1777", "--tmpfs", "/tmp"]
    for path in [*places.python_places(), *room.readable]:
        if not _in_shared_memory(path):
            show(path, path)
    if os.geteuid() == 0:
        for number, path in enumerate(_late(room)):
            show(path, f"{_ASIDE}/{number}")
    for path, name in room.shown_as.items():
        show(path, name)
    for path in room.writable:
        show(path, path, "--bind")
    for name in room.empty:
        mounts += ["--perms", "0755", "--dir", name]
    show(system_calls.__file__, _FILTER[-1])
    show(room.folder, HOME, "--bind")
    return [*mounts, "--remount-ro", "/"]


def _shown(path: Path | str, name: Path | str, how: str, made: set[Path]) -> list[str]:
    """bubblewrap's options that show `path` as `name`. made: the folders that are there by now."""
    options = []
    # bubblewrap makes missing folders on the way to a place for its own user alone.
    for parent in reversed(Path(name).parents[:-1]):
        if parent not in made:
            made.add(parent)
            options += ["--perms", "0755", "--dir", str(parent)]
    return [*options, how, str(path), str(name)]


def _in_shared_memory(place: Path) -> bool:
    return place.is_relative_to("/dev")


def _late(room: Room) -> list[Path]:
    """The places in /dev/shm: they can be shown only when the sandbox has its own."""
    return [place for place in [*places.python_places(), *room.readable] if _in_shared_memory(place)]


def _mounts_in_shared_memory(room: Room) -> list[str]:
    options, made = [], {Path("/dev"), Path("/dev/shm")}
    for number, place in enumerate(_late(room)):
        # Root's layout has the place aside, where no folder on the way to it keeps the sandbox's user out.
        source = place if os.geteuid() else f"{_ASIDE}/{number}"
        options += _shown(source, place, "--ro-bind", made)
    return options


def _resource_limits(limits: Limits) -> list[str]:
    options = [f"--{name.lower()}={most}" for name, most in limits.of_a_process().items()]
    return ["prlimit", *options, "--"]


def available() -> bool:
    """Whether a sandbox can be made here, of any tier."""
    return bool(best_tier())


def best_tier() -> str:
    """The best tier that works here and that the environment variable ONLY allows; "" for none."""
    return next(tiers(), "")


def tiers() -> Iterator[str]:
    """The tiers that work here and that the environment variable ONLY allows, the better one first."""
    only = os.environ.get(ONLY, "").strip()
    return (tier for tier in TIERS if only in ("", tier) and not trouble_with(tier))


@functools.cache
def trouble_with(tier: str) -> str:
    """Why a tier cannot be used here, in one line, found out by using it; "" if it can. Raises TooBusy."""
    return {BUBBLEWRAP: _trouble_with_bubblewrap, LANDLOCK: _trouble_with_landlock}[tier]()


def _trouble_with_bubblewrap() -> str:
    if sys.platform != "linux":
        return "bubblewrap needs Linux"
    needed = ["bwrap", "prlimit", *(["setpriv"] if os.geteuid() == 0 else [])]
    missing = [program for program in needed if not shutil.which(program)]
    if missing:
        return f"{' and '.join(missing)} cannot be found on PATH"
    return _trouble_when_used(["true"], BUBBLEWRAP)


def _trouble_with_landlock() -> str:
    if sys.platform != "linux" or platform.machine() not in system_calls.MACHINES:
        return "Landlock is only known here on Linux for x86-64 and 64-bit ARM"
    have, least = landlock.version(), landlock.LEAST_VERSION
    if os.geteuid() == 0:
        least = landlock.LEAST_VERSION_ROOT
    if have < least:
        return f"this Linux has {f'version {have} of' if have else 'no'} Landlock; version {least} is needed"
    with temporary.folder(temporary.short_folder()) as folder:
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        for path, mode in ((Path(folder), 0o755), (secret, 0o644)):
            path.chmod(mode)  # only the sandbox keeps it from being read
        return _trouble_when_used([sys.executable, "-I", "-c", _TRY_LANDLOCK, str(secret)], LANDLOCK)


_TRY_LANDLOCK = """
import socket, sys
def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError:
        return True
if not refused(open, sys.argv[1]):
    sys.exit("it does not hide files")
if not refused(socket.socket, socket.AF_INET):
    sys.exit("it does not refuse connections")
"""


def _trouble_when_used(command: Sequence[str], tier: str) -> str:
    """Why a command does not run in a tier; "" if it does. Raises TooBusy: what is slow is not refused."""
    for seconds in _PATIENCE:
        try:
            with temporary.folder(temporary.short_folder()) as folder:
                user = sandbox_user()
                give_to(user, Path(folder))
                sealed = seal(command, Room(Path(folder)), user, tier=tier)
                done = subprocess.run(sealed, capture_output=True, timeout=seconds, env={**os.environ, "LC_ALL": "C"})
        except subprocess.TimeoutExpired:
            short = f"no answer within {seconds} s"
            continue
        except OSError as error:
            if error.errno not in _SHORT:
                return f"{tier} does not run: {error}"
            said = os.strerror(error.errno)
        else:
            if done.returncode == 0:
                return ""
            lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
            said = lines[-1][:200]
            killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)  # as when memory is short
            if not killed and not any(os.strerror(number) in said for number in _SHORT):
                return f"{tier} does not run: {said}"
        short = said
        time.sleep(_PAUSE)
    raise TooBusy(tier, short)


def sandbox_user() -> int:
    """The user id inside: this process's own, or, for root, one that owns nothing on this machine."""
    return os.geteuid() or 61_000 + os.getpid() % 4_000


def give_to(user: int, *folders: Path) -> None:
    """Make folders of ours, and all in them, belong to the sandbox's user; only root can and must."""
    if os.geteuid() == 0:
        for folder in folders:
            for top, _, files in os.walk(folder):
                for path in (top, *(os.path.join(top, file) for file in files)):
                    os.chown(path, user, user, follow_symlinks=False)


def let_through(user: int, *folders: Path) -> None:
    """Let the sandbox's user enter folders of ours; what is in them stays whose it is."""
    if os.geteuid() == 0:
        for folder in folders:
            os.chown(folder, user, user)


def expect_hidden(course: Path) -> None:
    """Raise CourseError if a sandbox would show what lies in the course's folder: its solutions, its secret.

    Or what else it must hide; see places.expect_hidden.
    """
    named = {"AUTOENCODER_CACHE": cache.cache_dir()}
    photos = photos_place()
    if photos is not None:
        if not photos.exists():
            raise CourseError(f"AUTOENCODER_FLOWERS names {photos}, which is not there: correct it, or unset it")
        named["AUTOENCODER_FLOWERS"] = photos
    places.expect_hidden(course, named)


def photos_place() -> Path | None:
    """The photos of flowers, a folder or an archive, that AUTOENCODER_FLOWERS names; None if it names none."""
    named = os.environ.get("AUTOENCODER_FLOWERS", "").strip()
    return Path(named).expanduser().resolve() if named else None


def require(trusted: bool) -> str:
    """The tier to use, the best there is. Raises NoSandbox where there is none, unless trusted: then it is ""."""
    if available():
        return best_tier()
    if not trusted:
        raise NoSandbox(NO_SANDBOX)
    return ""
