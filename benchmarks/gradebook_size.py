"""What a gradebook takes for 100, 1,000 and 10,000 submissions, and how long a grade takes to be read from it.

The chapters are registered for real; students, submissions, scores and comments are written as rows, as many as a graded
submission has. Then grades are read, as `autoencoder-course export` does it, without the course's indexes and
with them. A minute or two:

    .venv/bin/python benchmarks/gradebook_size.py

With `--postgresql URL` the same rows go into a database on that server, too, which has to be empty, and are removed again.
"""

from __future__ import annotations

import tempfile
import time
from datetime import datetime
from pathlib import Path

import click
from autoencoder_grader.nbgrader_steps.gradebook_indexes import make_indexes
from autoencoder_grader.nbgrader_steps.grades import assignments_of, read_grades
from autoencoder_grader.nbgrader_steps.late import late_policy
from autoencoder_grader.nbgrader_steps.new_gradebook import make_tables
from autoencoder_grader.validity.corpus import CHAPTERS
from common import lay_out_course, machine, only_draw, print_table, read_json, register, say, to_folder, write_json
from nbgrader import api
from sqlalchemy import create_engine, delete, func, insert, select, text
from traitlets.config import LoggingConfigurable

COUNTS = (100, 1_000, 10_000)
STUDENTS = 20  # whose grades are read: of all it would be minutes
TABLES = {table.name: table for table in api.Base.metadata.sorted_tables}


def fill(engine, count: int) -> None:
    """Write the rows of so many graded submissions: each student hands in all chapters."""
    with engine.begin() as connection:
        chapters = [
            tuple(row)
            for row in connection.execute(select(TABLES["notebook"].c.id, TABLES["notebook"].c.assignment_id))
        ]
        cells = {
            (kind, notebook): [
                row[0]
                for row in connection.execute(
                    select(TABLES["base_cell"].c.id)
                    .where(TABLES["base_cell"].c.notebook_id == notebook)
                    .where(TABLES["base_cell"].c.type == kind)
                )
            ]
            for notebook, _ in chapters
            for kind in ("GradeCell", "SolutionCell")
        }
        rows = {name: [] for name in ("student", "submitted_assignment", "submitted_notebook", "grade", "comment")}
        for number in range(count):
            who, (notebook, assignment) = f"{number // len(chapters):032x}", chapters[number % len(chapters)]
            if not number % len(chapters):
                rows["student"].append({"id": who})
            submission, handed_in = f"{number:032x}", f"{number:031x}n"
            rows["submitted_assignment"].append(
                {"id": submission, "assignment_id": assignment, "student_id": who, "timestamp": datetime(2026, 10, 1)}
            )
            rows["submitted_notebook"].append(
                {"id": handed_in, "assignment_id": submission, "notebook_id": notebook, "late_submission_penalty": None,
                 "flagged": False}
            )  # fmt: skip
            for place, cell in enumerate(cells["GradeCell", notebook]):
                rows["grade"].append(
                    {"id": f"{place:02x}{number:030x}", "cell_id": cell, "notebook_id": handed_in, "auto_score": 1.0,
                     "manual_score": None, "extra_credit": None, "needs_manual_grade": False}
                )  # fmt: skip
            for place, cell in enumerate(cells["SolutionCell", notebook]):
                rows["comment"].append(
                    {"id": f"{place:02x}{number:030x}", "cell_id": cell, "notebook_id": handed_in, "auto_comment": None,
                     "manual_comment": None}
                )  # fmt: skip
        for name, each in rows.items():
            connection.execute(insert(TABLES[name]), each)


def seconds_of_reading(gradebook) -> float:
    """How long one grade takes, the mean of those of some students."""
    some = [student.id for student in gradebook.students][:STUDENTS]
    began = time.perf_counter()
    grades = list(read_grades(gradebook, late_policy(LoggingConfigurable()), assignments_of(gradebook), some))
    seconds = time.perf_counter() - began
    if not sum(grade.points for grade in grades):
        raise click.ClickException("no grades were read")
    return seconds / len(grades)


def measure(address: str, count: int, size) -> dict:
    """What so many submissions take in this database, which holds the chapters; size(engine): its bytes."""
    engine = create_engine(address)
    before = size(engine)
    fill(engine, count)
    engine.dispose()
    with api.Gradebook(address, "autoencoders") as gradebook:
        bare = size(gradebook.engine) - before
        slow = seconds_of_reading(gradebook)
        make_indexes(gradebook)
        if gradebook.engine.dialect.name == "postgresql":
            with gradebook.engine.begin() as connection:
                connection.execute(text("ANALYZE"))  # as its own housekeeping does sooner or later
        found = {
            "count": count,
            "grades": gradebook.db.scalar(select(func.count()).select_from(TABLES["grade"])),
            "bytes": bare,
            "bytes_with_indexes": size(gradebook.engine) - before,
            "seconds": slow,
            "seconds_with_indexes": seconds_of_reading(gradebook),
        }
        gradebook.engine.dispose()
    say(f"{address.split(':')[0]}: {count} submissions")
    return found


def into(address: str, chapters: str) -> None:
    """Copy what the gradebook `chapters` holds, which are only chapters, into an empty database."""
    make_tables(address)
    source, target = create_engine(chapters), create_engine(address)
    with source.connect() as reading, target.begin() as writing:
        for table in api.Base.metadata.sorted_tables:
            writing.execute(delete(table))
            rows = [dict(row) for row in reading.execute(select(table)).mappings()]
            if rows:
                writing.execute(insert(table), rows)
    source.dispose()
    target.dispose()


def show(data: dict) -> None:
    """Print what was measured."""
    for name in ("sqlite", "postgresql"):
        rows = [
            (
                f"{found['count']:,} submissions, {found['grades']:,} grades",
                f"{found['bytes'] / 1e6:.1f} MB",
                f"{found['bytes_with_indexes'] / 1e6:.1f} MB",
                f"{1000 * found['seconds']:.1f} ms",
                f"{1000 * found['seconds_with_indexes']:.1f} ms",
            )
            for found in data.get(name, ())
        ]
        if rows:
            print_table(name, ("", "rows", "with indexes", "reading one grade", "with indexes"), rows)


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--postgresql", metavar="URL", help="A database on a server, empty, whose tables are removed at the end.")
@to_folder
@only_draw
def main(postgresql, to, only_draw):
    path = to / "gradebook_size.json"
    if only_draw:
        show(read_json(path))
        return
    data = {"machine": machine(), "sqlite": [], "postgresql": []}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        course = lay_out_course(Path(folder, "course"))
        register(course)
        empty = course / "gradebook.db"
        say(f"{len(CHAPTERS)} chapters are registered: {empty.stat().st_size / 1e6:.1f} MB")
        for count in COUNTS:
            filled = Path(folder, f"{count}.db")
            filled.write_bytes(empty.read_bytes())
            data["sqlite"].append(measure(f"sqlite:///{filled}", count, lambda _, file=filled: file.stat().st_size))
        for count in COUNTS if postgresql else ():
            into(postgresql, f"sqlite:///{empty}")
            try:
                data["postgresql"].append(measure(postgresql, count, _size_on_server))
            finally:
                _remove(postgresql)
    show(data)
    write_json(path, data)


def _size_on_server(engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT pg_database_size(current_database())"))


def _remove(address: str) -> None:
    engine = create_engine(address)
    with engine.begin() as connection:
        api.Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    engine.dispose()


if __name__ == "__main__":
    main()
