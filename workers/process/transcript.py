"""What an attempt says and prints, as events in the order they arrive."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ..protocol import AttemptId, Event, Failed, Finished, Logged, Started, Stopped
from .forkserver import ForkServer
from .frames import Frames
from .streams import Stream


class Transcript:
    """Passes on what one attempt says, with all its lines numbered together."""

    def __init__(self, id: AttemptId, server: ForkServer, emit: Callable[[Event], None]) -> None:
        self._id = id
        self._emit = emit
        self._events = server.events, Frames()
        self._streams = {"stdout": (server.stdout, Stream()), "stderr": (server.stderr, Stream())}
        self._lines = 0
        self._end: Event | None = None

    def read(self) -> bool:
        """Pass on what has come by now, or some of it if that is much; return whether there was anything."""
        anything = False
        for name, (channel, stream) in self._streams.items():
            data = channel.read()
            anything |= bool(data)
            for text in stream.feed(data):
                self._log(text, name)
        channel, frames = self._events
        data = channel.read()
        for event in frames.feed(data):
            self._take(event)
        return anything or bool(data)

    def finish(self) -> Event | None:
        """Pass on the rest, when nobody is left to write more; return the end that the attempt told, if it did."""
        while self.read():
            pass
        for name, (_, stream) in self._streams.items():
            for text in stream.end():
                self._log(text, name)
        return self._end

    def _take(self, event: Event) -> None:
        match event:
            case Started():  # told by the runner itself, so that even a process that never ran has started
                pass
            case Finished() | Stopped() | Failed():
                self._end = event
            case Logged():
                self._number(event)
            case _:
                self._emit(event)

    def _log(self, text: str, stream: str) -> None:
        self._number(Logged(self._id, text, time.time(), stream=stream))

    def _number(self, event: Logged) -> None:
        self._emit(replace(event, line=self._lines))
        self._lines += 1
