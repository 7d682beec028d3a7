"""Tables, details and JSON, as the commands print them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

LONG_HEADING = 12  # characters
EXACT = 1e15  # below it a whole number is printed with all its digits


def print_json(data: Any) -> None:
    """For scripts."""
    from ..search.reports import jsonable

    print(json.dumps(jsonable(data), indent=2))


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """A column for each key of the first row; there must be one."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in rows[0]:
        values = [row[column] for row in rows if row[column] is not None]
        numeric = all(isinstance(value, int | float) for value in values)
        table.add_column(
            Text(_heading(column, values)), justify="right" if numeric else "left", no_wrap=numeric, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console = Console()
    console.print(Text(title, style="bold"))
    console.print(table)


def print_details(details: dict[str, Any]) -> None:
    """A line for each value, a table for each list; nothing for what is not there."""
    for key, value in details.items():
        title = key.replace("_", " ")
        if value is None or value in ({}, []):
            continue
        if isinstance(value, list):
            print_table(title, value)
        elif isinstance(value, dict):
            print(f"{title}:")
            for name, inner in value.items():
                print(f"  {name}: {_cell(inner)}")
        elif "\n" in _cell(value):
            print(f"{title}:\n{_cell(value)}")
        else:
            print(f"{title}: {_cell(value)}")


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """An importance for a table; a thousandth is more than it can tell."""
    return {"decision": row["decision"], **{name: round(share, 3) for name, share in row["importance"].items()}}


def _heading(column: str, values: list[object]) -> str:
    """The name of a column; a long path is broken after its slashes."""
    if values and all(isinstance(value, datetime) for value in values):
        return f"{column.replace('_', ' ')} (UTC)"
    return column.replace("/", "/\n") if len(column) > LONG_HEADING else column


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(inner)}" for name, inner in value.items())
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < EXACT else f"{value:.5g}"
    return str(value)
