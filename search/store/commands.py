"""What others ask of a sweep's controller, wherever that runs: rows that it reads, and answers in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, true, update

from .changes import NewEvent
from .errors import StoreError
from .records import CommandRecord
from .schema import command, sweep
from .states import EventKind

_HANDLE = (
    update(command)
    .where(
        command.c.id == bindparam("row"), command.c.sweep_id == bindparam("of_sweep"), command.c.handled_at.is_(None)
    )
    .values(handled_at=bindparam("now"), outcome=bindparam("answer"))
    .returning(command.c.kind, command.c.detail)
)


def add(connection: Connection, sweep_id: int, kind: str, detail: Mapping[str, Any], now: datetime) -> int:
    """Ask for something; return the command's id.

    Raises:
        StoreError: there is no such sweep.
    """
    # Who writes events of a sweep locks its row first, so that their ids come to light in their order.
    if connection.scalar(select(sweep.c.id).where(sweep.c.id == sweep_id).with_for_update()) is None:
        raise StoreError(f"there is no sweep with id {sweep_id} in the store; look it up by its name")
    asked = {"sweep_id": sweep_id, "kind": kind, "detail": dict(detail), "created_at": now}
    id: int = connection.execute(insert(command).returning(command.c.id), asked).scalar_one()
    return id


def handle(connection: Connection, sweep_id: int, outcomes: Mapping[int, str], now: datetime) -> list[NewEvent]:
    """Write down what came of commands; return the events of those that had not been handled before."""
    events = []
    for id, outcome in outcomes.items():
        answer = {"row": id, "of_sweep": sweep_id, "now": now, "answer": outcome}
        found = connection.execute(_HANDLE, answer).one_or_none()
        if found is not None:
            events.append(event_of(found.kind, found.detail, now, outcome))
    return events


def event_of(kind: str, detail: Mapping[str, Any], at: datetime, outcome: str | None) -> NewEvent:
    """The event of a command that was given, or handled with an outcome."""
    return NewEvent(EventKind.COMMAND, None, at, {"kind": kind, "detail": dict(detail), "outcome": outcome})


def read(connection: Connection, sweep_id: int, *, open_only: bool) -> list[CommandRecord]:
    """The sweep's commands, or those that wait to be handled; the oldest first."""
    rows = connection.execute(
        select(
            command.c.id,
            command.c.kind,
            command.c.detail,
            command.c.created_at,
            command.c.handled_at,
            command.c.outcome,
        )
        .where(command.c.sweep_id == sweep_id, command.c.handled_at.is_(None) if open_only else true())
        .order_by(command.c.id)
    )
    return [CommandRecord(*row) for row in rows]
