"""From the first schema to this version's, with data in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from paretree.search.store import AttemptState, Store, StoreError, SweepState, TrialState, migrate, schema
from paretree.workers.protocol import AttemptId

from .conftest import NOON, Clock, beside, execute

TIME = "'2026-03-01 12:00:00+00:00'"
FIRST_DATA = [
    f"""INSERT INTO sweep (id, name, space, fingerprint, objectives, constraints, sampler, seed, budget, entry_point,
                           state, epoch, created_at, updated_at)
        VALUES (1, 'digits', '{{"lr": 1}}', 'f', '[{{"name": "accuracy", "direction": "maximize", "unit": ""}}]', '[]',
                'random', 7, '{{"trials": 3}}', 'digits.py:sweep', 'interrupted', 1, {TIME}, {TIME})""",
    f"""INSERT INTO trial (id, sweep_id, number, configuration, key, state, proposal, seed, priority, created_at,
                           finished_at)
        VALUES (1, 1, 0, '{{"lr": 0.5}}', 'k0', 'finished', '{{"sampler": "random"}}', 1, 0, {TIME}, {TIME}),
               (2, 1, 1, '{{"lr": 0.25}}', 'k1', 'running', '{{"sampler": "random"}}', 2, 0, {TIME}, NULL)""",
    f"""INSERT INTO attempt (id, trial_id, number, state, worker, node, gpus, sent_at, started_at)
        VALUES (1, 1, 0, 'finished', 'w', 'n', NULL, {TIME}, {TIME}),
               (2, 2, 0, 'running', 'w', 'n', NULL, {TIME}, {TIME})""",
    "INSERT INTO value (trial_id, name, kind, value) VALUES (1, 'accuracy', 'objective', 0.9)",
    f"INSERT INTO report (attempt_id, step, name, value, at) VALUES (2, 0, 'loss', 1.5, {TIME})",
    f"""INSERT INTO artifact (id, trial_id, name, uri, media_type, size, sha256, created_at)
        VALUES (1, 1, 'plot', 'old', 'image/png', 1, 'a', {TIME}),
               (2, 1, 'plot', 'new', 'image/png', 1, 'b', {TIME})""",
    f"""INSERT INTO event (id, sweep_id, trial_number, at, kind, detail)
        VALUES (1, 1, 1, {TIME}, 'log', '{{"attempt": 0, "text": "hello"}}')""",
]


def config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


@pytest.fixture
def first(empty: str) -> str:
    """A store of the first schema that was left in the middle of a sweep."""
    with beside(empty) as connection:
        command.upgrade(config(connection), "r0001")
        for statement in FIRST_DATA:
            connection.exec_driver_sql(statement)
    if "://" in empty:  # rows with ids of our own leave the sequences behind
        for table in ("sweep", "trial", "attempt", "artifact", "event"):
            execute(empty, f"SELECT setval('{table}_id_seq', 10)")
    return empty


def test_a_store_of_the_first_schema_is_brought_up_with_all_that_is_in_it(first: str, clock: Clock):
    store = Store.open(first)
    sweep = store.sweep("digits")
    assert (sweep.state, sweep.budget, sweep.space) == (SweepState.INTERRUPTED, {"trials": 3}, {"lr": 1})
    finished, running = store.trials(sweep.id)
    assert (finished.values, finished.configuration, finished.proposal) == (
        {"accuracy": 0.9},
        {"lr": 0.5},
        {"sampler": "random"},
    )
    assert running.state is TrialState.RUNNING
    assert [(attempt.state, attempt.gpus) for attempt in store.attempts(sweep.id, 1)] == [(AttemptState.RUNNING, 0.0)]
    assert [report.value for report in store.reports(sweep.id, 1)] == [1.5]
    assert [artifact.uri for artifact in store.artifacts(sweep.id, 0)] == ["new"], "the last file of a name stays"
    assert [(line.line, line.stream, line.text) for line in store.logs(sweep.id, 1)] == [(0, "log", "hello")]

    writer = store.writer(sweep.id, driver="elsewhere:1:1", clock=clock)
    assert writer.open_attempts() == {AttemptId(1, 0): AttemptState.RUNNING}
    with writer.transaction() as tx:
        tx.logged(AttemptId(1, 0), "more", clock.seconds, line=1)
        tx.checkpointed(AttemptId(1, 0), 3, "file:///c", 10, "0" * 64, clock.seconds)
        assert tx.finished(AttemptId(1, 0), {"accuracy": ("objective", 0.8)}, clock.seconds)
    assert store.trial(sweep.id, 1).values == {"accuracy": 0.8}
    assert store.attempts(sweep.id, 1)[0].checkpoint == "file:///c"
    store.close()


def test_opening_an_older_store_for_reading_does_not_change_it(first: str):
    with pytest.raises(StoreError, match="has the older schema r0001 and was opened for reading only"):
        Store.open(first, readonly=True)
    assert execute(first, "SELECT version_num FROM paretree_version") == [("r0001",)]


def test_the_migrated_schema_is_the_declared_one(empty: str):
    Store.open(empty).close()
    with beside(empty) as connection:
        options: dict[str, Any] = {"version_table": migrate.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_migrated_tables_are_stored_as_the_declared_ones_would_be(path: Path):
    Store.open(str(path)).close()
    declared = create_engine("sqlite://")
    schema.metadata.create_all(declared)
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%%'"
    with declared.connect() as connection:
        wanted = dict(list(connection.exec_driver_sql(query)))
    declared.dispose()
    found = dict(execute(str(path), query))
    for name, sql in wanted.items():
        for clause in ("WITHOUT ROWID", "AUTOINCREMENT"):
            assert (clause in sql) == (clause in found[name]), f"{clause} of {name} differs"


def test_the_newest_migration_is_the_revision_that_opening_expects():
    scripts = Path(migrate.__file__).parent / "migrations"
    assert ScriptDirectory(str(scripts)).get_current_head() == migrate.REVISION


def test_every_migration_can_be_undone_and_done_again(first: str):
    Store.open(first).close()
    with beside(first) as connection:
        command.downgrade(config(connection), "r0001")
    Store.open(first).close()
    store = Store.open(first, readonly=True)
    assert [trial.number for trial in store.trials(1)] == [0, 1]
    store.close()
    with beside(first) as connection:
        command.downgrade(config(connection), "base")
    assert execute(first, "SELECT * FROM paretree_version") == []


STALLED = """
import sys, time
from sqlalchemy import Engine, event
from paretree.search.store import Store

def stall(connection):
    print("all is migrated but not committed", flush=True)
    time.sleep(600)

event.listen(Engine, "commit", lambda connection: stall(connection) if connection.get_execution_options().get(
    "paretree_writes") else None)
Store.open(sys.argv[1])
"""


def test_a_migration_that_is_killed_leaves_the_older_store_whole(first: str):
    process = subprocess.Popen([sys.executable, "-c", STALLED, first], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "all is migrated but not committed\n"
        os.kill(process.pid, signal.SIGKILL)
    assert execute(first, "SELECT version_num FROM paretree_version") == [("r0001",)]
    store = Store.open(first)
    assert [trial.number for trial in store.trials(1)] == [0, 1]
    assert store.trial(1, 0).created_at == NOON
    store.close()
