"""What can be wrong with a law, or with what it is asked."""

from __future__ import annotations

import sys
import warnings

from ..errors import ParetreeError


class LawError(ParetreeError, ValueError):
    """A law cannot say what it is asked, or is not well defined. The message is one sentence with the fix."""


class LawWarning(UserWarning):
    """A law is asked outside its domain, or for what looks like a wrong unit."""


def warn(message: str) -> None:
    """Warn with a `LawWarning` that points at the line outside this package that asked."""
    level = 1
    while sys._getframe(level).f_globals.get("__package__") == __package__:
        level += 1
    warnings.warn(message, LawWarning, stacklevel=level + 1)
