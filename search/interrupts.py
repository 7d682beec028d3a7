"""Ctrl-C and SIGTERM while a sweep runs: the first one ends it where nothing is lost, a second one ends the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupts:
    """A context in which SIGINT and SIGTERM raise `KeyboardInterrupt`, but not while what happened is being written.

    Only the main thread may catch signals; in another one this does nothing.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Handler] = {}
        self._arrived = False
        self._due = False  # to be raised where nothing is written any more
        self._holding = 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._arrive) for number in SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nothing interrupt this block; what arrives meanwhile is raised at its end."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
        if self._due and not self._holding:
            self._due = False
            raise KeyboardInterrupt

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        if self._arrived:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._arrived = True
        if self._holding:
            self._due = True
        else:
            raise KeyboardInterrupt
