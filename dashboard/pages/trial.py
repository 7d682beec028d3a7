"""One trial: how it did, what it decided, how it went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...search import Store
from ...search.reports import rejects_prior
from ...search.store import AttemptRecord, EventKind, ReportRecord, TrialRecord
from ...search.store.states import ENDED
from ...spaces import Space
from ...spaces.cells import cells_of
from ..data import View, feed, mark, opened, store_url, summaries
from ..decisions import decision_tree
from ..families import functions_called
from ..figures import Curves, curves_figure
from ..links import asked_sweep, asked_trial, link_to_trial, open_sweep, open_trial, show_in_address
from ..live import follow
from ..snippets import python_code, show_command
from ..standing import Standing, standing
from ..text import as_markdown, axis_label, duration, moment, number, share, trial_state

RIVALS_SHOWN = 5
CURVES_ABREAST = 2
NUMBERS_ABREAST = 4
INK = {"light": "#31333f", "dark": "#fafafa"}
"""The colours of text, which pictures cannot take from the page."""


def page() -> None:
    """Draw the page."""
    url = store_url()
    found, _ = summaries(url)
    names = [summary.sweep.name for summary in found]
    sweep, asked = asked_sweep(names), asked_trial()
    if sweep not in names:
        st.header("Trial")
        st.text(f"There is no sweep {sweep!r} in this store." if sweep else "This store has no sweeps yet.")
        return
    with st.spinner("Reading the trials …", show_time=True):
        view = feed(url, sweep).view()
    if not asked.isdecimal() or int(asked) not in view.frame.index:
        _refuse(view, asked)
        return
    _trial(url, view, int(asked))


def _refuse(view: View, asked: str) -> None:
    st.header("Trial")
    last = f"its trials are 0 to {view.frame.index.max()}" if len(view.frame) else "it has no trials yet"
    st.text(f"Sweep {view.sweep.name!r} has no trial {asked!r}; {last}.")
    if st.button("To the sweep"):
        open_sweep(view.sweep.name)


def _trial(url: str, view: View, wanted: int) -> None:
    show_in_address(view.sweep.name, wanted)
    with opened(url) as store:
        trial = store.trial(view.sweep.id, wanted)
        attempts = store.attempts(view.sweep.id, wanted)
        reports = store.reports(view.sweep.id, wanted)
        lines = _log_lines(store, view, trial)
        shown_url = store.url
    _heading(view, trial)
    _numbers(view, trial)
    _drawing(view, trial)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _decisions(trial)
    with right:
        _curves(reports)
        _proposal(trial)
    _attempts(attempts)
    _log(lines)
    _reproduction(shown_url, view, wanted)
    if trial.state not in ENDED:
        follow(view.mark, lambda: mark(url, [view.sweep], view.sweep.id))


def _heading(view: View, trial: TrialRecord) -> None:
    words, color = trial_state(trial.state)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(f"Trial {trial.number}", width="content")
        st.badge(words, color=color)
    numbers = view.frame["number"].to_list()
    position = numbers.index(trial.number)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Previous", icon=":material/chevron_left:", disabled=position == 0):
            open_trial(view.sweep.name, numbers[position - 1])
        if st.button("Next", icon=":material/chevron_right:", disabled=position == len(numbers) - 1):
            open_trial(view.sweep.name, numbers[position + 1])
        if st.button("Pareto front", icon=":material/show_chart:"):
            open_sweep(view.sweep.name)
        st.text(f"of sweep {view.sweep.name}")


def _numbers(view: View, trial: TrialRecord) -> None:
    place = standing(view.frame, view.front, view.goals, trial.number)
    names = [name for name in view.measured if name in trial.values]
    for name, cell in zip(names, _cells(NUMBERS_ABREAST), strict=False):
        rank = place.ranks.get(name)
        cell.metric(
            as_markdown(axis_label(view.goals, name)),
            number(trial.values[name]),
            delta=f"rank {share(rank, place.among)}" if rank else None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    if trial.message:
        st.text(trial.message)
    _place(view, trial, place)


def _cells(abreast: int) -> Iterator[DeltaGenerator]:
    """Places side by side, in as many rows as are asked for."""
    while True:
        yield from st.columns(abreast)


def _place(view: View, trial: TrialRecord, place: Standing) -> None:
    rivals = place.dominated_by
    if place.on_front:
        st.write("On the Pareto front: no other trial is as good in every objective and better in one.")
    elif rivals:
        such = ", such as" if len(rivals) > RIVALS_SHOWN else ":"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"Dominated by {share(len(rivals), len(view.front))} on the front{such}", width="content")
            for rival in rivals[:RIVALS_SHOWN]:
                link_to_trial(view.sweep.name, rival)
    elif trial.values:
        st.write("Off the front: a constraint is broken, or an objective is not finite.")


def _drawing(view: View, trial: TrialRecord) -> None:
    """The cells that were decided on, where the space is one of cells. No function of the user's is run for it."""
    if functions_called(view.sweep.space, ()):
        return
    picture = cells_of(Space.from_json(view.sweep.space).configuration(trial.configuration))
    if picture is not None:
        st.subheader("Cells")
        st.image(picture.replace("currentColor", INK[st.context.theme.type or "light"]), width="stretch")
        st.caption("Each numbered node is the sum of what leads to it; the leftmost are what the cells before put out.")


def _decisions(trial: TrialRecord) -> None:
    st.subheader("Decisions")
    st.code(decision_tree(trial.configuration), language=None)


def _proposal(trial: TrialRecord) -> None:
    st.subheader("Why it was tried")
    parent = f", made from trial {trial.parent}" if trial.parent is not None else ""
    st.text(f"{trial.proposal.get('sampler', 'unknown sampler')}: {trial.proposal.get('reason', 'no reason')}{parent}")
    if rejects_prior(trial):
        st.badge("prior rejected", color="orange", icon=":material/priority_high:")
        st.caption(
            "The best trials before it were far from what the priors of the space had led to expect, "
            "so it was proposed without them."
        )
    st.caption(f"Seed {trial.seed}; proposed at {moment(trial.created_at)}.")


def _curves(reports: Sequence[ReportRecord]) -> None:
    st.subheader("Learning curves")
    if not reports:
        st.write("It reported nothing on its way.")
        return
    families = _families(reports)
    alone = {title: curves for title, curves in families.items() if len(curves) == 1}
    for (title, curves), cell in zip(alone.items(), _cells(CURVES_ABREAST), strict=False):
        _chart(cell, title, curves)
    for title in [title for title in families if title not in alone]:
        _chart(st.container(), title, families[title])
    st.caption(
        "What the trial reported, step by step; where it was run again, from where it went on. "
        "Numbers whose names begin alike up to a slash are drawn together."
    )


def _chart(place: DeltaGenerator, title: str, curves: Curves) -> None:
    figure = curves_figure(curves, title)
    place.plotly_chart(figure, key=f"curve of {title}", config={"displayModeBar": False})


def _families(reports: Sequence[ReportRecord]) -> dict[str, Curves]:
    """The curves to draw together: those of `normal/skip_connect` and `normal/sep_conv_3x3`, each alone without one."""
    families: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    for report in reports:
        family, _, name = report.name.rpartition("/")
        curves = families.setdefault(family or report.name, {})
        steps, values = curves.setdefault(name, ([], []))
        steps.append(report.step)
        values.append(report.value)
    return dict(families)


def _attempts(attempts: Sequence[AttemptRecord]) -> None:
    st.subheader("Attempts")
    if not attempts:
        st.write("It has not been sent to a worker yet.")
        return
    st.dataframe(pd.DataFrame([_attempt_row(attempt) for attempt in attempts]), hide_index=True, placeholder="–")
    for attempt in attempts:
        if attempt.traceback:
            with st.expander(f"Traceback of attempt {attempt.number + 1}"):
                st.code(attempt.traceback, language=None)


def _attempt_row(attempt: AttemptRecord) -> dict[str, object]:
    ran = attempt.ended_at - attempt.started_at if attempt.ended_at and attempt.started_at else None
    return {
        "attempt": attempt.number + 1,
        "state": attempt.state.value,
        "worker": attempt.worker,
        "node": attempt.node,
        "GPUs": attempt.gpus or None,
        "started": moment(attempt.started_at),
        "took": duration(ran),
        "cause": attempt.cause,
        "message": attempt.message,
    }


def _log_lines(store: Store, view: View, trial: TrialRecord) -> list[str]:
    events = store.events(view.sweep.id, kinds=[EventKind.LOG])
    return [f"{moment(e.at)}  {e.detail['text']}" for e in events if e.trial == trial.number]


def _log(lines: Sequence[str]) -> None:
    st.subheader("Log")
    if lines:
        st.code("\n".join(lines), language=None, height=400 if len(lines) > 15 else "content")
    else:
        st.write("It wrote no log lines.")


def _reproduction(url: str, view: View, wanted: int) -> None:
    st.subheader("Reproduce")
    st.code(show_command(url, view.sweep, wanted), language="bash")
    st.code(python_code(url, view.sweep, wanted), language="python")
