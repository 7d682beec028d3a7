"""Trials as Optuna's `FrozenTrial`s: a handful of statements, however many there are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from sqlalchemy import ColumnElement, Connection, Row, and_, select

from ...spaces import Decision
from ..store.schema import attempt, attribute, report, trial, value
from ..store.states import TrialState, ValueKind
from .parameters import Parameter, read_parameter
from .studies import Owner, StudyInfo, read_parameters

STATES = {
    TrialState.WAITING: State.WAITING,
    TrialState.RUNNING: State.RUNNING,
    TrialState.FINISHED: State.COMPLETE,
    TrialState.STOPPED: State.PRUNED,
    TrialState.FAILED: State.FAIL,
}

OLD_CONSTRAINTS = "constraints"
"""The attribute with the violations as a list: the one form that Optuna and its dashboard both read."""

Notes = dict[Owner, dict[str, Any]]


def read_trials(
    connection: Connection, study: StudyInfo, parameters: dict[str, Parameter], which: ColumnElement[bool]
) -> list[FrozenTrial]:
    """Trials of the study, by number.

    Args:
        parameters: those that are known of the study; new ones are added.
        which: a condition on rows of `trial`.
    """
    chosen = and_(trial.c.sweep_id == study.id, which)
    rows = connection.execute(select(trial).where(chosen).order_by(trial.c.number)).all()
    if study.space is None and any(name not in parameters for row in rows for name in row.configuration):
        parameters.update(read_parameters(connection, study.id))
    values = _values(connection, chosen)
    curves = _curves(connection, study, chosen)
    notes = _notes(connection, chosen)
    return [_frozen(study, parameters, row, values[row.id], curves[row.id], notes[row.id]) for row in rows]


def to_local(time: datetime | None) -> datetime | None:
    """As Optuna has times: naive, in the zone of this machine."""
    return None if time is None else time.astimezone().replace(tzinfo=None)


def to_utc(time: datetime | None) -> datetime | None:
    """The aware time that Optuna means by a naive one."""
    return None if time is None else time.astimezone(UTC)


def _frozen(
    study: StudyInfo,
    parameters: Mapping[str, Parameter],
    row: Row[Any],
    values: Mapping[str, tuple[ValueKind, float]],
    curve: dict[int, float],
    notes: Notes,
) -> FrozenTrial:
    detail = row.proposal.get("detail", {})
    used = _used(parameters, detail.get("decided", row.configuration), detail.get("distributions", {}))
    state, objectives = _outcome(study, row.state, values)
    return FrozenTrial(
        number=row.number,
        trial_id=row.id,
        state=state,
        value=None,
        values=objectives,
        datetime_start=to_local(row.started_at),
        datetime_complete=to_local(row.finished_at),
        params={name: parameter.value(decision) for name, (parameter, decision) in used.items()},
        distributions={name: parameter.distribution for name, (parameter, _) in used.items()},
        user_attrs={**_measured(study, values), **notes[Owner.USER]},
        system_attrs={**_violations(study, state, values), **_without_constraints(study, state, notes[Owner.SYSTEM])},
        intermediate_values={} if _upsets_samplers(study, state) else curve,
    )


def _used(
    parameters: Mapping[str, Parameter], decisions: Mapping[str, Decision], own: Mapping[str, str]
) -> dict[str, tuple[Parameter, Decision]]:
    """The decisions with their parameters: the study's, or the trial's own where it had another range."""
    found = {name: read_parameter(own[name]) if name in own else parameters.get(name) for name in decisions}
    return {name: (parameter, decisions[name]) for name, parameter in found.items() if parameter is not None}


def _outcome(
    study: StudyInfo, state: TrialState, values: Mapping[str, tuple[ValueKind, float]]
) -> tuple[State, list[float] | None]:
    """State and objectives. Optuna knows no NaN: a trial that finished with one has failed there."""
    objectives = [values[name][1] for name in study.goals.names if name in values]
    whole = len(objectives) == len(study.goals.names) and not any(map(math.isnan, objectives))
    if state is TrialState.FINISHED and not whole:
        return State.FAIL, None
    return STATES[state], objectives if whole else None


def _measured(study: StudyInfo, values: Mapping[str, tuple[ValueKind, float]]) -> dict[str, float]:
    """What a sweep of ours measured besides its objectives."""
    if study.space is None:
        return {}
    return {name: number for name, (kind, number) in values.items() if kind is not ValueKind.OBJECTIVE}


def _violations(
    study: StudyInfo, state: State, values: Mapping[str, tuple[ValueKind, float]]
) -> dict[str, list[float]]:
    """By how much a trial of a sweep of ours breaks each constraint; infinitely where that was not measured."""
    if study.space is None or not study.goals.constraints or state is not State.COMPLETE:
        return {}
    broken = study.goals.violations({name: number for name, (_, number) in values.items()})
    return {OLD_CONSTRAINTS: [math.inf if math.isnan(one) else one for one in broken]}


def _without_constraints(study: StudyInfo, state: State, noted: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes without what `_violations` says already: trials with different constraints end Optuna's GP sampler."""
    if study.space is None or not study.goals.constraints or state is not State.COMPLETE:
        return dict(noted)
    return {key: value for key, value in noted.items() if key.partition(":")[0] != OLD_CONSTRAINTS}


def _upsets_samplers(study: StudyInfo, state: State) -> bool:
    """Whether Optuna's default sampler raises an error at the trial's curve: a pruned one, of several objectives."""
    return state is State.PRUNED and len(study.goals.objectives) > 1


def _values(connection: Connection, chosen: ColumnElement[bool]) -> dict[int, dict[str, tuple[ValueKind, float]]]:
    found: dict[int, dict[str, tuple[ValueKind, float]]] = defaultdict(dict)
    rows = connection.execute(
        select(value.c.trial_id, value.c.name, value.c.kind, value.c.value).join_from(trial, value).where(chosen)
    )
    for id, name, kind, number in rows:
        found[id][name] = (kind, number)
    return found


def _curves(connection: Connection, study: StudyInfo, chosen: ColumnElement[bool]) -> dict[int, dict[int, float]]:
    """What trials reported of the first objective; of a step that several attempts reached, the last one counts."""
    found: dict[int, dict[int, float]] = defaultdict(dict)
    rows = connection.execute(
        select(trial.c.id, report.c.step, report.c.value)
        .select_from(trial.join(attempt, attempt.c.trial_id == trial.c.id).join(report))
        .where(chosen, report.c.name == study.goals.names[0])
        .order_by(trial.c.id, attempt.c.number, report.c.step)
    )
    for id, step, number in rows:
        found[id][step] = number
    return found


def _notes(connection: Connection, chosen: ColumnElement[bool]) -> dict[int, Notes]:
    found: dict[int, Notes] = defaultdict(lambda: {Owner.USER: {}, Owner.SYSTEM: {}})
    rows = connection.execute(
        select(attribute.c.trial_id, attribute.c.owner, attribute.c.key, attribute.c.value)
        .select_from(trial.join(attribute, attribute.c.trial_id == trial.c.id))
        .where(chosen, attribute.c.owner.in_([Owner.USER, Owner.SYSTEM]))
        .order_by(attribute.c.id)
    )
    for id, owner, key, noted in rows:
        found[id][Owner(owner)][key] = noted
    return found
