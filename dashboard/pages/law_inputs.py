"""What a viewer of the Laws page asks for: sizes in human numbers, and what published laws say of them."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ...spaces.laws.amounts import amount
from ..law_view import predictions
from ..text import as_markdown

_HELP = "Parameters count without embeddings, tokens as often as they are seen. For example 215M, 1.4T or 2e10."


def size_input(cell: DeltaGenerator, label: str, usual: str, key: str) -> float | None:
    """Ask for a number of parameters or tokens; None where what was written is none."""
    found = amount(cell.text_input(label, usual, key=key, help=_HELP))
    if found is None:
        cell.caption("Write a positive number, such as 215M or 2e10.")
    return found


def show_published() -> None:
    """What published laws say of a training that the viewer describes."""
    st.subheader("What published laws say")
    cells = st.columns(4)
    N = size_input(cells[0], "N: parameters", "215M", "published N")
    D = size_input(cells[1], "D: tokens", "4B", "published D")
    seq_len = cells[2].number_input("Tokens of a sequence", min_value=1, value=2048, key="published sequence")
    loss = cells[3].number_input(
        "Expected loss", min_value=0.1, value=2.5, step=0.1, key="published loss", help="For the laws that ask for it."
    )
    if N is None or D is None:
        return
    table = predictions(N, D, loss, int(seq_len))
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key="published",
        column_config={
            "learning rate": st.column_config.NumberColumn(format="%.3g"),
            "batch [tokens]": st.column_config.NumberColumn(format="compact"),
            "batch [sequences]": st.column_config.NumberColumn(format="%.0f"),
            "warning": None,
        },
    )
    for warning in table["warning"].dropna():
        st.caption(f":material/warning: {as_markdown(warning)}")
    st.caption(
        "The peak learning rate and the batch size of each law, with the interval in which the best one lies with a "
        "chance of 80 %. A dash: the law says nothing of it. A law is a place to begin at: search around it."
    )
