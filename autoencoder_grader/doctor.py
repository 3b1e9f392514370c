"""Can this machine grade: found out by trying, with what is missing and what to do about it."""

from __future__ import annotations

import atexit
import functools
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from autoencoder_grader.engine.cluster import WORKER_MEMORY, usable_cores
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import sandbox, trial
from autoencoder_helpers import load_mnist
from autoencoder_helpers.errors import CourseError
from autoencoder_helpers.images import cache
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

DISTRIBUTION = "autoencoder-course"
_LEAST_DISK = 2 << 30  # bytes
_LEAST_SHARED_MEMORY = 16 << 20  # bytes
_READABLE = (
    "let everybody read this Python, its packages and autoencoder_helpers/ (chmod -R go+rX), or make the environment "
    "anew in another place"
)
_SIGNS = {"ok": "✓", "missing": "–", "broken": "✗"}


@dataclass(frozen=True)
class Finding:
    """What one look found.

    state: "ok", "missing" (it is not there) or "broken" (it is, and does not work). todo: what helps, "" if nothing
    has to. needed: whether grading needs it.
    """

    what: str
    state: str
    found: str
    todo: str = ""
    needed: bool = True


def examine(course: Path | None, trouble: str = "") -> Iterator[Finding]:
    """Look at everything, one finding after another; no look stops another.

    course: its top folder; None if there is none, `trouble` then says why.
    """
    looks: list[Callable[[], Finding]] = [
        _python,
        _packages,
        _bubblewrap,
        _forked_kernels,
        _landlock,
        _control_groups,
        _shared_memory,
        _data,
        _cache_folder,
        _temporary_folder,
        _workers,
        _fonts,
        _jupyterlab,
    ]
    if course is None:
        yield Finding("course", "missing", trouble, "go to the course's folder, or name it with --course")
    else:
        looks += [
            lambda: _course_folder(course),
            lambda: _settings(course),
            lambda: _gradebook(course),
        ]
    for look in looks:
        try:
            yield look()
        except sandbox.TooBusy as error:
            yield Finding(look.__name__.strip("_").replace("_", " "), "broken", str(error))
        except Exception as error:  # noqa: BLE001 - a look that fails is a finding, and the others go on
            name = look.__name__.strip("_<>").replace("_", " ")
            yield Finding(name, "broken", f"could not be looked at: {type(error).__name__}: {error}")


def able(findings: list[Finding]) -> bool:
    """Whether nothing that grading needs is missing or broken."""
    return all(finding.state == "ok" for finding in findings if finding.needed)


def as_lines(finding: Finding) -> str:
    """A finding for people: a sign and a word, what was found, and below it what to do."""
    rest = "" if finding.needed or finding.state == "ok" else " (grading goes on without)"
    text = " ".join(finding.found.split())
    line = f"{_SIGNS[finding.state]} {finding.state:8}{finding.what:20}{text}{rest}"
    return f"{line}\n{' ' * 30}→ {finding.todo}" if finding.todo else line


def as_json(findings: list[Finding]) -> str:
    """All findings for programs."""
    return json.dumps({"able": able(findings), "findings": [asdict(f) for f in findings]}, indent=1)


# ------------------------------------------------------------------------------------------------- each look


def _python() -> Finding:
    allowed = SpecifierSet(importlib.metadata.metadata(DISTRIBUTION).get("Requires-Python", ""))
    if allowed.contains(platform.python_version()):
        return Finding("Python", "ok", f"{platform.python_version()} in {sys.prefix}")
    return Finding(
        "Python",
        "broken",
        f"{platform.python_version()}; the course needs {allowed}",
        "set it up anew: make setup",
    )


def _packages() -> Finding:
    """The versions that were tested, of the packages that the course names; others only as far as they are there."""
    direct = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or []]
    constraints = Path(__file__).resolve().parent.parent / "constraints.txt"
    pins = _pins(constraints.read_text(encoding="utf-8")) if constraints.is_file() else {}
    wrong, other = [], []
    for requirement in (*direct, *pins.values()):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            have = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            if requirement in direct:
                wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(have, prereleases=True):
            names = wrong if requirement in direct else other
            names.append(f"{requirement.name} {have} instead of {requirement.specifier}")
    if wrong:
        return Finding("packages", "broken", "; ".join(wrong), "set it up anew: make setup")
    if other:
        found = f"not the versions that were tested: {'; '.join(other[:5])}{' ...' if len(other) > 5 else ''}"
        return Finding("packages", "broken", found, "set it up anew: make setup", needed=False)
    return Finding("packages", "ok", f"{len(direct)} as required, {len(pins)} compared with the versions tested")


def _pins(constraints: str) -> dict[str, Requirement]:
    pins = {}
    for line in constraints.splitlines():
        if line[:1].isalnum():
            try:
                pin = Requirement(line.removesuffix("\\").strip())
            except InvalidRequirement:
                continue
            if not pin.marker or pin.marker.evaluate():
                pins[pin.name] = pin
    return pins


def _bubblewrap() -> Finding:
    """Run a kernel in it, as grading does."""
    trouble = sandbox.trouble_with(sandbox.BUBBLEWRAP)
    if trouble:
        state = "missing" if "cannot be found" in trouble or "needs Linux" in trouble else "broken"
        todo = "install them (Debian: apt-get install bubblewrap util-linux)"
        if state == "broken":
            todo = (
                "let users make namespaces: sysctl kernel.unprivileged_userns_clone=1, or in a container --privileged"
            )
        return Finding("bubblewrap", state, trouble, todo, needed=_tier() == "")
    trouble = trial.trouble_with(sandbox.BUBBLEWRAP, _log())
    if trouble:
        return Finding("bubblewrap", "broken", trouble, _READABLE, needed=_tier() == "")
    program = shutil.which("bwrap")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = f"{said.stdout.strip() or program}: a kernel with namespaces of its own has run a cell"
    return Finding("bubblewrap", "ok", found)


def _forked_kernels() -> Finding:
    """Fork one, as grading does."""
    what = "forked kernels"
    if sandbox.trouble_with(sandbox.BUBBLEWRAP):
        return Finding(what, "missing", "they need bubblewrap: each kernel starts anew", needed=False)
    from autoencoder_grader.kernels.fork_server import last_reason
    from autoencoder_grader.kernels.trial import kernel_server

    if kernel_server(_log()) is None:
        return Finding(what, "broken", f"{last_reason()}: each kernel starts anew", needed=False)
    return Finding(what, "ok", "one was forked from a warm process, and has run a cell")


def _landlock() -> Finding:
    """Run a kernel in it, as grading does."""
    from autoencoder_grader.kernels import landlock

    trouble = sandbox.trouble_with(sandbox.LANDLOCK)
    if trouble:
        state = "missing" if "of Landlock" in trouble or "no Landlock" in trouble else "broken"
        todo = "install bubblewrap, or a newer Linux" if _tier() == "" else ""
        return Finding("Landlock", state, trouble, todo, needed=False)
    trouble = trial.trouble_with(sandbox.LANDLOCK, _log())
    if trouble:
        return Finding("Landlock", "broken", trouble, _READABLE if _tier() == "" else "", needed=False)
    use = "used, because bubblewrap is not" if _tier() == sandbox.LANDLOCK else "in reserve"
    found = f"version {landlock.version()}: a kernel in the reduced sandbox, {use}, has run a cell"
    return Finding("Landlock", "ok", found, needed=False)


def _tier() -> str:
    """The tier that grading takes here; "" for none."""
    return trial.require(trusted=True, log=_log())


@functools.cache
def _log() -> Path:
    """Where the process writes that kernels are forked from: not into a course, which may not be there."""
    folder = temporary.folder_that_stays()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "kernels.log"


def _control_groups() -> Finding:
    """Only told: a watch counts the memory of a submission's processes, with control groups or without."""
    what, own = "control groups", Path("/proc/self/cgroup")
    lines = own.read_text(encoding="utf-8").splitlines() if own.is_file() else []
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if path is not None:
        for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            group = Path(top) / path
            controllers = group / "cgroup.controllers"
            if controllers.is_file():
                names = controllers.read_text(encoding="utf-8").split()
                if "memory" in names and os.access(group / "cgroup.subtree_control", os.W_OK):
                    return Finding(
                        what,
                        "ok",
                        f"{group} is delegated, with memory; grading does not use it",
                        needed=False,
                    )
    found = "no group of version 2 is delegated to this user: memory is limited by the watch alone"
    return Finding(what, "missing", found, needed=False)


def _shared_memory() -> Finding:
    place = Path("/dev/shm")
    if not place.is_dir():
        return Finding("/dev/shm", "missing", "there is none; kernels in bubblewrap make their own", needed=False)
    free = shutil.disk_usage(place).free
    state = "ok" if free >= _LEAST_SHARED_MEMORY else "broken"
    todo = "" if state == "ok" else "remove what lies there, or give the container more: --shm-size"
    return Finding("/dev/shm", state, f"{_gigabytes(free)} free", todo, needed=False)


def _data() -> Finding:
    try:
        load_mnist()
    except CourseError as error:
        return Finding("MNIST", "broken", str(error), "see the cache folder below, or install the course again")
    return Finding("MNIST", "ok", f"70000 digits, hashes compared, in {cache.cache_dir()}")


def _cache_folder() -> Finding:
    folder, name = cache.cache_dir(), "AUTOENCODER_CACHE"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        todo = f"set the environment variable {name} to a folder that can be written to"
        return Finding("cache folder", "broken", f"{folder} cannot be written to: {error.strerror}", todo)
    return _with_room("cache folder", folder, f"set the environment variable {name} to a folder on another disk")


def _temporary_folder() -> Finding:
    return _with_room("/tmp", Path("/tmp" if os.name == "posix" else tempfile.gettempdir()), "make room")


def _with_room(what: str, folder: Path, todo: str) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_DISK:
        return Finding(what, "broken", f"{folder}: only {_gigabytes(free)} free", todo)
    return Finding(what, "ok", f"{folder}: {_gigabytes(free)} free")


def _workers() -> Finding:
    memory = psutil.virtual_memory()
    cores = usable_cores()
    fit = min(cores, memory.available // WORKER_MEMORY)
    found = (
        f"{cores} cores; {_gigabytes(memory.available)} of {_gigabytes(memory.total)} memory free: "
        f"{fit} graders fit at {WORKER_MEMORY / 1e9:.1f} GB each"
    )
    if fit < 1:
        return Finding("workers", "broken", found, "end other programs, or take a machine with more memory")
    return Finding("workers", "ok", found)


def _fonts() -> Finding:
    import matplotlib

    folder = Path(matplotlib.get_cachedir())
    lists = sorted(folder.glob("fontlist-*.json"))
    if lists:
        return Finding("fonts", "ok", str(lists[-1]), needed=False)
    todo = f"{sys.executable} -c 'import matplotlib.font_manager'"
    return Finding("fonts", "missing", f"no list of fonts in {folder}: each kernel makes its own", todo, needed=False)


def _jupyterlab() -> Finding:
    command = [sys.executable, "-m", "jupyterlab", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        return Finding("JupyterLab", "ok", done.stdout.strip(), needed=False)
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Finding("JupyterLab", "broken", said, "set it up anew: make setup", needed=False)


def _course_folder(course: Path) -> Finding:
    try:
        sandbox.expect_hidden(course)
    except CourseError as error:
        return Finding("course", "broken", str(error), "move the course's folder")
    return _with_room("course", course, "make room")


def _settings(course: Path) -> Finding:
    from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE, open_api

    try:
        open_api(course)
    except CourseError as error:
        return Finding(CONFIG_FILE, "broken", str(error), "compare it with the course's own: git diff")
    return Finding(CONFIG_FILE, "ok", str(course / CONFIG_FILE))


def _gradebook(course: Path) -> Finding:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        address = make_url(open_api(course).coursedir.db_url)
    except CourseError:
        return Finding("gradebook", "missing", "nbgrader_config.py does not say where it is", "see above")
    shown = address.render_as_string(hide_password=True)
    is_file = address.get_backend_name() == "sqlite"
    path = Path(address.database or "")
    if is_file and not path.exists():
        if os.access(path.parent, os.W_OK):
            return Finding("gradebook", "ok", f"{shown}: none yet, grading makes it")
        return Finding("gradebook", "broken", f"{path.parent} cannot be written to", "see its owner and rights")
    try:
        engine = create_engine(address)
        with engine.connect() as connection:
            if is_file:
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # asks for the right to write
            have = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            graded = connection.execute(text("SELECT count(*) FROM submitted_assignment")).scalar()
            connection.rollback()
        engine.dispose()
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        todo = "close what has it open, see its owner and rights, or bring it back from a backup"
        return Finding("gradebook", "broken", f"{shown}: {said}", todo)
    import nbgrader

    config = Config()
    config.set_main_option("script_location", str(Path(nbgrader.__file__).parent / "alembic"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    if have != newest:
        found = f"{shown}: schema {have}, nbgrader needs {newest}"
        return Finding("gradebook", "broken", found, "make a copy, then: nbgrader db upgrade")
    return Finding("gradebook", "ok", f"{shown}: opens, can be written to, {graded} submissions")


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
