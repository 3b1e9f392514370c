"""The sandbox in which a learner's code runs: bubblewrap, without network, rights, or a view of anything else.

What is inside: the system's programs and libraries, this Python and its packages, the helpers package, the public
data (all read-only), and the one folder of this submission. What is not: the course folder with its solutions,
secrets and gradebook, other submissions, home folders, other processes, the environment of the grader.
"""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import autoencoder_helpers
from autoencoder_grader.kernels import system_calls
from autoencoder_helpers.errors import CourseError

NO_SANDBOX = (
    "no sandbox: bubblewrap (bwrap) is missing or may not run here, and submissions are strangers' code; install it "
    "(Debian: apt-get install bubblewrap), or accept the risk with --i-trust-these-submissions"
)
HOME = "/home/learner"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
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
_FILTER = (sys.executable, "-I", "-S", "/opt/system_calls.py")
_MEGABYTE = 1 << 20
_GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Limits:
    """What one submission may use. nbgrader_config.py can set each: c.SealedExecute.limits = {"memory": 2 << 30}.

    Of all its processes together, looked at a few times a second (kernels/watch.py says how each is counted):

    memory: bytes. processor_seconds: on all cores together. processes: how many.
    disk: bytes of the files in its home folder. files: how many of them, folders included.

    Enforced by Linux itself:

    address_space, open_files: bytes and number of each process. The table of open files is the whole machine's:
        all processes of a submission together must not fill it, or other submissions fail.
    file: bytes of one file. temporary, shared_memory: bytes of /tmp and of /dev/shm.
    threads: of all processes together, each process counted as one at least.
    """

    memory: int = 4 * _GIGABYTE
    processor_seconds: int = 2 * 3600
    processes: int = 100
    disk: int = 2 * _GIGABYTE
    files: int = 20_000
    address_space: int = 12 * _GIGABYTE
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
    command: Sequence[str], room: Room, user: int, limits: Limits = Limits(), *, forks: bool = False
) -> list[str]:
    """Return `command` as a command that runs it inside a sandbox.

    forks: it is ours, runs no learner's code itself, and makes further sandboxes within this one: so it may make
    namespaces, and the limits are for it to set.

    user: the user and group id that it has inside; the folders that it writes to must belong to it when this
    process is root's. Without root, it is this process's own.
    """
    mounts = _mounts(room, limits)
    environment = ["--clearenv"]
    for name, value in {"HOME": HOME, "PATH": os.defpath, "LANG": "C.UTF-8", **room.environment}.items():
        environment += ["--setenv", name, value]
    isolation = [
        *("--unshare-all", "--unshare-user", *([] if forks else ["--disable-userns"]), "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *("--proc", "/proc", "--dev", "/dev", "--size", str(limits.shared_memory), "--tmpfs", "/dev/shm"),
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


def _mounts(room: Room, limits: Limits) -> list[str]:
    mounts = ["--tmpfs", "/"]
    made: set[Path] = set()

    def show(path: Path | str, name: Path | str, how: str = "--ro-bind") -> None:
        # bubblewrap makes missing folders on the way to a place for its own user alone.
        for parent in reversed(Path(name).parents[:-1]):
            if parent not in made:
                made.add(parent)
                mounts.extend(["--perms", "0755", "--dir", str(parent)])
        mounts.extend([how, str(path), str(name)])

    for name in _SYSTEM:
        if Path(name).is_symlink():
            mounts += ["--symlink", os.readlink(name), name]
        elif Path(name).is_dir():
            show(name, name)
    for name in _SETTINGS:
        show(f"/etc/{name}", f"/etc/{name}", "--ro-bind-try")
    mounts += ["--dir", "/dev", "--dir", "/proc"]
    mounts += ["--size", str(limits.temporary), "--perms", "1777", "--tmpfs", "/tmp"]
    for path in [*_python_places(), *room.readable]:
        show(path, path)
    for path, name in room.shown_as.items():
        show(path, name)
    for path in room.writable:
        show(path, path, "--bind")
    for name in room.empty:
        mounts += ["--perms", "0755", "--dir", name]
    show(system_calls.__file__, _FILTER[-1])
    show(room.folder, HOME, "--bind")
    return [*mounts, "--remount-ro", "/"]


def _python_places() -> list[Path]:
    """The folders of this Python, of its packages and of the helpers, none inside another."""
    places = {Path(sys.prefix), Path(sys.base_prefix), Path(autoencoder_helpers.__file__).parent}
    places |= {Path(folder) for folder in site.getsitepackages()}
    places |= {Path(os.path.realpath(place)) for place in places}
    system = [Path(name) for name in _SYSTEM]
    return sorted(
        place
        for place in places
        if place.is_dir() and not any(place.is_relative_to(other) for other in [*system, *(places - {place})])
    )


def _resource_limits(limits: Limits) -> list[str]:
    options = [f"--{name.lower()}={most}" for name, most in limits.of_a_process().items()]
    return ["prlimit", *options, "--"]


@functools.cache
def available() -> bool:
    """Whether a sandbox can be made here, found out by making one."""
    needed = ["bwrap", "prlimit", *(["setpriv"] if os.geteuid() == 0 else [])] if os.name == "posix" else [""]
    if not all(shutil.which(program) for program in needed):
        return False
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        user = sandbox_user()
        try:
            give_to(user, Path(folder))
            command = seal(["true"], Room(Path(folder)), user)
            return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


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
    """Raise CourseError if a sandbox would show what lies in the course's folder: its solutions, its secret."""
    course = course.resolve()
    for place in [*(Path(name).resolve() for name in _SYSTEM), *_python_places()]:
        if course.is_relative_to(place):
            raise CourseError(
                f"{course} lies in {place}, which submissions can read: move the course to a folder of its own, "
                "outside the Python environment"
            )


def require(trusted: bool) -> bool:
    """Whether to use the sandbox: yes where there is one. Raises CourseError where there is none, unless trusted."""
    if os.name == "posix" and available():
        return True
    if not trusted:
        raise CourseError(NO_SANDBOX)
    return False
