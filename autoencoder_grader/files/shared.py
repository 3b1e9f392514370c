"""A course folder that several people share by a group: what one of them makes in it, the others may use, too.

Only a folder that its group may write to is shared. One that the group may merely read is not: its group may be all users
of the machine, and the secret is none of theirs.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path


def is_shared(course: Path) -> bool:
    """Whether the group of a course's folder may write to it."""
    return os.name == "posix" and bool(course.stat().st_mode & stat.S_IWGRP)


@contextlib.contextmanager
def as_in(course: Path) -> Iterator[None]:
    """Make files and folders, in a ``with`` block, so that the group of a shared course may write to them."""
    if not is_shared(course):
        yield
        return
    before = os.umask(0o002)
    try:
        yield
    finally:
        os.umask(before)


def follow(course: Path, places: Iterable[Path]) -> None:
    """Give what this user has made at these places and below them the group of a shared course, and its rights."""
    if not is_shared(course):
        return
    group, own = course.stat().st_gid, os.geteuid()
    for place in places:
        for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
            with contextlib.suppress(OSError):  # it has gone meanwhile, or this user is not of the group
                status = path.lstat()
                if status.st_uid != own or not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
                    continue
                if status.st_gid != group:
                    os.chown(path, -1, group)
                mode = stat.S_IMODE(status.st_mode) | (0o2070 if stat.S_ISDIR(status.st_mode) else 0o060)
                if mode != stat.S_IMODE(path.lstat().st_mode):  # a change of the group may have taken some away
                    path.chmod(mode)
