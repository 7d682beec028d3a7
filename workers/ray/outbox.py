"""Events that nobody has recorded yet: in memory to be sent, and in a file that outlives the process.

Each event is pickled once, with its number: these bytes are written to the file and sent as they are. The file is
locked as long as its runner lives, so whoever gets the lock knows that the runner is dead and may read what it left.
It is not flushed to the disk: it survives the process, which is killed far more often than its machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import logging
import os
import pickle
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ..protocol import Event

LARGE = 16 * 2**20  # bytes of a file that are worth rewriting it without what is recorded
ENDING = ".outbox"

log = logging.getLogger("paretree")


class Left(NamedTuple):
    """What a dead runner left: its events that may not be recorded, each with its number."""

    runner: str
    events: tuple[tuple[int, Event], ...]


class Outbox:
    """The events of one runner, numbered from 0; not thread-safe.

    Attributes:
        first: the number of the first event that is not recorded yet.
    """

    def __init__(self, key: str, runner: str) -> None:
        """An empty outbox of the runner called `runner` by nobody else, which works for the sweep with this key."""
        self.first = 0
        self._frames: deque[bytes] = deque()
        self._written = 0
        self._path = folder(key) / (runner + ENDING)
        self._file: io.FileIO | None = None
        try:
            private(self._path.parent)
            self._file = _locked(self._path)
        except OSError as error:
            self._give_up(error)

    def __len__(self) -> int:
        return len(self._frames)

    def append(self, event: Event) -> None:
        """Add an event. It is kept in memory only where the disk is full."""
        frame = pickle.dumps((self.first + len(self._frames), event), pickle.HIGHEST_PROTOCOL)
        self._frames.append(frame)
        self._write(frame)

    def frames(self, most: int) -> tuple[bytes, ...]:
        """The first of the events that are not recorded yet, for `read`."""
        return tuple(islice(self._frames, most))

    def forget(self, number: int) -> None:
        """All events before this number are recorded."""
        while self._frames and self.first < number:
            self._frames.popleft()
            self.first += 1
        if self._file is None or not self._written:
            return
        if not self._frames:
            self._file.truncate(0)
            self._file.seek(0)
            self._written = 0
        elif self._written > LARGE and self._written > 2 * sum(map(len, self._frames)):
            self._rewrite()

    def close(self) -> None:
        """Let go of the file; one in which nothing stands is removed."""
        if self._file is not None:
            if not self._frames:
                self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _write(self, frame: bytes) -> None:
        if self._file is None:
            return
        try:
            if self._file.write(frame) < len(frame):
                raise OSError("no space left")
            self._written += len(frame)
        except OSError as error:
            self._give_up(error)

    def _rewrite(self) -> None:
        """Put a file with what is not recorded in the place of the large one, in one step."""
        path = self._path.with_suffix(".new")
        try:
            file = _locked(path)
            self._written = sum(file.write(frame) for frame in self._frames)
            path.replace(self._path)
        except OSError as error:
            self._give_up(error)
            return
        if self._file is not None:
            self._file.close()
        self._file = file

    def _give_up(self, error: OSError) -> None:
        """Go on without a file: trials matter more than what protects their last results from a rare death."""
        log.warning("Events of this runner are kept in memory only, as %s cannot be written: %s", self._path, error)
        self._file = None


def read(frame: bytes) -> tuple[int, Event]:
    """An event and its number."""
    numbered: tuple[int, Event] = pickle.loads(frame)
    return numbered


def left_behind(key: str, alive: frozenset[str], patience: float) -> list[Left]:
    """What the runners of the sweep with this key left on this machine, but for those that are known to be alive.

    One that dies just now is waited for, up to `patience` seconds for all.
    """
    deadline = time.monotonic() + patience
    runners = sorted({path.stem for path in folder(key).glob("*" + ENDING)} - alive)
    found = (left_by(key, runner, deadline - time.monotonic()) for runner in runners)
    return [left for left in found if left is not None]


def left_by(key: str, runner: str, patience: float) -> Left | None:
    """What this runner left on this machine; `None` if it is still not dead after `patience` seconds."""
    path = folder(key) / (runner + ENDING)
    deadline = time.monotonic() + patience
    while path.exists():
        left = _read(path)
        if left is not None or time.monotonic() > deadline:
            return left
        time.sleep(0.05)
    return Left(runner, ())


def discard(key: str, runner: str) -> None:
    """Remove what a dead runner left, which is recorded now."""
    (folder(key) / (runner + ENDING)).unlink(missing_ok=True)


def folder(key: str) -> Path:
    """Where the runners of the sweep with this key leave their events on this machine."""
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"paretree-{os.getuid()}" / name


def private(place: Path) -> None:
    """Make a folder that only this user reads and writes: what is unpickled from it must be our own.

    Raises:
        PermissionError: somebody else made it.
    """
    for directory in (place.parent, place):
        directory.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(directory):
            raise PermissionError(f"{directory} belongs to somebody else, or others may write to it")


def _is_private(directory: Path) -> bool:
    status = directory.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o077


def _locked(path: Path) -> io.FileIO:
    """A new file that is locked until this process ends or closes it; not shared with forked children, as `flock`."""
    file = io.FileIO(path, "w+")
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _read(path: Path) -> Left | None:
    """What stands in the file of a dead runner; `None` if the runner lives, or the file is not ours."""
    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.fstat(file.fileno()).st_ino == path.stat().st_ino  # and not one that was just replaced
            ours = _is_private(path.parent) and _is_private(path.parent.parent)
            if not (current and ours):
                return None
            events = tuple(_events(file))
            if not events:
                path.unlink()
            return Left(path.stem, events)
    except OSError:
        return None


def _events(file: io.BufferedIOBase) -> Iterator[tuple[int, Event]]:
    while True:
        try:
            yield pickle.load(file)
        except Exception:  # the end, an event that was not written to its end, or one of another version
            return
