"""What can go wrong with a sweep as a whole."""

from __future__ import annotations

from ..spaces.errors import ParetreeError


class SweepError(ParetreeError):
    """A sweep cannot be made, continued or finished as asked; the message says why and what to do."""
