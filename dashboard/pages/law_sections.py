"""The parts of the Laws page that show the law of a family."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from ...spaces.laws import FittedLaw, LawError, LossLaw, PowerLaw, StepLaw
from ...spaces.laws.amounts import human
from ...spaces.laws.formula import Formula
from ..law_figures import basin_figure, error_figure, loss_figure, offset_figure, optimum_figure
from ..law_fits import (
    basin,
    coefficients,
    errors_of,
    fitted,
    fitted_loss,
    frontier,
    group_losses,
    left_out,
    offsets,
    optima_of,
)
from ..law_view import group_table, law_line, middle, moved_optima
from ..text import as_markdown, counted
from .law_inputs import size_input

_PLOT = {"displaylogo": False}
_WORDS = {"learning_rate": "learning rate", "batch_size": "batch size"}
_NUMBERS: dict[str, ColumnConfig] = {
    "N": st.column_config.NumberColumn(format="compact"),
    "D": st.column_config.NumberColumn(format="compact"),
    "batch_size": st.column_config.NumberColumn("batch size", format="compact", help="In tokens."),
    "learning_rate": st.column_config.NumberColumn("learning rate", format="%.3g"),
    "loss": st.column_config.NumberColumn("best loss", format="%.4g"),
}
_INTERVAL = {"value": "value", "low": "80 % from", "high": "to"}
_LEFT_OUT = "What the law of the other groups costs there, in % of the loss, by the fitted basin."
_STEP = 4.0  # from the largest group to what is asked about at first, in N and in D


def show_law(trials: pd.DataFrame, name: str, seq_len: int | None) -> None:
    """The law that these trials make up, and how well it is known.

    Args:
        trials: of the family, as `law_view.trials_of` reads them.
        name: of the family.
        seq_len: tokens of a sequence, to say batch sizes in.
    """
    try:
        with st.spinner("Fitting the law …", show_time=True):
            law = fitted(trials, name)
    except LawError as error:
        st.text(str(error))
        _groups(trials)
        return
    known = [what for what in _WORDS if _WORDS[what] in law.formulas]
    _formulas(law, known)
    _elsewhere(law, trials, name, seq_len)
    _optima(law, trials, known)
    _basins(law, trials, known)
    _residuals(law, trials, known)
    _trust(law)
    loss_law = _losses(trials)
    _downloads(law, loss_law, trials, name)


def _groups(trials: pd.DataFrame) -> None:
    st.subheader("What there is so far")
    st.dataframe(group_table(trials), hide_index=True, key="groups", column_config=_NUMBERS)
    st.caption("One row for each size and amount of data, with its best trial.")


def _formulas(law: FittedLaw, known: list[str]) -> None:
    st.subheader("The law")
    left, right = st.columns([2, 3], vertical_alignment="center")
    with left:
        for what in known:
            st.latex(rf"\text{{{_WORDS[what]}}} = {_latex(law.formulas[_WORDS[what]])}")
    right.dataframe(
        coefficients(law),
        hide_index=True,
        key="coefficients",
        column_config={
            "of": "", "what": "",
            **{name: st.column_config.NumberColumn(words, format="%.3g") for name, words in _INTERVAL.items()},
        },
    )  # fmt: skip
    evidence = law.evidence
    st.caption(
        f"Fitted to {counted(evidence.trials, 'trial')} in {counted(len(evidence.groups), 'group')} (pairs of N, D). "
        "Batch sizes are in tokens. From one trial to the same again, the loss differs by "
        f"{100 * evidence.noise:.2g} %, as far as the fit can tell."
    )
    for sentence in (*evidence.unidentified, *evidence.notes):
        st.caption(f":material/warning: {as_markdown(sentence)}")


def _latex(formula: Formula) -> str:
    if not isinstance(formula, PowerLaw):
        return rf"\text{{{formula}}}"
    powers = " ".join(f"{variable}^{{{exponent:.3f}}}" for variable, exponent in formula.exponents.items())
    return rf"{_scientific(formula.coefficient)} \; {powers}"


def _scientific(value: float) -> str:
    mantissa, _, power = f"{value:.3g}".partition("e")
    return mantissa + (rf" \cdot 10^{{{int(power)}}}" if power else "")


def _elsewhere(law: FittedLaw, trials: pd.DataFrame, name: str, seq_len: int | None) -> None:
    st.subheader("At another size")
    cells = st.columns(2)
    N = size_input(cells[0], "N: parameters", human(_STEP * trials["N"].max()), f"N of {name}")
    D = size_input(cells[1], "D: tokens", human(_STEP * trials["D"].max()), f"D of {name}")
    if N is None or D is None:
        return
    found = law.predict(N, D, seq_len=seq_len)
    rows = list(found.rows())
    *places, last = st.columns(len(rows) + 1)
    for place, (label, value, interval) in zip(places, rows, strict=True):
        place.metric(_brief(label), value, delta=f"80 %: {interval}", delta_color="off", delta_arrow="off", border=True)
    last.metric("loss above the best", f"{found.expected_penalty:.2f} %", delta="expected", delta_color="off",
        delta_arrow="off", border=True)  # fmt: skip
    for warning in found.warnings:
        st.caption(f":material/warning: {as_markdown(warning)}")
    st.caption(
        "What the law says is best there, and between which values the best one lies with a chance of 80 %. The last "
        "number is what being off by so much is expected to cost."
    )


def _brief(label: str) -> str:
    """`batch size (sequences of 2048)`, short enough to stand over a number."""
    return label.partition(" of ")[0].replace("batch size (", "batch in ").rstrip(")")


def _optima(law: FittedLaw, trials: pd.DataFrame, known: list[str]) -> None:
    st.subheader("How the optimum moves")
    N, D = middle(trials)
    step = StepLaw()
    for what in known:
        optima = optima_of(law, what)
        for cell, against, other in zip(st.columns(2), ("N", "D"), (D, N), strict=True):
            span = float(trials[against].min()), float(trials[against].max())
            figure = optimum_figure(
                moved_optima(law, optima, what, against, other),
                law_line(law, what, against, span, other),
                law_line(step, what, against, span, other),
                what,
                against,
            )
            cell.plotly_chart(figure, key=f"{what} by {against}", config=_PLOT)
            kept = f"D = {human(D)} tokens" if against == "N" else f"N = {human(N)} parameters"
            cell.caption(
                f"The best {_WORDS[what]} against {against}, at {kept}; every group is moved there by the law."
            )
    st.caption(
        "Points are the optima of single groups, with the interval that their own trials leave. Where they follow the "
        "line, the law holds; the dashed line is the published Step Law."
    )


def _basins(law: FittedLaw, trials: pd.DataFrame, known: list[str]) -> None:
    st.subheader("The trials")
    for tab, what in zip(st.tabs([f"Loss by {_WORDS[what]}" for what in known]), known, strict=True):
        other = "batch size" if what == "learning_rate" else "learning rate"
        with tab:
            st.plotly_chart(basin_figure(*basin(law, trials, what, known), what), key=f"basin of {what}", config=_PLOT)
            st.caption(
                f"How far each trial's loss lies above the bottom of its group (N × D). The curve is the fitted basin "
                f"with the best {other} at each point, the dotted line the optimum. Green trials had about the best "
                f"{other}, grey ones another, so they lie higher; triangles are far above what is shown."
            )


def _residuals(law: FittedLaw, trials: pd.DataFrame, known: list[str]) -> None:
    st.subheader("What the law leaves over")
    left, right = st.columns(2)
    left.plotly_chart(offset_figure(offsets(law, known)), key="offsets", config=_PLOT)
    left.caption("How many times the law's value each group's own optimum is. At 1 they agree; bars hold 80 %.")
    right.plotly_chart(error_figure(errors_of(law, trials)), key="errors", config=_PLOT)
    right.caption(
        "Each point is a trial near the best of its group: how far its loss is off the fitted basin. A trend along the "
        "axis would say that the basin has another shape."
    )


def _trust(law: FittedLaw) -> None:
    st.subheader("How far it can be trusted")
    whole, largest = law.evidence.left_out, law.evidence.largest_out
    cells = st.columns(2)
    cells[0].metric("groups left out: loss above their best", f"{whole.gap:.2g} %", border=True, help=_LEFT_OUT)
    cells[1].metric("largest group left out", f"{largest.gap:.2g} %", border=True, help=_LEFT_OUT)
    st.dataframe(
        left_out(law),
        hide_index=True,
        key="left out",
        placeholder="–",
        column_config={
            "group": "left out (N × D)",
            "counting": st.column_config.NumberColumn("near the best"),
            "learning_rate": st.column_config.NumberColumn("learning rate off by", format="×%.2f"),
            "batch_size": st.column_config.NumberColumn("batch size off by", format="×%.2f"),
            "gap": st.column_config.NumberColumn("cost", format="%.2g %%", help="Of the loss, by the fitted basin."),
            "edge": "beyond what was tried",
        },
    )
    st.caption(
        "The law is fitted again without each group, and then asked for it: how far off it is, and what that would "
        "cost. This is the honest measure, since no group helps to predict itself."
    )


def _losses(trials: pd.DataFrame) -> LossLaw | None:
    st.subheader("How the loss falls")
    try:
        law = fitted_loss(trials)
    except LawError as error:
        st.text(str(error))
        return None
    groups = group_losses(law)
    left, right = st.columns([3, 2], gap="large")
    left.plotly_chart(loss_figure(groups, frontier(law)), key="losses", config=_PLOT)
    left.caption(
        "The best loss of each group, and the lowest that the law of the loss expects of so much compute. Groups above "
        "the line spent theirs on too large or too small a model."
    )
    with right:
        st.latex(_loss_latex(law))
        _allocation(law, float(groups["compute"].max()))
        for sentence in law.evidence.unidentified:
            st.caption(f":material/warning: {as_markdown(sentence)}")
    return law


def _loss_latex(law: LossLaw) -> str:
    size = rf"\frac{{{_scientific(law.A)}}}{{N^{{{law.alpha:.2g}}}}}"
    data = rf"\frac{{{_scientific(law.B)}}}{{D^{{{law.beta:.2g}}}}}"
    return rf"L = {law.E:.3g} + {size} + {data}"


def _allocation(law: LossLaw, largest: float) -> None:
    compute = size_input(st.container(), "Compute to spend [FLOPs]", f"{10 * largest:.2g}", "compute")
    if compute is None:
        return
    best = law.allocate(compute)
    rows = [
        ("N", human(best.N), " to ".join(map(human, best.N_interval))),
        ("D", human(best.D), " to ".join(map(human, best.D_interval))),
        ("loss", f"{best.loss:.4g}", f"{best.prediction.low:.4g} to {best.prediction.high:.4g}"),
    ]
    st.dataframe(pd.DataFrame(rows, columns=["best", "value", "80 %"]), hide_index=True, key="allocation")
    st.caption("The size and the data that so much compute (6ND) is best spent on.")


def _downloads(law: FittedLaw, loss_law: LossLaw | None, trials: pd.DataFrame, name: str) -> None:
    files: dict[str, tuple[str, Callable[[], bytes], str]] = {
        "The law": (f"{name} law.json", partial(_json, law), "application/json"),
        "CSV of the trials": (f"{name} trials.csv", partial(_csv, trials), "text/csv"),
        "CSV of the groups": (f"{name} groups.csv", partial(_csv, law.evidence.frame), "text/csv"),
    }
    if loss_law is not None:
        files["The law of the loss"] = (f"{name} loss law.json", partial(_json, loss_law), "application/json")
    with st.container(horizontal=True):
        for label, (file_name, data, mime) in files.items():
            st.download_button(
                label, data=data, file_name=file_name, mime=mime, on_click="ignore", icon=":material/download:"
            )
    st.caption("`ScalingLaw.from_json` reads the law back, and `paretree law predict --law FILE` asks it.")


def _json(law: FittedLaw | LossLaw) -> bytes:
    return json.dumps(law.to_json(), indent=1).encode()


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()
