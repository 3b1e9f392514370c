"""Whether the gradebook can be used: looked at before anything else, so that what is wrong is one line.

nbgrader makes what is missing without a word, an empty gradebook in place of a lost one too, and waits half a minute for
one that somebody else keeps locked.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from autoencoder_grader.nbgrader_steps.nbgrader_api import folder_of
from autoencoder_grader.nbgrader_steps.new_gradebook import make_tables
from autoencoder_helpers.errors import CourseError
from nbgrader.api import Base
from sqlalchemy import Table, create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

LOCK_SECONDS = 10.0  # to wait for whoever has it locked
_BACKUP = "put it back from a backup"
_EARLIER = f"{_BACKUP} or, if an earlier nbgrader made it, copy it and run `nbgrader db upgrade`"


def expect_usable(api, ours: Iterable[Table] = (), *, write: bool = True) -> None:
    """Raise CourseError, one line, where the gradebook cannot be opened, is damaged, locked or another version's.

    api: from open_api. ours: tables beside nbgrader's, whole where they are there. write: whether it is to be written to, and may be made where there is none.
    """
    try:
        address = make_url(api.coursedir.db_url)
    except ArgumentError:
        raise CourseError("db_url in nbgrader_config.py names no database: correct it") from None
    path = Path(address.database or "") if address.get_backend_name() == "sqlite" else None
    if path is not None and str(path) not in ("", ".", ":memory:"):
        _expect_file(api, path, write)
    name = str(path or address)
    try:
        lacks = _lacks(address, ours)
        if not lacks and write:
            make_tables(address)
            with api.gradebook as gradebook:
                _ = gradebook.assignments
    except Exception as error:
        raise CourseError(
            f"the gradebook {name} cannot be opened ({why(error)}): see db_url in nbgrader_config.py"
        ) from error
    if lacks:
        raise CourseError(f"the gradebook {name} lacks {lacks}: {_EARLIER}")


def why(error: Exception) -> str:
    """What a database said, in a few words: without the statement, and without addresses to read more at."""
    said = getattr(error, "orig", None) or error
    return (" ".join(str(said).split()) or type(said).__name__)[:200]


def trouble(error: SQLAlchemyError) -> str:
    """The line about a database that failed in the middle of something, with what to do."""
    said = why(error)
    if "locked" in said:
        return (
            f"the gradebook is locked by another program ({said}): close it; nothing is lost, the same command goes on"
        )
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return f"the gradebook's server does not answer ({said}): nothing is lost, the same command goes on"
    return f"the gradebook cannot be read or written ({said}): if the same command ends in this again, {_BACKUP}"


def _expect_file(api, path: Path, write: bool) -> None:
    if path.is_dir():
        raise CourseError(f"the gradebook {path} is a folder, not a file: remove it, or {_BACKUP}")
    if not path.exists():
        return
    try:
        if path.stat().st_size == 0:
            if next(folder_of(api, "autograded").glob("*/*/*.ipynb"), None):
                raise CourseError(
                    f"the gradebook {path} is empty, though there are graded notebooks: {_BACKUP}, or delete it to begin anew"
                )
            return
        with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as file:
            (said,) = file.execute("PRAGMA quick_check(1)").fetchone()
            if said != "ok":
                raise CourseError(f"the gradebook {path} is damaged ({' '.join(said.split())[:100]}): {_BACKUP}")
            if write:
                # SQLite begins in a file that it may only read, too, and says so at the first change: after all the work.
                if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
                    raise sqlite3.OperationalError("permission denied")
                file.execute("BEGIN IMMEDIATE")
                file.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise CourseError(
                f"the gradebook {path} is locked by another program, as a database browser, a backup or the formgrader: close "
                "it, and run the same command again"
            ) from error
        raise CourseError(
            f"the gradebook {path} cannot be {'written' if write else 'read'} ({error}): see the owner and the rights of the file and its folder"
        ) from error
    except sqlite3.DatabaseError as error:
        raise CourseError(f"the gradebook {path} is no gradebook, or is damaged ({error}): {_BACKUP}") from error
    except OSError as error:
        raise CourseError(
            f"the gradebook {path} cannot be read ({error.strerror}): see the owner and the rights of the file"
        ) from error


def _lacks(address, ours: Iterable[Table]) -> str:
    """The first table or column that a gradebook with tables should have and has not; "" for a whole one, or none."""
    engine = create_engine(address)
    try:
        found = inspect(engine)
        tables = set(found.get_table_names())
        if not tables:
            return ""
        for table in [*Base.metadata.sorted_tables, *(table for table in ours if table.name in tables)]:
            if table.name not in tables:
                return f"the table {table.name}"
            columns = {column["name"] for column in found.get_columns(table.name)}
            for column in table.columns:
                if column.name not in columns:
                    return f"the column {table.name}.{column.name}"
        return "" if "alembic_version" in tables else "the table alembic_version"
    finally:
        engine.dispose()
