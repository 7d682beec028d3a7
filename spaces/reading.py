"""Decisions given from outside, checked against the slots of a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .domains import Decision, Real
from .errors import ConfigurationError, brief
from .literals import plain
from .slots import Slot
from .text import describe


def read(slots: Sequence[Slot], values: Mapping[str, Decision]) -> dict[str, Decision]:
    """The decisions as they are written down, parents before children.

    Raises:
        ConfigurationError: a decision is missing, unknown, not active, or outside its range.
    """
    ordered: dict[str, Decision] = {}
    for slot in slots:
        if slot.active(ordered):
            ordered[slot.path] = _read(slot, values)
    surplus = next((path for path in values if path not in ordered), None)
    if surplus is None:
        return ordered
    if all(slot.path != surplus for slot in slots):
        raise ConfigurationError(f"There is no decision {surplus!r} in the space; leave it out.")
    raise ConfigurationError(
        f"Decision {surplus!r} = {values[surplus]!r} is not active under the others; leave it out."
    )


def _read(slot: Slot, values: Mapping[str, Decision]) -> Decision:
    if slot.path not in values:
        raise ConfigurationError(f"Decision {slot.path!r} is missing; give {describe(slot.domain)}.")
    value = plain(values[slot.path])
    if not slot.domain.contains(value):
        raise ConfigurationError(f"Decision {slot.path!r} cannot be {brief(value)}; give {describe(slot.domain)}.")
    return slot.domain.nearest(value) if isinstance(slot.domain, Real) else value
