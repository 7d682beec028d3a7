"""Checking, upgrading and copying a store."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from paretree.search.store import Store, StoreError, SweepWriter, health
from paretree.workers.protocol import AttemptId

from .conftest import Clock, execute, new_trial
from .test_migrations import first  # noqa: F401 - a fixture

FIRST = AttemptId(0, 0)


@pytest.fixture
def half_done(writer: SweepWriter, clock: Clock) -> SweepWriter:
    """Trial 0 has finished, trial 1 runs and trial 2 waits."""
    with writer.transaction() as tx:
        tx.add_trials([new_trial(number) for number in range(3)])
        tx.send([FIRST, AttemptId(1, 0)])
        tx.finished(FIRST, {"accuracy": ("objective", 0.5)}, clock.seconds)
    return writer


def test_a_store_in_use_is_whole(url: str, half_done: SweepWriter):
    assert health.check(url) == []


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("DELETE FROM value", "finished trials without a value: trial 0 of sweep 'digits'"),
        (
            "UPDATE trial SET state = 'running' WHERE number = 2",
            "trials that run without an open attempt: trial 2 of sweep 'digits'",
        ),
        (
            "UPDATE trial SET state = 'waiting' WHERE number = 1",
            "trials that do not run but have an open attempt: trial 1 of sweep 'digits'",
        ),
        (
            "INSERT INTO attempt (trial_id, number, state, sent_at) "
            "SELECT trial_id, 7, 'sent', sent_at FROM attempt WHERE state = 'sent'",
            "trials with more than one open attempt: trial 1 of sweep 'digits'",
        ),
        (
            "UPDATE trial SET finished_at = NULL WHERE number = 0",
            "trials that have ended at no time: trial 0 of sweep 'digits'",
        ),
    ],
)
def test_what_no_controller_would_write_is_named(url: str, half_done: SweepWriter, damage: str, fault: str):
    execute(url, damage)
    assert health.check(url) == [fault]


def test_many_trials_with_the_same_fault_are_counted(url: str, writer: SweepWriter):
    with writer.transaction() as tx:
        tx.add_trials([new_trial(number) for number in range(9)])
    execute(url, "UPDATE trial SET state = 'running'")
    (fault,) = health.check(url)
    assert fault.endswith("trial 4 of sweep 'digits' and 4 more")


def test_a_damaged_file_is_told(path: Path):
    store = Store.open(str(path))
    store.close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA foreign_keys = off")
        database.execute("INSERT INTO value (trial_id, name, kind, value) VALUES (99, 'accuracy', 'objective', 0.5)")
    database.close()
    assert health.check(str(path)) == ["1 rows belong to rows that are missing, in: value"]


def test_checking_an_older_store_asks_for_an_upgrade_and_changes_nothing(first: str):  # noqa: F811
    assert health.check(first) == ["its schema is r0001, and not r0002; run paretree db upgrade"]
    assert execute(first, "SELECT version_num FROM paretree_version") == [("r0001",)]


def test_an_upgrade_keeps_a_copy_of_a_sqlite_file(first: str):  # noqa: F811
    before, copy = health.upgrade(first)
    assert before == "r0001"
    assert health.check(first) == []
    if "://" in first:
        assert copy is None
        return
    assert copy == Path(f"{first}.r0001.backup")
    assert execute(str(copy), "SELECT version_num FROM paretree_version") == [("r0001",)]
    assert execute(str(copy), "SELECT count(*) FROM trial") == [(2,)]
    assert health.upgrade(first) == ("r0002", None)


def test_an_upgrade_whose_copy_cannot_be_made_changes_nothing(first: str):  # noqa: F811
    if "://" in first:
        pytest.skip("only a file is copied")
    Path(f"{first}.r0001.backup").touch()
    with pytest.raises(StoreError, match=r"backup .* exists already; move it away"):
        health.upgrade(first)
    assert execute(first, "SELECT version_num FROM paretree_version") == [("r0001",)]


def test_a_backup_is_a_store_of_one_moment_though_a_sweep_writes(path: Path, tmp_path: Path, clock: Clock):
    from .conftest import create_sweep

    store = Store.open(str(path))
    writer = store.writer(create_sweep(store).id, driver="elsewhere:1:1", clock=clock)
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            with writer.transaction() as tx:
                tx.add_trials([new_trial(number)])
                tx.send([AttemptId(number, 0)])
            number += 1

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for number in range(5):
            health.back_up(str(path), tmp_path / f"{number}.db")
    finally:
        done.set()
        writing.join()
    for number in range(5):
        assert health.check(str(tmp_path / f"{number}.db")) == []
    copy = Store.open(str(tmp_path / "4.db"))
    trials = copy.trials(1)
    assert trials == store.trials(1)[: len(trials)]
    copy.close()
    store.close()


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(path: Path, tmp_path: Path):
    Store.open(str(path)).close()
    taken = tmp_path / "taken.db"
    taken.write_text("precious")
    with pytest.raises(StoreError, match=r"backup .*taken.db exists already"):
        health.back_up(str(path), taken)
    assert taken.read_text() == "precious"
    with pytest.raises(StoreError, match=r"backup .* cannot be written"):
        health.back_up(str(path), tmp_path / "nowhere" / "copy.db")
    with pytest.raises(StoreError, match="there is no store at"):
        health.back_up(str(tmp_path / "none.db"), tmp_path / "copy.db")


def test_a_server_is_backed_up_with_its_own_tool(postgres: str, tmp_path: Path):
    with pytest.raises(StoreError, match="use pg_dump"):
        health.back_up(postgres, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
