"""From page to page. Pages are told what to show by the address: `?sweep=NAME&trial=3`, `?family=NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import streamlit as st
from streamlit.navigation.page import Page

from .text import as_markdown

_PAGES, _SWEEP, _TRIAL, _FAMILY = "pages", "last sweep", "last trial", "last family"


def remember_pages(pages: Mapping[str, Page]) -> None:
    """Let pages find each other by name: "sweeps", "pareto", "trial" and "laws"."""
    st.session_state[_PAGES] = pages


def open_sweep(name: str) -> NoReturn:
    """Go to the Pareto page of a sweep."""
    st.switch_page(_page("pareto"), query_params={"sweep": name})


def open_trial(sweep: str, number: int) -> NoReturn:
    """Go to a trial's page."""
    st.switch_page(_page("trial"), query_params={"sweep": sweep, "trial": str(number)})


def open_law(family: str) -> NoReturn:
    """Go to the Laws page of a family of sweeps."""
    st.switch_page(_page("laws"), query_params={"family": family})


def link_to_trial(sweep: str, number: int) -> None:
    """Draw a link to a trial's page."""
    st.page_link(
        _page("trial"), label=f"trial {number}", query_params={"sweep": sweep, "trial": str(number)}, width="content"
    )


def link_to_sweep(sweep: str) -> None:
    """Draw a link to a sweep's Pareto page."""
    st.page_link(_page("pareto"), label=as_markdown(sweep), query_params={"sweep": sweep}, width="content")


def asked_family(families: list[str]) -> str:
    """The family of sweeps that the address names, else the one looked at last, else the first of `families`."""
    wanted = st.query_params.get("family", st.session_state.get(_FAMILY))
    return wanted if wanted in families else families[0]


def show_family_in_address(family: str) -> None:
    """Put the family that is shown into the address, and remember it for the next visit."""
    st.session_state[_FAMILY] = family
    if st.query_params.to_dict() != {"family": family}:
        st.query_params.from_dict({"family": family})


def asked_sweep(names: list[str]) -> str | None:
    """The sweep that the address names, else the one looked at last, else the first."""
    wanted = st.query_params.get("sweep", st.session_state.get(_SWEEP))
    if wanted is None:
        return names[0] if names else None
    return wanted


def asked_trial() -> str:
    """The trial that the address names, as it stands there, else the one looked at last, else the first."""
    return st.query_params.get("trial", st.session_state.get(_TRIAL, "0"))


def show_in_address(sweep: str, trial: int | None = None) -> None:
    """Put what is shown into the address, and remember it for the next visit."""
    st.session_state[_SWEEP] = sweep
    shown = {"sweep": sweep}
    if trial is not None:
        st.session_state[_TRIAL] = str(trial)
        shown["trial"] = str(trial)
    if st.query_params.to_dict() != shown:
        st.query_params.from_dict(shown)


def clicked_point(event: Mapping[str, Any]) -> int | None:
    """The trial of the point that was clicked in a plot."""
    points = event["selection"]["points"]
    data = points[0].get("customdata") if points else None
    if isinstance(data, list):
        data = data[0] if data else None
    return None if data is None else int(data)


def clicked_row(event: Mapping[str, Any]) -> int | None:
    """The position of the row of which a cell was clicked in a table."""
    cells = event["selection"]["cells"]
    return int(cells[0][0]) if cells else None


def _page(name: str) -> Page:
    return st.session_state[_PAGES][name]  # type: ignore[no-any-return]
