"""The plots of a scaling law, as plain functions from DataFrames to Plotly figures.

Learning rates have no unit, batch sizes are in tokens, N counts parameters, D tokens; all four stand on logarithmic
axes. A *group* is all trials of one N and D; its *optimum* is where its trials put the best learning rate and batch
size.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..spaces.laws.amounts import human
from .figures import FRONT, INFEASIBLE, OFF_FRONT
from .text import as_label

LABELS = {
    "learning_rate": "learning rate",
    "batch_size": "batch size [tokens]",
    "N": "N [parameters]",
    "D": "D [tokens]",
    "compute": "compute 6ND [FLOPs]",
}
ABREAST = 3
"""Groups side by side."""

PUBLISHED = "#b0793b"
_BAND = "rgba(42, 157, 143, 0.18)"
_FAR = math.log(4.0)  # a batch size 4 times off has the colour of those that are further off
_LEAST_HEIGHT, _MOST_HEIGHT = 1.0, 8.0  # of a basin that is shown, in % of the loss
_ROW = 190  # pixels
_MARGIN = {"t": 30, "b": 10, "l": 10, "r": 10}
_LEGEND = {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0}


def basin_figure(trials: pd.DataFrame, groups: pd.DataFrame, curves: pd.DataFrame, what: str) -> go.Figure:
    """The loss against the learning rate or the batch size, one small plot for each group.

    Args:
        trials: columns `group`, `what`, `excess` (% of loss above the fitted bottom of the group) and `apart` (how far
            the trial's other quantity is from its optimum, in natural-log units), and `sweep`, `number`.
        groups: one row for each group, in the order of the plots: `group`, `what` (its optimum).
        curves: columns `group`, `what`, `excess`: the fitted bowl with the other quantity at its best.
        what: "learning_rate" or "batch_size".
    """
    rows = -(-len(groups) // ABREAST)
    figure = make_subplots(
        rows, ABREAST, shared_xaxes="all", shared_yaxes="all", subplot_titles=list(map(as_label, groups["group"])),
        horizontal_spacing=0.03, vertical_spacing=min(0.3 / rows, 0.18),
    )  # fmt: skip
    height = _height(trials["excess"])
    for position, group in enumerate(groups.itertuples()):
        row, column = position // ABREAST + 1, position % ABREAST + 1
        curve = curves[curves["group"] == group.group]
        figure.add_trace(_curve(curve, what, position), row, column)
        figure.add_trace(_basin_points(trials[trials["group"] == group.group], what, height, position), row, column)
        figure.add_vline(getattr(group, what), line={"dash": "dot", "color": FRONT}, row=row, col=column)
    figure.update_xaxes(_log_axis(trials[what], sparse=True))
    figure.update_yaxes(range=[-0.12 * height, 1.08 * height], ticksuffix=" %")
    figure.update_xaxes(title=LABELS[what], row=rows)
    return figure.update_layout(height=_ROW * rows + 90, margin=_MARGIN, showlegend=False, uirevision=what)


def optimum_figure(
    optima: pd.DataFrame, line: pd.DataFrame, compared: pd.DataFrame | None, what: str, against: str
) -> go.Figure:
    """The groups' optima along N or D, and the law with its band.

    Args:
        optima: one row for each group: `group`, `against`, `value`, `low`, `high`; the last three moved along the law
            to where all groups have the other of N and D in common.
        line: the law: `against`, `value`, `low`, `high` (80 %).
        compared: another law, drawn dashed: `name`, `against`, `value`; or None.
        what: "learning_rate" or "batch_size".
        against: "N" or "D".
    """
    figure = go.Figure()
    _add_band(figure, line[against], line["low"], line["high"])
    figure.add_trace(_line(line[against], line["value"], "fitted law, 80 % band", FRONT))
    if compared is not None and len(compared):
        figure.add_trace(_line(compared[against], compared["value"], compared["name"].iloc[0], PUBLISHED, dash="dash"))
    figure.add_trace(_optima(optima, what, against))
    figure.update_xaxes(_log_axis(line[against]) | {"title": LABELS[against]})
    figure.update_yaxes(_log_axis(pd.concat([line["low"], line["high"], optima["value"]])) | {"title": LABELS[what]})
    return figure.update_layout(
        height=340, margin=_MARGIN, legend=_LEGEND, showlegend=True, uirevision=f"{what}|{against}"
    )


def offset_figure(offsets: pd.DataFrame) -> go.Figure:
    """How far each group's optimum lies from the law, in times.

    Args:
        offsets: `group`, `what` ("learning_rate" or "batch_size"), `ratio` (optimum by law), `low`, `high`.
    """
    figure = go.Figure()
    for what, color, symbol in (("learning_rate", FRONT, "circle"), ("batch_size", PUBLISHED, "diamond")):
        rows = offsets[offsets["what"] == what]
        if rows.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=rows["ratio"].to_numpy(float),
                y=list(map(as_label, rows["group"])),
                error_x=_error_bars(rows["ratio"], rows["low"], rows["high"]),
                mode="markers",
                marker={"color": color, "symbol": symbol, "size": 9},
                name=LABELS[what].split(" [")[0],
                hovertemplate="%{y}<br>%{x:.3g} times the law<extra></extra>",
            )
        )
    figure.add_vline(1.0, line={"color": OFF_FRONT, "dash": "dot"})
    reach = max(1.25, *(_reach(offsets[column]) for column in ("ratio", "low", "high")))
    figure.update_xaxes(_log_axis(pd.Series([1 / reach, reach])) | {"title": "optimum of the group / law"})
    figure.update_yaxes(autorange="reversed")
    return figure.update_layout(
        height=110 + 26 * offsets["group"].nunique(), margin=_MARGIN, legend=_LEGEND, showlegend=True
    )


def error_figure(trials: pd.DataFrame) -> go.Figure:
    """What each trial's loss has beyond the fitted bowl, against what the bowl has beyond its bottom.

    Args:
        trials: `predicted` and `error` (both % of the loss), `sweep`, `number`.
    """
    figure = go.Figure(
        go.Scatter(
            x=trials["predicted"].to_numpy(float),
            y=trials["error"].to_numpy(float),
            text=_trial_names(trials),
            mode="markers",
            marker={"color": FRONT, "size": 7, "opacity": 0.6},
            hovertemplate="%{text}<br>bowl +%{x:.3g} %<br>trial %{y:+.3g} %<extra></extra>",
        )
    )
    figure.add_hline(0.0, line={"color": OFF_FRONT, "dash": "dot"})
    figure.update_xaxes(title="fitted loss above its group's bottom", ticksuffix=" %", rangemode="tozero")
    figure.update_yaxes(title="trial minus fit", ticksuffix=" %")
    return figure.update_layout(height=300, margin=_MARGIN, showlegend=False)


def loss_figure(best: pd.DataFrame, frontier: pd.DataFrame) -> go.Figure:
    """The best loss of each group against compute, and what the loss law expects of the best use of that compute.

    Args:
        best: one row for each group: `group`, `compute` (FLOPs), `loss`.
        frontier: `compute`, `value`, `low`, `high` (80 %) of the loss at the compute-optimal N and D.
    """
    figure = go.Figure()
    _add_band(figure, frontier["compute"], frontier["low"], frontier["high"])
    figure.add_trace(_line(frontier["compute"], frontier["value"], "best N and D for the compute, 80 % band", FRONT))
    figure.add_trace(
        go.Scatter(
            x=best["compute"].to_numpy(float),
            y=best["loss"].to_numpy(float),
            text=list(map(as_label, best["group"])),
            mode="markers",
            marker={"color": INFEASIBLE, "size": 9},
            name="best trial of a group",
            hovertemplate="%{text}<br>loss %{y:.4g}<extra></extra>",
        )
    )
    figure.update_xaxes(_log_axis(frontier["compute"], powers=True) | {"title": LABELS["compute"]})
    figure.update_yaxes(title="loss")
    return figure.update_layout(height=340, margin=_MARGIN, legend=_LEGEND, showlegend=True)


def _curve(curve: pd.DataFrame, what: str, position: int) -> go.Scatter:
    return go.Scatter(
        x=curve[what].to_numpy(float), y=curve["excess"].to_numpy(float),
        mode="lines", line={"color": FRONT, "width": 2}, name=f"bowl {position}", hoverinfo="skip",
    )  # fmt: skip


def _basin_points(trials: pd.DataFrame, what: str, height: float, position: int) -> go.Scatter:
    """The trials of a group; those above what is shown stand as triangles at the rim."""
    above = trials["excess"] > height
    apart = trials["apart"].fillna(0.0).abs()
    return go.Scatter(
        x=trials[what].to_numpy(float),
        y=trials["excess"].clip(upper=height).to_numpy(float),
        text=[
            f"{name}<br>{excess:+.3g} %" for name, excess in zip(_trial_names(trials), trials["excess"], strict=True)
        ],
        mode="markers",
        name=f"trials {position}",
        hovertemplate="%{text}<br>at %{x:.4g}<extra></extra>",
        marker={
            "size": 7,
            "symbol": np.where(above, "triangle-up-open", "circle"),
            "color": apart.to_numpy(float),
            "cmin": 0.0,
            "cmax": _FAR,
            "colorscale": [[0.0, FRONT], [1.0, OFF_FRONT]],
        },
    )


def _optima(optima: pd.DataFrame, what: str, against: str) -> go.Scatter:
    return go.Scatter(
        x=optima[against].to_numpy(float),
        y=optima["value"].to_numpy(float),
        error_y=_error_bars(optima["value"], optima["low"], optima["high"]),
        text=list(map(as_label, optima["group"])),
        mode="markers",
        marker={"color": INFEASIBLE, "size": 9},
        name="optimum of a group",
        hovertemplate=f"%{{text}}<br>{LABELS[what]} %{{y:.4g}}<extra></extra>",
    )


def _line(x: pd.Series, y: pd.Series, name: str, color: str, dash: str | None = None) -> go.Scatter:
    return go.Scatter(
        x=x.to_numpy(float), y=y.to_numpy(float), mode="lines", name=as_label(name), hoverinfo="skip",
        line={"color": color, "width": 2, "dash": dash},
    )  # fmt: skip


def _add_band(figure: go.Figure, x: pd.Series, low: pd.Series, high: pd.Series) -> None:
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([low, high[::-1]]),
            fill="toself", fillcolor=_BAND, line={"width": 0}, mode="lines", hoverinfo="skip", showlegend=False,
            name="band",
        )
    )  # fmt: skip


def _error_bars(value: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": (high - value).to_numpy(float),
        "arrayminus": (value - low).to_numpy(float),
        "thickness": 1.2,
        "width": 3,
    }


def _height(excess: pd.Series) -> float:
    """How much of the basins is shown: most trials, but not the cliffs beside them."""
    finite = excess[np.isfinite(excess)]
    usual = float(finite.quantile(0.75)) if len(finite) else _LEAST_HEIGHT
    return min(max(usual, _LEAST_HEIGHT), _MOST_HEIGHT)


def _reach(ratios: pd.Series) -> float:
    """The largest of the ratios, either way."""
    finite = ratios[np.isfinite(ratios) & (ratios > 0)]
    return float(np.exp(np.abs(np.log(finite)).max())) if len(finite) else 1.0


def _trial_names(trials: pd.DataFrame) -> list[str]:
    return [
        f"{as_label(sweep)}, trial {number}" for sweep, number in zip(trials["sweep"], trials["number"], strict=True)
    ]


def _log_axis(values: pd.Series, *, sparse: bool = False, powers: bool = False) -> dict[str, object]:
    """A logarithmic axis whose ticks are named as people say them: 20B, 0.002."""
    if powers:
        return {"type": "log", "dtick": 1, "exponentformat": "power"}
    finite = values[np.isfinite(values) & (values > 0)]
    if finite.empty:
        return {"type": "log"}
    low, high = math.log10(finite.min()), math.log10(finite.max())
    steps = _steps(high - low, sparse)
    ticks = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return {"type": "log", "tickvals": ticks, "ticktext": list(map(human, ticks))}


def _steps(decades: float, sparse: bool) -> list[float]:
    """Where ticks stand within a power of ten, so that there are enough of them and not too many."""
    if decades > (2.0 if sparse else 3.5):
        return [1]
    if sparse or decades > 1.2:
        return [1, 3]
    return [1, 2, 3, 5, 7] if decades > 0.6 else [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8]
