"""The gradebook in a PostgreSQL server, named by its URL: the same scores as in SQLite."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from autoencoder_grader.engine import journal
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps.gradebook_indexes import COLUMNS
from autoencoder_grader.nbgrader_steps.nbgrader_api import make_alembic_reachable, open_api
from autoencoder_grader.nbgrader_steps.new_gradebook import VERSION, make_tables
from nbgrader.api import Gradebook
from sqlalchemy import create_engine, inspect, select
from sqlalchemy.engine import make_url
from tiny_class import quiet

WRONG_BETA = "beta = 0.0006"


def programs():
    """The folder with initdb and pg_ctl, or None."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name.split(".")[0]))
    found = shutil.which("initdb")
    places += [Path(found).parent] if found else []
    return next((place for place in reversed(places) if (place / "pg_ctl").exists()), None)


@pytest.fixture(scope="module")
def server():
    """The URL of a database on a server of our own, on a Unix socket in a temporary folder."""
    bin_ = programs()
    if bin_ is None:
        pytest.skip("no PostgreSQL server is installed here (Debian: apt-get install postgresql)")
    # Short: the path of a socket may have 107 characters. The server refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    log = folder / "log"

    def run(*command):
        done = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        run(bin_ / "initdb", "-D", folder / "data", "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run(bin_ / "pg_ctl", "-D", folder / "data", "-l", log, "-o", options, "-w", "start")
        yield f"postgresql+psycopg2://grader@/postgres?host={folder}"
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run(bin_ / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def on_the_server(course, notebook, server):
    """A tiny class whose gradebook is on the server."""
    hand_in(course, notebook)
    config = course.folder / "nbgrader_config.py"
    config.write_text(config.read_text() + f'c.CourseDirectory.db_url = "{server}"\n')
    return course.folder


def hand_in(course, notebook):
    course.hand_in("ada", "01_tiny", notebook("tiny"))
    course.hand_in("ben", "01_tiny", notebook("tiny", train_net=WRONG_BETA))
    course.hand_in("cy", "01_tiny", notebook("tiny", train_net="raise ValueError('Prozent: 100 % ✓')"))


def scores(course):
    with open_api(course).gradebook as gradebook:
        return {
            (submission.student_id, grade.name): (grade.auto_score, grade.manual_score, bool(grade.needs_manual_grade))
            for submission in gradebook.assignment_submissions("01_tiny")
            for grade in submission.notebooks[0].grades
        }


def test_a_class_is_graded_as_with_sqlite(on_the_server, tmp_path_factory, tiny_course, notebook, empty_gradebook):
    first = grade(on_the_server, console=quiet(), trusted=True)
    assert first.exit_code == 0 and len(first.graded) == 3
    assert not (on_the_server / "gradebook.db").exists()
    again = grade(on_the_server, console=quiet(), trusted=True)
    assert not again.graded and len(again.unchanged) == 3

    here = tiny_course(tmp_path_factory.mktemp("sqlite"), empty_gradebook)
    hand_in(here, notebook)
    grade(here.folder, console=quiet(), trusted=True)
    assert scores(on_the_server) == scores(here.folder)
    assert (on_the_server / "grades.csv").read_text() and scores(here.folder)["ben", "flowers-beta"][0] == 0

    with open_api(on_the_server).gradebook as gradebook:
        there = {index["name"] for table, _ in COLUMNS for index in inspect(gradebook.engine).get_indexes(table)}
        assert {f"autoencoder_course_{table}_{column}" for table, column in COLUMNS} <= there
        found = journal.entries(gradebook)
        assert {key: entry.status for key, entry in found.items()} == {
            (student, "01_tiny"): "graded" for student in ("ada", "ben", "cy")
        }
        gradebook.find_grade("tiny-written", "01_tiny", "01_tiny", "ada").manual_score = 2
        gradebook.db.commit()

    changed = on_the_server / "submitted" / "ada" / "01_tiny" / "01_tiny.ipynb"
    changed.write_text(changed.read_text().replace("side - kernel + 1", "side - kernel"))
    third = grade(on_the_server, console=quiet(), trusted=True)
    assert [str(submission) for submission in third.graded] == ["ada/01_tiny"]
    assert scores(on_the_server)["ada", "tiny-written"] == (None, 2.0, True)
    assert scores(on_the_server)["ada", "conv-sides"][0] < 1


def test_new_tables_are_those_that_nbgrader_makes(server):
    make_alembic_reachable()
    made = {}
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    for name in ("ours", "theirs"):
        url = make_url(server).set(database=name)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        if name == "ours":
            make_tables(url)
        with Gradebook(url, "autoencoders") as gradebook:
            look = inspect(gradebook.engine)
            version = gradebook.db.scalar(select(VERSION.c.version_num))
            tables = sorted(look.get_table_names())
            parts = look.get_pk_constraint, look.get_foreign_keys, look.get_unique_constraints, look.get_indexes
            made[name] = [version, *((table, str(look.get_columns(table))) for table in tables)]
            made[name] += [part(table) for table in tables for part in parts]
            gradebook.engine.dispose()
    engine.dispose()
    assert made["ours"] == made["theirs"] and len(made["ours"]) > 10


def test_a_server_that_is_gone_is_one_line(course, notebook):
    from autoencoder_helpers.errors import CourseError

    course.hand_in("ada", "01_tiny", notebook("tiny"))
    config = course.folder / "nbgrader_config.py"
    url = "postgresql+psycopg2://grader:secret@/none?host=/nonexistent"
    config.write_text(config.read_text() + f'c.CourseDirectory.db_url = "{url}"\n')
    with pytest.raises(CourseError, match="the gradebook .* cannot be opened") as error:
        grade(course.folder, console=quiet(), trusted=True)
    assert "\n" not in str(error.value) and make_url(url).password not in str(error.value)
