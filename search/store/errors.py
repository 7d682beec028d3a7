"""What goes wrong with a store."""

from __future__ import annotations

from ...spaces.errors import ParetreeError


class StoreError(ParetreeError):
    """The store cannot do what was asked; the message is one sentence that says why and what to do."""


class Superseded(StoreError):  # noqa: N818 - a turn of events, not a fault
    """Another controller drives the sweep now: this one must stop, and nothing of its transaction was written."""


class Unreachable(StoreError):  # noqa: N818 - a state of affairs
    """The database's server does not answer; whether it did what it was last told will be seen when it does."""
