"""A store as a storage of Optuna: sweeps are studies, and whoever speaks Optuna can read them and go on with them."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from sqlalchemy import Connection, select

from ...spaces.literals import plain
from ..store import Store
from ..store.schema import sweep, trial
from ..store.states import EventKind
from . import changing
from .adding import Added, add_trials
from .following import KnownStudy
from .frozen import to_local
from .holding import Held, happened, hold_study, hold_trial
from .studies import (
    METRIC_NAMES,
    Owner,
    StudyInfo,
    add_study,
    all_attributes,
    delete_study,
    name_objectives,
    read_attributes,
    read_parameters,
    read_studies,
    read_study,
    system_attributes,
    write_attribute,
)
from .templates import TRIAL_STATES

NAMELESS = "no-name-"
"""How Optuna begins the names of studies that were not given one."""


def optuna_storage(store: Store | str) -> BaseStorage:
    """A store for Optuna: `optuna.load_study(study_name=..., storage=optuna_storage("sqlite:///paretree.db"))`.

    Every sweep is a study: decisions are parameters under their paths, reports of the first objective intermediate
    values, other returned numbers user attributes, and constraints Optuna's. A sweep that a controller drives can be
    read; one that nobody drives can also be gone on with. Studies that are created through it become sweeps, whose
    space is what was suggested. It may be shared by threads and, pickled or opened anew, by processes.

    Args:
        store: an open store, or the URL or path of one.

    Raises:
        StoreError: the store cannot be opened.
    """
    return StudyStorage(Store.open(store) if isinstance(store, str) else store)


class StudyStorage(BaseStorage):
    """See `optuna_storage`. What Optuna's documentation says of errors holds; besides, all may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store._database
        self._known: dict[int, KnownStudy] = {}
        self._places: dict[int, _Place] = {}
        self._lock = threading.RLock()  # guards what is known, never a write to the database

    def __reduce__(self) -> tuple[Callable[[str], BaseStorage], tuple[str]]:
        return optuna_storage, (self._database.url.render_as_string(hide_password=False),)

    # Studies

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Add a study."""
        name = f"{NAMELESS}{uuid.uuid4()}" if study_name is None else study_name
        with self._database.writing() as connection:
            if connection.scalar(select(sweep.c.id).where(sweep.c.name == name)) is not None:
                raise DuplicatedStudyError(
                    f"There is a sweep {name!r} in {self._store.url} already; load it, or choose another name."
                )
            return add_study(connection, name, directions, _now())

    def delete_study(self, study_id: int) -> None:
        """Forget a study and its trials."""
        with self._database.writing() as connection:
            hold_study(connection, study_id, _now())
            delete_study(connection, study_id)
        with self._lock:
            self._known.pop(study_id, None)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Note something of a study."""
        self._note_study(study_id, Owner.USER, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Note something of a study, for Optuna itself. Names of objectives become those of the sweep."""
        self._note_study(study_id, Owner.SYSTEM, key, value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """The id of a study."""
        with self._database.reading() as connection:
            id: int | None = connection.scalar(select(sweep.c.id).where(sweep.c.name == study_name))
        if id is None:
            raise KeyError(f"There is no study {study_name!r} in {self._store.url}.")
        return id

    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of a study."""
        return self._study(study_id).name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Which way each objective is better."""
        return self._study(study_id).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """What was noted of a study."""
        self._study(study_id)
        with self._database.reading() as connection:
            return read_attributes(connection, study_id, Owner.USER)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """What Optuna noted of a study."""
        study = self._study(study_id)
        with self._database.reading() as connection:
            return system_attributes(study, read_attributes(connection, study_id, Owner.SYSTEM))

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies, by id."""
        with self._database.reading() as connection:
            studies = read_studies(connection)
            users, systems = (all_attributes(connection, owner) for owner in (Owner.USER, Owner.SYSTEM))
        return [
            FrozenStudy(
                study_name=study.name,
                direction=None,
                directions=study.directions,
                user_attrs=users.get(study.id, {}),
                system_attrs=system_attributes(study, systems.get(study.id, {})),
                study_id=study.id,
            )
            for study in studies
        ]

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial to a study."""
        if template_trial is None:
            return self._begin(study_id)
        known, now = self._known_study(study_id), _now()
        with self._database.writing() as connection:
            study = known.study.after(*hold_study(connection, study_id, now))
            [added] = add_trials(connection, study, known.parameters, [template_trial], now)
        return added.id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Decide a parameter of a trial."""
        known = self._known_study(self._place(trial_id).study)
        with self._changing(trial_id) as (connection, held):
            if known.study.space is None and param_name not in known.parameters:
                known.parameters.update(read_parameters(connection, held.sweep_id))
            before = known.parameters.get(param_name)
            parameter = changing.decide(
                connection, known.study, held, before, param_name, param_value_internal, distribution
            )
            self._tell_owner(connection, held)
        known.parameters.setdefault(param_name, parameter)
        value = parameter.value(parameter.decision(param_value_internal))
        self._remember(
            trial_id,
            params={param_name: value},
            distributions={param_name: parameter.distribution},
        )

    def set_trial_state_values(self, trial_id: int, state: State, values: Sequence[float] | None = None) -> bool:
        """Let a trial run, wait or end; False where it is to run and runs already."""
        study = self._known_study(self._place(trial_id).study).study
        violations = self.get_trial(trial_id).constraints if state.is_finished() else {}
        now = _now()
        with self._changing(trial_id) as (connection, held):
            if TRIAL_STATES[state] is held.state:
                return False
            if state is State.RUNNING:
                changing.begin(connection, held, now)
            elif state is State.WAITING:
                changing.put_back(connection, held, now)
            else:
                study = study.after(held.objectives, held.constraints)
                changing.end(connection, study, held, state, values, violations, now)
            event = happened(connection, held.sweep_id, held.number, EventKind.TRIAL, now, state=TRIAL_STATES[state])
        if state.is_finished() and _is_plain_end(study, state, violations):
            self._remember(trial_id, event, state=state, values=_floats(values), datetime_complete=to_local(now))
        else:
            self._forget(trial_id)
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Report the first objective at a step."""
        study = self._known_study(self._place(trial_id).study).study
        number, now = float(intermediate_value), _now()
        with self._changing(trial_id) as (connection, held):
            changing.measure(connection, study.after(held.objectives, held.constraints), held, step, number, now)
            event = happened(connection, held.sweep_id, held.number, EventKind.REPORTED, now)
        self._remember(trial_id, event, intermediate_values={step: number})

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Note something of a trial."""
        self._note_trial(trial_id, Owner.USER, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Note something of a trial, for Optuna itself."""
        self._note_trial(trial_id, Owner.SYSTEM, key, value)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """A trial."""
        study_id, number = self._place(trial_id)
        with self._lock:
            known = self._known.get(study_id)
            one = None if known is None else known.trials.get(number)
            if one is None or not one.state.is_finished():
                one = self._followed(study_id).trials[number]
            return one

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[State] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study, by number."""
        with self._lock:
            found = self._followed(study_id).select(states)
        return copy.deepcopy(found) if deepcopy else found

    # What is known here

    def _study(self, study_id: int) -> StudyInfo:
        with self._lock:
            known = self._known.get(study_id)
        if known is not None:
            return known.study
        with self._database.reading() as connection:
            return read_study(connection, study_id)

    def _known_study(self, study_id: int) -> KnownStudy:
        with self._lock:
            return self._known.get(study_id) or self._followed(study_id)

    def _followed(self, study_id: int) -> KnownStudy:
        """What is known of a study, and what has happened since; to be called with the lock."""
        with self._database.reading() as connection:
            known = self._known.pop(study_id, None)
            if known is None or not known.follow(connection):
                known = KnownStudy.load(connection, study_id)
        self._known[study_id] = known
        return known

    def _place(self, trial_id: int) -> _Place:
        if trial_id not in self._places:
            with self._database.reading() as connection:
                row = connection.execute(
                    select(trial.c.sweep_id, trial.c.number).where(trial.c.id == trial_id)
                ).one_or_none()
            if row is None:
                raise KeyError(f"There is no trial with id {trial_id} in {self._store.url}.")
            self._places[trial_id] = _Place(*row)
        return self._places[trial_id]

    def _remember(self, trial_id: int, event: int | None = None, **fields: Any) -> None:
        """Take in what this process changed of a trial; see `KnownStudy.change`."""
        study_id, number = self._place(trial_id)
        with self._lock:
            if study_id in self._known:
                self._known[study_id].change(number, event, fields)

    def _forget(self, trial_id: int) -> None:
        """Let a trial be read again."""
        study_id, number = self._place(trial_id)
        with self._lock:
            if study_id in self._known:
                self._known[study_id].mine.discard(number)

    # Writing

    @contextmanager
    def _changing(self, trial_id: int) -> Iterator[tuple[Connection, Held]]:
        with self._database.writing() as connection:
            yield connection, hold_trial(connection, trial_id, _now())

    def _begin(self, study_id: int) -> int:
        """Add a trial that runs."""
        known, now = self._known_study(study_id), _now()
        with self._database.writing() as connection:
            hold_study(connection, study_id, now)
            [added] = add_trials(connection, known.study, known.parameters, [None], now)
        self._places[added.id] = _Place(study_id, added.number)
        with self._lock:
            known.begin(_new_trial(added, now), added.event)
        return added.id

    def _note_study(self, study_id: int, owner: Owner, key: str, value: Any) -> None:
        with self._database.writing() as connection:
            hold_study(connection, study_id, _now())
            write_attribute(connection, study_id, owner, key, plain(value))
            if owner is Owner.SYSTEM and key == METRIC_NAMES:
                name_objectives(connection, read_study(connection, study_id), value)

    def _note_trial(self, trial_id: int, owner: Owner, key: str, value: Any) -> None:
        noted = plain(value)
        with self._changing(trial_id) as (connection, held):
            changing.note(connection, held, owner, key, noted)
            self._tell_owner(connection, held)
        if owner is Owner.USER:
            self._remember(trial_id, user_attrs={key: noted})
        else:
            self._remember(trial_id, system_attrs={key: noted})

    def _tell_owner(self, connection: Connection, held: Held) -> None:
        """What changes of a trial that runs is no event, so who began it is told where that is another process."""
        known = self._known.get(held.sweep_id)
        if known is None or held.number not in known.mine:
            happened(connection, held.sweep_id, held.number, EventKind.TRIAL, _now(), state=held.state)


class _Place(NamedTuple):
    study: int
    number: int


def _new_trial(added: Added, now: datetime) -> FrozenTrial:
    return FrozenTrial(
        number=added.number,
        trial_id=added.id,
        state=State.RUNNING,
        value=None,
        datetime_start=to_local(now),
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


def _is_plain_end(study: StudyInfo, state: State, violations: Mapping[str, float]) -> bool:
    """Whether an ended trial is read back as it was told; else it has to be read again."""
    return study.space is None and not violations and not (state is State.PRUNED and len(study.directions) > 1)


def _floats(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


def _now() -> datetime:
    return datetime.now(UTC)
