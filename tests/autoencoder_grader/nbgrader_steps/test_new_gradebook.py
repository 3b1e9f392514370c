"""A new gradebook is the very one that nbgrader would make."""

import sqlite3
import threading

import nbgrader.api
import pytest
from autoencoder_grader.nbgrader_steps import gradebook_state
from autoencoder_grader.nbgrader_steps.nbgrader_api import make_alembic_reachable, open_api
from autoencoder_grader.nbgrader_steps.new_gradebook import make_tables, newest_version
from nbgrader.api import Gradebook


def content(path):
    """All that a file of SQLite was told to make, and all rows."""
    with sqlite3.connect(path) as file:
        return sorted("".join(line.split()) for line in file.iterdump())


def test_it_is_what_nbgrader_makes(tmp_path):
    make_alembic_reachable()
    assert newest_version() == nbgrader.api.get_alembic_version()
    make_tables(f"sqlite:///{tmp_path}/ours.db")
    for name in ("ours", "theirs"):
        with Gradebook(f"sqlite:///{tmp_path}/{name}.db", "autoencoders"):
            pass
    assert content(tmp_path / "ours.db") == content(tmp_path / "theirs.db")


def test_the_first_grading_asks_no_other_program(graded_course, monkeypatch):
    (graded_course.folder / "gradebook.db").unlink()
    monkeypatch.setattr("nbgrader.api.get_alembic_version", lambda: pytest.fail("alembic was asked"))
    gradebook_state.expect_usable(open_api(graded_course.folder))
    with open_api(graded_course.folder).gradebook as gradebook:
        assert gradebook.assignments == []


def test_one_that_is_there_stays_as_it_is(tmp_path):
    path = tmp_path / "gradebook.db"
    make_tables(f"sqlite:///{path}", "earlier")
    before = path.read_bytes()
    make_tables(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_it_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "gradebook.db"

    def fail():
        raise KeyboardInterrupt

    monkeypatch.setattr("autoencoder_grader.nbgrader_steps.new_gradebook.newest_version", fail)
    with pytest.raises(KeyboardInterrupt):
        make_tables(f"sqlite:///{path}")
    assert content(path) == content(tmp_path / "nothing.db")


def test_two_that_make_it_at_once_make_one(tmp_path):
    path, errors = tmp_path / "gradebook.db", []

    def make():
        try:
            make_tables(f"sqlite:///{path}")
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert not errors
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
