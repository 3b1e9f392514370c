"""The grader's handle on the process that kernels are forked from: starts it in a sandbox, asks it for kernels."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import places, sandbox
from autoencoder_grader.kernels.last_words import last_line
from autoencoder_helpers.errors import CourseError

#: Where a forked kernel finds its mailbox and its sockets.
MAILBOX, SOCKETS = places.free_name("/run/mailbox"), places.free_name("/run/sockets")
#: What a kernel has imported when it is forked: what notebooks import.
MODULES = (
    "autoencoder_helpers",  # first: it chooses the Keras
    "numpy",
    "matplotlib.pyplot",
    "tensorflow",
    "tf_keras",
    "tensorflow_probability",
    "sklearn.cluster",
    "sklearn.decomposition",
    "ipywidgets",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "autoencoder_helpers.checks",
    "autoencoder_helpers.images.flowers",
    "autoencoder_helpers.images.mnist",
    "autoencoder_helpers.pictures.plots",
    "autoencoder_helpers.training.running",
)
_START_SECONDS = 600.0  # on a machine with much to do; who gave up would have to import the same by itself
_FORK_SECONDS = 60.0
_CREDENTIALS = struct.Struct("iII")  # process, user, group: struct ucred
_GRADER = Path(__file__).parents[1]
# The name of this package inside the sandbox: one that no learner's module has.
_CODE = places.free_name(f"/opt/_autoencoder_{Path(__file__).parent.name}")
#: The program that is forked as well: the wing that scores, under its own name in a folder with nothing else.
_PROGRAM = "scoring"
_PROGRAMS = places.free_name("/opt/_autoencoder_programs")


class ForkFailed(CourseError):
    """No kernel could be forked: the machine's fault, never a learner's."""


class Address(NamedTuple):
    """Where a running fork server is to be found, and what it was started with."""

    places: str
    user: int
    process: int
    log: str
    settings: str


def settings_of(readable: Sequence[Path], shown_as: Mapping[Path, str], environment: Mapping[str, str]) -> str:
    """What makes two fork servers the same, as a text."""
    named = {str(path): name for path, name in shown_as.items()}
    return json.dumps([sorted(map(str, readable)), named, dict(environment)], sort_keys=True)


class ForkServer:
    """A running fork server.

    user: whose its kernels are. settings: what it was started with.

    readable: places that kernels may read, shown where they are; shown_as: others, under another name.
    environment: of all kernels. log: a file for what the server prints.
    The submissions' folders must lie in `places`. Raises ForkFailed when it does not start.
    """

    def __init__(
        self,
        readable: Sequence[Path],
        shown_as: Mapping[Path, str],
        environment: Mapping[str, str],
        log: Path,
    ):
        self._take(temporary.folder_that_stays(temporary.short_folder()), sandbox.sandbox_user(), log)
        self.settings = settings_of(readable, shown_as, environment)
        self._kept += [str(place) for place in readable if places.in_own(place)]
        home = self.places / "home"
        home.mkdir()
        sandbox.give_to(self.user, self.places)
        room = sandbox.Room(
            home,
            writable=[self.places],
            readable=readable,
            shown_as={
                **shown_as,
                Path(__file__).parent: _CODE,
                _GRADER / _PROGRAM: f"{_PROGRAMS}/{_GRADER.name}/{_PROGRAM}",
            },
            empty=(MAILBOX, f"{MAILBOX}/answers", f"{MAILBOX}/questions", SOCKETS),
            environment={"MPLBACKEND": "module://matplotlib_inline.backend_inline", **environment},
            start_in="/",
        )
        package, _, name = _CODE.rpartition("/")
        code = f"import sys; sys.path.insert(0, {package!r}); from {name}.forking import main; "
        code += f"main({str(self._address)!r}, {MODULES!r})"
        command = sandbox.seal([sys.executable, "-c", code], room, self.user, forks=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._logged = output.tell()  # what was there before is not this server's
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _take(self, folder: Path, user: int, log: Path) -> None:
        """Forks work in this folder, as this user."""
        self.places, self.user, self._log, self._logged = folder, user, log, 0
        self._address = folder / "fork"
        # What the empty /tmp and /dev/shm of a fork would hide.
        self._kept = [str(place) for place in places.python_places() if places.in_own(place)]

    @property
    def address(self) -> Address:
        """What another process of ours needs to have kernels forked here."""
        return Address(str(self.places), self.user, self._process.pid, str(self._log), self.settings)

    def fork(
        self,
        folders: Sequence[tuple[Path, str, bool]],
        arguments: Sequence[str],
        limits: sandbox.Limits = sandbox.Limits(),
    ) -> Fork:
        """Start a kernel that sees only these folders: (source, target, whether it can be written to) each.

        arguments: of ipykernel. limits: what it may use. Raises ForkFailed.
        """
        what = {"arguments": list(arguments), "start_in": SOCKETS, "limits": limits.of_a_process()}
        return self._fork(folders, what, limits, hidden=[_PROGRAMS])

    def fork_program(self, module: str, talk: int, said: int) -> Fork:
        """Start the `main` of a module of the wing that scores, in a sandbox of its own.

        It sees the system, Python and the public data, as kernels do, and no folder of any submission.
        talk: the open file that becomes its stdin and stdout. said: one for its stderr. Raises ForkFailed.
        """
        limits = sandbox.Limits()
        # Not how many processes its user has, nor their time: kernels are this user's, too, and it outlives them.
        most = {name: most for name, most in limits.of_a_process().items() if name not in ("NPROC", "CPU")}
        what = {"name": _PROGRAM, "module": module, "code": _PROGRAMS, "start_in": "/", "limits": most}
        return self._fork([], what, limits, [talk, said], hidden=[sandbox.HOME])

    def _fork(
        self, folders, what: dict, limits: sandbox.Limits, files: Sequence[int] = (), hidden: Sequence[str] = ()
    ) -> Fork:
        request = {
            **what,
            "kept": self._kept,
            "hidden": [*hidden, *([] if places.in_own(self.places) else [str(self.places)])],
            "folders": [(str(source), target, writable) for source, target, writable in folders],
            "temporary": limits.temporary,
            "shared_memory": limits.shared_memory,
        }
        fork = Fork(self._connect())
        fork.start(request, files)
        return fork

    def _connect(self) -> socket.socket:
        end = time.monotonic() + _START_SECONDS
        while self.alive and time.monotonic() < end:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            # With each answer Linux then says which process it is from: unix(7).
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            try:
                connection.connect(str(self._address))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                connection.close()
                time.sleep(0.02)
        raise ForkFailed(
            f"the process that kernels are forked from did not start: {self._words() or 'it says nothing'}"
        )

    def _words(self) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(self._logged, file.seek(0, os.SEEK_END) - 4096))
            return last_line(file.read().decode(errors="replace"))
        return ""

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the server, and with it all its kernels; remove its folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.places, ignore_errors=True)


class Joined(ForkServer):
    """A fork server that another process of ours has started, and will end."""

    def __init__(self, address: Address):
        self._take(Path(address.places), address.user, Path(address.log))
        self.settings = address.settings
        self._server = psutil.Process(address.process)

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        try:
            return self._server.is_running() and self._server.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def close(self) -> None:
        """Leave it as it is: others have kernels there."""


class Fork:
    """A kernel forked by the server, with the methods of subprocess.Popen that Jupyter uses.

    pid: of the process that keeps it, as it is known out here; all processes of the kernel descend from it.
    said: once it has ended, the last of what it printed on its stderr.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._lines = b""
        self.returncode: int | None = None
        self.pid = 0
        self.said = ""

    def start(self, request: dict, files: Sequence[int] = ()) -> None:
        """Send the request, with open files, and wait for its answer. Raises ForkFailed."""
        line = json.dumps(request).encode() + b"\n"
        try:
            sent = socket.send_fds(self._connection, [line], files) if files else 0
            self._connection.sendall(line[sent:])
        except OSError as error:
            raise ForkFailed(f"no kernel could be forked ({error})") from error
        answer = self._answer(_FORK_SECONDS)
        if not answer or "started" not in answer or not self.pid:
            self.kill()
            raise ForkFailed(f"no kernel could be forked ({(answer or {}).get('error', 'no answer')})")

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            answer = self._answer(0)
            if answer is not None:
                self.returncode, self.said = answer.get("ended", -signal.SIGKILL), answer.get("said", "")
                self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("kernel", timeout)
            time.sleep(0.005)
        return self.returncode

    def kill(self) -> None:
        """End it and all that it started."""
        if self.returncode is None:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)

    terminate = kill

    def send_signal(self, signum: int) -> None:
        """End it; no other signal gets into the sandbox."""
        if signum in (signal.SIGKILL, signal.SIGTERM):
            self.kill()

    def _answer(self, seconds: float) -> dict | None:
        """The next answer; {} if the other side has closed the connection, None if none comes in time."""
        end = time.monotonic() + seconds
        while b"\n" not in self._lines:
            ready, _, _ = select.select([self._connection], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            try:
                data, extra, _, _ = self._connection.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except OSError:
                data, extra = b"", []
            for _, kind, sender in extra:
                if kind == socket.SCM_CREDENTIALS:
                    self.pid = _CREDENTIALS.unpack(sender)[0] or self.pid
            if not data:
                return {}
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        return json.loads(line)


_running: dict[str, ForkServer | None] = {}
_joined: list[Joined] = []
_reasons: list[str] = []


def fork_server(
    readable: Sequence[Path],
    shown_as: Mapping[Path, str],
    environment: Mapping[str, str],
    log: Path,
    try_out: Callable[[ForkServer], None],
) -> ForkServer | None:
    """The fork server with these settings: one that was joined, or else one that ends with this process.

    try_out: starts a kernel in it and raises CourseError when that does not run.
    None where kernels cannot be forked into a sandbox; `log` then says why.
    """
    settings = settings_of(readable, shown_as, environment)
    key = f"{os.getpid()} {settings}"
    if key in _running and _running[key] is None:
        return None
    if key not in _running or not _running[key].alive:
        server = next((one for one in _joined if one.settings == settings and one.alive), None)
        if server is not None:
            _joined.remove(server)  # once: who cannot use it, or loses it, has one of its own
            with contextlib.suppress(CourseError):
                try_out(server)
                _running[key] = server
                return server
        server = ForkServer(readable, shown_as, environment, log)
        try:
            try_out(server)
        except CourseError as reason:
            server.close()
            _reasons.append(str(reason))
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{reason}: each kernel starts anew, in a sandbox of its own\n")
            server = None
        _running[key] = server
    return _running[key]


def join(address: Address) -> None:
    """From now on, have kernels forked there, where they may see the same. It is on this machine, and of our user's."""
    with contextlib.suppress(psutil.NoSuchProcess):
        _joined[:] = [Joined(address)]


def last_reason() -> str:
    """Why kernels could not be forked in this process, the last time that it was tried; "" if they could."""
    return _reasons[-1] if _reasons else ""


@atexit.register
def close_all() -> None:
    """End all fork servers of this process."""
    for server in _running.values():
        if server is not None:
            server.close()
