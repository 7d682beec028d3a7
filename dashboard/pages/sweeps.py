"""All sweeps of the store; where one starts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from ...search import Goals
from ...search.store import SweepState, SweepSummary, TrialState
from ...search.store.states import ENDED
from ..data import mark, store_url, summaries
from ..links import clicked_row, open_sweep
from ..live import follow
from ..text import number, sweep_state

_BEST_HELP = "Among finished trials, whether or not they meet the constraints."


def page() -> None:
    """Draw the page."""
    url = store_url()
    found, seen = summaries(url)
    st.header("Sweeps")
    if not found:
        st.write("This store has no sweeps yet.")
        explain_first_sweep()
    else:
        _table(found)
    running = [summary.sweep for summary in found if summary.sweep.state is SweepState.RUNNING]
    follow(seen, lambda: mark(url, running))


def explain_first_sweep() -> None:
    """Say how to get something to look at."""
    st.write("Start a sweep in it (`--store` says which store), and it shows up here by itself. For example:")
    st.code("paretree run examples/digits.py --trials 20", language="bash")


def _table(found: Sequence[SweepSummary]) -> None:
    now = datetime.now(UTC)
    event = st.dataframe(
        pd.DataFrame([_row(summary, now) for summary in found]),
        key="sweeps",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        row_height=40,
        placeholder="–",
        column_config={
            "progress": st.column_config.ProgressColumn(format="percent", help="Ended trials of those planned."),
            "best": st.column_config.TextColumn(help=_BEST_HELP),
            "failed": st.column_config.NumberColumn(width="small"),
            "running": st.column_config.NumberColumn(width="small"),
            "last activity": st.column_config.DatetimeColumn(format="distance"),
            "created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        },
    )
    st.caption("Click a sweep to see its Pareto front. The list refreshes by itself.")
    row = clicked_row(event)
    if row is not None:
        open_sweep(found[row].sweep.name)


def _row(summary: SweepSummary, now: datetime) -> dict[str, object]:
    planned = summary.sweep.budget.get("trials")
    ended = sum(summary.counts[state] for state in ENDED)
    return {
        "sweep": summary.sweep.name,
        "state": _state(summary, now),
        "progress": min(ended / planned, 1.0) if planned else None,
        "trials": f"{ended:,} of {planned:,}" if planned else f"{ended:,}",
        "running": summary.counts[TrialState.RUNNING],
        "failed": summary.counts[TrialState.FAILED],
        "best": _best(summary),
        "last activity": summary.last_activity,
        "created": summary.sweep.created_at,
    }


def _state(summary: SweepSummary, now: datetime) -> str:
    words, _ = sweep_state(summary.sweep, now)
    return words


def _best(summary: SweepSummary) -> str:
    objectives = Goals.read(summary.sweep.objectives, []).objectives
    return ",  ".join(
        f"{objective.name} {number(summary.best[objective.name])}{f' {objective.unit}' if objective.unit else ''}"
        for objective in objectives
        if objective.name in summary.best
    )
