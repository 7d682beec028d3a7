"""What a store tells of a sweep, as plain data that is printed or written as JSON."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ..spaces import Space
from .errors import SweepError
from .goals import Goals
from .store import AttemptRecord, Store, SweepRecord, SweepSummary, TrialRecord, TrialState

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("paretree")

ENDED_STATES = (TrialState.FINISHED, TrialState.STOPPED, TrialState.FAILED)


@dataclass(frozen=True)
class Results:
    """All trials of a sweep, as records and as a DataFrame, and those on the front."""

    sweep: SweepRecord
    goals: Goals
    trials: Sequence[TrialRecord]
    frame: pd.DataFrame
    front: pd.DataFrame


def read_results(store: Store, name: str) -> Results:
    """What came of a sweep so far.

    Raises:
        StoreError: there is no such sweep.
    """
    from .analysis import pareto_front, trials_frame

    sweep = store.sweep(name)
    goals, trials = Goals.read(sweep.objectives, sweep.constraints), store.trials(sweep.id)
    frame = trials_frame(trials, goals)
    return Results(sweep, goals, trials, frame, pareto_front(frame, goals))


def sweep_row(summary: SweepSummary) -> dict[str, Any]:
    """A sweep in one row."""
    record = summary.sweep
    return {
        "name": record.name,
        "state": record.state.value,
        "trials": sum(summary.counts[state] for state in ENDED_STATES),
        "of": record.budget.get("trials"),
        "failed": summary.counts[TrialState.FAILED],
        "best": {row["name"]: summary.best[row["name"]] for row in record.objectives if row["name"] in summary.best},
        "last_active": summary.last_activity,
    }


def sweep_details(store: Store, name: str) -> dict[str, Any]:
    """What there is to say of a sweep."""
    results = read_results(store, name)
    record, goals = results.sweep, results.goals
    return {
        "sweep": record.name,
        "state": record.state.value,
        "reason": record.reason,
        "objectives": {one.name: one.direction.value for one in goals.objectives},
        "constraints": {one.name: one.expression for one in goals.constraints},
        "sampler": record.sampler,
        "seed": record.seed,
        "budget": {name: amount for name, amount in record.budget.items() if amount is not None},
        "trials": {str(state): int(count) for state, count in results.frame["state"].value_counts().items()},
        "on_the_front": len(results.front),
        "best": {one.name: _best(results, one.name) for one in goals.objectives if len(results.front)},
        "hypervolume": _hypervolume(results),
        "prior": prior_rejected(results.trials),
        "code": record.entry_point,
        "space": Space.from_json(record.space),
    }


def trial_details(store: Store, name: str, number: int) -> dict[str, Any]:
    """What there is to say of a trial."""
    record = store.sweep(name)
    trial, attempts = store.trial(record.id, number), store.attempts(record.id, number)
    return {
        "trial": trial.number,
        "state": trial.state.value,
        "sampler": trial.proposal.get("sampler"),
        "proposed": trial.proposal.get("reason"),
        "seed": trial.seed,
        "values": trial.values,
        "decisions": trial.configuration,
        "attempts": [_attempt(attempt) for attempt in attempts],
        "failure": attempts[-1].traceback or attempts[-1].message if attempts else None,
    }


def prior_rejected(trials: Sequence[TrialRecord]) -> str | None:
    """Since which trial a sampler does not ask the priors, and why; None while it does, or where it never said.

    A sampler says so with `detail["prior"] = "rejected"`, and why in the reason of its proposal.
    """
    last = next((trial for trial in reversed(trials) if rejects_prior(trial)), None)
    if last is None:
        return None
    same_sampler = (one for one in reversed(trials) if one.proposal.get("sampler") == last.proposal["sampler"])
    rejecting = list(takewhile(rejects_prior, same_sampler))
    why = last.proposal["reason"].partition("prior rejected: ")[2]
    return f"rejected since trial {rejecting[-1].number}: {why}" if rejecting else None


def rejects_prior(trial: TrialRecord) -> bool:
    """Whether a trial was proposed without priors of the space, since the best trials were far from them."""
    return bool((trial.proposal.get("detail") or {}).get("prior") == "rejected")


def front_rows(results: Results) -> list[dict[str, Any]]:
    """The trials of the front: number, objectives and constraints by name, and the active decisions."""
    named = _named(results.goals)
    trials = [results.trials[number] for number in results.front["number"]]
    return [
        {
            "number": trial.number,
            "values": {name: trial.values[name] for name in named},
            "decisions": trial.configuration,
        }
        for trial in trials
    ]


def front_table(results: Results, decisions: int = 4) -> list[dict[str, Any]]:
    """The front as rows for a narrow screen: values, and the few decisions that most of its trials make."""
    from .analysis import LEADING, TRAILING

    front, named = results.front, _named(results.goals)
    paths = [path for path in front.columns if path not in {*LEADING, *TRAILING, *named} and front[path].notna().any()]
    varied = [path for path in paths if front[path].nunique() > 1]
    varied.sort(key=lambda path: (front[path].isna().sum(), path.count("/")))
    shown = front[["number", *named, *varied[:decisions]]].rename(columns=_short_names(paths, ["number", *named]))
    rows = shown.to_dict("records")
    return [{str(key): None if _is_missing(value) else value for key, value in row.items()} for row in rows]


def importance_rows(store: Store, name: str, method: str) -> list[dict[str, Any]]:
    """How much each decision matters for each objective, the most important on average first.

    Raises:
        StoreError: there is no such sweep.
        SweepError: it cannot be told yet, or not by this method.
    """
    from .analysis import decision_importance

    results = read_results(store, name)
    table = decision_importance(results.frame, results.goals, Space.from_json(results.sweep.space), method)
    return [{"decision": path, "importance": row} for path, row in table.to_dict("index").items()]


def jsonable(data: Any) -> Any:
    """`data` as strict JSON: times as ISO text, and NaN and infinity as text, which JSON has no number for."""
    if isinstance(data, Mapping):
        return {str(key): jsonable(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [jsonable(item) for item in data]
    if isinstance(data, Space):
        return data.to_json()
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    return data.isoformat() if isinstance(data, datetime) else data


def _named(goals: Goals) -> list[str]:
    return [*goals.names, *(constraint.name for constraint in goals.constraints)]


def _best(results: Results, objective: str) -> dict[str, float | int]:
    from .analysis import best_trial

    row = best_trial(results.frame, results.goals, objective)
    assert row is not None, "where there is a front, there is a best trial"
    return {"value": float(row[objective]), "trial": int(row["number"])}


def _hypervolume(results: Results) -> dict[str, Any] | None:
    """The volume up to the point that the front suggests; None without a front, and where it cannot be told."""
    from .analysis import hypervolume, reference_point

    if len(results.goals.objectives) == 1 or results.front.empty:
        return None
    reference = reference_point(results.frame, results.goals)
    try:
        return {"value": hypervolume(results.frame, results.goals, reference), "reference": reference}
    except SweepError as error:
        log.info(str(error))
        return None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "state": attempt.state.value,
        "worker": attempt.worker,
        "started": attempt.started_at,
        "ended": attempt.ended_at,
        "cause": attempt.cause,
    }


def _short_names(paths: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """For each path the shortest end of it, in whole segments, that no other path has and that is not taken."""
    ends = {path: ["/".join(path.split("/")[-n:]) for n in range(1, path.count("/") + 2)] for path in paths}
    counts = Counter([*taken, *(end for path in paths for end in ends[path])])
    return {path: next((end for end in ends[path] if counts[end] == 1), path) for path in paths}
