"""nbgrader's own API, set up for a course folder and told to keep its log to itself."""

import os
import re
import shutil
import sysconfig
import warnings
from datetime import datetime
from pathlib import Path

from autoencoder_helpers.errors import CourseError
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

# About the order in which nbgrader builds its own objects; nothing that a reader could act on.
warnings.filterwarnings("ignore", category=SAWarning, module=r"nbgrader\.")

CONFIG_FILE = "nbgrader_config.py"


def open_api(course: Path, **sections: dict) -> NbGraderAPI:
    """Return nbgrader's API for the course in `course`, configured by its nbgrader_config.py.

    sections: settings that win over the file, as CourseDirectory={"db_url": ...}.
    Raises CourseError when the file is missing or does not run.
    """
    try:
        config = PyFileConfigLoader(CONFIG_FILE, path=str(course)).load_config()
    except ConfigFileNotFound as error:
        raise CourseError(f"{course} is not a course: it has no {CONFIG_FILE}") from error
    except Exception as error:
        raise CourseError(f"{course / CONFIG_FILE} does not run: {type(error).__name__}: {error}") from error
    config.merge(Config({"CourseDirectory": {"root": str(course.resolve())}}))
    for section, settings in sections.items():
        config[section].update(settings)
    return NbGraderAPI(config=config, coursedir=CourseDirectory(config=config))


def has_gradebook(api: NbGraderAPI) -> bool:
    """Say whether there is a gradebook already; nbgrader would make an empty one by opening it."""
    address = make_url(api.coursedir.db_url)
    return address.get_backend_name() != "sqlite" or Path(address.database or "").is_file()


def make_alembic_reachable() -> None:
    """Put this Python's scripts on the PATH when `alembic` is not there.

    nbgrader calls the command `alembic` when it makes a gradebook, and fails where the virtual environment
    was not activated, as when make or a task scheduler calls our command by its path.
    """
    if shutil.which("alembic") is None:
        os.environ["PATH"] = os.pathsep.join(
            [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
        )


def folder_of(api: NbGraderAPI, step: str) -> Path:
    """Return the folder of a step: "source", "release", "submitted", "autograded" or "feedback"."""
    return Path(api.coursedir.root) / getattr(api.coursedir, f"{step}_directory")


def write_log(log_file: Path, heading: str, result: dict) -> None:
    """Append what nbgrader said in one of its API calls to `log_file`."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    # It names files, whose names need not be text.
    with log_file.open("a", encoding="utf-8", errors="replace") as log:
        log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {heading}\n")
        log.write(f"{result.get('log', '')}{result.get('error', '')}\n")


def expect_no_interrupt(result: dict) -> None:
    """Raise KeyboardInterrupt when that is what ended an API call: nbgrader's API catches everything."""
    # Only the end of the text counts: what comes before it can be a learner's.
    if re.search(r"^KeyboardInterrupt:?\s*\Z", result.get("error", ""), re.M):
        raise KeyboardInterrupt


def reason(result: dict) -> str:
    """Return the cause of an API call's failure in one line: the last exception that nbgrader logged.

    nbgrader answers with its whole log, in which the exception that matters is followed by others of its own.
    """
    lines = re.findall(
        r"^\s*(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt|Entry|Exit|Failed|Missing)): (.+)$", result.get("log", ""), re.M
    )
    lines = lines or re.findall(r"^\s*(?:[\w.]+\.)?(\w+): (.+)$", result.get("error", ""), re.M)
    if not lines:
        return "nbgrader gave no reason"
    name, text = lines[-1]
    return text if name in ("CourseError", "ScoringFailed", "DataMissing") else f"{name}: {text}"
