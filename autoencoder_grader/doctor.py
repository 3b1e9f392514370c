"""Can this machine grade: found out by trying, with what is missing and what to do about it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from autoencoder_grader.engine.cluster import WORKER_MEMORY, usable_cores
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import sandbox, trial
from autoencoder_grader.learning import looks
from autoencoder_grader.learning.findings import Finding, looked
from autoencoder_helpers.errors import CourseError

_LEAST_SHARED_MEMORY = 16 << 20  # bytes
_READABLE = (
    "let everybody read this Python, its packages and autoencoder_helpers/ (chmod -R go+rX), or make the environment "
    "anew in another place"
)


def examine(course: Path | None, trouble: str = "") -> Iterator[Finding]:
    """Look at everything, one finding after another; no look stops another.

    course: its top folder; None if there is none, `trouble` then says why.
    """
    each: list[Callable[[], Finding]] = [
        looks.place,
        looks.python,
        _packages,
        looks.keras,
        _bubblewrap,
        _forked_kernels,
        _landlock,
        _control_groups,
        _shared_memory,
        looks.data,
        looks.cache_folder,
        _temporary_folder,
        _workers,
        _fonts,
        looks.jupyterlab,
    ]
    if course is None:
        yield Finding("course", "missing", trouble, "go to the course's folder, or name it with --course")
    else:
        each += [
            lambda: _course_folder(course),
            lambda: _settings(course),
            lambda: _gradebook(course),
        ]
    yield from looked(each, too_busy=(sandbox.TooBusy,))


# ------------------------------------------------------------------------------------------------- each look


def _packages() -> Finding:
    return looks.packages("grader")


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
    return Finding("/dev/shm", state, f"{looks.gigabytes(free)} free", todo, needed=False)


def _temporary_folder() -> Finding:
    return looks.with_room("/tmp", Path("/tmp" if os.name == "posix" else tempfile.gettempdir()), "make room")


def _workers() -> Finding:
    memory = psutil.virtual_memory()
    cores = usable_cores()
    fit = min(cores, memory.available // WORKER_MEMORY)
    found = (
        f"{cores} cores; {looks.gigabytes(memory.available)} of {looks.gigabytes(memory.total)} memory free: "
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


def _course_folder(course: Path) -> Finding:
    try:
        sandbox.expect_hidden(course)
    except CourseError as error:
        return Finding("course", "broken", str(error), "move the course's folder")
    return looks.with_room("course", course, "make room")


def _settings(course: Path) -> Finding:
    from autoencoder_grader.nbgrader_steps.nbgrader_api import CONFIG_FILE, open_api

    try:
        open_api(course)
    except CourseError as error:
        return Finding(CONFIG_FILE, "broken", str(error), "compare it with the course's own: git diff")
    return Finding(CONFIG_FILE, "ok", str(course / CONFIG_FILE))


def _gradebook(course: Path) -> Finding:
    from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
    from autoencoder_grader.nbgrader_steps.new_gradebook import newest_version
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
    newest = newest_version()
    if have != newest:
        found = f"{shown}: schema {have}, nbgrader needs {newest}"
        return Finding("gradebook", "broken", found, "make a copy, then: nbgrader db upgrade")
    return Finding("gradebook", "ok", f"{shown}: opens, can be written to, {graded} submissions")
