"""Looking after a store: is it whole, and a copy of it in a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, select

from . import migrate
from .address import file_of
from .database import Database
from .errors import StoreError
from .schema import attempt, metadata, sweep, trial, value
from .states import ENDED, OPEN, TrialState

SHOWN = 5  # examples of each kind of fault


def check(url: str) -> list[str]:
    """What is wrong with a store, in one sentence each; nothing if it is whole.

    Raises:
        StoreError: there is no store, or it cannot be read at all.
    """
    with _opened(url, readonly=True) as database:
        revision = migrate.revision_of(database)
        if revision != migrate.REVISION:
            return [f"its schema is {revision or 'missing'}, and not {migrate.REVISION}; run paretree db upgrade"]
        return _faults(database)


def upgrade(url: str) -> tuple[str | None, Path | None]:
    """Bring a store up to this version's schema; return the schema it had, and where a SQLite file was copied first.

    Raises:
        StoreError: it cannot be copied or brought up; it is as it was.
    """
    with _opened(url, readonly=False) as database:
        revision, copy = migrate.revision_of(database), None
        if database.is_sqlite and revision not in (None, migrate.REVISION):
            file = file_of(database.url)
            copy = file.with_name(f"{file.name}.{revision}.backup")
            _copy(database, copy)
        migrate.prepare(database)
        return revision, copy


def back_up(url: str, target: Path) -> None:
    """Copy a SQLite store, as it is at one moment and while others write to it, into a new file.

    Raises:
        StoreError: the store is on a server, or the file is there already or cannot be written.
    """
    with _opened(url, readonly=True) as database:
        if not database.is_sqlite:
            raise StoreError(f"the store {database} is on a server, which has its own backup: use pg_dump -Fc")
        migrate.revision_of(database)
        _copy(database, target)


@contextmanager
def _opened(url: str, *, readonly: bool) -> Iterator[Database]:
    database = Database(url, readonly=readonly)
    try:
        yield database
    finally:
        database.close()


def _copy(database: Database, target: Path) -> None:
    """Under another name until it is whole."""
    if target.exists():
        raise StoreError(f"the backup {target} exists already; move it away, or name another file")
    partial = target.with_name(f"{target.name}.partial")
    try:
        with database.reading() as connection, closing(sqlite3.connect(partial)) as copy:
            source: Any = connection.connection.driver_connection
            source.backup(copy)
        partial.replace(target)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"the backup {target} cannot be written ({error}); name a file on a disk with room") from error


def _faults(database: Database) -> list[str]:
    with database.reading() as connection:
        found = _file_faults(connection) if database.is_sqlite else _unreadable(connection)
        for rule, query in _broken_rules():
            broken = connection.execute(query.order_by(sweep.c.name, trial.c.number)).all()
            named = [f"trial {row.number} of sweep '{row.name}'" for row in broken[:SHOWN]]
            more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
            if broken:
                found.append(f"{rule}: {', '.join(named)}{more}")
    return found


def _file_faults(connection: Connection) -> list[str]:
    damages = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check") if row[0] != "ok"]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found = [f"the file is damaged: {text}" for text in damages[:SHOWN]]
    if orphans:
        tables = ", ".join(sorted({row[0] for row in orphans}))
        found.append(f"{len(orphans)} rows belong to rows that are missing, in: {tables}")
    return found


def _unreadable(connection: Connection) -> list[str]:
    """A server keeps foreign keys by itself; that it can read each table to its end is worth a look."""
    for table in metadata.sorted_tables:
        connection.execute(select(func.count()).select_from(table))
    return []


def _broken_rules() -> list[tuple[str, Select[tuple[str, int]]]]:
    """What every transaction of a controller upholds."""
    named = select(sweep.c.name, trial.c.number).join_from(sweep, trial)
    has_value = select(value.c.trial_id).where(value.c.trial_id == trial.c.id).exists()
    open_attempts = (
        select(func.count())
        .select_from(attempt)
        .where(attempt.c.trial_id == trial.c.id, attempt.c.state.in_(OPEN))
        .scalar_subquery()
    )
    waiting = trial.c.state != TrialState.RUNNING
    return [
        ("finished trials without a value", named.where(trial.c.state == TrialState.FINISHED, ~has_value)),
        ("trials with a value before their end", named.where(trial.c.state.not_in(ENDED), has_value)),
        ("trials with more than one open attempt", named.where(open_attempts > 1)),
        ("trials that do not run but have an open attempt", named.where(waiting, open_attempts > 0)),
        ("trials that run without an open attempt", named.where(~waiting, open_attempts == 0)),
        ("trials that have ended at no time", named.where(trial.c.state.in_(ENDED), trial.c.finished_at.is_(None))),
    ]
