"""What the doctor finds on hosts that are broken in one way each, and how grading refuses there."""

import json
import os
import shutil
import sqlite3
import sys
import uuid
from pathlib import Path

import pytest
from autoencoder_grader import cli, doctor
from autoencoder_grader.doctor import examine
from autoencoder_grader.kernels import sandbox, trial
from autoencoder_grader.learning import looks
from autoencoder_grader.learning.findings import Finding, able, as_lines
from click.testing import CliRunner

needs_sandbox = pytest.mark.skipif(
    bool(sandbox.trouble_with(sandbox.BUBBLEWRAP)),
    reason="bubblewrap is missing or may not run (Debian: apt-get install bubblewrap)",
)


@pytest.fixture(autouse=True)
def fresh_answers():
    """Forget what was found out about sandboxes."""
    sandbox.trouble_with.cache_clear()
    yield
    sandbox.trouble_with.cache_clear()


@pytest.fixture
def quick(monkeypatch):
    """Leave out what takes long and is the same on all hosts."""
    for module, name in ((looks, "jupyterlab"), (looks, "keras"), (doctor, "_forked_kernels")):
        monkeypatch.setattr(module, name, lambda: Finding("left out", "ok", "", needed=False))
    monkeypatch.setattr(trial, "trouble_with", lambda tier, log: "")


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A function that makes PATH hold these programs alone: name -> script, or the real one's path."""

    def only(**contents):
        folder = tmp_path / "programs"
        folder.mkdir()
        for name, content in contents.items():
            if isinstance(content, Path):
                (folder / name).symlink_to(content)
            else:
                (folder / name).write_text(f"#!/bin/sh\n{content}\n")
                (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return only


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def finding(result, what):
    found = json.loads(result.output)
    assert found["able"] == (result.exit_code == 0)
    return next(entry for entry in found["findings"] if entry["what"] == what)


def no_bubblewrap(programs, **_):
    programs()


def failing_bubblewrap(programs, **_):
    refusal = "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1"
    programs(bwrap=refusal, prlimit="exit 0", setpriv='while [ "$1" != -- ]; do shift; done; shift; exec "$@"')


def no_prlimit(programs, **_):
    programs(bwrap=Path(shutil.which("bwrap") or "/usr/bin/bwrap"))


def no_cache(monkeypatch, **_):
    monkeypatch.setenv("AUTOENCODER_CACHE", "/proc/no/such/folder")


HOSTS = {
    # how it is broken: (what makes it so, the line of the doctor: what, state, found; grading's refusal)
    "no bwrap": (no_bubblewrap, "bubblewrap", "missing", "bwrap", sandbox.NO_SANDBOX),
    "bwrap fails": (failing_bubblewrap, "bubblewrap", "broken", "No permissions", sandbox.NO_SANDBOX),
    "no prlimit": (no_prlimit, "bubblewrap", "missing", "prlimit", sandbox.NO_SANDBOX),
    "no cache": (
        no_cache,
        "cache folder",
        "broken",
        "cannot be written to",
        "Cannot write to the course's cache",
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="makes shell scripts")
@pytest.mark.parametrize("host", HOSTS)
def test_a_broken_host_is_a_line_of_the_doctor_and_one_line_of_grading(
    host, graded_course, notebook, monkeypatch, programs, quick
):
    breaks, what, state, found, refusal = HOSTS[host]
    if host == "no cache" and sandbox.best_tier() != sandbox.BUBBLEWRAP:
        pytest.skip("grading refuses before that")
    monkeypatch.setenv(sandbox.ONLY, sandbox.BUBBLEWRAP)
    breaks(programs=programs, monkeypatch=monkeypatch)
    sandbox.trouble_with.cache_clear()
    result = run("--course", graded_course.folder, "doctor", "--json")
    entry = finding(result, what)
    assert result.exit_code == 1
    assert entry["state"] == state and found in entry["found"] and entry["todo"] and entry["needed"]
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    result = run("--course", graded_course.folder, "grade")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1 and refusal in result.stderr


@needs_sandbox
def test_a_course_where_submissions_can_read_is_such_a_line_too(tiny_course, empty_gradebook, notebook, quick):
    folder = Path(sys.prefix) / "share" / f"course-{uuid.uuid4()}"
    folder.mkdir(parents=True)
    try:
        course = tiny_course(folder, empty_gradebook)
        course.hand_in("ada", "01_tiny", notebook("tiny"))
        result = run("--course", folder, "doctor", "--json")
        assert result.exit_code == 1 and finding(result, "course")["state"] == "broken"
        result = run("--course", folder, "grade")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.count("\n") == 1 and "which submissions can read" in result.stderr
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.name != "posix", reason="makes shell scripts")
def test_where_landlock_takes_over_bubblewrap_is_not_needed(programs, quick, graded_course):
    if sandbox.trouble_with(sandbox.LANDLOCK):
        pytest.skip("this Linux has no Landlock, or none that will do")
    programs()
    sandbox.trouble_with.cache_clear()
    result = run("--course", graded_course.folder, "doctor", "--json")
    assert result.exit_code == 0
    assert finding(result, "bubblewrap")["state"] == "missing" and not finding(result, "bubblewrap")["needed"]
    assert "used" in finding(result, "Landlock")["found"]


def test_here_it_finds_what_the_tests_run_with(graded_course):
    found = {entry.what: entry for entry in examine(graded_course.folder)}
    for what in (
        "Python",
        "packages",
        "Keras",
        "MNIST",
        "cache folder",
        "JupyterLab",
        "nbgrader_config.py",
        "gradebook",
    ):
        assert found[what].state == "ok", found[what]
    forks = found["forked kernels"]
    assert (forks.state == "ok") == (sandbox.best_tier() == sandbox.BUBBLEWRAP) or not forks.needed
    assert "graders fit" in found["workers"].found


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(b"no database" * 1000), "not a database"),
        (lambda path: _execute(path, "UPDATE alembic_version SET version_num = 'old'"), "schema old"),
    ],
)
def test_a_gradebook_that_is_damaged_or_old_is_broken(graded_course, spoil, says):
    spoil(graded_course.folder / "gradebook.db")
    found = doctor._gradebook(graded_course.folder)
    assert found.state == "broken" and says in found.found and found.todo


def test_a_gradebook_that_somebody_else_writes_to_is_not_ready(graded_course):
    with sqlite3.connect(graded_course.folder / "gradebook.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in doctor._gradebook(graded_course.folder).found


def _execute(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_settings_that_do_not_run_are_broken_and_stop_no_other_look(graded_course, quick):
    (graded_course.folder / "nbgrader_config.py").write_text("1 / 0")
    result = run("--course", graded_course.folder, "doctor", "--json")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in finding(result, "nbgrader_config.py")["found"]
    assert finding(result, "gradebook")["state"] == "missing"


def test_outside_a_course_the_machine_is_looked_at_all_the_same(quick):
    *others, last = examine(None, "no course here")
    course = next(entry for entry in (*others, last) if entry.what == "course")
    assert course.state == "missing" and len(others) > 10 and not able([*others, last])


def test_a_look_that_fails_is_a_finding(quick, monkeypatch):
    def _workers():
        raise RuntimeError("nobody counted")

    monkeypatch.setattr(doctor, "_workers", _workers)
    found = next(entry for entry in examine(None, "none") if "workers" in entry.what)
    assert found.state == "broken" and "nobody counted" in found.found


def test_people_get_a_sign_a_word_and_what_to_do():
    line, todo = as_lines(Finding("workers", "broken", "none\nfit", "more memory")).splitlines()
    assert line.startswith("✗ broken") and "none fit" in line and todo.strip() == "→ more memory"
    assert "goes on without" in as_lines(Finding("fonts", "missing", "none", needed=False))
