"""The connection to a database: one address, reading and writing transactions, errors in one sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from . import address, engines
from .errors import StoreError, Unreachable
from .trouble import explain

RECONNECT_EVERY = 0.2  # seconds

T = TypeVar("T")


class Database:
    """A database that is reached through short transactions. Prints as its URL without the password."""

    def __init__(self, url: str, *, readonly: bool) -> None:
        """Raises StoreError when `url` names nothing that can be opened."""
        self.url = address.parse(url)
        self.readonly = readonly
        self.is_sqlite = address.is_sqlite(self.url)
        self._engine = engines.sqlite_engine(self.url, readonly) if self.is_sqlite else engines.server_engine(self.url)
        self._reader = engines.for_reading(self._engine)
        self._writer = engines.for_writing(self._engine)

    def __str__(self) -> str:
        return address.shown(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view that blocks nobody."""
        with self._plain_errors(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or leaves nothing behind when its body raises."""
        if self.readonly:
            raise StoreError(f"the store {self} was opened for reading only; open it without readonly=True")
        with self._plain_errors(), self._writer.begin() as connection:
            yield connection

    def patiently(self, work: Callable[[], T]) -> T:
        """Do `work`; where the server goes away meanwhile, wait for it to come back and do it once more.

        `work` may have been done the first time without our learning of it.

        Raises:
            Unreachable: the server did not come back, or went away again.
        """
        try:
            return work()
        except Unreachable:
            self._wait_for_server()
            return work()

    def keep_log(self) -> None:
        """Put a SQLite file into write-ahead logging, which it remembers: readers and the writer no longer meet."""
        if self.is_sqlite:
            with self._plain_errors(), self._engine.connect() as connection:
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA journal_mode = wal")
                cursor.close()

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _wait_for_server(self) -> None:
        deadline = time.monotonic() + engines.BUSY_SECONDS
        while True:
            try:
                with self.reading() as connection:
                    connection.exec_driver_sql("SELECT 1")
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(RECONNECT_EVERY)
            else:
                return

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, SQLAlchemyError, OverflowError) as error:
            raise explain(str(self), error) from error
