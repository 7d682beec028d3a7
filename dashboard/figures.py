"""The plots, as plain functions from DataFrames to Plotly figures.

Points carry their trial's number as `customdata`, which is how a click finds the trial. Colours are left to the theme
or chosen to be read on light and on dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from ..search import Goals
from ..search.analysis import eligible, losses
from .points import Points
from .text import as_label, axis_label, number

FRONT = "#2a9d8f"
OFF_FRONT = "#8d99ae"
INFEASIBLE = "#e76f51"
VECTOR_LIMIT = 1500
"""Up to so many points are drawn as vectors, which works in every browser; more need WebGL."""

Curves = Mapping[str, tuple[Sequence[int], Sequence[float]]]
"""Learning curves by name, each as steps and values."""

_LOG_SPAN = 50
_CROWDED = 1e4  # times apart, so that only powers of ten have room on an axis


def wants_log(values: pd.Series) -> bool:
    """Whether a logarithmic axis shows these numbers better: all positive, and more than 50 times apart."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0 and finite.max() > _LOG_SPAN * finite.min())


def can_log(values: pd.Series) -> bool:
    """Whether all finite values have a place on a logarithmic axis."""
    return bool((values[np.isfinite(values)] > 0).all())


def pareto_figure(points: Points, goals: Goals, x: str, y: str, *, log_x: bool, log_y: bool) -> go.Figure:
    """Trials by two numbers, and the front."""
    figure = go.Figure()
    _add_dots(figure, points.background, x, y, "others", color=OFF_FRONT, size=4, opacity=0.25, clickable=False)
    _add_dots(figure, points.dominated, x, y, "off the front", color=OFF_FRONT, size=_size(points), opacity=0.7)
    _add_dots(figure, points.infeasible, x, y, "infeasible", color=INFEASIBLE, size=7, symbol="x-thin-open")
    _add_dots(figure, points.front, x, y, "front in all objectives", color=FRONT, size=9, symbol="diamond")
    if len(points.line):
        _add_dots(figure, points.line, x, y, "Pareto front", color=FRONT, size=10, line=_staircase(goals, x))
    return _framed(figure, goals, x, y, log_x=log_x, log_y=log_y)


def course_figure(points: Points, frame: pd.DataFrame, goals: Goals, y: str, *, log_x: bool, log_y: bool) -> go.Figure:
    """One number over the trials' numbers; for an objective also the best value so far."""
    figure = go.Figure()
    _add_dots(figure, points.background, "number", y, "others", color=OFF_FRONT, size=4, opacity=0.25, clickable=False)
    _add_dots(figure, points.dominated, "number", y, "feasible", color=OFF_FRONT, size=_size(points), opacity=0.7)
    _add_dots(figure, points.infeasible, "number", y, "infeasible", color=INFEASIBLE, size=7, symbol="x-thin-open")
    _add_dots(figure, points.front, "number", y, "on the front", color=FRONT, size=10)
    if y in goals.names:
        _add_best_so_far(figure, frame, goals, y)
    return _framed(figure, goals, "number", y, log_x=log_x, log_y=log_y)


def parallel_figure(frame: pd.DataFrame, front: pd.DataFrame, goals: Goals, limit: int = 500) -> go.Figure:
    """One line for each trial across all objectives: the front, and the last `limit` feasible others behind it."""
    others = frame[eligible(frame, goals)].drop(front.index, errors="ignore").tail(limit)
    shown = pd.concat([others, front])
    on_front = shown.index.isin(front.index).astype(int)
    lines = go.Parcoords(
        line={"color": on_front, "colorscale": [[0, OFF_FRONT], [1, FRONT]], "cmin": 0, "cmax": 1, "showscale": False},
        dimensions=[_dimension(shown[name], axis_label(goals, name)) for name in goals.names],
        unselected={"line": {"opacity": 0.05}},
    )
    return go.Figure(lines, layout={"height": 380, "margin": {"t": 60, "b": 30, "l": 90, "r": 90}})


def curves_figure(curves: Curves, title: str) -> go.Figure:
    """Learning curves in one figure; one alone needs no name beside it."""
    alone = len(curves) == 1
    figure = go.Figure(
        [
            go.Scatter(
                x=np.asarray(steps),
                y=np.asarray(values, dtype=float),
                name=as_label(name),
                mode="lines+markers" if len(steps) <= 50 else "lines",
                line={"color": FRONT} if alone else {},
                hovertemplate="step %{x}<br>%{y:.5g}<extra>" + ("" if alone else as_label(name)) + "</extra>",
            )
            for name, (steps, values) in curves.items()
        ]
    )
    figure.update_layout(
        height=230 if alone else 300,
        margin={"t": 36, "b": 36, "l": 10, "r": 10},
        title={"text": as_label(title), "font": {"size": 14}},
        showlegend=not alone,
    )
    figure.update_xaxes(title="step", rangemode="tozero")
    return figure


def _add_dots(
    figure: go.Figure,
    trials: pd.DataFrame,
    x: str,
    y: str,
    name: str,
    *,
    color: str,
    size: int,
    symbol: str = "circle",
    opacity: float = 1.0,
    line: dict[str, object] | None = None,
    clickable: bool = True,
) -> None:
    if trials.empty:
        return
    kind = go.Scatter if len(trials) <= VECTOR_LIMIT else go.Scattergl
    precision = np.float64 if clickable else np.float32
    figure.add_trace(
        kind(
            x=trials[x].to_numpy(precision),
            y=trials[y].to_numpy(precision),
            customdata=trials["number"].to_numpy() if clickable else None,
            mode="markers" if line is None else "lines+markers",
            line=line,
            marker={
                "color": color,
                "size": size,
                "symbol": symbol,
                "opacity": opacity,
                "line": _outline(symbol, color),
            },
            name=f"{name} ({len(trials):,})",
            hoverinfo=None if clickable else "skip",
            hovertemplate=_hover(x, y) if clickable else None,
        )
    )


def _size(points: Points) -> int:
    """Of the points off the front: small where they are many."""
    return 7 if len(points.dominated) <= VECTOR_LIMIT else 4


def _outline(symbol: str, color: str) -> dict[str, object] | None:
    """Of a thin sign, which is all outline."""
    return {"width": 2, "color": color} if "thin" in symbol else None


def _hover(x: str, y: str) -> str:
    across = "" if x == "number" else f"<br>{as_label(x)} %{{x:.5g}}"
    return f"<b>trial %{{customdata}}</b>{across}<br>{as_label(y)} %{{y:.5g}}<extra></extra>"


def _staircase(goals: Goals, x: str) -> dict[str, object]:
    """The border of what the front dominates: from each point on, as long as nothing better comes along `x`."""
    smaller_is_better = next(objective for objective in goals.objectives if objective.name == x).loss(1.0) > 0
    return {"shape": "hv" if smaller_is_better else "vh", "color": FRONT, "width": 2}


def _add_best_so_far(figure: go.Figure, frame: pd.DataFrame, goals: Goals, y: str) -> None:
    counting = frame[eligible(frame, goals)]
    if counting.empty:
        return
    column = goals.names.index(y)
    best = goals.objectives[column].loss(1.0) * np.minimum.accumulate(losses(counting, goals)[:, column])
    changes = np.flatnonzero(np.diff(best, prepend=np.nan))  # NaN differs from everything: the first one counts
    kept = np.union1d(changes, [len(best) - 1])
    figure.add_trace(
        go.Scatter(
            x=counting["number"].to_numpy()[kept],
            y=best[kept],
            mode="lines",
            line={"shape": "hv", "color": FRONT, "width": 2},
            name="best so far",
            hoverinfo="skip",
        )
    )


def _framed(figure: go.Figure, goals: Goals, x: str, y: str, *, log_x: bool, log_y: bool) -> go.Figure:
    figure.update_layout(
        height=480,
        margin={"t": 40, "b": 10, "l": 10, "r": 10},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0},
        hovermode="closest",
        showlegend=True,
        uirevision=f"{x}|{y}|{log_x}|{log_y}",
    )
    figure.update_xaxes(title=as_label(axis_label(goals, x)))
    figure.update_yaxes(title=as_label(axis_label(goals, y)))
    if log_x and figure.data:
        figure.update_xaxes(_log_axis(np.concatenate([trace.x for trace in figure.data])))
    if log_y and figure.data:
        figure.update_yaxes(_log_axis(np.concatenate([trace.y for trace in figure.data])))
    return figure


def _log_axis(values: npt.NDArray[np.float64]) -> dict[str, object]:
    """Ticks at 1, 2, 5, 10, 20, ... where there is room for them."""
    positive = values[values > 0]
    crowded = len(positive) and positive.max() > _CROWDED * positive.min()
    return {"type": "log", "dtick": 1 if crowded else "D2", "tickformat": ",~r"}


def _dimension(values: pd.Series, label: str) -> dict[str, object]:
    """One axis of parallel coordinates, which knows no logarithm: so the numbers are taken, and the ticks named."""
    if not wants_log(values):
        return {"label": as_label(label), "values": values.to_numpy(float)}
    logs = np.log10(values.to_numpy(float))
    powers = np.arange(np.floor(logs.min()), np.ceil(logs.max()) + 1)
    return {
        "label": as_label(label),
        "values": logs,
        "range": [powers[0], powers[-1]],
        "tickvals": powers,
        "ticktext": [number(10.0**power) for power in powers],
    }
