"""For tests of what goes wrong: a class graded by the command as people run it, and all that came of it, to compare.

AUTOENCODER_FAULTS=long runs the long versions; CONTRIBUTING.md names the single ones.
"""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest
from autoencoder_grader.engine import journal
from autoencoder_grader.files import temporary
from autoencoder_grader.nbgrader_steps.nbgrader_api import open_api
from tiny_class import ROUNDS_DOWN

# The tiny courses are those of the grader's tests.
_PATH = Path(__file__).parents[1] / "autoencoder_grader" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("tiny_courses", _PATH)
_tiny = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_tiny)
one_scoring_process, empty_gradebook = _tiny.one_scoring_process, _tiny.empty_gradebook
notebook, tiny_course, graded_course = _tiny.notebook, _tiny.tiny_course, _tiny.graded_course

#: What the students of a class hand in, again and again: sources of cells.
ANSWERS = ({}, {"write_sides": ROUNDS_DOWN}, {"train_net": "beta = undefined_name"}, {"train_net": "beta = 0.0006"})
#: What differs between two runs that grade alike: times, and what was measured.
_DIFFERS = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:[Z+][\d:]*)?|(?<=\"processor_seconds\": )[\d.]+|(?<=\"memory\": )\d+"
    r"|(?<=0x)[0-9a-f]{6,}"
)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: hours; runs only with AUTOENCODER_FAULTS=long")


def pytest_collection_modifyitems(items):
    if os.environ.get("AUTOENCODER_FAULTS") != "long":
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes hours: set AUTOENCODER_FAULTS=long"))


@pytest.fixture(scope="session")
def number():
    """number(name, quick): how often something is done: what the environment variable says, else `quick`."""
    return lambda name, quick: int(os.environ.get(name, quick))


@pytest.fixture(scope="session")
def make_class(tiny_course, empty_gradebook):
    """make_class(folder, students): a course in which so many have handed in the tiny chapter."""

    def make(folder, students):
        folder.mkdir(parents=True, exist_ok=True)
        course = tiny_course(folder, empty_gradebook)
        for number in range(students):
            answers = ANSWERS[number % len(ANSWERS)]
            course.hand_in(f"student{number:02d}", "01_tiny", _tiny._tiny_notebook("tiny", **answers))
        return course

    return make


@pytest.fixture(scope="session")
def all_of():
    """all_of(course): scores, statuses, pages, notebooks and grades.csv, without times."""
    return _all_of


def _all_of(course: Path) -> dict:
    with open_api(course).gradebook as gradebook:
        found = {
            "scores": {
                (submission.student_id, submission.assignment.name, grade.name): (
                    grade.auto_score,
                    grade.manual_score,
                    grade.extra_credit,
                    bool(grade.needs_manual_grade),
                )
                for submission in _submissions(gradebook)
                for notebook in submission.notebooks
                for grade in notebook.grades
            },
            "submissions": sorted((s.student_id, s.assignment.name) for s in _submissions(gradebook)),
            "comments": sorted(
                (submission.student_id, comment.name, comment.auto_comment, comment.manual_comment)
                for submission in _submissions(gradebook)
                for notebook in submission.notebooks
                for comment in notebook.comments
            ),
            "journal": {
                key: (entry.fingerprint, entry.status, entry.notes) for key, entry in journal.entries(gradebook).items()
            },
        }
    for path in sorted([*course.glob("feedback/**/*"), *course.glob("autograded/**/*")]):
        if path.suffix in (".html", ".ipynb"):
            found[path.relative_to(course).as_posix()] = _DIFFERS.sub("…", _text(path))
        elif path.is_file():
            found[path.relative_to(course).as_posix()] = None
    found["grades.csv"] = _DIFFERS.sub("…", (course / "grades.csv").read_text(encoding="utf-8"))
    return found


def _submissions(gradebook):
    return [submission for assignment in gradebook.assignments for submission in assignment.submissions]


def _text(path):
    if path.suffix == ".html":
        return path.read_text(encoding="utf-8")
    read = nbformat.read(path, as_version=4)
    for cell in read.cells:
        cell.metadata.pop("execution", None)
    return json.dumps(read, sort_keys=True, indent=1)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, make_class):
    """undisturbed(students): the course of a class before it is graded, and all that comes of grading it."""
    from autoencoder_grader.engine.grading import grade

    made = {}

    def get(students):
        if students not in made:
            before = make_class(tmp_path_factory.mktemp("class") / "before", students).folder
            (before / ".grading").mkdir()
            from autoencoder_grader.scoring.private_data import secret_seed

            secret_seed(before)  # so that all copies have the same private data
            after = before.parent / "after"
            shutil.copytree(before, after)
            report = grade(after, trusted=True)
            assert report.exit_code == 0 and len(report.graded) == students
            made[students] = before, _all_of(after)
        return made[students]

    return get


class Grading:
    """The command `grade` as a process of its own session, and all processes that descend from it.

    folder: for its temporary files.
    """

    def __init__(self, course: Path, folder: Path, *options: str, environment=None):
        folder.mkdir(exist_ok=True)
        self._folder, self._mark = folder, f"AUTOENCODER_FAULTS_MARK={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self._output = (folder.parent / f"{folder.name}.log").open("a+b")
        self._began = self._output.tell()
        # Where Ctrl-C is ignored, as in what a shell runs in the background, it is ignored by what starts there, too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "autoencoder_grader.cli",
                    "--course",
                    str(course),
                    "grade",
                    *options,
                    "--i-trust-these-submissions",
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, name: value, "TMPDIR": str(folder), **(environment or {})},
            )
        finally:
            signal.signal(signal.SIGINT, before)
        self._seen: dict[int, psutil.Process] = {}

    def output(self) -> str:
        """What it has printed so far."""
        self._output.seek(self._began)
        return self._output.read().decode(errors="replace")

    def ended(self) -> int | None:
        """The exit code, if it has ended."""
        return self._process.poll()

    def wait(self, seconds=900) -> int:
        """The exit code."""
        end = time.monotonic() + seconds
        while self.ended() is None:
            assert time.monotonic() < end, self.output()
            self.processes()
            time.sleep(0.2)
        return self.ended()

    def processes(self) -> list[psutil.Process]:
        """All that descend from the command, and are there now."""
        for process in psutil.process_iter():
            if process.pid in self._seen and self._seen[process.pid] == process:
                continue
            try:
                # One that has lost its parent is known by its environment, one in a sandbox by its parent.
                if process.ppid() in self._seen or self._mark in Path(f"/proc/{process.pid}/environ").read_text(
                    errors="replace"
                ):
                    self._seen[process.pid] = process
            except (psutil.Error, OSError):
                continue
        return [process for process in self._seen.values() if _lives(process)]

    def of_kind(self, kind: str) -> list[psutil.Process]:
        """The processes of a kind: coordinator, worker, scoring, fork server, sandbox."""
        return [process for process in self.processes() if _kind(process, self._process.pid) == kind]

    def kill(self, kind: str, choose, seconds=300) -> bool:
        """Kill one process of a kind, as soon as there is one; say whether there was before the command ended."""
        end = time.monotonic() + seconds
        while self.ended() is None and time.monotonic() < end:
            found = self.of_kind(kind)
            if found:
                victim = choose(found)
                try:
                    victim.kill()
                    return True
                except psutil.NoSuchProcess:
                    continue
            time.sleep(0.02)
        return False

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def expect_nothing_left(self, seconds=20) -> None:
        """No process of it is left after a while; raises AssertionError."""
        end = time.monotonic() + seconds
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)
        assert not [(process.pid, process.cmdline()) for process in self.processes()]

    def expect_no_folder_left(self) -> None:
        """No temporary folder of it is left; raises AssertionError."""
        left = [path.name for path in self._folder.iterdir()]
        pids = {str(pid) for pid in self._seen} | {str(self._process.pid)}
        left += [path.name for path in Path("/tmp").glob("grading-*-*-*") if path.name.split("-")[2] in pids]
        assert not left

    def close(self) -> None:
        """End whatever is left."""
        for process in self.processes():
            try:
                process.kill()
            except psutil.Error:
                continue
        self._process.wait()
        self._output.close()


def _lives(process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _kind(process, coordinator) -> str:
    try:
        command = " ".join(process.cmdline())
        if process.pid == coordinator:
            return "coordinator"
        if "scoring.worker" in command or process.name() == "scoring":  # started anew, or forked
            return "scoring"
        if "spawn_main" in command:
            return "worker"
        if "forking" in command and not command.startswith(("bwrap", "setpriv")):
            above = " ".join(psutil.Process(process.ppid()).cmdline())
            return "fork server" if above.startswith("bwrap") else "sandbox"
    except (psutil.Error, OSError):
        pass
    return ""


@pytest.fixture
def start(tmp_path):
    """start(course, *options): a Grading, ended with the test."""
    running = []

    def begin(course, *options, **more):
        running.append(Grading(course, tmp_path / "temporary", *options, **more))
        return running[-1]

    yield begin
    for grading in running:
        grading.close()
    temporary.remove_abandoned()
