"""A gradebook that is new: nbgrader's tables, and its mark of their version, at once.

By itself nbgrader makes the same tables, and asks the program `alembic` for that mark, which takes seconds. The mark
stands in files beside nbgrader's code.
"""

from __future__ import annotations

import re
from pathlib import Path

from nbgrader import api, dbutil
from sqlalchemy import Column, MetaData, String, Table, create_engine, inspect
from sqlalchemy.engine import URL

_MARK = re.compile(r"^(revision|down_revision) = (?:None|['\"](\w+)['\"])", re.M)

#: Where the mark is kept; the table is alembic's own.
VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))


def newest_version() -> str:
    """The mark of the tables that this nbgrader makes, as `alembic heads` says it."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in (Path(dbutil.ALEMBIC_DIR) / "versions").glob("*.py"):
        for kind, mark in _MARK.findall(path.read_text(encoding="utf-8")):
            found[kind].add(mark)
    newest = found["revision"] - found["down_revision"]
    return newest.pop() if len(newest) == 1 else api.get_alembic_version()


def make_tables(address: URL | str, version: str = "") -> None:
    """Make the tables of a gradebook in a database that has none, all or nothing; in another one, change nothing.

    version: their mark, nbgrader's newest if it is empty.
    """
    engine = create_engine(address)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's module would begin with the first row only
            if not inspect(connection).get_table_names():
                api.Base.metadata.create_all(connection)
                VERSION.create(connection)
                connection.execute(VERSION.insert().values(version_num=version or newest_version()))
    finally:
        engine.dispose()
