"""What a model cannot take."""

from __future__ import annotations

from ..errors import ParetreeError


class Unsupported(ParetreeError, ValueError):  # noqa: N818 - reads as what it says in `except Unsupported`
    """A model cannot take a fine-tuning method, or is no encoder whose parts are known."""
