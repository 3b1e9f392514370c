"""Sets up .venv/ for the course: `python install.py`. Every target of make calls it; on Windows a person does.

What is set up already takes no time. Needs Python 3.11, 3.12 or 3.13 and nothing else: it runs before anything is installed.
"""

import os
import platform
import re
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from shutil import get_terminal_size, rmtree

COURSE = Path(__file__).resolve().parent
VENV = COURSE / ".venv"
LOG = VENV / "setup.log"
# Written last, so that a set-up that was cut short starts anew. The first names the folder that it was made for,
# because a virtual environment does not survive being moved.
PACKAGES, INSTALLED = VENV / "packages", VENV / "installed"
CONSTRAINTS, PROJECT = COURSE / "constraints.txt", COURSE / "pyproject.toml"

#: The first and the last Python that all pinned packages have wheels for, and that the tests run with.
OLDEST, NEWEST = (3, 11), (3, 13)
_LAST_LINES = 12  # of the log, shown when something fails
_SECONDS_BETWEEN_LOOKS = 0.5
#: The oldest C library of a Linux, and the oldest macOS, that all pinned packages have wheels for, and on which
#: processors they have any: tests/wheels.txt lists them, and a test compares.
GLIBC, MACOS = (2, 27), (12, 0)
PROCESSORS = {"linux": ("x86_64", "aarch64"), "darwin": ("arm64",), "win32": ("amd64",)}
_NO_WHEELS = (
    "The course's packages are not made for {}: learn in the browser, with Colab or a JupyterHub, or install the course "
    "in a newer 64-bit Linux, in a container or (on Windows) in WSL, by `conda env create --file environment.yml`."
)
#: What a failing pip says, and what helps.
_REMEDIES = (
    ("No space left on device|Errno 28", "make room for 4 GB on this disk"),
    ("NewConnectionError|name resolution|ConnectTimeout|ReadTimeout|ProxyError", "look at the network or its proxy"),
    ("DO NOT MATCH THE HASHES", "something between here and the package index changes files; try another network"),
    ("Permission denied|Errno 13|WinError", "close the programs that use .venv, and look who owns this folder"),
    ("No matching distribution found", "there is no such package for this machine: 64-bit Linux, macOS or Windows"),
)


def main() -> int:
    """Set up what is missing; return the exit code."""
    trouble = _trouble_with_python()
    if trouble:
        print(trouble, file=sys.stderr)
        return 1
    try:
        whole = not _packages_are_there()
        if whole or _is_older(INSTALLED, PACKAGES) or _is_older(INSTALLED, PROJECT):
            _set_up(whole)
    except _Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command starts the set-up anew.", file=sys.stderr)
        return 130
    return 0


class _Failed(Exception):
    """The set-up failed; the text is for people."""


def _trouble_with_python() -> str:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return "Python lacks its venv module: install it (Debian: python{}.{}-venv) and try again.".format(
            *sys.version_info
        )
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return (
            "The course needs Python {}.{} to {}.{}, not {}.{}: install one of these and try again, let conda bring one "
            "(`conda env create --file environment.yml`), or learn in the browser, with Colab or a JupyterHub."
        ).format(*OLDEST, *NEWEST, *sys.version_info)
    unmade = _what_no_package_is_made_for()
    return _NO_WHEELS.format(unmade) if unmade else ""


def _what_no_package_is_made_for() -> str:
    """What of this machine or this Python no wheels exist for, in words; "" where all do."""
    if platform.python_implementation() != "CPython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        kind = platform.python_implementation()
        return "a Python without its lock" if kind == "CPython" else f"{kind}, only for CPython"
    machine = platform.machine().lower()
    if machine not in PROCESSORS.get(sys.platform, ()) or sys.maxsize < 2**32:
        names = {("darwin", "x86_64"): "Macs with an Intel processor", ("win32", "arm64"): "Windows on ARM"}
        bits = " of 32 bits" if sys.maxsize < 2**32 else ""
        return names.get((sys.platform, machine), f"a Python{bits} for {sys.platform} on {machine or 'this processor'}")
    if sys.platform == "linux":
        library, version = platform.libc_ver()
        if library != "glibc":
            return "a Linux without glibc, as Alpine is one"
        if _release(version) < GLIBC:
            return "a Linux with glibc {}, older than {}.{}".format(version, *GLIBC)
    # Pythons that were built long ago take every macOS since 11 for 10.16.
    if sys.platform == "darwin" and (10, 16) != _release(platform.mac_ver()[0])[:2] < MACOS:
        return f"macOS {platform.mac_ver()[0]}, older than {MACOS[0]}"
    return ""


def _release(version: str) -> tuple:
    return tuple(map(int, re.findall(r"\d+", version)))


def _packages_are_there() -> bool:
    try:
        place = os.fsdecode(PACKAGES.read_bytes()).rstrip("\n")
    except OSError:
        return False
    return place == str(COURSE) and not _is_older(PACKAGES, CONSTRAINTS)


def _is_older(stamp: Path, than: Path) -> bool:
    return not stamp.exists() or stamp.stat().st_mtime < than.stat().st_mtime


def _set_up(whole: bool) -> None:
    """Install the course, and before that, if `whole`, a new environment with the pinned packages."""
    with _Line() as line:
        if whole:
            line.begin()
            _empty(VENV)
            # Of the Python itself, not of an environment that it was started in: that may be the very one which is made anew.
            _run(getattr(sys, "_base_executable", sys.executable), "-m", "venv", str(VENV))
            count = _Count()
            _pip(
                "--require-hashes", "--only-binary", ":all:", "-r", str(CONSTRAINTS), meanwhile=lambda: line.say(count)
            )
            PACKAGES.write_bytes(os.fsencode(f"{COURSE}\n"))
        _pip("--no-deps", "--no-build-isolation", "--editable", str(COURSE))
        INSTALLED.touch()


def _empty(folder: Path) -> None:
    """Leave an empty folder; one that is a link to another disk stays one."""
    try:
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise _Failed(
            f"{folder} cannot be made anew ({error}): close the programs that use it, and try again."
        ) from None


def _pip(*options: str, meanwhile=lambda: None) -> None:
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run(str(python), "-m", "pip", "install", *options, meanwhile=meanwhile)


def _run(*command: str, meanwhile=lambda: None) -> None:
    """Run a command whose words go to the log. meanwhile: called twice a second."""
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_PROGRESS_BAR": "off", "PIP_NO_INPUT": "1", "PIP_NO_COLOR": "1"}
    with LOG.open("ab") as log:
        log.write(os.fsencode(f"$ {' '.join(command)}\n"))
        log.flush()
        with subprocess.Popen(
            command, cwd=COURSE, env={**os.environ, **quiet}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process:
            while True:
                try:
                    code = process.wait(_SECONDS_BETWEEN_LOOKS)
                    break
                except subprocess.TimeoutExpired:
                    meanwhile()
    if code:
        raise _Failed(_what_failed())


def _what_failed() -> str:
    """The last lines of the log, and what to do."""
    text = LOG.read_text(encoding="utf-8", errors="replace")
    remedy = next((remedy for words, remedy in _REMEDIES if re.search(words, text)), "mend what the lines above name")
    lines = [f"  {line[:300]}" for line in text.splitlines()[-_LAST_LINES:]]
    return "\n".join([*lines, f"The set-up failed: {remedy}, and give the same command again. The whole log: {LOG}"])


class _Count:
    """How many packages are fetched, and then installed, read from what pip leaves behind."""

    def __init__(self):
        self._pinned = len(re.findall(r"^[\w.-]+==", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE))
        self._from_the_start = self._installed()  # pip itself

    @staticmethod
    def _installed():
        site = "Lib/site-packages" if os.name == "nt" else "lib/python3.*/site-packages"
        return len([*VENV.glob(f"{site}/*.dist-info")])

    def __str__(self):
        log = LOG.read_text(encoding="utf-8", errors="replace")
        # Some are for other systems, and pip says so first.
        count = self._pinned - len(re.findall(r"^Ignoring ", log, re.MULTILINE))
        installed = self._installed() - self._from_the_start
        if installed > 0:
            return f"{min(installed, count)} of {count} packages installed"
        fetched = len(re.findall("^(?:Collecting|Processing) ", log, re.MULTILINE))
        return f"{min(fetched, count)} of {count} packages fetched"


class _Line:
    """One line of progress on a terminal; in a log the first and the last of it."""

    def __init__(self):
        self._began = time.monotonic()
        self._live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
        self._shown = False

    def begin(self):
        """Say what begins and where its log is."""
        self._shown = True
        python = "{}.{}.{}".format(*sys.version_info)
        print(f"Setting up .venv with Python {python}, once, in some minutes; its log: {LOG}", flush=True)

    def say(self, what):
        """Show how far it is, in place of what stood there."""
        if self._live:
            text = f"  {what}, {self._elapsed()}"
            print("\r" + text.ljust(60)[: get_terminal_size().columns - 1], end="", flush=True)

    def _elapsed(self):
        minutes, seconds = divmod(round(time.monotonic() - self._began), 60)
        return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if not self._shown:
            return
        if self._live:
            print("\r" + " " * (get_terminal_size().columns - 1), end="\r")
        if kind is None:
            print(f"Set up in {self._elapsed()}.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
