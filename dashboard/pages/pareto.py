"""A sweep's trials by any two numbers, and its Pareto front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ...search.reports import rejects_prior
from ...search.store import SweepRecord, SweepSummary, TrialState
from ..data import View, feed, mark, opened, store_url, summaries
from ..families import family, scaled
from ..figures import can_log, course_figure, parallel_figure, pareto_figure, wants_log
from ..links import asked_sweep, clicked_point, clicked_row, open_law, open_trial, show_in_address
from ..live import follow
from ..points import SELECTABLE, Points, left_out, points
from ..tables import number_formats, without_mixed
from ..text import as_markdown, axis_label, counted, sweep_state

COLUMNS_SHOWN = 12


def page() -> None:
    """Draw the page."""
    url = store_url()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.header("Pareto front", width="content")
        chosen = _chosen_sweep(url)
    if chosen is None:
        st.write("This store has no sweeps yet; start one, and its front shows up here.")
        return
    show_in_address(chosen.sweep.name)
    head = st.empty()
    with head.container():  # big sweeps take seconds to read; until then, what the store knows at a glance
        _state(chosen.sweep)
        _counts(chosen.sweep, chosen.counts, "…")
    with st.spinner("Reading the trials …", show_time=True):
        view = feed(url, chosen.sweep.name).view()
    with head.container():
        _state(view.sweep)
        _counts(view.sweep, Counter(map(TrialState, view.frame["state"])), f"{len(view.front):,}")
    if scaled([view.sweep]) and st.button("Scaling law of its family", icon=":material/trending_up:"):
        open_law(family(view.sweep.name))
    if len(view.frame):
        _prior(url, view)
        _plot(view)
        _table(view)
        if len(view.goals.objectives) > 2 and len(view.front):
            _parallel(view)
    else:
        st.write("No trial was proposed yet.")
    follow(view.mark, lambda: mark(url, [view.sweep], view.sweep.id))


def _chosen_sweep(url: str) -> SweepSummary | None:
    found = {summary.sweep.name: summary for summary in summaries(url)[0]}
    names = list(found)
    asked = asked_sweep(names)
    if asked is not None and asked not in names:
        st.text(f"There is no sweep {asked!r} in this store; choose one that is there.")
        asked = names[0] if names else None
    if asked is None:
        return None
    return found[st.selectbox("Sweep", names, index=names.index(asked), label_visibility="collapsed", width=420)]


def _state(sweep: SweepRecord) -> None:
    words, color = sweep_state(sweep, datetime.now(UTC))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(words, color=color)
        if sweep.reason:
            st.text(sweep.reason)


def _counts(sweep: SweepRecord, states: Mapping[TrialState, int], front: str) -> None:
    planned = sweep.budget.get("trials")
    cells = {
        f"Trials (of {planned:,})" if planned else "Trials": f"{sum(states.values()):,}",
        "Finished": f"{states.get(TrialState.FINISHED, 0):,}",
        "Running": f"{states.get(TrialState.RUNNING, 0):,}",
        "Failed": f"{states.get(TrialState.FAILED, 0):,}",
        "On the front": front,
    }
    for column, (label, value) in zip(st.columns(len(cells)), cells.items(), strict=True):
        column.metric(label, value, border=True)


def _prior(url: str, view: View) -> None:
    with opened(url) as store:
        latest = store.trial(view.sweep.id, int(view.frame["number"].iloc[-1]))
    if not rejects_prior(latest):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("prior rejected", color="orange", icon=":material/priority_high:")
        st.text("The best trials are far from what the space's priors had led to expect; check their units.")


def _plot(view: View) -> None:
    x, y, log_x, log_y = _axes(view)
    shown = points(view.frame, view.front, view.goals, x, y)
    missing = left_out(view.frame, x, y)
    figure, words = _figure(view, shown, x, y, log_x, log_y)
    event = st.plotly_chart(
        figure, key="plot", on_select="rerun", selection_mode="points", config={"displaylogo": False}
    )
    st.caption(" ".join([words, _background_words(shown), f"Not shown: {missing}." if missing else ""]))
    number = clicked_point(event)
    if number is not None:
        open_trial(view.sweep.name, number)


def _axes(view: View) -> tuple[str, str, bool, bool]:
    names = ["number", *view.measured]
    objectives = view.goals.names
    left, right, toggles = st.columns([3, 3, 2], vertical_alignment="bottom")
    label = partial(axis_label, view.goals)
    across = objectives[1] if len(objectives) > 1 else "number"
    x = left.selectbox("Across", names, index=names.index(across), format_func=label, key=f"x of {view.sweep.name}")
    up = view.measured.index(objectives[0])
    y = right.selectbox("Up", view.measured, index=up, format_func=label, key=f"y of {view.sweep.name}")
    with toggles.container(horizontal=True):
        log_x = x != "number" and _log_toggle("log across", view, x)
        log_y = _log_toggle("log up", view, y)
    return x, y, log_x, log_y


def _log_toggle(label: str, view: View, name: str) -> bool:
    """Set by itself; what somebody sets stands until the numbers grow to call for the other."""
    values = view.frame[name]
    usual, possible = wants_log(values), can_log(values)
    return st.toggle(label, value=usual, disabled=not possible, key=f"{label} {name} {usual}") and possible


def _figure(view: View, shown: Points, x: str, y: str, log_x: bool, log_y: bool) -> tuple[go.Figure, str]:
    """The plot, and what it shows in plain words."""
    if x == "number":
        figure = course_figure(shown, view.frame, view.goals, y, log_x=log_x, log_y=log_y)
        line = " The line is the best value so far." if y in view.goals.names else ""
        return figure, f"Each point is a trial, in the order of their making.{line} Click one to open it."
    figure = pareto_figure(shown, view.goals, x, y, log_x=log_x, log_y=log_y)
    if not len(shown.line):
        return figure, "Each point is a trial. Click one to open it."
    others = "" if len(view.goals.objectives) == 2 else " in these two objectives"
    return figure, (
        f"Each point is a trial. The line joins those that no other trial beats{others}: "
        "to be better in one objective is to be worse in the other. Click a point to open its trial."
    )


def _background_words(shown: Points) -> str:
    if shown.background.empty:
        return ""
    return f"Of the trials off the front, {SELECTABLE:,} can be clicked; the faint ones are the rest."


def _table(view: View) -> None:
    if view.front.empty:
        st.subheader("The front")
        st.write("No trial has finished within the constraints yet.")
    else:
        _front_table(view)
    _downloads(view)


def _front_table(view: View) -> None:
    columns = [name for name in view.frame.columns if name != "number"]
    decided = [path for path in view.paths if view.front[path].notna().any()]
    usual = [*view.measured, *decided][:COLUMNS_SHOWN]
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("The front", width="content")
        with st.popover("Columns", icon=":material/view_column:"):
            chosen = st.multiselect("Columns", columns, default=usual, key=f"columns of {view.sweep.name}", width=600)
    table = without_mixed(view.front[["number", *chosen]])
    event = st.dataframe(
        table,
        key="front",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="",
        column_config=number_formats(table, ["number", *chosen]) | {"number": st.column_config.NumberColumn("trial")},
    )
    first = as_markdown(view.goals.names[0])
    st.caption(f"{counted(len(view.front), 'trial')}, the best in {first} first. Click a row to open its trial.")
    row = clicked_row(event)
    if row is not None:
        open_trial(view.sweep.name, int(view.front["number"].iloc[row]))


def _downloads(view: View) -> None:
    with st.container(horizontal=True):
        for label, frame in (("the front", view.front), ("all trials", view.frame)):
            st.download_button(
                f"CSV of {label}",
                data=partial(_csv, frame),
                file_name=f"{view.sweep.name} {label}.csv",
                mime="text/csv",
                on_click="ignore",
                icon=":material/download:",
            )


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _parallel(view: View) -> None:
    st.subheader("All objectives")
    st.plotly_chart(parallel_figure(view.frame, view.front, view.goals), key="parallel", config={"displaylogo": False})
    st.caption("Each line is a trial, the green ones are on the front. Drag along an axis to keep only some.")
