"""The store: what sweeps, trials and attempts there are, in one SQL database."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from . import migrate, queries
from .changes import NewEvent
from .commit import add_events
from .database import Database
from .errors import StoreError
from .records import AttemptRecord, EventRecord, ReportRecord, SweepRecord, SweepSummary, TrialRecord
from .schema import sweep
from .states import EventKind, SweepState
from .writer import SweepWriter

NAMES_SHOWN = 10


class Store:
    """A database of sweeps. Anyone may read at any time; each sweep has one `writer` at a time.

    `url` is its address without the password. Everything here raises StoreError when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.url = str(database)

    @classmethod
    def open(cls, url: str, *, readonly: bool = False) -> Store:
        """Open the store at a database URL or a path (`demo.db` is `sqlite:///demo.db`).

        A new database gets the schema, an older one is brought up to it; neither happens with `readonly`.

        Raises:
            StoreError: it cannot be opened, holds something else, or was written by a newer version.
        """
        database = Database(url, readonly=readonly)
        try:
            migrate.prepare(database)
        except StoreError:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def create_sweep(
        self,
        *,
        name: str,
        space: dict[str, Any],
        fingerprint: str,
        objectives: list[dict[str, Any]],
        constraints: list[dict[str, Any]],
        sampler: str,
        seed: int | None,
        entry_point: str | None,
    ) -> SweepRecord:
        """Add a sweep in state CREATED.

        `objectives` are `{"name", "direction", "unit"}` (direction "maximize" or "minimize"), `constraints` are
        `{"name", "expression"}`.

        Raises:
            StoreError: the name is taken.
        """
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if connection.scalar(select(sweep.c.id).where(sweep.c.name == name)) is not None:
                raise StoreError(f"there is a sweep '{name}' in {self.url} already; resume it, or choose another name")
            id = connection.execute(
                insert(sweep)
                .values(
                    name=name,
                    space=space,
                    fingerprint=fingerprint,
                    objectives=objectives,
                    constraints=constraints,
                    sampler=sampler,
                    seed=seed,
                    budget={},
                    entry_point=entry_point,
                    state=SweepState.CREATED,
                    epoch=0,
                    created_at=now,
                    updated_at=now,
                )
                .returning(sweep.c.id)
            ).scalar_one()
            add_events(connection, id, [NewEvent(EventKind.SWEEP, None, now, {"state": SweepState.CREATED})])
        return self.sweep(name)

    def sweep(self, name: str) -> SweepRecord:
        """The sweep of that name.

        Raises:
            StoreError: there is none; the message names those that are there.
        """
        with self._database.reading() as connection:
            found = queries.read_sweep(connection, name)
            names = [] if found else queries.sweep_names(connection)
        if found is None:
            raise StoreError(f"there is no sweep '{name}' in {self.url}; {_instead(name, names)}")
        return found

    def find_sweep(self, name: str) -> SweepRecord | None:
        """The sweep of that name, or None."""
        with self._database.reading() as connection:
            return queries.read_sweep(connection, name)

    def sweeps(self) -> list[SweepSummary]:
        """All sweeps at a glance, in the order in which they were created."""
        with self._database.reading() as connection:
            return queries.summaries(connection)

    def trials(self, sweep_id: int, *, after_event: int = 0) -> list[TrialRecord]:
        """All trials by number, or only those that events with a greater id than `after_event` speak of.

        To follow a sweep, read `last_event` before the trials: then nothing falls between the two.
        """
        with self._database.reading() as connection:
            if after_event:
                return queries.touched_trials(connection, sweep_id, after_event)
            return queries.all_trials(connection, sweep_id)

    def trial(self, sweep_id: int, number: int) -> TrialRecord:
        """The trial of that number.

        Raises:
            StoreError: there is none.
        """
        with self._database.reading() as connection:
            found = queries.one_trial(connection, sweep_id, number)
        if found is None:
            raise StoreError(f"there is no trial {number} in this sweep of {self.url}; trials count from 0")
        return found

    def attempts(self, sweep_id: int, number: int) -> list[AttemptRecord]:
        """All attempts at a trial, the first one first."""
        with self._database.reading() as connection:
            return queries.attempts_of(connection, sweep_id, number)

    def reports(self, sweep_id: int, number: int) -> list[ReportRecord]:
        """What the last attempt at a trial reported, by step and name."""
        with self._database.reading() as connection:
            return queries.last_reports(connection, sweep_id, number)

    def events(
        self, sweep_id: int, *, after: int = 0, limit: int | None = None, kinds: Sequence[str] | None = None
    ) -> list[EventRecord]:
        """The sweep's events with a greater id than `after`, the oldest first; `kinds` as in `EventKind`."""
        with self._database.reading() as connection:
            return queries.events_after(connection, sweep_id, after, limit, kinds)

    def last_event(self, sweep_id: int | None = None) -> int:
        """The id of the newest event of the sweep, or of all sweeps; 0 before the first."""
        with self._database.reading() as connection:
            return queries.last_event_id(connection, sweep_id)

    def writer(
        self,
        sweep_id: int,
        *,
        driver: str,
        takeover: bool = False,
        lease: float = 30.0,
        clock: Callable[[], datetime],
    ) -> SweepWriter:
        """Take the sweep, for `lease` seconds from its last transaction on.

        `driver` is `this_driver()`; a sweep whose driver has died on this host is free at once. The same driver may
        take its sweep again. `clock` gives aware times.

        Raises:
            StoreError: another driver's lease has not run out, and `takeover` is not set.
        """
        return SweepWriter(
            self._database, sweep_id, driver=driver, takeover=takeover, lease=timedelta(seconds=lease), clock=clock
        )


def _instead(name: str, names: Sequence[str]) -> str:
    if not names:
        return "it has no sweeps yet, so run one first"
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    more = ", ..." if len(names) > NAMES_SHOWN else ""
    return f"there are: {', '.join(names[:NAMES_SHOWN])}{more}"
