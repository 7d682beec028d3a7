"""Values and users' words, made fit to show.

Trials, options and messages hold what users wrote, which may look like Markdown or HTML. `st.text`, `st.code` and
tables show text as it is; everything else takes it through `as_markdown`, and plots through `as_label`.
"""

from __future__ import annotations

import html
import math
import re
from datetime import datetime, timedelta
from typing import Literal

from ..search import Goals, Objective
from ..search.control import is_driven
from ..search.store import SweepRecord, SweepState, TrialState, lives

_MARKS = re.compile(r"([!-/:-@\[-`{-~])")
Color = Literal["gray", "blue", "green", "orange", "red"]

_TRIAL_COLORS: dict[TrialState, Color] = {
    TrialState.WAITING: "gray",
    TrialState.RUNNING: "blue",
    TrialState.FINISHED: "green",
    TrialState.STOPPED: "orange",
    TrialState.FAILED: "red",
}


def as_markdown(text: str) -> str:
    """`text` for a place that reads Markdown, so that it shows as written."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def as_label(text: str) -> str:
    """`text` for a plot, which reads a little HTML, so that it shows as written."""
    return html.escape(text, quote=False)


def number(value: float | None) -> str:
    """Five significant digits; whole numbers in full, with thousands set off."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "NaN")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.5g}" if abs(value) < 1e5 else f"{value:,.0f}"


def share(part: int, whole: int) -> str:
    """How many of how many: `3 of 70`."""
    return f"{part:,} of {whole:,}"


def counted(count: int, thing: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def moment(at: datetime | None) -> str:
    """A point in time, to the second, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"


def duration(length: timedelta | None) -> str:
    """A length of time in its two largest units."""
    if length is None:
        return "–"
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def objective_label(objective: Objective) -> str:
    """Name, unit and which way is better."""
    unit = f" [{objective.unit}]" if objective.unit else ""
    return f"{objective.name}{unit} ({'more' if objective.loss(1.0) < 0 else 'less'} is better)"


def axis_label(goals: Goals, name: str) -> str:
    """What an axis shows: an objective, a constraint with its bound, another number, or the trial's number."""
    for objective in goals.objectives:
        if objective.name == name:
            return objective_label(objective)
    for constraint in goals.constraints:
        if constraint.name == name:
            return f"{name} (must be {constraint.relation} {number(constraint.bound)})"
    return "trial number" if name == "number" else name


def sweep_state(sweep: SweepRecord, now: datetime) -> tuple[str, Color]:
    """How a sweep stands at `now`, in words, and a colour for it."""
    if sweep.state in (SweepState.RUNNING, SweepState.PAUSED) and not is_driven(sweep, now):
        here = sweep.driver is not None and lives(sweep.driver) is not None
        return "died: its process is gone; resume it" if here else "silent: maybe its process died", "orange"
    states: dict[SweepState, tuple[str, Color]] = {
        SweepState.CREATED: ("not started", "gray"),
        SweepState.RUNNING: ("running", "blue"),
        SweepState.PAUSED: ("paused", "orange"),
        SweepState.INTERRUPTED: ("interrupted; can be resumed", "orange"),
        SweepState.FINISHED: ("finished", "green"),
        SweepState.FAILED: ("gave up", "red"),
    }
    return states[sweep.state]


def trial_state(state: TrialState) -> tuple[str, Color]:
    """A trial's state in words, and a colour for it."""
    return "stopped early" if state is TrialState.STOPPED else state.value, _TRIAL_COLORS[state]
