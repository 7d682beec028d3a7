"""What trials reported on their way, however much that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Double, Select, and_, exists, func, or_, select, true, type_coerce

from .records import ReportRecord
from .schema import attempt, report, trial
from .thin import thin

AT_ONCE = 1000  # rows; more of them take longer each
_RAW = type_coerce(report.c.value, Double)  # NULL stands for NaN, which numpy knows by itself


def reports_of(connection: Connection, sweep_id: int, number: int, points: int | None) -> list[ReportRecord]:
    """What a trial reported, by step and name; about `points` of each name where that is not None."""
    whose = and_(trial.c.sweep_id == sweep_id, trial.c.number == number)
    columns = [report.c.step, report.c.name, report.c.value, report.c.at]
    query = _standing(columns, whose, true()).order_by(report.c.step, report.c.name)
    if points is None:
        return [ReportRecord(*row) for row in connection.execute(query)]
    names: dict[str, int] = {}
    groups, steps, values = _arrays(connection, _standing([report.c.name, report.c.step, _RAW], whose, true()), names)
    kept, called = thin(groups, steps, values, points), list(names)
    wanted = {(step, called[group]) for step, group in zip(steps[kept].tolist(), groups[kept].tolist(), strict=True)}
    rows = connection.execute(query.where(report.c.step.in_({step for step, _ in wanted})))
    return [ReportRecord(*row) for row in rows if (row.step, row.name) in wanted]


def curves_of(connection: Connection, sweep_id: int, name: str, points: int) -> dict[int, list[tuple[int, float]]]:
    """The steps and values that each trial reported under `name`, about `points` of each trial."""
    query = _standing([trial.c.number, report.c.step, _RAW], trial.c.sweep_id == sweep_id, report.c.name == name)
    numbers: dict[int, int] = {}
    groups, steps, values = _arrays(connection, query, numbers)
    kept, called = thin(groups, steps, values, points), list(numbers)
    curves: dict[int, list[tuple[int, float]]] = {number: [] for number in sorted(numbers)}
    for group, step, value in zip(groups[kept].tolist(), steps[kept].tolist(), values[kept].tolist(), strict=True):
        curves[called[group]].append((step, value))
    return curves


def _standing(
    columns: Sequence[ColumnElement[Any]], whose: ColumnElement[bool], which: ColumnElement[bool]
) -> Select[Any]:
    """Reports that still stand: an attempt that goes on from a checkpoint measures later steps anew, and only those."""
    later, redone = attempt.alias("later"), report.alias("redone")
    last = (
        select(attempt.c.trial_id, func.max(attempt.c.id).label("id"))
        .join_from(trial, attempt)
        .where(whose)
        .group_by(attempt.c.trial_id)
        .subquery("last")
    )
    again = exists().where(
        later.c.trial_id == trial.c.id,
        later.c.number > attempt.c.number,
        redone.c.attempt_id == later.c.id,
        redone.c.name == report.c.name,
        redone.c.step <= report.c.step,
    )
    return (
        select(*columns)
        .select_from(
            trial.join(attempt, attempt.c.trial_id == trial.c.id)
            .join(report, report.c.attempt_id == attempt.c.id)
            .join(last, last.c.trial_id == trial.c.id)
        )
        .where(whose, which, or_(attempt.c.id == last.c.id, ~again))
    )


def _arrays(
    connection: Connection, query: Select[Any], names: dict[Any, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The rows (whose, step, value) of `query` as arrays; `names` gets a number for each whose."""
    groups, steps, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for rows in connection.execute(query.execution_options(yield_per=AT_ONCE)).partitions():
        whose, step, value = zip(*rows, strict=True)
        groups.append(np.array([names.setdefault(each, len(names)) for each in whose]))
        steps.append(np.array(step))
        values.append(np.array(value, dtype=float))
    return np.concatenate(groups), np.concatenate(steps), np.concatenate(values)
