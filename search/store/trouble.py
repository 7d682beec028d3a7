"""What a database's error means to the person who reads it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError

from .errors import StoreError, Unreachable

AWAY = ("08", "57P01", "57P02", "57P03")  # PostgreSQL: connections lost or refused; shut down, crashed, starting
FULL = ("53100",)
LOCKED = ("55P03",)  # after lock_timeout


def explain(store: str, error: Exception) -> StoreError:
    """`error`, which arose in using `store`, as one sentence that says what to do."""
    reason = _reason(error)
    if not isinstance(error, DBAPIError) or isinstance(error, DataError):
        return StoreError(f"the store {store} cannot hold this value ({reason}); give plain Python numbers and text")
    if _is_away(error):
        return Unreachable(
            f"the store {store} does not answer ({reason}); check that its server runs and that you may connect to it; "
            "a sweep that it interrupts can be resumed, and goes on from what is stored"
        )
    if _is(error, FULL, sqlite3.SQLITE_FULL):
        return StoreError(
            f"the disk of the store {store} is full ({reason}), so nothing was written and what is stored is intact; "
            "free some space, then resume the sweep"
        )
    if _is(error, LOCKED, sqlite3.SQLITE_BUSY):
        return StoreError(
            f"the store {store} is kept locked by another program ({reason}), so nothing was written; "
            "end that program, then try again"
        )
    return StoreError(
        f"the store {store} cannot be used ({reason}); check that it is there, that it is a Paretree "
        "store which you may read and write, and that its disk is well"
    )


def _is(error: DBAPIError, states: tuple[str, ...], code: int) -> bool:
    """Whether it is one of PostgreSQL's SQLSTATEs (or a class of them), or SQLite's primary result `code`."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state.startswith(states) or getattr(error.orig, "sqlite_errorcode", -1) & 0xFF == code


def _is_away(error: DBAPIError) -> bool:
    """Whether a server was lost; what it was last told to commit may be stored or not."""
    if isinstance(error.orig, sqlite3.Error):
        return False
    state = getattr(error.orig, "sqlstate", None)
    nobody_answered = state is None and type(error.orig).__name__ == "OperationalError"
    return error.connection_invalidated or nobody_answered or (state or "").startswith(AWAY)


def _reason(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0]
