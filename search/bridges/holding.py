"""Locking what Optuna is about to change, and refusing what it must not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from sqlalchemy import Connection, Row, insert, select

from ..store import StoreError, lives
from ..store.schema import event, sweep, trial
from ..store.states import ENDED, EventKind

Held = Row[Any]
"""A row of `trial`, with its sweep's `name`, `driver`, `lease_until`, `objectives` and `constraints`."""

_OF_SWEEP = (sweep.c.name, sweep.c.driver, sweep.c.lease_until, sweep.c.objectives, sweep.c.constraints)


def hold_study(
    connection: Connection, study_id: int, now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lock a sweep until the transaction ends; return its objectives and constraints as they are now.

    Raises:
        KeyError: there is none.
        StoreError: a controller drives it.
    """
    held = connection.execute(select(*_OF_SWEEP).where(sweep.c.id == study_id).with_for_update()).one_or_none()
    if held is None:
        raise KeyError(f"There is no study with id {study_id} in the store.")
    _refuse_driven(held.name, held.driver, held.lease_until, now)
    return held.objectives, held.constraints


def hold_trial(connection: Connection, trial_id: int, now: datetime) -> Held:
    """Lock a trial and its sweep until the transaction ends.

    Raises:
        KeyError: there is none.
        StoreError: a controller drives the sweep.
        UpdateFinishedTrialError: the trial has ended.
    """
    held = connection.execute(
        select(trial, *_OF_SWEEP).join_from(trial, sweep).where(trial.c.id == trial_id).with_for_update()
    ).one_or_none()
    if held is None:
        raise KeyError(f"There is no trial with id {trial_id} in the store.")
    if held.state in ENDED:
        raise UpdateFinishedTrialError(
            f"Trial {held.number} of {held.name!r} has ended as {held.state}, so it cannot be changed; "
            "ask for a new one."
        )
    _refuse_driven(held.name, held.driver, held.lease_until, now)
    return held


def happened(
    connection: Connection, sweep_id: int, number: int, kind: EventKind, now: datetime, **detail: object
) -> int:
    """Append to the change feed what came of a trial; return the event's id."""
    new = insert(event).values(sweep_id=sweep_id, trial_number=number, at=now, kind=kind, detail=detail)
    id: int = connection.execute(new.returning(event.c.id)).scalar_one()
    return id


def _refuse_driven(name: str, driver: str | None, until: datetime | None, now: datetime) -> None:
    """Refuse a sweep whose controller lives, or may live where that cannot be seen from here."""
    if driver is None or until is None:
        return
    alive = lives(driver)
    if alive if alive is not None else until > now:
        raise StoreError(
            f"the sweep {name!r} is driven by {driver}, so Optuna can read but not change it; "
            f"stop that one first: paretree stop {name}"
        )
