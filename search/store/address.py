"""Where a store is: a database URL, or the path of a SQLite file."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from .errors import StoreError

DRIVER = "postgresql+psycopg"


def parse(text: str) -> URL:
    """The URL that `text` is, or that of the SQLite file it names.

    Raises:
        StoreError: it is neither, or names a database that a store cannot be kept in.
    """
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
            f"a store cannot be kept in '{url.get_backend_name()}' ({shown(url)}); "
            "use sqlite:///FILE.db or postgresql://USER@HOST/NAME"
        )
    return url.set(drivername=DRIVER) if url.drivername == "postgresql" else url


def shown(url: URL) -> str:
    """The URL as a person would write it, without its password."""
    plain = url.set(drivername="postgresql") if url.drivername == DRIVER else url
    return plain.render_as_string(hide_password=True)


def is_sqlite(url: URL) -> bool:
    """Whether it is a file of SQLite, rather than a server."""
    return url.get_backend_name() == "sqlite"


def file_of(url: URL) -> Path:
    """The file of a SQLite store.

    Raises:
        StoreError: it is kept in memory, or asks for options.
    """
    if not url.database or url.database == ":memory:" or url.database.startswith("file:") or url.query:
        raise StoreError(f"the store {shown(url)} does not name a plain file; write sqlite:///FILE.db")
    return Path(url.database).absolute()
