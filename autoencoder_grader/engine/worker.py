"""The worker's side: grades one submission exactly as `nbgrader autograde` and `generate_feedback` do.

For that it has a course folder of its own, with the settings of the real course, its secret, the released cells and
nothing else; what comes back are the scores that nbgrader wrote there, and the folders that it made.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
from autoencoder_grader.engine.bundle import contents, pack, unpack
from autoencoder_grader.engine.orders import CourseCopy, Given, Graded, InfrastructureFault, Order, digest
from autoencoder_grader.engine.training_seen import training_of
from autoencoder_grader.files import temporary
from autoencoder_grader.kernels import fork_server, sandbox, trial
from autoencoder_grader.kernels.fork_server import Address
from autoencoder_grader.kernels.workplace import plain_files
from autoencoder_grader.nbgrader_steps import execution
from autoencoder_grader.nbgrader_steps.harmless import quoted
from autoencoder_grader.nbgrader_steps.nbgrader_api import (
    CONFIG_FILE,
    call,
    folder_of,
    make_alembic_reachable,
    open_api,
    reason,
    warnings_of_nbformat,
)
from autoencoder_grader.nbgrader_steps.outcome import KEY
from autoencoder_grader.nbgrader_steps.recognition import without_outputs
from autoencoder_grader.scoring.private_data import write_secret
from autoencoder_helpers import load_mnist
from autoencoder_helpers.errors import CourseError
from nbgrader.api import Gradebook
from nbgrader.utils import rmtree

_TRIES = 2
_SECONDS_BETWEEN_REPORTS = 2.0
_STEPS = ("submitted", "autograded", "feedback")
#: How the line of an error in nbgrader's log begins when a submission is not at fault. What a learner's text says, which
#: can be quoted in one, is none.
_FAULT = re.compile(
    r"^ *(?:[\w.]+\.)?(?:(?:ScoringFailed|NoSandbox): |OSError: \[Errno \d+\] No space left on device"
    r"|OperationalError: .*(?:database is locked|disk I/O error))",
    re.MULTILINE,
)
_DATA_MISSING = re.compile(r"^ *(?:[\w.]+\.)?DataMissing: ", re.MULTILINE)
_folders: dict[str, Path] = {}


def get_ready(copy: CourseCopy, kernels: Address | None = None) -> str:
    """Start what grading needs here: kernels and the scoring process.

    kernels: a fork server of this machine that this worker joins; None: it has one of its own.
    Returns why submissions cannot be graded here, in one line; "" if they can.
    """
    if kernels is not None:
        fork_server.join(kernels)
    settings = copy.settings.get("SealedExecute", {})
    trusted = settings.get("trust_submissions", False)
    try:
        course = _course_folder(copy)
        if sandbox.require(trusted):
            sandbox.expect_hidden(course)
        load_mnist()
        # It imports while kernels are tried out. Where it fails, grading tries again.
        with contextlib.suppress(execution.ScoringFailed):
            execution.scoring_process(course, settings.get("more_seeds", 0), course / ".grading" / "scoring.log")
        trial.require(trusted, course / ".grading" / "kernels.log")
    except CourseError as error:
        return str(error)
    return ""


def grade_order(order: Order, report: Callable[[dict], None] = lambda event: None) -> Graded:
    """Grade one submission.

    report: called now and then with what goes on, as {"cell": 3, "cells": 20, "id": "build-encoder", "detail": ""}.
    Raises InfrastructureFault where the machine, not the submission, is at fault.
    """
    with warnings_of_nbformat() as warned:
        graded = _graded(order, report)
    if warned:
        graded = replace(graded, log="\n".join([f"{datetime.now():%Y-%m-%d %H:%M:%S} {order}", *warned, graded.log]))
    return graded


def _graded(order: Order, report: Callable[[dict], None]) -> Graded:
    started = time.monotonic()
    if digest(order.files) != order.sha256:
        raise InfrastructureFault("the submission was damaged on its way to the worker")
    course = _course_folder(order.course)
    _lay_out(course, order)
    watcher = _Watcher(report)
    sections = {name: dict(values) for name, values in order.course.settings.items()}
    sections["SealedExecute"] = {
        **sections.get("SealedExecute", {}),
        "on_cell_start": lambda cell, cell_index: watcher.cell(cell_index, cell.get("id", "")),
        "on_workplace": lambda folder: watcher.begin(folder),
    }
    sections["CourseDirectory"] = {"db_url": _url(course)}
    api = open_api(course, **sections)
    notebook = folder_of(api, "submitted") / order.student / order.assignment / f"{order.assignment}.ipynb"
    watcher.cells = len(nbformat.read(notebook, as_version=4).cells)
    names, log, unseen = (order.student, order.assignment, order.sha256), "", ()
    with watcher:
        for step in (api.autograde, api.generate_feedback):
            failure, said = _run(step, order)
            log += said
            if failure and step == api.generate_feedback:  # its points stand, whether a page tells of them or not
                unseen = (f"it has no feedback page, which nbgrader could not write: {quoted(failure)}",)
            elif failure:
                why = (f"{step.__name__}: {failure}",)
                took = time.monotonic() - started
                return Graded(*names, "invalid", why, seconds=took, log=log)
            if step == api.autograde and order.given.keep:
                _keep_scores(api, order)
    graded = _read_back(api, order, time.monotonic() - started, log)
    return replace(graded, notes=(*graded.notes, *unseen))


def _run(step, order: Order) -> tuple[str, str]:
    """(why a step of nbgrader's failed or "", its log). Raises InfrastructureFault, KeyboardInterrupt."""
    said = ""
    for _ in range(_TRIES):  # a scoring process that failed is nobody's wrong answer: once more, with a new one
        result = call(step, order.assignment, order.student, force=True)
        text = result.get("log", "") + result.get("error", "")
        said += f"{datetime.now():%Y-%m-%d %H:%M:%S} {step.__name__} {order}\n{text}\n"
        if result["success"]:
            return "", said
        if _DATA_MISSING.search(text):
            raise InfrastructureFault(reason(result), again=False)
        if not _FAULT.search(text):
            return reason(result), said
    raise InfrastructureFault(reason(result))


def _course_folder(copy: CourseCopy) -> Path:
    """The folder of a course on this worker; the scoring process that serves it stays warm with it."""
    key = hashlib.sha256(f"{copy.secret:x}\n{copy.config}".encode()).hexdigest()
    if key not in _folders or not _folders[key].is_dir():
        make_alembic_reachable()
        temporary.remove_abandoned()
        folder = temporary.folder_that_stays()
        (folder / "solutions").mkdir()
        (folder / CONFIG_FILE).write_text(copy.config, encoding="utf-8")
        write_secret(folder, copy.secret)
        _folders[key] = folder
    return _folders[key]


@atexit.register
def remove_all() -> None:
    """Remove the folders of all courses on this worker."""
    for folder in _folders.values():
        shutil.rmtree(folder, ignore_errors=True)


def _url(course: Path) -> str:
    return f"sqlite:///{course / 'gradebook.db'}"


def _lay_out(course: Path, order: Order) -> None:
    for name in _STEPS:
        if (course / name).exists():
            rmtree(str(course / name))
    (course / "gradebook.db").write_bytes(order.course.gradebook)
    try:
        unpack(order.files, course / "submitted" / order.student / order.assignment)
    except ValueError as error:
        raise InfrastructureFault(f"the submission was damaged before it was sent: {error}") from error
    notebook = course / "submitted" / order.student / order.assignment / f"{order.assignment}.ipynb"
    notebook.write_bytes(without_outputs(notebook.read_bytes()))
    _enter(course, order, order.given)


def _enter(course: Path, order: Order, given: Given) -> None:
    """Write into the worker's gradebook what people have entered in the real one."""
    gradebook = Gradebook(_url(course))
    try:
        if given.due:
            gradebook.update_or_create_assignment(order.assignment, duedate=given.due)
        if not (given.grades or given.comments or given.extension):
            return
        gradebook.add_student(order.student)
        submission = gradebook.add_submission(order.assignment, order.student)
        submission.extension = None if given.extension is None else timedelta(seconds=given.extension)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.manual_score, grade.extra_credit = given.grades.get(grade.name, (None, None))
            for comment in notebook.comments:
                comment.manual_comment = given.comments.get(comment.name)
        gradebook.db.commit()
    finally:
        gradebook.close()
        gradebook.engine.dispose()


def _keep_scores(api, order: Order) -> None:
    """Put the automatic scores back that are to stay."""
    with api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook(order.assignment, order.assignment, order.student)
        for grade in notebook.grades:
            if grade.name in order.given.keep:
                grade.auto_score = order.given.keep[grade.name]
        gradebook.db.commit()


def _read_back(api, order: Order, seconds: float, log: str) -> Graded:
    folders = {step: folder_of(api, step) / order.student / order.assignment for step in ("autograded", "feedback")}
    path = folders["autograded"] / f"{order.assignment}.ipynb"
    told = nbformat.read(path, as_version=4).metadata.get(KEY, {})
    changed, unchanged = _compared(folders["autograded"], contents(order.files))
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(order.assignment, order.student)
        notebook = gradebook.find_submission_notebook(order.assignment, order.assignment, order.student)
        return Graded(
            order.student,
            order.assignment,
            order.sha256,
            told.get("status", "graded"),
            tuple(told.get("notes", [])),
            notices=tuple(told.get("notices", [])),
            grades={grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in notebook.grades},
            comments={comment.name: comment.auto_comment for comment in notebook.comments},
            timestamp=submission.timestamp.isoformat() if submission.timestamp else None,
            penalty=notebook.late_submission_penalty,
            autograded=pack(folders["autograded"], changed),
            feedback=pack(folders["feedback"]),
            unchanged=unchanged,
            seconds=seconds,
            processor_seconds=told.get("processor_seconds"),
            memory=told.get("memory"),
            log=log,
            sandbox=told.get("sandbox", ""),
        )


def _compared(folder: Path, before: dict[str, bytes]) -> tuple[list[Path], tuple[str, ...]]:
    """(the files below a folder that are new or other than before, the names of those that are the same)."""
    changed, unchanged = [], []
    for path in plain_files(folder):
        name = os.fspath(path.relative_to(folder))
        same = name in before and path.stat().st_size == len(before[name]) and path.read_bytes() == before[name]
        if same:
            unchanged.append(name)
        else:
            changed.append(path)
    return changed, tuple(unchanged)


class _Watcher:
    """Tells every few seconds which cell runs, and how far its training is."""

    def __init__(self, report: Callable[[dict], None]):
        self._report = report
        self._now: dict = {}
        self._home: Path | None = None
        self._since = time.time()
        self._ended = threading.Event()
        self.cells = 0

    def __enter__(self) -> _Watcher:
        threading.Thread(target=self._tell, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()

    def begin(self, home: Path) -> None:
        """The notebook is about to run in the folder `home`."""
        self._home = home

    def cell(self, index: int, name: str) -> None:
        """A cell, counted from 0, begins."""
        self._now, self._since = {"cell": index + 1, "cells": self.cells, "id": str(name)}, time.time()

    def _tell(self) -> None:
        told = None
        while not self._ended.wait(_SECONDS_BETWEEN_REPORTS):
            event = dict(self._now)
            if event and self._home:
                event["detail"] = training_of(self._home, self._since)
            if event and event != told:
                self._report(json.loads(json.dumps(event)))
                told = event
