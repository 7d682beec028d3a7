"""A page of memory that a runner, its fork server and all processes of a trial see, busy as they may be."""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP, DRAIN, OVERDUE, SENDING, TORCH = range(5)  # one byte each
BEAT = struct.Struct("=d")
BEAT_AT = 8
SIZE = 64


class Board:
    """What is said without a message: stop, checkpoint now, I am alive.

    A trial looks here at each report, which costs a read of memory, and so do all ranks of a distributed one.
    """

    def __init__(self, file: Path) -> None:
        """Open the board in `file`; one that does not exist yet is made, blank."""
        if not file.exists():
            file.write_bytes(bytes(SIZE))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), SIZE)

    def clear(self) -> None:
        """Make ready for the next trial."""
        self._page[:] = bytes(SIZE)
        self.beat()

    @property
    def stop(self) -> bool:
        """The trial is to end at its next report."""
        return self._page[STOP] != 0

    @property
    def drain(self) -> bool:
        """The trial's node is about to go."""
        return self._page[DRAIN] != 0

    @property
    def overdue(self) -> bool:
        """The trial has passed a limit: it has failed, whatever it says now."""
        return self._page[OVERDUE] != 0

    @property
    def torch(self) -> bool:
        """The trial has loaded torch: the next ones will, too."""
        return self._page[TORCH] != 0

    def raise_stop(self) -> None:
        """Ask for the end of the trial."""
        self._page[STOP] = 1

    def raise_drain(self) -> None:
        """Ask for a checkpoint."""
        self._page[DRAIN] = 1

    def raise_overdue(self) -> None:
        """Note that a limit is passed."""
        self._page[OVERDUE] = 1

    def raise_torch(self) -> None:
        """Let the fork server load torch for the next trials."""
        self._page[TORCH] = 1

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Inside, the trial waits for its runner to take an event, which is no silence of its own."""
        self._page[SENDING] = 1
        try:
            yield
        finally:
            self._page[SENDING] = 0

    def beat(self) -> None:
        """Note that the trial has just reported."""
        self._page[BEAT_AT : BEAT_AT + BEAT.size] = BEAT.pack(time.monotonic())

    def quiet(self, now: float) -> float:
        """Seconds since the last `beat`, on the monotonic clock, which is one for all processes of a machine."""
        if self._page[SENDING]:
            return 0.0
        (beat,) = BEAT.unpack_from(self._page, BEAT_AT)
        return now - float(beat)

    def close(self) -> None:
        """Let go of the page."""
        self._page.close()
