"""Where the course lies on this machine."""

from pathlib import Path

from autoencoder_helpers.errors import CourseError


def is_course(folder: Path) -> bool:
    """Say whether `folder` is the top of a course: nbgrader's settings beside solutions or a release."""
    return (folder / "nbgrader_config.py").is_file() and any(
        (folder / name).is_dir() for name in ("solutions", "notebooks")
    )


def find_course(named: Path | None = None) -> Path:
    """Return the top folder of the course.

    That is the folder `named`, if any; else the nearest one at or above the current folder; else the copy of
    the course that this package was installed from. Raises CourseError when that finds none, as far from any
    copy after an installation that is not editable.
    """
    if named is not None:
        if not is_course(named):
            raise CourseError(f"{named} is no course: no nbgrader_config.py beside solutions/ or notebooks/")
        return named.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parent.parent):
        if is_course(folder):
            return folder
    raise CourseError(
        f"{here} is not inside a copy of the course; "
        "go to the folder that holds nbgrader_config.py, or name it with --course"
    )
