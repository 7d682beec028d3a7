"""The store: what sweeps, trials and attempts there are, in one SQL database."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from . import commands, curves, files, migrate, queries
from .changes import NewEvent
from .commit import add_events
from .database import Database
from .errors import StoreError
from .records import (
    ArtifactRecord,
    AttemptRecord,
    CheckpointRecord,
    CommandRecord,
    EventRecord,
    LogRecord,
    ReportRecord,
    SweepRecord,
    SweepSummary,
    TrialRecord,
)
from .schema import sweep
from .states import EventKind, SweepState
from .table import TrialTable, read_table
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

    def table(self, sweep_id: int) -> TrialTable:
        """All trials by number, column by column: several times as fast as `trials`, for those that want a table."""
        with self._database.reading() as connection:
            return read_table(connection, sweep_id)

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

    def reports(self, sweep_id: int, number: int, points: int | None = None) -> list[ReportRecord]:
        """What a trial reported, by step and name; where a later attempt measured anew, what that one did.

        With `points` about so many of each name: the lowest, the highest and the last one of equal stretches of steps.
        """
        with self._database.reading() as connection:
            return curves.reports_of(connection, sweep_id, number, points)

    def curves(self, sweep_id: int, name: str, points: int = 200) -> dict[int, list[tuple[int, float]]]:
        """What each trial reported under `name`: steps and values by trial number, with `points` as in `reports`."""
        with self._database.reading() as connection:
            return curves.curves_of(connection, sweep_id, name, points)

    def checkpoints(self, sweep_id: int, number: int) -> list[CheckpointRecord]:
        """Where a trial can be gone on from, over all its attempts, the newest first."""
        with self._database.reading() as connection:
            return files.checkpoints_of(connection, sweep_id, number)

    def artifacts(self, sweep_id: int, number: int) -> list[ArtifactRecord]:
        """The files that a trial kept, by name."""
        with self._database.reading() as connection:
            return files.artifacts_of(connection, sweep_id, number)

    def logs(
        self, sweep_id: int, number: int, attempt: int | None = None, after: int = 0, limit: int | None = None
    ) -> list[LogRecord]:
        """What the attempts at a trial wrote, or one of them; the oldest line first. `after` is a line's `id`."""
        with self._database.reading() as connection:
            return queries.logs_of(connection, sweep_id, number, attempt, after, limit)

    def command(self, sweep_id: int, kind: str, detail: Mapping[str, Any] | None = None) -> int:
        """Ask the sweep's controller, wherever it runs, for something; return the command's id.

        It is looked at within a second or so where the sweep is driven, else when it is driven again.

        Raises:
            StoreError: there is no such sweep.
        """
        now, asked = datetime.now(UTC), dict(detail or {})
        with self._database.writing() as connection:
            id = commands.add(connection, sweep_id, kind, asked, now)
            add_events(connection, sweep_id, [commands.event_of(kind, asked, now, None)])
        return id

    def commands(self, sweep_id: int) -> list[CommandRecord]:
        """What the sweep's controller was asked for, and what came of it; the oldest first."""
        with self._database.reading() as connection:
            return commands.read(connection, sweep_id, open_only=False)

    def events(
        self,
        sweep_id: int,
        *,
        after: int = 0,
        limit: int | None = None,
        kinds: Sequence[str] | None = None,
        trial: int | None = None,
    ) -> list[EventRecord]:
        """The sweep's events with a greater id than `after`, or one trial's, the oldest first.

        `kinds` as in `EventKind`.
        """
        with self._database.reading() as connection:
            return queries.events_after(connection, sweep_id, after, limit, kinds, trial)

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
