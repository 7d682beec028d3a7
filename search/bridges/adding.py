"""Adding trials to a sweep from Optuna: one statement for each table, however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from sqlalchemy import Connection, Table, func, insert, select, update

from ...spaces.configuration import key_of
from ...workers.protocol import Cause
from ..goals import Goals
from ..seeds import derive
from ..store.schema import attempt, attribute, event, report, sweep, trial, value
from ..store.states import EventKind
from .frozen import to_utc
from .parameters import Parameter
from .studies import Owner, StudyInfo, learn_parameters
from .templates import ATTEMPT_STATES, TRIAL_STATES, Decisions, constraint_names, given_values

WORKER = "optuna"
FAILED = "it failed in Optuna"


class Added(NamedTuple):
    """A trial that was added."""

    id: int
    number: int
    event: int


def add_trials(
    connection: Connection,
    study: StudyInfo,
    known: Mapping[str, Parameter],
    templates: Sequence[FrozenTrial | None],
    now: datetime,
) -> list[Added]:
    """Add trials to a study that is held; without a template, one that runs with nothing decided.

    Args:
        known: the parameters of the study.

    Raises:
        StoreError, ConfigurationError: a trial is none of the sweep's space.
    """
    last = connection.scalar(select(func.max(trial.c.number)).where(trial.c.sweep_id == study.id))
    rows, met = _trials(study, known, templates, 0 if last is None else last + 1, now)
    if study.space is None and met:
        learn_parameters(connection, study.id, met)
    ids = {number: id for id, number in connection.execute(insert(trial).returning(trial.c.id, trial.c.number), rows)}
    told = _tell(connection, study.id, rows, now)
    added = [Added(ids[row["number"]], row["number"], told[row["number"]]) for row in rows]
    attempts = _add_attempts(connection, added, templates, now)
    given = [(one.id, each) for one, each in zip(added, templates, strict=True) if each is not None]
    goals = declare_constraints(connection, study, [key for _, each in given for key in each.constraints])
    _add(connection, value, [row for id, each in given for row in _values(id, goals, each)])
    _add(connection, report, [row for id, each in given for row in _reports(attempts.get(id), goals, each, now)])
    _add(connection, attribute, [row for id, each in given for row in _attributes(study.id, id, each)])
    return added


def declare_constraints(connection: Connection, study: StudyInfo, keys: Sequence[str]) -> Goals:
    """What a study is after, with constraints that its trials are first to have; a sweep of ours has said its own."""
    goals = study.goals
    there = {constraint.name for constraint in goals.constraints}
    new = [name for name in constraint_names(goals, keys).values() if name not in there]
    if study.space is not None or not new:
        return goals
    objectives, constraints = goals.rows()
    constraints += [{"name": name, "expression": "<= 0.0"} for name in new]
    connection.execute(update(sweep).where(sweep.c.id == study.id).values(constraints=constraints))
    return Goals.read(objectives, constraints)


def _trials(
    study: StudyInfo,
    known: Mapping[str, Parameter],
    templates: Sequence[FrozenTrial | None],
    first: int,
    now: datetime,
) -> tuple[list[dict[str, Any]], dict[str, list[BaseDistribution]]]:
    """The rows, and the distributions that are new to the study."""
    known, rows = dict(known), []
    met: dict[str, list[BaseDistribution]] = {}
    for number, template in enumerate(templates, start=first):
        decisions = Decisions.given(study, known, template, derive(study.seed, "trial", number))
        rows.append(_trial(number, template, decisions, now))
        for name, distribution in decisions.met.items():
            met.setdefault(name, []).append(distribution)
            known.setdefault(name, Parameter(distribution))
    return rows, met


def _trial(number: int, template: FrozenTrial | None, decisions: Decisions, now: datetime) -> dict[str, Any]:
    state = State.RUNNING if template is None else template.state
    complete = state is State.COMPLETE
    configuration = decisions.finished() if complete else decisions.configuration()
    return {
        "sweep_id": decisions.study.id,
        "number": number,
        "configuration": configuration,
        "key": key_of(configuration),
        "state": TRIAL_STATES[state],
        "proposal": decisions.proposal(whole=complete),
        "seed": decisions.seed,
        "priority": 0,
        "created_at": now,
        "started_at": now if template is None else to_utc(template.datetime_start),
        "finished_at": None if template is None else to_utc(template.datetime_complete),
    }


def _add_attempts(
    connection: Connection, added: Sequence[Added], templates: Sequence[FrozenTrial | None], now: datetime
) -> dict[int, int]:
    """One for each trial that has begun; their ids by that of the trial."""
    rows = [
        _attempt(one.id, template, now)
        for one, template in zip(added, templates, strict=True)
        if template is None or template.state is not State.WAITING or template.intermediate_values
    ]
    if not rows:
        return {}
    found = connection.execute(insert(attempt).returning(attempt.c.trial_id, attempt.c.id), rows)
    return dict(found.tuples().all())


def _attempt(trial_id: int, template: FrozenTrial | None, now: datetime) -> dict[str, Any]:
    state = State.RUNNING if template is None else template.state
    started = now if template is None else to_utc(template.datetime_start)
    failed = state is State.FAIL
    return {
        "trial_id": trial_id,
        "number": 0,
        "state": ATTEMPT_STATES[state],
        "worker": WORKER,
        "sent_at": started or now,
        "started_at": started,
        "ended_at": None if template is None else to_utc(template.datetime_complete),
        "cause": Cause.USER if failed else None,
        "message": FAILED if failed else None,
    }


def _tell(connection: Connection, study_id: int, rows: Sequence[dict[str, Any]], now: datetime) -> dict[int, int]:
    """The events of new trials, by number."""
    events = [
        {
            "sweep_id": study_id,
            "trial_number": row["number"],
            "at": now,
            "kind": EventKind.TRIAL,
            "detail": {"state": row["state"]},
        }
        for row in rows
    ]
    found = connection.execute(insert(event).returning(event.c.trial_number, event.c.id), events)
    return dict(found.tuples().all())


def _values(trial_id: int, goals: Goals, template: FrozenTrial) -> list[dict[str, Any]]:
    values = given_values(goals, template.values, template.constraints)
    return [{"trial_id": trial_id, "name": name, "kind": kind, "value": one} for name, (kind, one) in values.items()]


def _reports(attempt_id: int | None, goals: Goals, template: FrozenTrial, now: datetime) -> list[dict[str, Any]]:
    at = to_utc(template.datetime_complete) or now
    return [
        {"attempt_id": attempt_id, "step": step, "name": goals.names[0], "value": number, "at": at}
        for step, number in template.intermediate_values.items()
    ]


def _attributes(study_id: int, trial_id: int, template: FrozenTrial) -> list[dict[str, Any]]:
    return [
        {"sweep_id": study_id, "trial_id": trial_id, "owner": owner, "key": key, "value": noted}
        for owner, notes in ((Owner.USER, template.user_attrs), (Owner.SYSTEM, template.system_attrs))
        for key, noted in notes.items()
    ]


def _add(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
