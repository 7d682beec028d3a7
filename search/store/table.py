"""All trials of a sweep column by column: what a hundred thousand of them are read as in a moment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Double, String, Text, func, select, type_coerce

from ...spaces import Decision
from .records import TrialRecord
from .schema import attempt, trial, value

Time = datetime | str | None  # as the database has it; a string is ISO 8601 in UTC


@dataclass(frozen=True, slots=True)
class TrialTable:
    """The trials of a sweep by number. All lists are of the same length; worker and message are the last attempt's."""

    number: list[int]
    state: list[str]
    configuration: list[dict[str, Decision]]
    sampler: list[str | None]
    worker: list[str | None]
    attempts: list[int]
    started_at: list[Time]
    finished_at: list[Time]
    message: list[str | None]
    values: dict[str, dict[int, float | None]]  # by name, then by number; None is NaN

    @classmethod
    def of(cls, records: Sequence[TrialRecord]) -> TrialTable:
        """The table of these records."""
        values: dict[str, dict[int, float | None]] = {}
        for record in records:
            for name, number in record.values.items():
                values.setdefault(name, {})[record.number] = number
        return cls(
            number=[record.number for record in records],
            state=[record.state.value for record in records],
            configuration=[record.configuration for record in records],
            sampler=[record.proposal.get("sampler") for record in records],
            worker=[record.worker for record in records],
            attempts=[record.attempts for record in records],
            started_at=[record.started_at for record in records],
            finished_at=[record.finished_at for record in records],
            message=[record.message for record in records],
            values=values,
        )


def read_table(connection: Connection, sweep_id: int) -> TrialTable:
    """All trials of the sweep. Two statements, whose rows are taken as the database has them."""
    latest = attempt.alias("latest")
    last = select(func.max(latest.c.number)).where(latest.c.trial_id == trial.c.id).scalar_subquery()
    rows = connection.execute(
        select(
            trial.c.number,
            type_coerce(trial.c.state, String),
            type_coerce(trial.c.configuration, Text),
            type_coerce(trial.c.proposal, Text),
            attempt.c.worker,
            func.coalesce(attempt.c.number + 1, 0),
            type_coerce(trial.c.started_at, String),
            type_coerce(trial.c.finished_at, String),
            attempt.c.message,
        )
        .select_from(trial.outerjoin(attempt, (attempt.c.trial_id == trial.c.id) & (attempt.c.number == last)))
        .where(trial.c.sweep_id == sweep_id)
        .order_by(trial.c.number)
    ).all()
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(9)]
    number, state, configuration, proposal, worker, attempts, started_at, finished_at, message = columns
    samplers = {text: json.loads(text).get("sampler") for text in set(proposal)}
    return TrialTable(
        number=number,
        state=state,
        configuration=json.loads(f"[{','.join(configuration)}]"),
        sampler=[samplers[text] for text in proposal],
        worker=worker,
        attempts=attempts,
        started_at=started_at,
        finished_at=finished_at,
        message=message,
        values=_values(connection, sweep_id),
    )


def _values(connection: Connection, sweep_id: int) -> dict[str, dict[int, float | None]]:
    values: dict[str, dict[int, float | None]] = {}
    rows = connection.execute(
        select(trial.c.number, value.c.name, type_coerce(value.c.value, Double))
        .join_from(trial, value)
        .where(trial.c.sweep_id == sweep_id)
        .order_by(trial.c.number, value.c.name)
    )
    for number, name, found in rows.all():
        values.setdefault(name, {})[number] = found
    return values
