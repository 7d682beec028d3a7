"""Keeps a page true while its sweep runs."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import streamlit as st

from ..search import StoreError
from .data import Mark

SECONDS = 3


def follow(seen: Mark, look: Callable[[], Mark]) -> None:
    """Draw the page again when what `look` finds, every few seconds, is no longer what was `seen`."""
    ticks = itertools.count()

    @st.fragment(run_every=SECONDS)
    def tick() -> None:
        first = next(ticks) == 0  # part of the page's own drawing: a busy sweep has moved on already
        if not first and _has_changed(seen, look):
            st.rerun()

    tick()


def _has_changed(seen: Mark, look: Callable[[], Mark]) -> bool:
    try:
        return look() != seen
    except StoreError:
        return True  # drawn again, the page says what is wrong
