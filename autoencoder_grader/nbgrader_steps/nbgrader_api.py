"""nbgrader's own API, set up for a course folder and told to keep its log to itself."""

import contextlib
import logging
import os
import re
import shutil
import signal
import sysconfig
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from autoencoder_grader.files import shared
from autoencoder_helpers.errors import CourseError
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning
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
    if "optimistic_validation" not in config.Exporter:  # once at the end, and not after each of ten steps
        config.Exporter.optimistic_validation = True
    if shared.is_shared(course) and "groupshared" not in config.CourseDirectory:
        config.CourseDirectory.groupshared = True
    for section, settings in sections.items():
        config[section].update(settings)
    return NbGraderAPI(config=config, coursedir=CourseDirectory(config=config))


@contextlib.contextmanager
def warnings_of_nbformat() -> Iterator[list[str]]:
    """What nbformat warns of in a ``with`` block, in a list that is filled when it ends, instead of on stderr.

    There it would stand between a command's lines, and name a file of nbformat's in place of the notebook.
    """
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        for kind in (MissingIDFieldWarning, DuplicateCellId):
            warnings.simplefilter("always", kind)
        try:
            yield said
        finally:
            said += dict.fromkeys(f"{warning.category.__name__}: {warning.message}" for warning in caught)


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
        os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])


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


def call(step: Callable[..., dict], *arguments, **options) -> dict:
    """nbgrader's answer to a call of its API, as call(api.autograde, assignment, student, force=True).

    Raises KeyboardInterrupt when Ctrl-C came meanwhile. nbgrader's API catches everything, and on its way there an
    interrupt may already have become an error of something that it ended: only the signal itself can be relied on.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # Ctrl-C is for somebody else
        return step(*arguments, **options)
    came = []

    def remember(number, frame):
        came.append(number)
        # Nobody is left to ask for the errors of what the interrupt cuts short, and asyncio would print them.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        return step(*arguments, **options)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if came:
            raise KeyboardInterrupt


def reason(result: dict) -> str:
    """Return the cause of an API call's failure in one line: the last exception that nbgrader logged.

    nbgrader answers with its whole log, in which the exception that matters is followed by others of its own.
    """
    lines = re.findall(
        r"^\s*(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt|Entry|Exit|Failed|Missing|NoSandbox)): (.+)$",
        result.get("log", ""),
        re.M,
    )
    lines = lines or re.findall(r"^\s*(?:[\w.]+\.)?(\w+): (.+)$", result.get("error", ""), re.M)
    if not lines:
        return "nbgrader gave no reason"
    name, text = lines[-1]
    return text if name in ("CourseError", "ScoringFailed", "DataMissing", "NoSandbox") else f"{name}: {text}"
