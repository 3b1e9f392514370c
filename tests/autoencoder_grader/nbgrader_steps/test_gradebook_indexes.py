"""What nbgrader looks for in a large gradebook is found by an index, in old gradebooks, too."""

import sqlite3

import pytest
from autoencoder_grader.engine.grading import grade
from autoencoder_grader.nbgrader_steps.gradebook_indexes import COLUMNS, make_indexes
from nbgrader.api import Gradebook
from tiny_class import quiet


@pytest.fixture
def gradebook(graded_course):
    with Gradebook(f"sqlite:///{graded_course.folder / 'gradebook.db'}", "autoencoders") as opened:
        yield opened


def plans(path):
    """How SQLite would look for rows, {table: what it says}."""
    with sqlite3.connect(path) as file:
        return {
            table: file.execute(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} = 'x'").fetchone()[-1]
            for table, column in COLUMNS
        }


def test_rows_are_found_without_looking_through_a_table(gradebook, graded_course):
    path = graded_course.folder / "gradebook.db"
    assert all(plan.startswith("SCAN") for plan in plans(path).values()), "nbgrader has indexes of its own now"
    make_indexes(gradebook)
    make_indexes(gradebook)  # those that are there stay
    assert all(plan.startswith("SEARCH") and "USING INDEX" in plan for plan in plans(path).values()), plans(path)


def test_grading_makes_them_in_a_gradebook_that_was_there(graded_course, notebook):
    graded_course.hand_in("ada", "01_tiny", notebook("tiny"))
    assert grade(graded_course.folder, console=quiet(), trusted=True).exit_code == 0
    assert all(plan.startswith("SEARCH") for plan in plans(graded_course.folder / "gradebook.db").values())


def test_a_gradebook_that_may_not_be_changed_stays_usable(gradebook):
    with gradebook.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = 1")
    make_indexes(gradebook)
    assert gradebook.assignments == []
    with gradebook.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = 0")
