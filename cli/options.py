"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..search.store import Store

DEFAULT_STORE = "sqlite:///paretree.db"

StoreOption = Annotated[
    str, typer.Option("--store", envvar="PARETREE_STORE", help="Database URL, or path of a SQLite file.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the sweep.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def open_to_read(url: str) -> Store:
    """The store at `url`, which must be there."""
    from ..search.store import Store

    return Store.open(url, readonly=True)
