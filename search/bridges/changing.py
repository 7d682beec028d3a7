"""Changing trials from Optuna. Each function is part of one transaction, in which the trial is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState as State
from sqlalchemy import Connection, func, insert, select, update

from ...spaces.configuration import key_of
from ...workers.protocol import Cause
from ..store import StoreError
from ..store.schema import attempt, attribute, report, trial, value
from ..store.states import OPEN, AttemptState, TrialState
from ..store.upsert import insert_beside
from .adding import FAILED, WORKER, declare_constraints
from .holding import Held
from .parameters import Parameter
from .studies import Owner, StudyInfo, learn_parameters
from .templates import ATTEMPT_STATES, TRIAL_STATES, Decisions, given_values


def decide(
    connection: Connection,
    study: StudyInfo,
    held: Held,
    known: Parameter | None,
    name: str,
    internal: float,
    distribution: BaseDistribution,
) -> Parameter:
    """Decide a parameter of a trial; `known` is what the study has under its name. Return it as it is read back.

    Raises:
        StoreError, ValueError: the parameter has no place in the study.
    """
    decisions = Decisions.stored(study, held)
    parameter = decisions.decide(known, name, internal, distribution)
    if study.space is None and decisions.met:
        learn_parameters(connection, study.id, {name: [parameter.distribution]})
    configuration = decisions.configuration()
    _change(
        connection,
        held,
        configuration=configuration,
        key=key_of(configuration),
        proposal=decisions.proposal(whole=False),
    )
    return parameter


def begin(connection: Connection, held: Held, now: datetime) -> None:
    """Let a trial that waits run."""
    _change(connection, held, state=TrialState.RUNNING, started_at=now)
    _new_attempt(connection, held, AttemptState.RUNNING, now)


def put_back(connection: Connection, held: Held, now: datetime) -> None:
    """Let a trial that runs wait."""
    _change(connection, held, state=TrialState.WAITING)
    _end_attempts(connection, held, AttemptState.INTERRUPTED, now)


def end(
    connection: Connection,
    study: StudyInfo,
    held: Held,
    state: State,
    values: Sequence[float] | None,
    violations: Mapping[str, float],
    now: datetime,
) -> None:
    """Let a trial end with what came of it.

    Raises:
        ConfigurationError: it was completed without being a configuration of the sweep's space.
    """
    columns: dict[str, Any] = {"state": TRIAL_STATES[state], "finished_at": now}
    if state is State.COMPLETE and study.space is not None:
        decisions = Decisions.stored(study, held)
        configuration = decisions.finished()
        proposal = decisions.proposal(whole=True) if "decided" in held.proposal.get("detail", {}) else held.proposal
        columns |= {"configuration": configuration, "key": key_of(configuration), "proposal": proposal}
    _change(connection, held, **columns)
    failed = {"cause": Cause.USER, "message": FAILED} if state is State.FAIL else {}
    _end_attempts(connection, held, ATTEMPT_STATES[state], now, **failed)
    goals = declare_constraints(connection, study, list(violations))
    found = given_values(goals, values, violations)
    rows = [{"trial_id": held.id, "name": name, "kind": kind, "value": one} for name, (kind, one) in found.items()]
    if rows:
        new = insert_beside(connection, value)
        connection.execute(
            new.on_conflict_do_update(index_elements=["trial_id", "name"], set_={"value": new.excluded.value}), rows
        )


def measure(connection: Connection, study: StudyInfo, held: Held, step: int, number: float, now: datetime) -> None:
    """Report the first objective at a step, in place of what was reported there."""
    last = connection.scalar(
        select(attempt.c.id).where(attempt.c.trial_id == held.id).order_by(attempt.c.number.desc()).limit(1)
    )
    attempt_id = _new_attempt(connection, held, AttemptState.INTERRUPTED, now) if last is None else last
    new = insert_beside(connection, report).values(
        attempt_id=attempt_id, step=step, name=study.goals.names[0], value=number, at=now
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["attempt_id", "step", "name"], set_={"value": new.excluded.value, "at": new.excluded.at}
        )
    )


def note(connection: Connection, held: Held, owner: Owner, key: str, noted: Any) -> None:
    """Note something of a trial, in place of what was noted there."""
    new = insert_beside(connection, attribute).values(
        sweep_id=held.sweep_id, trial_id=held.id, owner=owner, key=key, value=noted
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["sweep_id", "trial_id", "owner", "key"], set_={"value": new.excluded.value}
        )
    )


def _change(connection: Connection, held: Held, **columns: Any) -> None:
    """Change a trial's row, if it still is in the state in which it was found."""
    statement = update(trial).where(trial.c.id == held.id, trial.c.state == held.state).values(**columns)
    if connection.execute(statement).rowcount != 1:
        raise StoreError(
            f"trial {held.number} of {held.name!r} was changed by someone else at the same moment; try again"
        )


def _new_attempt(connection: Connection, held: Held, state: AttemptState, now: datetime) -> int:
    made = connection.scalar(select(func.count()).where(attempt.c.trial_id == held.id))
    new = insert(attempt).values(trial_id=held.id, number=made, state=state, worker=WORKER, sent_at=now, started_at=now)
    id: int = connection.execute(new.returning(attempt.c.id)).scalar_one()
    return id


def _end_attempts(connection: Connection, held: Held, state: AttemptState, now: datetime, **why: str) -> None:
    connection.execute(
        update(attempt)
        .where(attempt.c.trial_id == held.id, attempt.c.state.in_(OPEN))
        .values(state=state, ended_at=now, **why)
    )
