"""Decisions, read back from a DataFrame of trials."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...spaces import Decision, Space
from ...spaces.domains import Domain, Integer, Real
from ..errors import SweepError
from .frame import decision_column


def decisions_of(frame: pd.DataFrame, space: Space) -> list[dict[str, Decision]]:
    """The active decisions of each trial, as they were made.

    A column of a DataFrame has one type, so an integer that is missing from some trials comes as a float there, and
    what is missing looks like the label None; the space tells which is which.

    Raises:
        SweepError: the trials are not of this space.
    """
    columns = {slot.path: decision_column(frame, slot.path) for slot in space.slots}
    return [_decisions(row, space, columns) for row in frame.to_dict("records")]


def _decisions(row: Mapping[Hashable, Any], space: Space, columns: Mapping[str, str | None]) -> dict[str, Decision]:
    values: dict[str, Decision] = {}
    for slot in space.slots:
        if slot.active(values):
            cell = row.get(columns[slot.path])
            found = _read(slot.domain, cell)
            if found is None:
                raise SweepError(
                    f"Trial {row['number']} has {cell!r} for the decision {slot.path!r}, which is none of its values; "
                    "give the space that the trials were made with."
                )
            values[slot.path] = found[0]
    return values


def _read(domain: Domain, cell: Any) -> tuple[Decision] | None:
    """The value of the domain that became this cell, in a tuple (it may be None); None where there is no such value."""
    value = cell.item() if isinstance(cell, np.generic) else cell
    value = None if value is None or value != value else value
    if domain.contains(value):
        return (value,)
    if isinstance(domain, Integer | Real):
        near = domain.nearest(value) if isinstance(value, int | float) else None
        return (near,) if near == value is not None else None
    return next(((label,) for label in domain.values if label == value), None)
