"""Sweeps as Optuna's studies: what they are called, what they are after, and what is noted of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from sqlalchemy import Connection, Row, delete, insert, select, update

from ...spaces import Space
from ...spaces.slots import Slot
from ..goals import Direction, Goals
from ..store import schema
from ..store.changes import NewEvent
from ..store.commit import add_events
from ..store.states import EventKind, SweepState
from ..store.upsert import insert_beside
from .parameters import Parameter, parameters_of, read_parameter, space_of, widened

MAKER = "optuna"
"""The sampler of sweeps that Optuna made, whose space is what was suggested so far."""

METRIC_NAMES = "study:metric_names"
"""The attribute in which Optuna keeps the names of a study's objectives."""

_DIRECTIONS = {Direction.MINIMIZE: StudyDirection.MINIMIZE, Direction.MAXIMIZE: StudyDirection.MAXIMIZE}


class Owner(StrEnum):
    """Whose a row of the table `attribute` is."""

    USER = "optuna:user"
    SYSTEM = "optuna:system"
    SPACE = "optuna:space"  # {"name", "first", "widest"} of a parameter: its distributions as JSON text


@dataclass(frozen=True)
class StudyInfo:
    """A sweep as a study.

    Attributes:
        born: when it was created; tells it from an earlier one with its id.
        space: what is searched; None for a study that Optuna made.
    """

    id: int
    name: str
    born: datetime
    goals: Goals
    space: Space | None
    seed: int

    @classmethod
    def read(cls, row: Row[Any]) -> StudyInfo:
        """From a row of `sweep`."""
        space = None if row.sampler == MAKER else Space.from_json(row.space)
        return cls(row.id, row.name, row.created_at, Goals.read(row.objectives, row.constraints), space, row.seed or 0)

    def after(self, objectives: list[dict[str, Any]], constraints: list[dict[str, Any]]) -> StudyInfo:
        """The study with objectives and constraints as they are stored by now."""
        if self.goals.rows() == (objectives, constraints):
            return self
        return replace(self, goals=Goals.read(objectives, constraints))

    @property
    def directions(self) -> list[StudyDirection]:
        """Which way each objective is better."""
        return [_DIRECTIONS[objective.direction] for objective in self.goals.objectives]

    @cached_property
    def slots(self) -> dict[str, Slot]:
        """The decisions of the space by path; none where there is no space."""
        return {} if self.space is None else {slot.path: slot for slot in self.space.slots}

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters of the space by path; none where there is no space."""
        return {} if self.space is None else parameters_of(self.space)


def read_study(connection: Connection, study_id: int) -> StudyInfo:
    """The study of that id.

    Raises:
        KeyError: there is none.
    """
    row = connection.execute(select(schema.sweep).where(schema.sweep.c.id == study_id)).one_or_none()
    if row is None:
        raise KeyError(f"There is no study with id {study_id} in the store.")
    return StudyInfo.read(row)


def read_studies(connection: Connection) -> list[StudyInfo]:
    """All studies, in the order in which they were created."""
    return [StudyInfo.read(row) for row in connection.execute(select(schema.sweep).order_by(schema.sweep.c.id))]


def add_study(connection: Connection, name: str, directions: Sequence[StudyDirection], now: datetime) -> int:
    """Add a sweep for Optuna to fill; its name is free. Return its id."""
    empty = space_of({})
    names = default_names(len(directions))
    objectives = [
        {"name": one, "direction": direction.name.lower(), "unit": None}
        for one, direction in zip(names, directions, strict=True)
    ]
    id: int = connection.execute(
        insert(schema.sweep)
        .values(
            name=name,
            space=empty.to_json(),
            fingerprint=empty.fingerprint,
            objectives=objectives,
            constraints=[],
            sampler=MAKER,
            budget={},
            state=SweepState.CREATED,
            epoch=0,
            created_at=now,
            updated_at=now,
        )
        .returning(schema.sweep.c.id)
    ).scalar_one()
    add_events(connection, id, [NewEvent(EventKind.SWEEP, None, now, {"state": SweepState.CREATED})])
    return id


def default_names(count: int) -> list[str]:
    """What objectives are called that nobody gave a name."""
    return ["value"] if count == 1 else [f"value_{position}" for position in range(count)]


def delete_study(connection: Connection, study_id: int) -> None:
    """Forget a sweep and all that belongs to it. Files of its trials stay where they are."""
    trials = select(schema.trial.c.id).where(schema.trial.c.sweep_id == study_id)
    attempts = select(schema.attempt.c.id).where(schema.attempt.c.trial_id.in_(trials))
    for table in (schema.report, schema.checkpoint):
        connection.execute(delete(table).where(table.c.attempt_id.in_(attempts)))
    for table in (schema.value, schema.artifact, schema.attempt):
        connection.execute(delete(table).where(table.c.trial_id.in_(trials)))
    for table in (schema.note, schema.attribute, schema.command, schema.event, schema.trial):
        connection.execute(delete(table).where(table.c.sweep_id == study_id))
    connection.execute(delete(schema.sweep).where(schema.sweep.c.id == study_id))


def read_attributes(connection: Connection, study_id: int, owner: Owner) -> dict[str, Any]:
    """What an owner noted of the study."""
    note = schema.attribute.c
    rows = connection.execute(
        select(note.key, note.value)
        .where(note.sweep_id == study_id, note.trial_id.is_(None), note.owner == owner)
        .order_by(note.id)
    )
    return dict(rows.tuples().all())


def all_attributes(connection: Connection, owner: Owner) -> dict[int, dict[str, Any]]:
    """What an owner noted of each study, by id; studies without anything are missing."""
    note = schema.attribute.c
    rows = connection.execute(
        select(note.sweep_id, note.key, note.value)
        .where(note.trial_id.is_(None), note.owner == owner)
        .order_by(note.id)
    )
    found: dict[int, dict[str, Any]] = {}
    for id, key, value in rows:
        found.setdefault(id, {})[key] = value
    return found


def write_attribute(connection: Connection, study_id: int, owner: Owner, key: str, value: Any) -> None:
    """Note something of the study, in place of what was noted there."""
    note = schema.attribute
    new = insert_beside(connection, note).values(sweep_id=study_id, owner=owner, key=key, value=value)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["sweep_id", "owner", "key"],
            index_where=note.c.trial_id.is_(None),
            set_={"value": new.excluded.value},
        )
    )


def system_attributes(study: StudyInfo, noted: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that Optuna reads; the objectives of a sweep of ours have their names there."""
    named = {} if study.space is None else {METRIC_NAMES: study.goals.names}
    return {**named, **noted}


def name_objectives(connection: Connection, study: StudyInfo, names: Sequence[str]) -> None:
    """Give the objectives of a study names, in all that is stored; only in place of the default ones."""
    old = study.goals.names
    if study.space is not None or old != default_names(len(old)) or len({*names, *old}) < 2 * len(old):
        return
    rows, _ = study.goals.rows()
    objectives = [row | {"name": name} for row, name in zip(rows, names, strict=True)]
    connection.execute(update(schema.sweep).where(schema.sweep.c.id == study.id).values(objectives=objectives))
    trials = select(schema.trial.c.id).where(schema.trial.c.sweep_id == study.id)
    attempts = select(schema.attempt.c.id).where(schema.attempt.c.trial_id.in_(trials))
    value, report = schema.value, schema.report
    for before, name in zip(old, names, strict=True):
        connection.execute(update(value).where(value.c.trial_id.in_(trials), value.c.name == before).values(name=name))
        connection.execute(
            update(report).where(report.c.attempt_id.in_(attempts), report.c.name == before).values(name=name)
        )


def read_parameters(connection: Connection, study_id: int) -> dict[str, Parameter]:
    """The parameters that were suggested in a study that Optuna made, as they were at first."""
    return {name: read_parameter(entry["first"]) for name, entry in _met(connection, study_id).items()}


def learn_parameters(connection: Connection, study_id: int, met: Mapping[str, Sequence[BaseDistribution]]) -> None:
    """Take parameters into the space of a study that Optuna made, or widen their ranges there."""
    noted = _met(connection, study_id)
    known = dict(noted)
    for name, distributions in met.items():
        entry = known.get(name)
        widest = distributions[0] if entry is None else read_parameter(entry["widest"]).distribution
        for distribution in distributions:
            widest = widened(widest, distribution)
        first = Parameter(distributions[0]).text if entry is None else entry["first"]
        known[name] = {"name": name, "first": first, "widest": Parameter(widest).text}
    changed = {name: entry for name, entry in known.items() if noted.get(name) != entry}
    for name, entry in changed.items():
        write_attribute(connection, study_id, Owner.SPACE, name, entry)
    if changed:
        space = space_of({name: read_parameter(entry["widest"]).distribution for name, entry in known.items()})
        connection.execute(
            update(schema.sweep)
            .where(schema.sweep.c.id == study_id)
            .values(space=space.to_json(), fingerprint=space.fingerprint)
        )


def _met(connection: Connection, study_id: int) -> dict[str, dict[str, str]]:
    """What is noted of parameters, by name. It is noted too, since keys lose what a database cannot hold in text."""
    return {entry["name"]: entry for entry in read_attributes(connection, study_id, Owner.SPACE).values()}
