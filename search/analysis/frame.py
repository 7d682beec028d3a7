"""All trials of a sweep as a DataFrame, on which the other analyses work."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..goals import Goals
from ..store import TrialRecord

LEADING = ["number", "state"]
TRAILING = ["sampler", "worker", "attempts", "started_at", "finished_at", "seconds", "message"]


def trials_frame(records: Sequence[TrialRecord], goals: Goals) -> pd.DataFrame:
    """One row for each trial.

    Columns: number, state, one for each objective, constraint and other returned number, one for each decision path
    (empty where it is not active), then sampler, worker, attempts, times (UTC), seconds and the last message. Where
    names meet, a returned number comes before what is noted of the trial, and a decision is called `path (decision)`.
    """
    measured = dict.fromkeys([*goals.names, *(constraint.name for constraint in goals.constraints)])
    measured |= dict.fromkeys(name for record in records for name in record.values if name not in LEADING)
    paths = dict.fromkeys(path for record in records for path in record.configuration)
    taken = {*LEADING, *TRAILING, *measured}
    names = {path: _apart(path) if path in taken else path for path in paths}
    noted = [name for name in TRAILING if name not in measured]
    frame = pd.DataFrame(
        [_row(record, names) for record in records], columns=[*LEADING, *measured, *names.values(), *noted]
    )
    return frame.astype(dict.fromkeys(measured, float))


def decision_column(frame: pd.DataFrame, path: str) -> str | None:
    """The column that has the decision at `path`; None where no trial makes it."""
    return next((name for name in (_apart(path), path) if name in frame.columns), None)


def _apart(path: str) -> str:
    return f"{path} (decision)"


def _row(record: TrialRecord, names: dict[str, str]) -> dict[str, object]:
    return {
        "sampler": record.proposal.get("sampler"),
        "worker": record.worker,
        "attempts": record.attempts,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "seconds": _seconds(record),
        "message": record.message,
        **{names[path]: decision for path, decision in record.configuration.items()},
        **record.values,
        "number": record.number,
        "state": record.state.value,
    }


def _seconds(record: TrialRecord) -> float | None:
    """How long the last attempt ran; None before it has ended."""
    if record.started_at is None or record.finished_at is None:
        return None
    return (record.finished_at - record.started_at).total_seconds()
