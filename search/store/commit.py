"""Writes the changes of one transaction: one statement per kind of change, however many rows it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Update, bindparam, func, insert, update

from ...workers.protocol import AttemptId
from . import commands, files
from .changes import Changes, NewEvent
from .errors import StoreError
from .ledger import Ledger
from .schema import attempt, event, report, sweep, trial, value
from .states import AttemptState, EventKind, TrialState
from .upsert import insert_beside

Rows = Sequence[Mapping[str, Any]]

_ADD_TRIALS = insert(trial).returning(trial.c.number, trial.c.id)
_ADD_ATTEMPTS = insert(attempt).returning(attempt.c.trial_id, attempt.c.number, attempt.c.id)

_ADD_VALUES = insert(value)
_ADD_EVENTS = insert(event)

_MOVE_TRIALS = (
    update(trial)
    .where(trial.c.id == bindparam("row"), trial.c.state == bindparam("expected"))
    .values(
        state=bindparam("new_state"),
        started_at=func.coalesce(bindparam("new_start", type_=trial.c.started_at.type), trial.c.started_at),
        finished_at=bindparam("new_end"),
    )
)

_MOVE_ATTEMPTS = (
    update(attempt)
    .where(attempt.c.id == bindparam("row"), attempt.c.state == bindparam("expected"))
    .values(
        state=bindparam("new_state"),
        worker=func.coalesce(bindparam("new_worker", type_=attempt.c.worker.type), attempt.c.worker),
        node=func.coalesce(bindparam("new_node", type_=attempt.c.node.type), attempt.c.node),
        gpus=func.coalesce(bindparam("new_gpus", type_=attempt.c.gpus.type), attempt.c.gpus),
        started_at=func.coalesce(bindparam("new_start", type_=attempt.c.started_at.type), attempt.c.started_at),
        ended_at=bindparam("new_end"),
        cause=bindparam("new_cause"),
        message=bindparam("new_message"),
        traceback=bindparam("new_traceback"),
    )
)


def write(connection: Connection, sweep_id: int, changes: Changes, before: Ledger, after: Ledger) -> None:
    """Write `changes`, which lead from `before` to `after`; the ids of new rows are put into `after`.

    Raises:
        StoreError: a row was not in the state that `before` has for it; the caller's transaction must not commit.
    """
    _add_trials(connection, sweep_id, changes, after)
    _add_attempts(connection, changes, after)
    _move_trials(connection, changes, before, after)
    _move_attempts(connection, changes, before, after)
    _add_values(connection, changes, after)
    measured = _add_reports(connection, changes, after)
    kept = files.add_checkpoints(connection, changes.checkpoints.values(), after)
    kept += files.add_artifacts(connection, changes.artifacts.values(), after)
    files.forget_checkpoints(connection, sweep_id, changes.lost_checkpoints, changes.now)
    done = commands.handle(connection, sweep_id, changes.outcomes, changes.now)
    add_events(connection, sweep_id, [*(new for new in changes.events if _is_news(new, measured)), *kept, *done])
    _change_sweep(connection, sweep_id, changes)


def add_events(connection: Connection, sweep_id: int, events: Sequence[NewEvent]) -> None:
    """Append to the change feed."""
    rows = [
        {"sweep_id": sweep_id, "trial_number": new.trial, "at": new.at, "kind": new.kind, "detail": new.detail}
        for new in events
    ]
    if rows:
        connection.execute(_ADD_EVENTS, rows)


def _add_trials(connection: Connection, sweep_id: int, changes: Changes, after: Ledger) -> None:
    rows = [
        {
            "sweep_id": sweep_id,
            "number": new.number,
            "configuration": dict(new.configuration),
            "key": new.key,
            "state": TrialState.WAITING,
            "proposal": dict(new.proposal),
            "seed": new.seed,
            "priority": new.priority,
            "parent_id": None if new.parent is None else after.trial_ids[new.parent],
            "created_at": changes.now,
        }
        for new in changes.new_trials
    ]
    if rows:
        for number, id in connection.execute(_ADD_TRIALS, rows):
            after.trial_ids[number] = id


def _add_attempts(connection: Connection, changes: Changes, after: Ledger) -> None:
    rows = [
        {
            "trial_id": after.trial_ids[new.id.trial],
            "number": new.id.attempt,
            "state": AttemptState.SENT,
            "sent_at": new.sent_at,
        }
        for new in changes.new_attempts
    ]
    if rows:
        numbers = {after.trial_ids[new.id.trial]: new.id.trial for new in changes.new_attempts}
        for trial_id, number, id in connection.execute(_ADD_ATTEMPTS, rows):
            after.attempt_ids[AttemptId(numbers[trial_id], number)] = id


def _move_trials(connection: Connection, changes: Changes, before: Ledger, after: Ledger) -> None:
    rows = [
        {
            "row": after.trial_ids[number],
            "expected": before.trials.get(number, TrialState.WAITING),
            "new_state": change.state,
            "new_start": change.started_at,
            "new_end": change.finished_at,
        }
        for number, change in changes.trials.items()
    ]
    _guarded(connection, _MOVE_TRIALS, rows)


def _move_attempts(connection: Connection, changes: Changes, before: Ledger, after: Ledger) -> None:
    rows = [
        {
            "row": after.attempt_ids[id],
            "expected": before.attempts.get(id, AttemptState.SENT),
            "new_state": change.state,
            "new_worker": change.worker,
            "new_node": change.node,
            "new_gpus": {"share": change.gpus} if change.gpus else None,
            "new_start": change.started_at,
            "new_end": change.ended_at,
            "new_cause": change.cause,
            "new_message": change.message,
            "new_traceback": change.traceback,
        }
        for id, change in changes.attempts.items()
    ]
    _guarded(connection, _MOVE_ATTEMPTS, rows)


def _add_values(connection: Connection, changes: Changes, after: Ledger) -> None:
    rows = [
        {"trial_id": after.trial_ids[new.trial], "name": new.name, "kind": new.kind, "value": new.value}
        for new in changes.values
    ]
    if rows:
        connection.execute(_ADD_VALUES, rows)


def _add_reports(connection: Connection, changes: Changes, after: Ledger) -> set[AttemptId]:
    """Return the attempts of which something was new."""
    rows = [
        {
            "attempt_id": after.attempt_ids[new.id],
            "step": new.step,
            "name": new.name,
            "value": new.value,
            "at": new.at,
        }
        for new in changes.reports
    ]
    if not rows:
        return set()
    ids = {after.attempt_ids[new.id]: new.id for new in changes.reports}
    adding = insert_beside(connection, report).on_conflict_do_nothing().returning(report.c.attempt_id)
    return {ids[id] for (id,) in connection.execute(adding, rows)}


def _is_news(new: NewEvent, measured: set[AttemptId]) -> bool:
    return new.kind is not EventKind.REPORTED or AttemptId(new.trial or 0, new.detail["attempt"]) in measured


def _change_sweep(connection: Connection, sweep_id: int, changes: Changes) -> None:
    columns: dict[str, object] = {}
    if changes.sweep.state is not None:
        columns |= {"state": changes.sweep.state, "reason": changes.sweep.reason}
    if changes.sweep.budget is not None:
        columns |= {"budget": changes.sweep.budget}
    if columns:
        connection.execute(update(sweep).where(sweep.c.id == sweep_id).values(**columns, updated_at=changes.now))


def _guarded(connection: Connection, statement: Update, rows: Rows) -> None:
    if not rows:
        return
    changed = connection.execute(statement, rows).rowcount
    if changed != len(rows):
        raise StoreError(
            f"{len(rows) - changed} rows of {statement.table} were changed by someone else than the sweep's "
            "controller, so nothing was written; resume the sweep to go on from what is stored"
        )
