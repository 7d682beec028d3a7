"""Reading: each function is one or a few statements, however much there is to read."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, select, true

from .records import AttemptRecord, EventRecord, ReportRecord, SweepRecord, SweepSummary, TrialRecord
from .schema import attempt, event, report, sweep, trial, value
from .states import TrialState, ValueKind

_parent = trial.alias("parent")


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
    row = connection.execute(select(sweep).where(sweep.c.name == name)).one_or_none()
    return None if row is None else SweepRecord(**row._mapping)


def sweep_names(connection: Connection) -> list[str]:
    """All names, the newest sweep first."""
    return list(connection.scalars(select(sweep.c.name).order_by(sweep.c.id.desc())))


def summaries(connection: Connection) -> list[SweepSummary]:
    """All sweeps at a glance, in the order in which they were created; three statements."""
    tallies, ranges = _tallies(connection), _ranges(connection)
    rows = connection.execute(select(sweep).order_by(sweep.c.id))
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


def attempts_of(connection: Connection, sweep_id: int, number: int) -> list[AttemptRecord]:
    """All attempts at a trial, the first one first."""
    fields = [column for column in attempt.c if column.name not in ("id", "trial_id")]
    rows = connection.execute(
        select(*fields)
        .join_from(trial, attempt)
        .where(trial.c.sweep_id == sweep_id, trial.c.number == number)
        .order_by(attempt.c.number)
    )
    return [AttemptRecord(**row._mapping) for row in rows]


def last_reports(connection: Connection, sweep_id: int, number: int) -> list[ReportRecord]:
    """What the last attempt at a trial reported, by step and name."""
    last = (
        select(attempt.c.id)
        .join_from(trial, attempt)
        .where(trial.c.sweep_id == sweep_id, trial.c.number == number)
        .order_by(attempt.c.number.desc())
        .limit(1)
    )
    rows = connection.execute(
        select(report.c.step, report.c.name, report.c.value, report.c.at)
        .where(report.c.attempt_id == last.scalar_subquery())
        .order_by(report.c.step, report.c.name)
    )
    return [ReportRecord(*row) for row in rows]


def events_after(
    connection: Connection, sweep_id: int, after: int, limit: int | None, kinds: Sequence[str] | None
) -> list[EventRecord]:
    """The sweep's events with a greater id than `after`, the oldest first, at most `limit` of them."""
    wanted = true() if kinds is None else event.c.kind.in_(kinds)
    rows = connection.execute(
        select(event.c.id, event.c.trial_number, event.c.at, event.c.kind, event.c.detail)
        .where(event.c.sweep_id == sweep_id, event.c.id > after, wanted)
        .order_by(event.c.id)
        .limit(limit)
    )
    return [EventRecord(*row) for row in rows]


def last_event_id(connection: Connection, sweep_id: int | None) -> int:
    """The greatest event id of the sweep, or of all; 0 before the first."""
    which = true() if sweep_id is None else event.c.sweep_id == sweep_id
    return connection.scalar(select(func.max(event.c.id)).where(which)) or 0
