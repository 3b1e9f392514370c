"""Where one submission runs: its files, the mailbox of the scoring process, and the kernel's sockets."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import autoencoder_helpers
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import places, sandbox
from autoencoder_grader.kernels.fork_server import MAILBOX, SOCKETS, Fork, ForkServer, fork_server
from autoencoder_grader.kernels.no_page import is_no_page
from autoencoder_grader.kernels.watch import Watch
from autoencoder_helpers.evidence.messages import ASKED_FOR, ENVIRONMENT, NOT_WHOLE, TRAINS, BadMessage, read_file
from autoencoder_helpers.images import cache

MOST_BYTES = 200 << 20  # of one file that comes with a submission, or goes back to it
MOST_BROUGHT_BACK = 1 << 30  # bytes of all files that go back
DEEPEST = 20  # folders in folders of a submission
# A file that cannot be written for such a reason is odd by itself; for any other, the machine is at fault.
_ODD = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EINVAL, errno.EILSEQ}
#: How many threads compute in a kernel.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
_PASSED_ON = ("AUTOENCODER_EPOCHS", *THREADS)
# What all kernels see under names of their own, by the variable that names them out here, too.
_CACHE, _PHOTOS = "AUTOENCODER_CACHE", "AUTOENCODER_FLOWERS"
_INSIDE = {
    _CACHE: places.free_name("/var/cache/autoencoder-course"),
    _PHOTOS: places.free_name("/var/lib/autoencoder-course/flowers"),
}


class Workplace:
    """A temporary folder for one run of one submission; use it in a ``with`` block.

    submitted: the folder that was handed in; its plain files are copied, links and devices are not.
    tier: the sandbox that the kernel runs in, one of sandbox.TIERS, or "" for none. server: the fork server that it comes from, if it does.
    limits: what it may use.

    watch: over these limits, once the kernel has started, until the block ends.
    words: once the kernel has ended, gives the last of what it printed on its stderr.
    """

    def __init__(
        self,
        submitted: Path,
        tier: str,
        server: ForkServer | None = None,
        limits: sandbox.Limits = sandbox.Limits(),
    ):
        self._submitted, self.tier, self.server, self.limits = submitted, tier, server, limits
        self.watch: Watch | None = None
        self.words: Callable[[], str] = str
        self._user = server.user if server else sandbox.sandbox_user() if os.name == "posix" else 0

    def __enter__(self) -> Workplace:
        parent = self.server.places if self.server else temporary.short_folder() if self.sealed else None
        self._temporary = temporary.folder(parent)
        top = Path(self._temporary.name)
        self.home, self.mailbox, self.sockets = top / "home", top / "mailbox", top / "sockets"
        for folder in (self.home, self.mailbox / "questions", self.mailbox / "answers", self.sockets):
            folder.mkdir(parents=True)
        copy_plain_files(self._submitted, self.home, leave_out=".ipynb")
        self._copy_font_list()
        (self.home / ".tmp").mkdir(exist_ok=True)
        if self.sealed:
            sandbox.give_to(self._user, self.home, self.mailbox / "answers", self.sockets)
        if self.server:
            sandbox.let_through(self._user, top)
        if self.tier == sandbox.LANDLOCK:
            top.chmod(0o711)  # it shows folders where they are: its user must get there
        return self

    def __exit__(self, *_) -> None:
        if self.watch:
            self.watch.stop()
        try:
            self._temporary.cleanup()
        except (OSError, RecursionError):  # a learner's code made folders deeper than Python follows
            temporary.remove(self._temporary.name)

    @property
    def sealed(self) -> bool:
        """Whether the kernel runs in a sandbox."""
        return bool(self.tier)

    @property
    def home_inside(self) -> str:
        """The home folder's name, as the kernel sees it."""
        return sandbox.HOME if self.tier == sandbox.BUBBLEWRAP else str(self.home)

    def ask_for(self, check: str, ticket: str) -> None:
        """Say for which check evidence is wanted from now on."""
        questions = self.mailbox / "questions"
        partial = questions / "asked-for.partial"
        partial.write_text(json.dumps({"check": check, "ticket": ticket}), encoding="utf-8")
        os.replace(partial, questions / ASKED_FOR)

    def ask_no_more(self) -> None:
        """Say that no evidence is wanted now, and throw away the messages of the last check."""
        for folder in ("questions", "answers"):
            for name in os.listdir(self.mailbox / folder):
                if name in (NOT_WHOLE, TRAINS):  # for all of the notebook
                    continue
                # A folder can stay: whoever makes one of a message's name spoils only that message.
                with contextlib.suppress(OSError):
                    os.unlink(self.mailbox / folder / name)

    def leave_out(self) -> None:
        """Say that cells are left out, so that no training begins."""
        (self.mailbox / "questions" / NOT_WHOLE).touch()

    @property
    def would_train(self) -> bool:
        """Whether a training would have begun, had no cell been left out."""
        return os.path.lexists(self.mailbox / "answers" / TRAINS)

    def command(self, kernel: Sequence[str]) -> list[str]:
        """The command that starts a kernel here, with a sandbox of its own."""
        if not self.sealed:
            return list(kernel)
        sandbox.give_to(self._user, self.sockets)  # by now it holds the connection file
        things, environment = _public_things(), {**_passed_on(), **places.own_paths()}
        readable, shown_as = [], {}
        if self.tier == sandbox.LANDLOCK:  # nothing has another name there
            readable = [*things.values(), self._lone_helpers(environment)]
            environment |= {name: str(place) for name, place in things.items()}
        else:
            shown_as, inside = _under_other_names(things)
            environment |= inside
        room = sandbox.Room(
            self.home,
            writable=[self.mailbox / "answers", self.sockets],
            readable=[self.mailbox / "questions", *readable],
            shown_as=shown_as,
            environment={**environment, **self.environment()},
            start_in="/",
        )
        return sandbox.seal(kernel, room, self._user, self.limits, tier=self.tier)

    def _lone_helpers(self, environment: dict[str, str]) -> Path:
        """A folder with the helpers in it and nothing else, put in front where Python is told of the one they lie in.

        Landlock lets nobody list that one, which may be the course's own, and Python lists where it looks.
        """
        folder = self.home.parent / "helpers"
        folder.mkdir(exist_ok=True)
        helpers = Path(autoencoder_helpers.__file__).parent
        link = folder / helpers.name
        if not link.is_symlink():
            link.symlink_to(helpers)
        paths = environment.get("PYTHONPATH", "").split(os.pathsep)
        if str(helpers.parent) in paths:
            environment["PYTHONPATH"] = os.pathsep.join(
                [str(folder), *(path for path in paths if path != str(helpers.parent))]
            )
        return folder

    def fork(self, connection_info: Mapping, arguments: Sequence[str]) -> Fork:
        """Start a kernel here by forking the server. arguments: of ipykernel. Raises ForkFailed."""
        inside = {**connection_info, "ip": f"{SOCKETS}/{Path(connection_info['ip']).name}"}
        inside["key"] = inside["key"].decode()
        (self.sockets / "inside.json").write_text(json.dumps(inside), encoding="utf-8")
        sandbox.give_to(self._user, self.sockets)
        folders = [
            (self.home, sandbox.HOME, True),
            (self.mailbox / "answers", f"{MAILBOX}/answers", True),
            (self.mailbox / "questions", f"{MAILBOX}/questions", False),
            (self.sockets, SOCKETS, True),
        ]
        return self.server.fork(folders, ["-f", f"{SOCKETS}/inside.json", *arguments], self.limits)

    def watch_over(self, kernel: subprocess.Popen | Fork) -> None:
        """End the kernel, and all that it starts, when they use more than they may."""
        if self.watch:  # a kernel that was here before
            self.watch.stop()
        # All of it: a submission can write not only to its home folder, but to its mailbox and beside its sockets, too.
        self.watch = Watch(kernel.pid, self.home.parent, self.limits, end=kernel.kill).start()

    def environment(self) -> Mapping[str, str]:
        """What the kernel's environment must hold."""
        return {**_passed_on(), ENVIRONMENT: str(self.mailbox)}

    def bring_back(self, folder: str, target: Path, suffix: str = ".npz") -> None:
        """Copy the plain files of a folder in the home folder, such as trained weights, to `target`."""
        copy_plain_files(self.home / folder, target, only=suffix, most_in_all=MOST_BROUGHT_BACK, wanted=is_no_page)

    def bring_all_back(self, target: Path) -> None:
        """Copy the weights, data and pictures of the home folder, but not hidden ones, to `target`."""
        copy_plain_files(self.home, target, most_in_all=MOST_BROUGHT_BACK, wanted=is_no_page)

    def _copy_font_list(self) -> None:
        """Give matplotlib its list of fonts, which takes seconds to make."""
        for source in _fonts_place().glob("fontlist-*.json"):
            target = self.home / ".cache" / "matplotlib" / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _fonts_place() -> Path:
    """Where matplotlib keeps that list on Linux, without importing it: all that runs here would wait for that."""
    named = os.environ.get("MPLCONFIGDIR")
    return Path(named or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib").expanduser()


def kernel_server(log: Path, try_out: Callable[[ForkServer], object]) -> ForkServer | None:
    """The fork server of this process, for kernels that see what every learner's kernel sees; see fork_server."""
    return fork_server([], *seen_by_all(), log, try_out)


def server_for_workers(log: Path, threads: int) -> ForkServer:
    """A fork server that workers on this machine join, started; it is not waited for. Raises CourseError.

    threads: of each worker.
    """
    return ForkServer([], *seen_by_all({name: str(threads) for name in THREADS}), log)


def seen_by_all(settings: Mapping[str, str] = MappingProxyType({})) -> tuple[dict[Path, str], dict[str, str]]:
    """(places that every forked kernel sees, by their names there, and its environment).

    settings: variables of the environment, where it does not have them by itself.
    """
    shown_as, environment = _under_other_names(_public_things())
    return shown_as, {**settings, **_passed_on(), **places.own_paths(), **environment, ENVIRONMENT: MAILBOX}


def _public_things() -> dict[str, Path]:
    """What all submissions see beside Python and the helpers, by the variable that names it."""
    cache_folder = cache.cache_dir()
    cache_folder.mkdir(parents=True, exist_ok=True)
    photos = sandbox.photos_place()
    return {_CACHE: cache_folder} | ({_PHOTOS: photos} if photos else {})


def _under_other_names(things: Mapping[str, Path]) -> tuple[dict[Path, str], dict[str, str]]:
    """(the name in the sandbox for each of these, the variables that name them there)."""
    names: dict[Path, str] = {}
    for variable, place in things.items():
        names.setdefault(place, _INSIDE[variable])
    return names, {variable: names[place] for variable, place in things.items()}


def _passed_on() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}


def plain_files(folder: Path) -> Iterator[Path]:
    """The files below a stranger's folder that are plain files: no link is followed, no device is touched.

    Hidden files are left out: no answer needs them, and programs read settings, even code, from them. So are
    those that lie deeper than DEEPEST folders.
    """
    if not folder.is_dir() or folder.is_symlink():
        return
    folders = [(folder, 0)]
    while folders:
        top, depth = folders.pop()
        with contextlib.suppress(PermissionError), os.scandir(top) as found:
            for entry in sorted(found, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)
                elif entry.is_dir(follow_symlinks=False) and depth < DEEPEST:
                    folders.append((Path(entry.path), depth + 1))


def copy_plain_files(
    source: Path,
    target: Path,
    only: str = "",
    leave_out: str = "\0",
    most_in_all: int | None = None,
    wanted: Callable[[str, bytes], bool] = lambda name, data: True,
) -> None:
    """Copy the plain files below `source`, of at most MOST_BYTES each, to the same places below `target`.

    A file that is there already, with the same bytes, is left alone. wanted: says of a file's name and bytes whether it is copied.
    """
    left = most_in_all
    for path in plain_files(source):
        if not path.name.endswith(only) or path.name.endswith(leave_out):
            continue
        try:
            data = read_file(path, MOST_BYTES)
        except (BadMessage, OSError):
            continue
        if data is None or not wanted(path.name, data):
            continue
        if left is not None:
            left -= len(data)
            if left < 0:
                return
        copy = target / path.relative_to(source)
        if _holds(copy, data):
            continue
        partial = copy.with_name(f".{os.getpid()}.partial")
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            os.replace(partial, copy)
        except OSError as error:
            if error.errno not in _ODD:
                raise
            with contextlib.suppress(OSError):
                partial.unlink()


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except (OSError, ValueError):
        return False
