"""All trials of a sweep as a DataFrame, on which the other analyses work."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd

from ..goals import Goals
from ..store import TrialRecord, TrialTable
from ..store.table import Time

LEADING = ["number", "state"]
TRAILING = ["sampler", "worker", "attempts", "started_at", "finished_at", "seconds", "message"]


def trials_frame(trials: TrialTable | Sequence[TrialRecord], goals: Goals) -> pd.DataFrame:
    """One row for each trial; a table (`Store.table`) is much faster than records where there are many.

    Columns: number, state, one for each objective, constraint and other returned number, one for each decision path
    (empty where it is not active), then sampler, worker, attempts, times (UTC), seconds and the last message. Where
    names meet, a returned number comes before what is noted of the trial, and a decision is called `path (decision)`.
    Returned numbers that speak of one option of a decision (see `is_detail`) have no columns; `Store.trial` has them.
    """
    table = trials if isinstance(trials, TrialTable) else TrialTable.of(trials)
    measured = dict.fromkeys([*goals.names, *(constraint.name for constraint in goals.constraints)])
    measured |= dict.fromkeys(name for name in table.values if name not in LEADING and not is_detail(name))
    taken = {*LEADING, *TRAILING, *measured}
    noted = {name: column for name, column in _noted(table).items() if name not in measured}
    columns = {
        "number": table.number,
        "state": table.state,
        **{name: _numbers(table, name) for name in measured},
        **{_apart(path) if path in taken else path: column for path, column in _decisions(table).items()},
        **noted,
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table.number)))


def is_detail(name: str) -> bool:
    """Whether a returned number speaks of one option, as `weight/model=cells/normal/2=0/op=skip_connect` does.

    A search on a supernet returns hundreds of them, which nobody wants as columns or axes.
    """
    return "=" in name


def decision_column(frame: pd.DataFrame, path: str) -> str | None:
    """The column that has the decision at `path`; None where no trial makes it."""
    return next((name for name in (_apart(path), path) if name in frame.columns), None)


def _apart(path: str) -> str:
    return f"{path} (decision)"


def _numbers(table: TrialTable, name: str) -> pd.Series:
    found = table.values.get(name, {})
    return pd.Series([found.get(number) for number in table.number], dtype=float)


def _decisions(table: TrialTable) -> pd.DataFrame:
    paths = dict.fromkeys(chain.from_iterable(table.configuration))
    return pd.DataFrame(table.configuration, columns=list(paths))


def _noted(table: TrialTable) -> dict[str, object]:
    """What is noted of trials; `seconds` is how long the last attempt ran, and empty before it has ended."""
    started_at, finished_at = _times(table.started_at), _times(table.finished_at)
    return {
        "sampler": table.sampler,
        "worker": table.worker,
        "attempts": table.attempts,
        "started_at": started_at,
        "finished_at": finished_at,
        "seconds": (finished_at - started_at).dt.total_seconds(),
        "message": table.message,
    }


def _times(times: Sequence[Time]) -> pd.Series:
    return pd.Series(pd.to_datetime(np.array(times, dtype=object), utc=True, format="ISO8601"))
