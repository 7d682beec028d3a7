"""Servers that go away, locks that stay, disks that fill up: nothing is lost, and nothing is written twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, make_url

from paretree.search.store import Store, StoreError, SweepState, SweepWriter, TrialState, Unreachable, engines
from paretree.workers.protocol import AttemptId

from .conftest import Clock, create_sweep, execute, new_trial
from .server import Server, Wire

FIRST, NEXT = AttemptId(0, 0), AttemptId(1, 0)


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server.socket)
    yield wire
    wire.close()


@pytest.fixture
def wired(postgres: str, wire: Wire) -> Iterator[Store]:
    """A store that is reached through a wire."""
    name = make_url(postgres).database
    store = Store.open(f"postgresql://postgres@127.0.0.1:{wire.port}/{name}?sslmode=disable&gssencmode=disable")
    yield store
    store.close()


def driving(store: Store, clock: Clock) -> SweepWriter:
    """A writer of a sweep whose trial 0 was sent."""
    writer = store.writer(create_sweep(store).id, driver="elsewhere:1:1", clock=clock)
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0)])
        tx.send([FIRST])
    return writer


def go_on(writer: SweepWriter, clock: Clock) -> None:
    """A transaction with something of each kind."""
    with writer.transaction() as tx:
        tx.started(FIRST, "w", "n", clock.seconds)
        tx.reported(FIRST, 0, {"loss": 1.0}, clock.seconds)
        tx.logged(FIRST, "hello", clock.seconds, line=0)
        tx.checkpointed(FIRST, 0, "file:///c", 1, "0" * 64, clock.seconds)
        tx.add_trials([new_trial(1)])
        tx.finished(FIRST, {"accuracy": ("objective", 0.5)}, clock.seconds)
        tx.send([NEXT])


def check(store: Store, writer: SweepWriter, clock: Clock) -> None:
    """`go_on` was stored once, and its writer can go on again."""
    sweep = store.sweep("digits")
    assert [trial.state for trial in store.trials(sweep.id)] == [TrialState.FINISHED, TrialState.RUNNING]
    assert [line.text for line in store.logs(sweep.id, 0)] == ["hello"]
    kinds = [event.kind for event in store.events(sweep.id, trial=0)]
    assert kinds == ["trial", "trial", "started", "reported", "log", "trial", "checkpoint"]
    assert writer.open_attempts().keys() == {NEXT}
    with writer.transaction() as tx:
        assert not tx.finished(FIRST, {"accuracy": ("objective", 0.1)}, clock.seconds)
        assert tx.finished(NEXT, {"accuracy": ("objective", 0.6)}, clock.seconds)
    assert [trial.values["accuracy"] for trial in store.trials(sweep.id)] == [0.5, 0.6]


def test_a_commit_that_never_arrived_is_made_again(wired: Store, wire: Wire, clock: Clock):
    writer = driving(wired, clock)
    wire.cut_before_commit()
    go_on(writer, clock)
    assert (wire.cuts, wire.lost) == (1, b"")
    check(wired, writer, clock)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(wired: Store, wire: Wire, clock: Clock):
    writer = driving(wired, clock)
    wire.cut_after_commit()
    go_on(writer, clock)
    assert wire.cuts == 1
    assert b"COMMIT" in wire.lost, "the server had done it"
    check(wired, writer, clock)


@pytest.mark.parametrize("cut", [Wire.cut_before_commit, Wire.cut_after_commit])
def test_a_sweep_is_given_back_once_whatever_became_of_the_answer(
    wired: Store, wire: Wire, clock: Clock, cut: Callable[[Wire], None]
):
    writer = driving(wired, clock)
    cut(wire)
    writer.release(SweepState.FINISHED, "the budget is spent")
    sweep = wired.sweep("digits")
    assert (wire.cuts, sweep.state, sweep.driver) == (1, SweepState.FINISHED, None)
    assert len(wired.events(sweep.id, kinds=["sweep"])) == 2


@pytest.mark.parametrize(("cut", "arrived"), [(Wire.cut_before_commit, False), (Wire.cut_after_commit, True)])
def test_a_controller_that_never_learns_of_its_commit_does_not_take_it_for_the_next_one(
    wired: Store, wire: Wire, clock: Clock, monkeypatch: pytest.MonkeyPatch, cut: Callable[[Wire], None], arrived: bool
):
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.5)
    writer = driving(wired, clock)
    wire.down_after_cut = True
    cut(wire)
    with pytest.raises(Unreachable):
        go_on(writer, clock)
    wire.down = False
    if arrived:
        with pytest.raises(StoreError, match=r"has more than its controller knows, because an answer was lost"):
            go_on(writer, clock)
        writer = wired.writer(wired.sweep("digits").id, driver="elsewhere:1:1", clock=clock)
    else:
        go_on(writer, clock)
    check(wired, writer, clock)


def test_a_sweep_goes_on_when_its_server_crashed_and_came_back(postgres: str, server: Server, clock: Clock):
    store = Store.open(postgres)
    writer = driving(store, clock)
    server.crash()
    restart = threading.Timer(1.0, server.start)
    restart.start()
    try:
        go_on(writer, clock)
    finally:
        restart.join()
    check(store, writer, clock)
    store.close()


def test_a_controller_that_only_reads_waits_for_its_server_too(postgres: str, server: Server, clock: Clock):
    store = Store.open(postgres)
    writer = driving(store, clock)
    server.crash()
    restart = threading.Timer(1.0, server.start)
    restart.start()
    try:
        assert writer.commands() == []
    finally:
        restart.join()
    store.close()


def test_a_server_that_stays_away_is_one_clear_error(
    postgres: str, server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines, "BUSY_SECONDS", 1.0)
    store = Store.open(postgres)
    writer = driving(store, clock)
    server.crash()
    try:
        with pytest.raises(Unreachable, match=r"does not answer .*; check that its server runs"):
            go_on(writer, clock)
    finally:
        server.start()
    go_on(writer, clock)
    check(store, writer, clock)
    store.close()


HOLDING = """
import sys, time
from sqlalchemy import create_engine
connection = create_engine(sys.argv[1]).connect()
connection.exec_driver_sql(sys.argv[2])
connection.exec_driver_sql("UPDATE sweep SET reason = 'held'")
print("locked", flush=True)
time.sleep(float(sys.argv[3]))
connection.commit()
"""


def hold(url: str, seconds: float) -> subprocess.Popen[str]:
    """Lock the sweeps from another process."""
    address, begin = (
        (url.replace("postgresql:", "postgresql+psycopg:"), "SELECT 1")
        if "://" in url
        else (f"sqlite:///{url}", "BEGIN IMMEDIATE")
    )
    arguments = [sys.executable, "-c", HOLDING, address, begin, str(seconds)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.mark.slow
def test_a_lock_of_ten_seconds_is_waited_for(store: Store, url: str, clock: Clock):
    writer = driving(store, clock)
    with hold(url, 10.0):
        assert store.sweep("digits").reason is None, "readers do not wait"
        go_on(writer, clock)
    check(store, writer, clock)


def test_a_lock_that_stays_is_one_clear_error_and_nothing_is_written(
    url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.5)
    store = Store.open(url)
    writer = driving(store, clock)
    with hold(url, 600.0) as process:
        with pytest.raises(StoreError, match=r"is kept locked by another program .*, so nothing was written; end that"):
            go_on(writer, clock)
        process.kill()
    go_on(writer, clock)
    check(store, writer, clock)
    store.close()


def fill(writer: SweepWriter) -> None:
    """Write ten megabytes."""
    for number in range(1, 1000):
        with writer.transaction() as tx:
            tx.add_trials([new_trial(number, proposal={"detail": "x" * 10_000})])


def test_a_full_disk_is_one_clear_error_and_the_store_stays_whole(path: Path, clock: Clock):
    def limit(connection: object, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 120")  # type: ignore[attr-defined]

    Store.open(str(path)).close()
    event.listen(Engine, "connect", limit)
    try:
        store = Store.open(str(path))
        writer = driving(store, clock)
        with pytest.raises(StoreError, match=r"the disk of the store .* is full .*; free some space, then resume"):
            fill(writer)
    finally:
        event.remove(Engine, "connect", limit)
    stored = len(store.trials(1))
    assert stored == writer.next_number()
    assert 1 < stored < 120
    assert execute(str(path), "PRAGMA integrity_check") == [("ok",)]
    store.close()

    roomier = Store.open(str(path))
    successor = roomier.writer(1, driver="elsewhere:1:1", clock=clock)
    with successor.transaction() as tx:
        tx.add_trials([new_trial(stored)])
    assert len(roomier.trials(1)) == stored + 1
    roomier.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_really_full_leaves_the_store_whole(tiny_disk: Path, clock: Clock):
    path = str(tiny_disk / "sweeps.db")
    store = Store.open(path)
    writer = driving(store, clock)
    with pytest.raises(StoreError, match=r"the disk of the store .* is full"):
        fill(writer)
    assert len(store.trials(1)) == writer.next_number()
    store.close()
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]
