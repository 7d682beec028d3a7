"""What a store tells of a sweep, as plain rows that are printed, exported or shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd

from ..spaces import Space
from .analysis import LEADING, TRAILING, best_trial, eligible, pareto_front, trials_frame
from .goals import Goals
from .store import Store, SweepSummary, TrialState

ENDED_STATES = (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)


def read_frame(store: Store, name: str) -> tuple[pd.DataFrame, Goals]:
    """All trials of a sweep as a DataFrame, and its goals.

    Raises:
        StoreError: there is no such sweep.
    """
    record = store.sweep(name)
    goals = Goals.read(record.objectives, record.constraints)
    return trials_frame(store.trials(record.id), goals), goals


def sweep_row(summary: SweepSummary) -> dict[str, Any]:
    """A sweep in one row."""
    record = summary.sweep
    ended = sum(summary.counts[state] for state in ENDED_STATES)
    return {
        "name": record.name,
        "state": record.state.value,
        "trials": ended,
        "of": record.budget.get("trials"),
        "failed": summary.counts[TrialState.FAILED],
        "best": ", ".join(f"{name} {value:.5g}" for name, value in summary.best.items()),
        "last activity (UTC)": _minute(summary.last_activity),
    }


def sweep_details(store: Store, name: str) -> dict[str, Any]:
    """What there is to say of a sweep."""
    frame, goals = read_frame(store, name)
    record = store.sweep(name)
    counting = frame[eligible(frame, goals)]
    best = {one.name: best_trial(frame, goals, one.name) for one in goals.objectives} if len(counting) else {}
    return {
        "sweep": record.name,
        "state": record.state.value + (f" ({record.reason})" if record.reason else ""),
        "objectives": ", ".join(f"{one.name} ({one.direction.value})" for one in goals.objectives),
        "constraints": ", ".join(f"{one.name} {one.expression}" for one in goals.constraints) or None,
        "sampler": record.sampler,
        "seed": record.seed,
        "trials": ", ".join(f"{count} {state}" for state, count in frame["state"].value_counts().items()) or "none yet",
        "on the front": len(pareto_front(frame, goals)),
        "best": {name: f"{row[name]:.5g} in trial {row['number']}" for name, row in best.items() if row is not None},
        "code": record.entry_point,
        "space": repr(Space.from_json(record.space)),
    }


def trial_details(store: Store, name: str, number: int) -> dict[str, Any]:
    """What there is to say of a trial."""
    record = store.sweep(name)
    trial, attempts = store.trial(record.id, number), store.attempts(record.id, number)
    shown = ("number", "state", "worker", "started_at", "ended_at", "cause")
    failure = next((attempt.traceback or attempt.message for attempt in reversed(attempts) if attempt.message), None)
    return {
        "trial": trial.number,
        "state": trial.state.value,
        "proposed by": f"{trial.proposal.get('sampler')} ({trial.proposal.get('reason')})",
        "values": trial.values,
        "decisions": trial.configuration,
        "attempts": [{key: _plain(asdict(attempt)[key]) for key in shown} for attempt in attempts],
        "why it failed": failure,
    }


def front_rows(front: pd.DataFrame, goals: Goals) -> list[dict[str, Any]]:
    """The trials of a front: number, values by name, and the active decisions."""
    named = [*goals.names, *(constraint.name for constraint in goals.constraints)]
    decisions = [column for column in front.columns if column not in {*LEADING, *TRAILING, *named}]
    return [
        {
            "number": int(row["number"]),
            "values": {name: row[name] for name in named},
            "decisions": {path: row[path] for path in decisions if not _missing(row[path])},
        }
        for row in front.to_dict("records")
    ]


def front_table(front: pd.DataFrame, goals: Goals, decisions: int = 4) -> list[dict[str, Any]]:
    """The front as rows for a narrow screen: values, and the few decisions that most of its trials make."""
    named = [*goals.names, *(constraint.name for constraint in goals.constraints)]
    others = [column for column in front.columns if column not in {*LEADING, *TRAILING, *named}]
    varied = [path for path in others if front[path].nunique() > 1]
    varied.sort(key=lambda path: (front[path].isna().sum(), path.count("/")))
    rows = front[["number", *named, *varied[:decisions]]].to_dict("records")
    return [{str(key): None if _missing(value) else value for key, value in row.items()} for row in rows]


def jsonable(data: Any) -> Any:
    """`data` as strict JSON: times as ISO text, and NaN and infinity as text, which JSON has no number for."""
    if isinstance(data, Mapping):
        return {str(key): jsonable(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [jsonable(item) for item in data]
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, datetime):
        return data.isoformat()
    return data.item() if hasattr(data, "item") else data


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: object) -> object:
    return _minute(value) if isinstance(value, datetime) else value


def _minute(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M:%S}"
