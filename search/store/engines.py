"""How SQLite and PostgreSQL are talked to, so that both promise the same."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from .address import DRIVER, file_of, shown
from .errors import StoreError

BUSY_SECONDS = 30.0
"""How long a writer waits for another one, or for a server that went away to come back."""

WRITES = "paretree_writes"


def sqlite_engine(url: URL, readonly: bool) -> Engine:
    """An engine on a file.

    Raises:
        StoreError: the file is not there, cannot be made, or is a folder.
    """
    path = file_of(url)
    if readonly and not path.exists():
        raise StoreError(f"there is no store at {path}; check the path, or run a sweep to create one")
    if not path.parent.is_dir():
        raise StoreError(f"the store {path} cannot be created because its folder does not exist; create {path.parent}")
    if path.is_dir():
        raise StoreError(f"the store {path} is a folder; name a file in it, such as {path / 'paretree.db'}")
    mode = "ro" if readonly else "rwc"

    def connect() -> sqlite3.Connection:
        address = f"file:{quote(str(path))}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
        connection.isolation_level = None  # transactions begin where _begin says, not where sqlite3 guesses
        connection.execute("PRAGMA foreign_keys = on")
        connection.execute("PRAGMA synchronous = normal")
        return connection

    engine = create_engine(url, creator=connect)
    event.listen(engine, "begin", _begin)
    return engine


def server_engine(url: URL) -> Engine:
    """An engine on a PostgreSQL server, which need not answer yet.

    Raises:
        StoreError: its driver is not known, or not installed.
    """
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except NoSuchModuleError:
        raise StoreError(
            f"the store {shown(url)} asks for a driver that SQLAlchemy does not know, "
            f"'{url.drivername}'; write postgresql://USER@HOST/NAME"
        ) from None
    except ModuleNotFoundError as error:
        package = "'paretree[postgres]'" if url.drivername == DRIVER else error.name
        raise StoreError(
            f"the store {shown(url)} needs the Python package '{error.name}', "
            f"which is not installed; run pip install {package}"
        ) from None
    event.listen(engine, "connect", _limit_waits)
    return engine


def for_reading(engine: Engine) -> Engine:
    """Transactions that see one state of the database from beginning to end, and change nothing."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def for_writing(engine: Engine) -> Engine:
    """Transactions that wait for other writers at their beginning (SQLite) or row by row (PostgreSQL)."""
    return engine.execution_options(**{WRITES: True})


def _begin(connection: Connection) -> None:
    """Writers queue for the lock at once: one that upgrades a read lock later would fail with "locked"."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _limit_waits(connection: Any, record: object) -> None:
    """Wait for others' locks as long as on SQLite; and let the server end what a lost client left open."""
    milliseconds = int(BUSY_SECONDS * 1000)
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {milliseconds}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
    connection.commit()
