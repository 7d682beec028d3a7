"""Brings a database to the schema of this version, and says plainly when that cannot be done."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, func, inspect, select, table

from .database import Database
from .errors import StoreError

REVISION = "r0002"  # the newest file of migrations/versions
VERSION_TABLE = "paretree_version"  # Optuna takes Alembic's default name in databases of its own
LOCK = 0x70617265  # "pare": one migrates at a time


def prepare(database: Database) -> None:
    """Create the schema in an empty database, or bring an older one up.

    Raises:
        StoreError: the database holds something else, was written by a newer version, or may only be read and
            does not have this version's schema.
    """
    found = revision_of(database)
    if found == REVISION:
        return
    if database.readonly:
        what = "is empty" if found is None else f"has the older schema {found}"
        raise StoreError(f"the store {database} {what} and was opened for reading only; open it for writing once")
    database.keep_log()
    with database.writing() as connection:
        if not database.is_sqlite:  # where writers do not queue by themselves
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Run what is missing of the migrations, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision_of(database: Database) -> str | None:
    """The schema that the database has; None when it is empty.

    Raises:
        StoreError: the database holds something else, or was written by a newer version.
    """
    with database.reading() as connection:
        tables = inspect(connection).get_table_names()
        found: str | None = None
        if VERSION_TABLE in tables:
            found = connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))
    if found not in (None, REVISION) and found not in _known():
        raise StoreError(
            f"the store {database} has the schema {found} of a newer Paretree than this one ({REVISION}); "
            "upgrade with pip install --upgrade paretree"
        )
    if found is None and tables:
        raise StoreError(
            f"the database {database} is not a Paretree store: it has tables of something else "
            f"({', '.join(sorted(tables)[:3])}); name a new one"
        )
    return found


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(_scripts())).walk_revisions()}


def _scripts() -> Path:
    return Path(__file__).parent / "migrations"
