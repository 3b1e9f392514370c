"""Where this Python, its packages and the helpers lie: what a sandbox must show, and what must not lie in there.

A machine can have these anywhere: below /tmp or /dev/shm, behind links, in a home folder, in the course itself.
"""

from __future__ import annotations

import os
import site
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import autoencoder_helpers
from autoencoder_helpers.errors import CourseError

#: The system's programs and libraries: shown as they are, wherever Python is.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
#: What each sandbox with namespaces has of its own: whatever of ours lies there is shown in it once more.
OWN = ("/tmp", "/dev/shm")
_OF_PACKAGES = ("site-packages", "dist-packages")
_ROOT = Path("/")


def python_places() -> list[Path]:
    """The folders of this Python, of its packages and of the helpers, none inside another.

    A few are files: what the name of this Python is a link to, where that lies in none of the folders.
    """
    helpers = Path(autoencoder_helpers.__file__).parent
    places = {Path(place) for place in (sys.prefix, sys.base_prefix, sys.base_exec_prefix)} | {helpers}
    places |= {Path(folder) for folder in site.getsitepackages()}
    # Packages of this user's alone, or those that a .pth file or PYTHONPATH names. Other entries may hold anything,
    # as the course's own folder does.
    places |= {Path(folder) for folder in sys.path if _is_of_packages(Path(folder))}
    places |= set(_links(Path(sys.executable)))
    places = {Path(os.path.abspath(place)) for place in places}
    places |= {Path(os.path.realpath(place)) for place in places}
    places.discard(_ROOT)  # of a Python in /bin; the system is shown anyway
    system = [Path(name) for name in SYSTEM]
    return sorted(
        place
        for place in places
        if place.exists() and not any(place.is_relative_to(other) for other in [*system, *(places - {place})])
    )


def _is_of_packages(folder: Path) -> bool:
    """Whether packages were installed into a folder: by its name, or as pip leaves a record of each one, elsewhere too.

    Not the folder with the helpers, which may be the course's own: of that the helpers alone are shown.
    """
    if folder.name in _OF_PACKAGES:
        return True
    own = Path(autoencoder_helpers.__file__).resolve().parent.parent
    return (
        folder.is_absolute() and folder.resolve() != own and next(folder.glob("*.dist-info/RECORD"), None) is not None
    )


def _links(program: Path) -> Iterator[Path]:
    """What a program is a link to, step by step, and the program itself."""
    seen: set[Path] = set()
    while program not in seen:
        seen.add(program)
        yield program
        if program.is_symlink():
            program = Path(os.path.realpath(program.parent), os.readlink(program))


def own_paths() -> dict[str, str]:
    """The variables by which a Python without any others finds the same packages and the same helpers."""
    variables = {}
    helpers = Path(autoencoder_helpers.__file__).parent.parent
    # In front of all: not a folder of packages, in which one may have the name of one of Python's own modules.
    if helpers.name not in _OF_PACKAGES:
        variables["PYTHONPATH"] = str(helpers)
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    packages = [os.path.abspath(folder) for folder in named if _is_of_packages(Path(folder))]
    if packages:
        variables["PYTHONPATH"] = os.pathsep.join([*filter(None, [variables.get("PYTHONPATH")]), *packages])
    if site.ENABLE_USER_SITE and site.getusersitepackages() in sys.path:
        variables["PYTHONUSERBASE"] = site.getuserbase()
    return variables


def libraries() -> dict[str, str]:
    """The variable by which this Python finds its own libraries, where it was told where they lie; else nothing."""
    named = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    found = [os.path.abspath(folder) for folder in named if folder]
    shown = [folder for folder in found if any(Path(folder).is_relative_to(place) for place in python_places())]
    return {"LD_LIBRARY_PATH": os.pathsep.join(shown)} if shown else {}


def free_name(name: str) -> str:
    """A name for something in the sandbox: `name`, or another one where Python lies there or below."""
    places = python_places()
    candidate, number = Path(name), 0
    while any(candidate.is_relative_to(place) or place.is_relative_to(candidate) for place in places):
        number += 1
        candidate = Path(f"/autoencoder-course-{number}", *Path(name).parts[1:])
    return str(candidate)


def in_own(place: Path) -> bool:
    """Whether a place lies where each sandbox has a folder of its own."""
    return any(place.is_relative_to(folder) for folder in OWN)


def expect_hidden(course: Path, named: Mapping[str, Path]) -> None:
    """Raise CourseError, one line, if a sandbox would show what it must hide: the course, temporary files, a home.

    named: folders that submissions may read, by the variable that names them.
    """
    course = course.resolve()
    temporary = {Path(folder).resolve() for folder in (tempfile.gettempdir(), "/tmp")}
    home = Path(os.path.expanduser("~")).resolve()
    for place in [*(Path(name).resolve() for name in SYSTEM), *python_places()]:
        if course.is_relative_to(place):
            raise CourseError(
                f"{course} lies in {place}, which submissions can read: move the course to a folder of its own, "
                "outside the Python environment"
            )
        _expect_outside(place, temporary, "set TMPDIR to another folder, or install Python in a folder of its own")
        if str(place) not in SYSTEM and not _is_system(place):
            remedy = "install Python, or make its environment, in a folder of its own"
            _expect_outside(place, {*map(Path, OWN), home}, remedy)
    for variable, place in named.items():
        remedy = f"set {variable} to a folder of its own"
        _expect_outside(place, {course, home, *temporary, *map(Path, OWN)}, remedy)


def _expect_outside(place: Path, hidden: Iterable[Path], remedy: str) -> None:
    place = place.resolve()
    for folder in sorted(hidden):
        if folder != _ROOT and folder.is_relative_to(place):
            what = f"{folder} lies in {place}, which" if folder != place else f"{folder}"
            raise CourseError(f"{what} submissions could read: {remedy}")


def _is_system(place: Path) -> bool:
    return any(place == Path(name).resolve() for name in SYSTEM)
