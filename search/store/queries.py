"""Reading: each function is one or a few statements, however much there is to read."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, true

from .records import AttemptRecord, EventRecord, LogRecord, SweepRecord, SweepSummary, TrialRecord
from .schema import attempt, event, sweep, trial, value
from .states import EventKind, TrialState, ValueKind

_parent = trial.alias("parent")
_SWEEP = [sweep.c[field.name] for field in fields(SweepRecord)]
_ATTEMPT = [attempt.c[field.name] for field in fields(AttemptRecord)]


class _LastAttempt(NamedTuple):
    made: int
    worker: str | None
    node: str | None
    cause: str | None
    message: str | None


_NO_ATTEMPT = _LastAttempt(0, None, None, None, None)


class _Tally(NamedTuple):
    state: TrialState
    trials: int
    first: datetime | None
    last_start: datetime | None
    last_end: datetime | None


class _Range(NamedTuple):
    name: str
    lowest: float
    highest: float


def read_sweep(connection: Connection, name: str) -> SweepRecord | None:
    """The sweep of that name."""
    row = connection.execute(select(*_SWEEP).where(sweep.c.name == name)).one_or_none()
    return None if row is None else SweepRecord(**row._mapping)


def sweep_names(connection: Connection) -> list[str]:
    """All names, the newest sweep first."""
    return list(connection.scalars(select(sweep.c.name).order_by(sweep.c.id.desc())))


def summaries(connection: Connection) -> list[SweepSummary]:
    """All sweeps at a glance, in the order in which they were created; three statements."""
    tallies, ranges = _tallies(connection), _ranges(connection)
    rows = connection.execute(select(*_SWEEP).order_by(sweep.c.id))
    return [_summary(SweepRecord(**row._mapping), tallies[row.id], ranges[row.id]) for row in rows]


def _tallies(connection: Connection) -> dict[int, list[_Tally]]:
    rows = connection.execute(
        select(
            trial.c.sweep_id,
            trial.c.state,
            func.count(),
            func.min(trial.c.started_at),
            func.max(trial.c.started_at),
            func.max(trial.c.finished_at),
        ).group_by(trial.c.sweep_id, trial.c.state)
    )
    tallies = defaultdict(list)
    for sweep_id, *tally in rows:
        tallies[sweep_id].append(_Tally(*tally))
    return tallies


def _ranges(connection: Connection) -> dict[int, list[_Range]]:
    """The lowest and highest finite value of each objective among finished trials."""
    rows = connection.execute(
        select(trial.c.sweep_id, value.c.name, func.min(value.c.value), func.max(value.c.value))
        .join_from(trial, value)
        .where(
            trial.c.state == TrialState.FINISHED,
            value.c.kind == ValueKind.OBJECTIVE,
            value.c.value.between(-sys.float_info.max, sys.float_info.max),
        )
        .group_by(trial.c.sweep_id, value.c.name)
    )
    ranges = defaultdict(list)
    for sweep_id, *found in rows:
        ranges[sweep_id].append(_Range(*found))
    return ranges


def _summary(record: SweepRecord, tallies: Sequence[_Tally], ranges: Sequence[_Range]) -> SweepSummary:
    direction = {objective["name"]: objective["direction"] for objective in record.objectives}
    lasts = [time for tally in tallies for time in (tally.last_start, tally.last_end) if time]
    return SweepSummary(
        sweep=record,
        counts=dict.fromkeys(TrialState, 0) | {tally.state: tally.trials for tally in tallies},
        best={found.name: found.highest if direction[found.name] == "maximize" else found.lowest for found in ranges},
        first_activity=min((tally.first for tally in tallies if tally.first), default=None),
        last_activity=max(lasts, default=None),
    )


def all_trials(connection: Connection, sweep_id: int) -> list[TrialRecord]:
    """All trials of the sweep, by number."""
    return _trials(connection, sweep_id, true())


def touched_trials(connection: Connection, sweep_id: int, after_event: int) -> list[TrialRecord]:
    """The trials that an event after `after_event` speaks of, by number."""
    touched = select(event.c.trial_number).where(event.c.sweep_id == sweep_id, event.c.id > after_event)
    return _trials(connection, sweep_id, trial.c.number.in_(touched))


def one_trial(connection: Connection, sweep_id: int, number: int) -> TrialRecord | None:
    """The trial of that number."""
    return next(iter(_trials(connection, sweep_id, trial.c.number == number)), None)


def _trials(connection: Connection, sweep_id: int, which: ColumnElement[bool]) -> list[TrialRecord]:
    chosen = and_(trial.c.sweep_id == sweep_id, which)
    values = _values(connection, chosen)
    attempts = _last_attempts(connection, chosen)
    query = (
        select(
            trial.c.id,
            trial.c.number,
            trial.c.configuration,
            trial.c.key,
            trial.c.state,
            trial.c.proposal,
            trial.c.seed,
            trial.c.priority,
            _parent.c.number.label("parent"),
            trial.c.created_at,
            trial.c.started_at,
            trial.c.finished_at,
        )
        .select_from(trial.outerjoin(_parent, trial.c.parent_id == _parent.c.id))
        .where(chosen)
        .order_by(trial.c.number)
    )
    rows = connection.execute(query).mappings().all()
    return [_trial(row, values[row["id"]], attempts.get(row["id"], _NO_ATTEMPT)) for row in rows]


def _trial(row: RowMapping, values: dict[str, float], last: _LastAttempt) -> TrialRecord:
    return TrialRecord(
        number=row["number"],
        configuration=row["configuration"],
        key=row["key"],
        state=row["state"],
        proposal=row["proposal"],
        seed=row["seed"],
        priority=row["priority"],
        parent=row["parent"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        values=values,
        worker=last.worker,
        node=last.node,
        attempts=last.made,
        cause=last.cause,
        message=last.message,
    )


def _values(connection: Connection, chosen: ColumnElement[bool]) -> dict[int, dict[str, float]]:
    values: dict[int, dict[str, float]] = defaultdict(dict)
    rows = connection.execute(
        select(value.c.trial_id, value.c.name, value.c.value).join_from(trial, value).where(chosen)
    ).all()
    for trial_id, name, number in rows:
        values[trial_id][name] = number
    return values


def _last_attempts(connection: Connection, chosen: ColumnElement[bool]) -> dict[int, _LastAttempt]:
    rows = connection.execute(
        select(
            attempt.c.trial_id,
            attempt.c.number + 1,
            attempt.c.worker,
            attempt.c.node,
            attempt.c.cause,
            attempt.c.message,
        )
        .join_from(trial, attempt)
        .where(chosen)
        .order_by(attempt.c.trial_id, attempt.c.number)
    ).all()
    return {trial_id: _LastAttempt(*columns) for trial_id, *columns in rows}


def causes_of(connection: Connection, sweep_id: int, number: int) -> list[str | None]:
    """By what the attempts at a trial ended, the first one first; None for one that did not fail."""
    found = (
        select(attempt.c.cause).join_from(trial, attempt).where(trial.c.sweep_id == sweep_id, trial.c.number == number)
    )
    return list(connection.scalars(found.order_by(attempt.c.number)))


def attempts_of(connection: Connection, sweep_id: int, number: int) -> list[AttemptRecord]:
    """All attempts at a trial, the first one first."""
    rows = connection.execute(
        select(*_ATTEMPT)
        .join_from(trial, attempt)
        .where(trial.c.sweep_id == sweep_id, trial.c.number == number)
        .order_by(attempt.c.number)
    )
    return [AttemptRecord(**{**row._mapping, "gpus": row.gpus["share"] if row.gpus else 0.0}) for row in rows]


def events_after(
    connection: Connection,
    sweep_id: int,
    after: int,
    limit: int | None,
    kinds: Sequence[str] | None,
    number: int | None,
) -> list[EventRecord]:
    """The sweep's events with a greater id than `after`, or a trial's; the oldest first, at most `limit` of them."""
    wanted = true() if kinds is None else event.c.kind.in_(kinds)
    whose = true() if number is None else event.c.trial_number == number
    rows = connection.execute(
        select(event.c.id, event.c.trial_number, event.c.at, event.c.kind, event.c.detail)
        .where(event.c.sweep_id == sweep_id, event.c.id > after, wanted, whose)
        .order_by(event.c.id)
        .limit(limit)
    )
    return [EventRecord(*row) for row in rows]


def logs_of(
    connection: Connection, sweep_id: int, number: int, attempt: int | None, after: int, limit: int | None
) -> list[LogRecord]:
    """What attempts at a trial wrote, the oldest line first, at most `limit` lines."""
    rows = connection.execute(
        select(event.c.id, event.c.at, event.c.detail)
        .where(event.c.sweep_id == sweep_id, event.c.trial_number == number)
        .where(event.c.kind == EventKind.LOG, event.c.id > after)
        .order_by(event.c.id)
    )
    return list(islice(_lines(rows, attempt), limit))


def _lines(rows: Iterable[Sequence[Any]], attempt: int | None) -> Iterator[LogRecord]:
    """The lines of one attempt, or of all; a store of the first schema has no line numbers."""
    for id, at, detail in rows:
        if attempt is None or detail["attempt"] == attempt:
            line, stream = detail.get("line", 0), detail.get("stream", "log")
            yield LogRecord(id, detail["attempt"], line, stream, detail["text"], at)


def last_event_id(connection: Connection, sweep_id: int | None) -> int:
    """The greatest event id of the sweep, or of all; 0 before the first."""
    which = true() if sweep_id is None else event.c.sweep_id == sweep_id
    return connection.scalar(select(func.max(event.c.id)).where(which)) or 0
