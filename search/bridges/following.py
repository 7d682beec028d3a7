"""What a process knows of a study: read once, then only what has changed since."""

from __future__ import annotations

import copy
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from sqlalchemy import Connection, and_, func, select, true

from ..store.schema import event, sweep, trial
from ..store.states import EventKind
from .frozen import read_trials
from .parameters import Parameter
from .studies import StudyInfo, read_study

MANY = 500
"""From so many changed trials on, all are read: that is no slower, and no list for the database."""

ENDED = (State.COMPLETE, State.PRUNED, State.FAIL)


@dataclass
class KnownStudy:
    """A study and its trials, as of its event `last`. Trials in it are replaced, never changed.

    Attributes:
        parameters: those of the study.
        open: the numbers of trials that have not ended.
        mine: those of them that this process began, and so knows without reading them again. Others change in silence
            while they run: only what ends them is an event.
        told: events after `last` that this process made of trials of its own.
    """

    study: StudyInfo
    trials: dict[int, FrozenTrial] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)
    mine: set[int] = field(default_factory=set)
    told: set[int] = field(default_factory=set)
    last: int = 0

    @classmethod
    def load(cls, connection: Connection, study_id: int) -> KnownStudy:
        """Read it.

        Raises:
            KeyError: there is none of that id.
        """
        study = read_study(connection, study_id)
        known = cls(study, parameters=dict(study.parameters))
        known.last = connection.scalar(select(func.max(event.c.id)).where(event.c.sweep_id == study_id)) or 0
        known._read(connection, None)
        return known

    def follow(self, connection: Connection) -> bool:
        """Catch up with what has happened; False where the study is gone, or another one has its id."""
        news = connection.execute(
            select(sweep.c.created_at, sweep.c.objectives, sweep.c.constraints, event.c.id, event.c.trial_number)
            .outerjoin(
                event,
                and_(event.c.sweep_id == sweep.c.id, event.c.id > self.last, event.c.kind != EventKind.LOG),
            )
            .where(sweep.c.id == self.study.id)
            .order_by(event.c.id)
        ).all()
        if not news or news[0].created_at != self.study.born:
            return False
        self.study = self.study.after(news[0].objectives, news[0].constraints)
        touched = {row.trial_number for row in news if row.trial_number is not None and row.id not in self.told}
        self.last = news[-1].id or self.last
        self.told = {id for id in self.told if id > self.last}
        changed = touched | (self.open - self.mine)
        if changed:
            self._read(connection, changed)
        return True

    def select(self, states: Container[State] | None) -> list[FrozenTrial]:
        """The trials in some states, by number."""
        if states is None:
            return list(self.trials.values())
        if any(state in states for state in ENDED):
            return [one for one in self.trials.values() if one.state in states]
        return [self.trials[number] for number in sorted(self.open) if self.trials[number].state in states]

    def begin(self, one: FrozenTrial, event_id: int) -> bool:
        """Take in a trial that this process began; False where one before it is not known yet."""
        if one.number != len(self.trials):
            return False
        self._put(one)
        self.mine.add(one.number)
        self._tell(event_id)
        return True

    def change(self, number: int, event_id: int | None, fields: Mapping[str, Any]) -> None:
        """Take in what this process changed of a trial; those of others are read again anyway.

        Args:
            event_id: the event that tells of it.
            fields: new values, and entries that are added to what is a mapping.
        """
        if number not in self.mine:
            return
        there = self.trials[number]
        changed = copy.copy(there)
        for name, new in fields.items():
            setattr(changed, name, {**getattr(there, name), **new} if isinstance(new, Mapping) else new)
        self._put(changed)
        if event_id is not None:
            self._tell(event_id)

    def _read(self, connection: Connection, numbers: Collection[int] | None) -> None:
        which = true() if numbers is None or len(numbers) > MANY else trial.c.number.in_(numbers)
        for one in read_trials(connection, self.study, self.parameters, which):
            self._put(one)

    def _put(self, one: FrozenTrial) -> None:
        self.trials[one.number] = one
        if one.state.is_finished():
            self.open.discard(one.number)
            self.mine.discard(one.number)
        else:
            self.open.add(one.number)

    def _tell(self, event_id: int) -> None:
        if event_id > self.last:
            self.told.add(event_id)
