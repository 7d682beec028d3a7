"""What a process prints, as lines, and not more of it than anybody reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

FIRST_LINES = 5_000
FIRST_BYTES = 1_000_000
LAST_LINES = 100
LONGEST = 10_000  # bytes; a longer line is broken


class Stream:
    """Turns bytes into lines: the first thousands as they come, then only the last hundred, at the end.

    A carriage return starts its line anew, as on a terminal, so of a progress bar its last state is kept.
    """

    def __init__(self) -> None:
        self._rest = b""  # what is still being written, after the lines that are held back for the end
        self._lines = 0
        self._bytes = 0
        self._left_out = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that are whole with these bytes, as long as there were not too many."""
        lines = deque((self._rest + data).split(b"\n"))
        while len(lines) > 1 and not self._full():
            yield from self._given(lines.popleft())
        if self._full():
            self._hold(lines)
        else:
            self._rest = lines[0]
            yield from self._overlong()

    def end(self) -> Iterator[str]:
        """The lines that were held back, after one that says how many are left out."""
        lines = self._rest.removesuffix(b"\n").split(b"\n") if self._rest else []
        left_out = self._left_out + len(lines[:-LAST_LINES])
        if left_out:
            yield f"... {left_out:,} lines left out ..."
        for line in lines[-LAST_LINES:]:
            yield _text(_shown(line)[:LONGEST])

    def _full(self) -> bool:
        return self._lines >= FIRST_LINES or self._bytes >= FIRST_BYTES

    def _given(self, line: bytes) -> Iterator[str]:
        shown = _shown(line)
        for start in range(0, max(1, len(shown)), LONGEST):
            yield self._counted(shown[start : start + LONGEST])

    def _overlong(self) -> Iterator[str]:
        """Keep the line that is still being written within `LONGEST`."""
        if len(self._rest) > LONGEST:
            self._rest = _shown(self._rest)
        while len(self._rest) > LONGEST:
            yield self._counted(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]

    def _counted(self, piece: bytes) -> str:
        self._lines += 1
        self._bytes += len(piece)
        return _text(piece)

    def _hold(self, lines: Sequence[bytes]) -> None:
        """Keep the end of these; the last one is still being written."""
        left_out = max(0, len(lines) - LAST_LINES - 1)
        self._left_out += left_out
        self._rest = b"\n".join(line[-LONGEST:] for line in islice(lines, left_out, None))


def _shown(line: bytes) -> bytes:
    """What a terminal would show of a line in the end."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _text(piece: bytes) -> str:
    return piece.decode(errors="replace")
