"""The command line: looking after a store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_STORE, StoreOption


def add_db(app: typer.Typer) -> None:
    """Add the commands `db check`, `db upgrade` and `db backup`."""
    db = typer.Typer(no_args_is_help=True, help="Look after a store.")
    for command in (check, upgrade, backup):
        db.command()(command)
    app.add_typer(db, name="db")


def check(store: StoreOption = DEFAULT_STORE) -> None:
    """Check that a store is whole: its file, its schema, and what always holds of trials; exit code 1 if not."""
    from ..search.store import health

    faults = health.check(store)
    for fault in faults:
        print(f"{fault[0].upper()}{fault[1:]}.", file=sys.stderr)
    if faults:
        raise SystemExit(1)
    print("The store is whole.")


def upgrade(store: StoreOption = DEFAULT_STORE) -> None:
    """Bring a store up to the schema of this version; a SQLite file is copied first."""
    from ..search.store import health
    from ..search.store.migrate import REVISION

    before, copy = health.upgrade(store)
    if before == REVISION:
        print(f"The store has the schema {REVISION} already.")
        return
    print(f"The store has the schema {REVISION} now, instead of {before or 'none'}.")
    if copy is not None:
        print(f"It is kept as it was in {copy}.")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make; it must not exist.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Copy a SQLite store into a file, also while a sweep writes to it."""
    from ..search.store import health

    health.back_up(store, file)
    print(f"The store was copied to {file}.")
