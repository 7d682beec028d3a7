"""The pen of a sweep's one controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from ...workers.protocol import AttemptId
from . import commit, fence
from .database import Database
from .ledger import Ledger
from .states import AttemptState, SweepState
from .transaction import Transaction


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

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Collect changes, and write them all or none when the block ends; the lease begins anew, changes or not.

        The database is locked only while it is written to, not during the block. A block that raises writes nothing.

        Raises:
            Superseded: another controller took the sweep over; nothing was written.
            StoreError: the database refused; nothing was written.
        """
        transaction = Transaction(self._ledger, self._clock())
        yield transaction
        with self._database.writing() as connection:
            fence.renew(connection, self._claim, self._clock())
            commit.write(connection, self._claim.sweep_id, transaction.changes, self._ledger, transaction.ledger)
        self._ledger.merge(transaction.ledger)

    def release(self, state: SweepState, reason: str | None) -> None:
        """Leave the sweep in `state` and give it back; this writer writes no more.

        Raises:
            Superseded: another controller took the sweep over.
        """
        with self._database.writing() as connection:
            fence.give_back(connection, self._claim, state, reason, self._clock())

    def open_attempts(self) -> dict[AttemptId, AttemptState]:
        """The attempts that have not ended, by their state."""
        return dict(self._ledger.attempts)

    def next_number(self) -> int:
        """The number of the next trial."""
        return self._ledger.next_number

    def attempt_count(self, number: int) -> int:
        """How many attempts at the trial there were; 0 also for a trial that does not exist."""
        return self._ledger.tries.get(number, 0)
