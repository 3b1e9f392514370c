"""A copy of this machine that forgets: what is installed, made and started in it is gone with it. For root on Linux.

The files are those of the machine, over which an overlay lies that takes all that is written; processes are in a namespace of their own, so
that all of them end with it. Addresses of the network are the machine's: a browser outside finds what listens inside.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import time
from pathlib import Path

#: As after a login.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Makes the place, and reaps what ends in it. It is no chroot: in one no sandbox can be made.
_INIT = """
set -e
cd "$1"
mkdir up work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/up,workdir=$PWD/work" root
mount --rbind /dev root/dev
mount --rbind /sys root/sys
mount -t proc proc root/proc
cd root
mkdir -p .outside
pivot_root . .outside
cd /
umount -l /.outside
touch /.ready
trap exit TERM
while :; do sleep 3600 & wait $!; done
"""


_TRIAL = """
mount -t tmpfs tmpfs /mnt && mkdir /mnt/up /mnt/work /mnt/root &&
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work /mnt/root
"""


@functools.cache
def trouble() -> str:
    """Why there can be no such place here; "" if there can."""
    missing = [name for name in ("unshare", "nsenter", "pivot_root", "mount") if shutil.which(name, path=PATH) is None]
    if os.name == "nt" or os.geteuid():
        return "needs root on Linux"
    if missing:
        return f"needs {', '.join(missing)} (Debian: apt-get install util-linux mount)"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c", _TRIAL], capture_output=True
    )
    return "" if tried.returncode == 0 else "needs namespaces and overlays, which this machine refuses"


class CleanPlace:
    """Such a place in a folder that is empty yet: `run` runs commands in it, `path` leads to its files."""

    def __init__(self, folder: Path):
        self._folder = folder
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        self._process = subprocess.Popen([*command, "bash", "-c", _INIT, "init", str(folder)])
        until = time.monotonic() + 60
        while not (folder / "up" / ".ready").exists():
            assert self._process.poll() is None and time.monotonic() < until, "no clean place could be made"
            time.sleep(0.05)
        self._init = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0]

    def _enter(self, *command: str) -> list[str]:
        return ["nsenter", "--target", self._init, "--mount", "--pid", "--root", "--wd", "--", *command]

    def run(self, *command: str, user: str = "root", log: Path | None = None, **environment: str) -> str:
        """Run a command in it to its end, and return what it said. Raises AssertionError with that when it fails."""
        said = subprocess.run(
            self._enter("runuser", "-u", user, "--", *command),
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if log:
            log.write_text(said.stdout)
        assert said.returncode == 0, f"{command}: {said.stdout[-3000:]}"
        return said.stdout

    def start(self, *command: str, log: Path, **environment: str) -> subprocess.Popen:
        """Start a command in it, as root; what it says goes to the log."""
        with log.open("w") as stream:
            return subprocess.Popen(
                self._enter(*command),
                env=self._environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )

    @staticmethod
    def _environment(more):
        # How packages are fetched here holds there, too.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOENCODER", "JUPYTER"))}
        return {**kept, "PATH": PATH, "HOME": "/root", **more}

    def path(self, place: str) -> Path:
        """Where a file lies, seen from here, that was written in it."""
        return self._folder / "up" / place.lstrip("/")

    def close(self) -> None:
        """End all that runs in it, and forget what was written."""
        self._process.kill()
        self._process.wait()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
                return
            time.sleep(0.5)
        raise AssertionError(f"{self._folder} could not be removed")
