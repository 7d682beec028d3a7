"""Sweeps as studies of Optuna, and as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage, get_storage

from ..reports import jsonable, read_results
from ..store import ReportRecord, Store, StoreError, TrialRecord
from .importing import settled
from .storage import optuna_storage


def export_study(store: Store, name: str, target: BaseStorage | str, *, study: str | None = None) -> int:
    """Write a sweep into a storage of Optuna, as `optuna_storage` shows it. Return how many trials it has.

    Args:
        target: the storage, or its URL.
        study: what the study is called; the sweep's name where that is left out.

    Raises:
        StoreError: there is no such sweep, or the storage has a study of that name.
    """
    sweep, source, wanted = store.sweep(name), optuna_storage(store), study or name
    storage = get_storage(target)
    try:
        id = storage.create_new_study(source.get_study_directions(sweep.id), wanted)
    except DuplicatedStudyError:
        raise StoreError(f"the storage has a study {wanted!r} already; give the exported one another name") from None
    for key, value in source.get_study_system_attrs(sweep.id).items():
        storage.set_study_system_attr(id, key, value)
    for key, value in source.get_study_user_attrs(sweep.id).items():
        storage.set_study_user_attr(id, key, value)
    trials = source.get_all_trials(sweep.id, deepcopy=False)
    for trial in trials:
        storage.create_new_trial(id, template_trial=settled(trial))
    return len(trials)


def export_csv(store: Store, name: str, file: TextIO) -> int:
    """Write one line for each trial of a sweep, with the columns of `sweep.trials()`. Return how many there are.

    Raises:
        StoreError: there is no such sweep.
    """
    frame = read_results(store, name).frame
    frame.to_csv(file, index=False)
    return len(frame)


def export_json(store: Store, name: str, file: TextIO) -> int:
    """Write one JSON object in a line for each trial of a sweep, its reports included. Return how many there are.

    NaN and infinity are text there: "nan", "inf" and "-inf".

    Raises:
        StoreError: there is no such sweep.
    """
    sweep = store.sweep(name)
    count = 0
    for trial in store.trials(sweep.id):
        row = {**_plain(trial), "reports": list(_curves(store.reports(sweep.id, trial.number)))}
        file.write(json.dumps(jsonable(row), allow_nan=False) + "\n")
        count += 1
    return count


def _plain(trial: TrialRecord) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.value,
        "values": trial.values,
        "configuration": trial.configuration,
        "proposal": trial.proposal,
        "seed": trial.seed,
        "parent": trial.parent,
        "attempts": trial.attempts,
        "worker": trial.worker,
        "created_at": trial.created_at,
        "started_at": trial.started_at,
        "finished_at": trial.finished_at,
        "cause": trial.cause,
        "message": trial.message,
    }


def _curves(reports: list[ReportRecord]) -> Iterator[dict[str, Any]]:
    return ({"step": one.step, "name": one.name, "value": one.value, "at": one.at} for one in reports)
