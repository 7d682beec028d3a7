"""The connection to a database: one address, reading and writing transactions, errors in one sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from .errors import StoreError

BUSY_SECONDS = 30.0
WRITES = "paretree_writes"


class Database:
    """A database that is reached through short transactions. Prints as its URL without the password."""

    def __init__(self, url: str, *, readonly: bool) -> None:
        """Raises StoreError when `url` names nothing that can be opened."""
        self._url = _parse(url)
        self.readonly = readonly
        self._engine = _sqlite(self._url, readonly) if _is_sqlite(self._url) else _server(self._url)
        self._writer = self._engine.execution_options(**{WRITES: True})

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view that blocks nobody."""
        with self._plain_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or leaves nothing behind when its body raises."""
        if self.readonly:
            raise StoreError(f"the store {self} was opened for reading only; open it without readonly=True")
        with self._plain_errors(), self._writer.begin() as connection:
            yield connection

    def keep_log(self) -> None:
        """Put a SQLite file into write-ahead logging, which it remembers: readers and the writer no longer meet."""
        if _is_sqlite(self._url):
            with self._plain_errors(), self._engine.connect() as connection:
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA journal_mode = wal")
                cursor.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreError(
                f"the store {self} cannot be used ({_reason(error)}); check that it is there, that it is a Paretree "
                "store which you may read and write, and that no other program keeps it locked"
            ) from error
        except (SQLAlchemyError, OverflowError) as error:
            raise StoreError(
                f"the store {self} cannot hold this value ({_reason(error)}); give plain Python numbers and text"
            ) from error


def _parse(text: str) -> URL:
    """`text` is a database URL, or the path of a SQLite file."""
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError(
            "the store's address is not a URL that can be read; write sqlite:///FILE.db or postgresql://USER@HOST/NAME"
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(
            f"a store cannot be kept in '{url.get_backend_name()}' ({url.render_as_string(hide_password=True)}); "
            "use sqlite:///FILE.db or postgresql://USER@HOST/NAME"
        )
    return url


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL, readonly: bool) -> Engine:
    path = _file(url)
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


def _file(url: URL) -> Path:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:") or url.query:
        raise StoreError(
            f"the store {url.render_as_string(hide_password=True)} does not name a plain file; write sqlite:///FILE.db"
        )
    return Path(url.database).absolute()


def _begin(connection: Connection) -> None:
    """Writers queue for the lock at once: one that upgrades a read lock later would fail with "locked"."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _server(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)
    except NoSuchModuleError:
        raise StoreError(
            f"the store {url.render_as_string(hide_password=True)} asks for a driver that SQLAlchemy does not know, "
            f"'{url.drivername}'; write postgresql+psycopg://USER@HOST/NAME"
        ) from None
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the store {url.render_as_string(hide_password=True)} needs the Python package '{error.name}', "
            f"which is not installed; run pip install {error.name}"
        ) from None


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).partition("\n")[0]
