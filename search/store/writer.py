"""The pen of a sweep's one controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from ...workers.protocol import AttemptId
from . import commands, commit, fence, files, queries
from .database import Database
from .ledger import Ledger
from .records import CheckpointRecord, CommandRecord
from .states import AttemptState, SweepState
from .transaction import Transaction

T = TypeVar("T")


class SweepWriter:
    """Writes to one sweep for as long as no other controller takes it over; made by `Store.writer`."""

    def __init__(
        self,
        database: Database,
        sweep_id: int,
        *,
        driver: str,
        takeover: bool,
        lease: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """Take the sweep and load what is open in it.

        Raises:
            StoreError: someone else drives the sweep.
        """
        self._database = database
        self._clock = clock
        with database.writing() as connection:
            self._claim = fence.take(connection, sweep_id, driver, lease, clock(), takeover=takeover)
            self._ledger = Ledger.load(connection, sweep_id)
        self._turn = fence.Turn(self._claim.writes, self._claim.writes)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Collect changes, and write them all or none when the block ends; the lease begins anew, changes or not.

        The database is locked only while it is written to, not during the block. A block that raises writes nothing.

        Raises:
            Superseded: another controller took the sweep over; nothing was written.
            Unreachable: the database's server went away and did not come back; resuming shows what was written.
            StoreError: the database refused; nothing was written.
        """
        transaction = Transaction(self._ledger, self._clock())
        yield transaction
        turn = self._next_turn()
        self._database.patiently(lambda: self._write(transaction, turn))
        self._turn = fence.Turn(turn.number, turn.number)

    def release(self, state: SweepState, reason: str | None) -> None:
        """Leave the sweep in `state` and give it back; this writer writes no more.

        Raises:
            Superseded: another controller took the sweep over.
        """
        turn = self._next_turn()

        def give_back() -> None:
            with self._database.writing() as connection:
                fence.give_back(connection, self._claim, turn, state, reason, self._clock())

        self._database.patiently(give_back)
        self._turn = fence.Turn(turn.number, turn.number)

    def open_attempts(self) -> dict[AttemptId, AttemptState]:
        """The attempts that have not ended, by their state."""
        return dict(self._ledger.attempts)

    def next_number(self) -> int:
        """The number of the next trial."""
        return self._ledger.next_number

    def attempt_count(self, number: int) -> int:
        """How many attempts at the trial there were; 0 also for a trial that does not exist."""
        return self._ledger.tries.get(number, 0)

    def causes(self, number: int) -> list[str | None]:
        """By what the attempts at the trial ended, the first one first; None for one that did not fail."""
        return self._read(lambda connection: queries.causes_of(connection, self._claim.sweep_id, number))

    def gpu_seconds(self) -> float:
        """What attempts that have ended spent: seconds times GPUs, or the share of one."""
        return self._ledger.gpu_seconds

    def commands(self) -> list[CommandRecord]:
        """What others asked this sweep's controller to do and is not handled yet, the oldest first."""
        return self._read(lambda connection: commands.read(connection, self._claim.sweep_id, open_only=True))

    def checkpoints(self, number: int) -> list[CheckpointRecord]:
        """Where the trial can be gone on from, over all its attempts, the newest first."""
        return self._read(lambda connection: files.checkpoints_of(connection, self._claim.sweep_id, number))

    def _next_turn(self) -> fence.Turn:
        """A new number for each transaction, whatever became of the last one."""
        self._turn = fence.Turn(self._turn.before, self._turn.number + 1)
        return self._turn

    def _write(self, transaction: Transaction, turn: fence.Turn) -> None:
        """Store the transaction unless it is stored already; then know what it led to."""
        sweep_id = self._claim.sweep_id
        with self._database.writing() as connection:
            if fence.renew(connection, self._claim, turn, self._clock()):
                commit.write(connection, sweep_id, transaction.changes, self._ledger, transaction.ledger)
                stored = None
            else:
                stored = Ledger.load(connection, sweep_id)
        if stored is None:
            self._ledger.merge(transaction.ledger)
        else:
            self._ledger = stored

    def _read(self, query: Callable[[Connection], T]) -> T:
        def read() -> T:
            with self._database.reading() as connection:
                return query(connection)

        return self._database.patiently(read)
