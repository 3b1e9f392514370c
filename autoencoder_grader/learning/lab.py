"""A learner's own copy of the chapters in work/, and JupyterLab on it."""

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from autoencoder_helpers.errors import CourseError

#: Settings of a learner's JupyterLab: nbgrader's button Validate waits for a training (by itself, 30 s a cell), and what
#: makes and grades assignments is not offered.
SETTINGS = Path(__file__).with_name("data") / "lab"
#: Remembers, for each file in work/, the SHA-256 of the released file that it was copied from.
RECORD = ".copied_from.json"


def prepare_work(release: Path, work: Path) -> list[str]:
    """Copy the released chapters to `work` where they are not there yet, and tell what happened.

    release: folder with one folder a chapter, as nbgrader makes it (notebooks/).
    work: the learner's folder; made if need be. A file that is there is never overwritten.
    Returns the lines to show: chapters that were copied, and chapters whose release has changed since then.
    Raises CourseError when there is no released chapter, or `work` cannot be written.
    """
    chapters = sorted(path.parent for path in release.glob("*/*.ipynb"))
    if not chapters:
        raise CourseError(f"no chapters in {release}; make them with: autoencoder-course release")
    lines = []
    try:
        work.mkdir(parents=True, exist_ok=True)
        record = _read_record(work)
        for chapter in dict.fromkeys(chapters):
            copied, changed = _copy_missing(chapter, release, work, record)
            if copied:
                lines.append(f"copied {chapter.name} to {work / chapter.name}")
            if changed:
                lines.append(
                    f"{chapter.name}: the release has changed since your copy ({', '.join(changed)}); "
                    f"yours is kept. To get the new one, rename {work / chapter.name} and run this again"
                )
        (work / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
    except OSError as error:
        raise CourseError(f"cannot copy the chapters to {work}: {error}") from error
    return lines


def chapter_notebooks(work: Path) -> list[Path]:
    """The chapters' notebooks in a learner's folder, in order; not what else lies there."""
    return [path for path in sorted(work.glob("*/*.ipynb")) if path.stem == path.parent.name]


def to_go_on_with(work: Path) -> Path | None:
    """The learner's notebook that was saved last; the first chapter if none has been changed; None without chapters."""
    record, notebooks = _read_record(work), chapter_notebooks(work)
    begun = [path for path in notebooks if record.get(path.relative_to(work).as_posix()) != _sha256(path)]
    return max(begun, key=lambda path: path.stat().st_mtime, default=notebooks[0] if notebooks else None)


def _copy_missing(chapter: Path, release: Path, work: Path, record: dict[str, str]) -> tuple[list[str], list[str]]:
    """Copy what one chapter lacks in `work`; return the names copied and the names whose release changed."""
    copied, changed = [], []
    for source in sorted(path for path in chapter.rglob("*") if path.is_file()):
        relative = source.relative_to(release)
        if any(part.startswith(".") for part in relative.parts):
            continue  # .ipynb_checkpoints and the like
        target, key, digest = work / relative, relative.as_posix(), _sha256(source)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            # Under another name first: a copy cut short must not pass for the learner's notebook next time.
            partial = target.with_name(target.name + ".partial")
            shutil.copyfile(source, partial)
            partial.replace(target)
            record[key] = digest
            copied.append(source.name)
        elif _sha256(target) == digest:
            record[key] = digest
        elif record.get(key, digest) != digest:
            changed.append(source.name)
    return copied, changed


def _read_record(work: Path) -> dict[str, str]:
    """Return which release each file came from; nothing known when the record is missing or damaged."""
    try:
        record = json.loads((work / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def jupyterlab_command(
    work: Path, browser: bool = True, port: int | None = None, options: Sequence[str] = ()
) -> list[str]:
    """Return the command that opens JupyterLab on `work` with the Python that runs now.

    It opens with the notebook `to_go_on_with`. browser: whether one opens too. port: JupyterLab's own choice if None.
    options: more of JupyterLab's.
    """
    command = [
        sys.executable, "-m", "jupyterlab",
        f"--ServerApp.root_dir={work.resolve()}",
        "--ServerApp.jpserver_extensions={'autoencoder_grader.learning.saving': True}",
    ]  # fmt: skip
    first = to_go_on_with(work)
    if first:
        command.append(f"--LabApp.default_url=/lab/tree/{quote(first.relative_to(work).as_posix())}")
    if not browser:
        command.append("--no-browser")
    if port is not None:
        command.append(f"--port={port}")
    return [*command, *options]


def open_jupyterlab(work: Path, browser: bool = True, port: int | None = None, options: Sequence[str] = ()) -> int:
    """Run JupyterLab on `work` until it is shut down; return its exit code (see jupyterlab_command).

    Raises CourseError where this Python has none.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(
            f"JupyterLab is missing in the Python of {sys.prefix}: {sys.executable} -m pip install jupyterlab"
        )
    places = [str(SETTINGS), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    environment = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(places)}
    server = subprocess.Popen(jupyterlab_command(work, browser, port, options), cwd=work, env=environment)
    # Ctrl-C belongs to JupyterLab, which asks whether to stop; without this, we would end under it.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return server.wait()
    except KeyboardInterrupt:  # a SIGTERM, which came to us alone
        server.terminate()
        return server.wait()
    finally:
        signal.signal(signal.SIGINT, previous)
