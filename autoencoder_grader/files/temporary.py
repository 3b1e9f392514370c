"""Temporary folders that do not stay for ever when the process that made them is killed.

Their names say who made them: `grading-<process ids that belong together>-<process id>-...`. Whoever grades next on
this machine removes those whose process has ended.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil
from autoencoder_helpers.errors import CourseError

_SHORT = ("/tmp", "/var/tmp")
_LONGEST = 14  # what two folders with names as below, and a socket in them, leave of 107
_NAME = re.compile(r"grading-(\d+)-(\d+)-")


def prefix() -> str:
    """What the name of a temporary folder of this process begins with; for `prefix` in the module tempfile."""
    return f"grading-{_namespace()}-{os.getpid()}-"


def folder(where: Path | str | None = None) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder for a `with` block; should this process be killed, the next grading removes it.

    where: the folder to make it in; None: the usual one.
    """
    return tempfile.TemporaryDirectory(prefix=prefix(), dir=where)


def folder_that_stays(where: Path | str | None = None) -> Path:
    """A temporary folder that stays until who asked for it removes it, or someone grades when this process has ended."""
    return Path(tempfile.mkdtemp(prefix=prefix(), dir=where))


@functools.cache
def short_folder() -> str:
    """A folder for temporary files with a short name, whatever TMPDIR says.

    The path of a socket may have 107 characters. Raises CourseError where none can be written to.
    """
    folders = [*_SHORT, *(folder for folder in (tempfile.gettempdir(),) if len(folder) <= _LONGEST)]
    for folder in folders:
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise CourseError(
        f"none of {', '.join(folders)} can be written to: grading needs a temporary folder with a short name; "
        f"make one of them writable, or set TMPDIR to a folder whose path has at most {_LONGEST} characters"
    )


def remove(folder: Path | str) -> None:
    """Remove a folder in which a learner's code may have made whatever it likes; what cannot be removed stays."""
    try:
        shutil.rmtree(folder)
    except RecursionError:  # folders deeper than Python follows
        subprocess.run(["rm", "-rf", "--", str(folder)], capture_output=True, check=False)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders of processes that have ended without removing them."""
    for parent in {tempfile.gettempdir(), *_SHORT}:
        for folder in Path(parent).glob("grading-*-*"):
            made_by = _NAME.match(folder.name)
            # In another container, sharing this folder, the same number is another process.
            if made_by and int(made_by[1]) == _namespace() and not psutil.pid_exists(int(made_by[2])):
                remove(folder)


def _namespace() -> int:
    """The number of the namespace to which this machine's, or this container's, process ids belong; 0 elsewhere."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
