"""Optuna's studies as sweeps."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import optuna
from optuna import Study
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from ..errors import SweepError
from ..store import Store, StoreError, SweepRecord
from ..store.changes import NewEvent
from ..store.commit import add_events
from ..store.schema import sweep
from ..store.states import EventKind, SweepState
from .adding import add_trials
from .studies import METRIC_NAMES, Owner, add_study, name_objectives, read_study, write_attribute


def import_study(
    store: Store, source: Study | str, *, study: str | None = None, name: str | None = None
) -> SweepRecord:
    """Make a sweep of a study: directions, names of objectives, trials, their curves, times and attributes.

    Everything is written, or nothing. The sweep's space is flat: it has every parameter of the study, in the widest
    range that a trial had. Trials keep the parameters they had, so one that lacks some is no configuration of that
    space. Text in attributes is taken over as it is, pickles of samplers too: Optuna's samplers would read those.

    Args:
        source: a study, or the URL of the storage that holds it.
        study: the study's name; may be left out where the storage has a single one.
        name: what the sweep is called; the study's name where that is left out.

    Raises:
        SweepError: there is no such study.
        StoreError: the store has a sweep of that name.
        ValueError: a parameter has one kind in one trial, and another one in another.
    """
    found = _load(source, study) if isinstance(source, str) else source
    now, wanted = datetime.now(UTC), found.study_name if name is None else name
    notes = found._storage.get_study_system_attrs(found._study_id)
    with store._database.writing() as connection:
        if connection.scalar(select(sweep.c.id).where(sweep.c.name == wanted)) is not None:
            raise StoreError(f"there is a sweep {wanted!r} in {store.url} already; give the imported one another name")
        id = add_study(connection, wanted, found.directions, now)
        for owner, noted in ((Owner.USER, found.user_attrs), (Owner.SYSTEM, notes)):
            for key, value in noted.items():
                write_attribute(connection, id, owner, key, value)
        if METRIC_NAMES in notes:
            name_objectives(connection, read_study(connection, id), notes[METRIC_NAMES])
        trials = [settled(trial) for trial in found.get_trials(deepcopy=False)]
        if trials:
            add_trials(connection, read_study(connection, id), {}, trials, now)
        state = {"state": SweepState.FINISHED, "reason": f"imported from Optuna's study {found.study_name!r}"}
        connection.execute(update(sweep).where(sweep.c.id == id).values(**state))
        add_events(connection, id, [NewEvent(EventKind.SWEEP, None, now, state)])
    return store.sweep(wanted)


def settled(trial: FrozenTrial) -> FrozenTrial:
    """A trial as it is copied: one that runs elsewhere has failed here, because nobody will tell what came of it."""
    if trial.state is not State.RUNNING:
        return trial
    failed = copy.copy(trial)
    failed.state, failed.values, failed.datetime_complete = State.FAIL, None, datetime.now()
    return failed


def _load(url: str, study: str | None) -> Study:
    try:
        names = optuna.get_all_study_names(url)
    except (SQLAlchemyError, RuntimeError, ValueError, ImportError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise SweepError(f"Optuna cannot read {url!r} ({reason}); give the URL of its storage.") from error
    if study is None and len(names) == 1:
        study = names[0]
    if study not in names:
        there = ", ".join(map(repr, names)) or "none"
        asked = "which study?" if study is None else f"there is no study {study!r};"
        raise SweepError(f"In {url!r}, {asked} name one of those that are there: {there}.")
    return optuna.load_study(study_name=study, storage=url)
