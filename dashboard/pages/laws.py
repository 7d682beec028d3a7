"""The scaling law of a family of sweeps: how well it is known, and what it says of other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import streamlit as st

from ...search import SweepError
from ...search.store import SweepRecord, SweepState
from ..data import mark, store_url, summaries
from ..families import Names, common_parts, constant, family, functions_called, members, scaled, usual_names
from ..law_view import progress, trials_of
from ..links import asked_family, link_to_sweep, show_family_in_address
from ..live import follow
from ..text import counted
from .law_inputs import show_published
from .law_sections import show_law

_TOKENS, _NUMBER, _NONE = "tokens", "sequences of a number of tokens", "–"
_ROLES = {
    "N": "N: parameters",
    "D": "D: tokens",
    "learning_rate": "Learning rate",
    "batch_size": "Batch size",
}
HOW = """
space = pt.Space(
    N=2_359_296, D=50_000_000,                             # parameters without embeddings; training tokens
    lr=pt.Float(1e-4, 1e-1, log=True),
    batch_size=pt.Int(8, 512, log=True), seq_len=512,      # sequences of 512 tokens
)
sweep = pt.Sweep("lm/2.4M-50M", space, train, {"loss": "minimize"})      # lm/...: one sweep for each N and D
"""


def page() -> None:
    """Draw the page."""
    url = store_url()
    found, seen = summaries(url)
    sweeps = scaled(summary.sweep for summary in found)
    st.header("Scaling laws")
    if sweeps:
        _own(url, sweeps)
    else:
        _explain()
    show_published()
    running = [summary.sweep for summary in found if summary.sweep.state is SweepState.RUNNING]
    follow(seen, lambda: mark(url, running))


def _explain() -> None:
    st.write(
        "A law of your own needs small sweeps at several sizes and amounts of data, whose spaces name them N and D. "
        "With at least three of them, of at least two sizes and two amounts of data, their law shows up here."
    )
    st.code(HOW.strip(), language="python")


def _own(url: str, sweeps: Sequence[SweepRecord]) -> None:
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        chosen = _chosen(sweeps)
    if not chosen:
        st.write("No sweep is chosen.")
        return
    with bar:
        names = _names(chosen)
    if not _may_run(chosen, names):
        return
    titles = [sweep.name for sweep in chosen]
    try:
        with st.spinner("Reading the trials …", show_time=True):
            trials = trials_of(url, titles, names, progress(url, titles))
    except SweepError as error:
        st.text(str(error))
        return
    if trials.attrs.get("dropped"):
        st.caption(f"{counted(trials.attrs['dropped'], 'trial')} without a finite loss left out.")
    if trials.empty:
        st.write("No trial of these sweeps has finished with a loss yet.")
    else:
        show_law(trials, family(titles[0]), _sequence(chosen, names.seq_len))
    _sources(chosen)


def _sequence(chosen: Sequence[SweepRecord], seq_len: int | str | None) -> int | None:
    """The sequence length to say batch sizes in, where it is one number."""
    found = constant(chosen[0].space, seq_len) if isinstance(seq_len, str) else seq_len
    return int(found) if found else None


def _chosen(sweeps: Sequence[SweepRecord]) -> list[SweepRecord]:
    """The sweeps that feed the law: a family of them, unless somebody says otherwise."""
    families = list(dict.fromkeys(family(sweep.name) for sweep in sweeps))
    by_name = {sweep.name: sweep for sweep in sweeps}
    asked = asked_family(families)
    wanted = st.selectbox("Family of sweeps", families, index=families.index(asked), width=420)
    show_family_in_address(wanted)
    usual = members(wanted, sweeps)
    with st.popover("Sweeps", icon=":material/list:"):
        kept = st.multiselect("Sweeps", list(by_name), default=usual, key=f"sweeps {usual}", width=600)
    return [by_name[name] for name in kept]


def _names(chosen: Sequence[SweepRecord]) -> Names:
    """Which part is what: as the usual names say, unless somebody says otherwise."""
    parts = common_parts(chosen)
    usual = usual_names(parts)
    with st.popover("Names", icon=":material/label:", help="Which part of the spaces is what"):
        named = {role: _part(words, parts, getattr(usual, role)) for role, words in _ROLES.items()}
        counted_by = usual.seq_len if isinstance(usual.seq_len, str) else None
        return Names(**named, seq_len=_seq_len(parts, counted_by))


def _part(words: str, parts: list[str], usual: str | None) -> str | None:
    options = [_NONE, *parts]
    found = st.selectbox(words, options, index=options.index(usual or _NONE), key=f"{words} of {parts}")
    return None if found == _NONE else found


def _seq_len(parts: list[str], usual: str | None) -> int | str | None:
    options = [_TOKENS, _NUMBER, *parts]
    found = st.selectbox("Batch size counts", options, index=options.index(usual or _TOKENS), key=f"counts of {parts}",
        format_func=lambda name: f"sequences of {name} tokens" if name in parts else name)  # fmt: skip
    if found == _NUMBER:
        return int(st.number_input("Tokens of a sequence", min_value=1, value=2048))
    return None if found == _TOKENS else found


def _may_run(chosen: Sequence[SweepRecord], names: Names) -> bool:
    """Whether no function of a space has to run to read its trials, or the viewer wants it to."""
    used = [name for name in astuple(names) if isinstance(name, str)]
    called = sorted(set().union(*(functions_called(sweep.space, used) for sweep in chosen)))
    if not called:
        return True
    st.write("To read these sweeps, functions that their spaces name must run here:")
    st.code("\n".join(called), language=None)
    return st.checkbox("I trust this store: run them", key=f"run {called}")


def _sources(chosen: Sequence[SweepRecord]) -> None:
    st.subheader("Sweeps that feed it")
    with st.container(horizontal=True):
        for sweep in chosen:
            link_to_sweep(sweep.name)
