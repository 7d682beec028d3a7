"""Spaces in which a trial is either a cell, or a search for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...spaces import Build, Choice, Int, Space
from ..errors import SweepError
from .settings import SearchSettings

MODEL = "model"
"""The part whose options are a search and the cells."""

SEARCH, CELLS = "search", "cells"

SEARCHES = 64
"""Searches there can be of the same settings, each with its own seed."""

SETTINGS = "paretree.search.oneshot.spaces:search_settings"


def searching(space: Space, settings: Mapping[str, object] | None = None) -> Space:
    """A space of cells to which searches for cells on a supernet are added.

    Its part `model` becomes a choice: of `cells` as they were (at `model=cells/...`), and of a `search`, which
    `oneshot_trial` runs as a trial. Conditions that the space requires are of its cells, so they cannot be kept.

    Args:
        space: of cells: `CellSpace(...).space(...)`, or `zoo.nasbench201()`.
        settings: those of `SearchSettings` that are not the usual ones, or the name of a `preset` and what differs from
            it; nodes where sweeps decide them, as in `{"preset": "drnas", "portion": Choice(1, 2, 4)}`.

    Raises:
        SweepError: the space has no part `model`, or requires something.
    """
    if MODEL not in space.parts:
        raise SweepError(f"A space of cells has them at {MODEL!r}; this one has {', '.join(space.parts) or 'nothing'}.")
    if space.required:
        raise SweepError(
            "What this space requires speaks of cells alone; leave it out, and constrain the sweep instead."
        )
    build: dict[str, Any] = dict(settings or {})
    options: dict[str, Any] = {
        SEARCH: {"settings": Build(SETTINGS, **build), "seed": Int(0, SEARCHES - 1)},
        CELLS: space.parts[MODEL],
    }
    return Space({**space.parts, MODEL: Choice(**options)})


def search_settings(**given: Any) -> SearchSettings:
    """The settings that a space decided on, by name.

    Raises:
        ParetreeError: there is no such setting or preset, or a number is out of its range.
    """
    return SearchSettings.of(given)
