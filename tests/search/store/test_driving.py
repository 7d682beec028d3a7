"""One controller at a time drives a sweep, and the next one finds everything it needs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from paretree.search.store import (
    AttemptState,
    Store,
    StoreError,
    Superseded,
    SweepRecord,
    SweepState,
    SweepWriter,
    lives,
    this_driver,
)
from paretree.workers.protocol import AttemptId

from .conftest import NOON, Clock, execute, new_trial

Take = Callable[..., SweepWriter]


def test_a_sweep_knows_its_driver(store: Store, writer: SweepWriter):
    sweep = store.sweep("digits")
    assert (sweep.driver, sweep.epoch, sweep.lease_until) == ("elsewhere:1:1", 1, NOON + timedelta(seconds=30))


def test_a_second_driver_is_refused_and_told_who_drives(take: Take, writer: SweepWriter, clock: Clock):
    clock.advance(10)
    with pytest.raises(StoreError) as refusal:
        take("elsewhere:2:2")
    assert str(refusal.value) == (
        "the sweep 'digits' is driven by elsewhere:1:1 since 2026-03-01 12:00:00 UTC; "
        "stop that one, or take over with --takeover"
    )
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0)])


def test_each_transaction_lengthens_the_lease_even_an_empty_one(
    store: Store, take: Take, writer: SweepWriter, clock: Clock
):
    clock.advance(20)
    with writer.transaction():
        pass
    assert store.sweep("digits").lease_until == NOON + timedelta(seconds=50)
    clock.advance(20)
    with pytest.raises(StoreError, match="is driven by elsewhere:1:1"):
        take("elsewhere:2:2")


def test_a_driver_that_fell_silent_is_replaced(store: Store, take: Take, writer: SweepWriter, clock: Clock):
    clock.advance(30)
    take("elsewhere:2:2")
    assert (store.sweep("digits").driver, store.sweep("digits").epoch) == ("elsewhere:2:2", 2)


def test_a_superseded_controller_writes_nothing(store: Store, sweep: SweepRecord, take: Take, writer: SweepWriter):
    take("elsewhere:2:2", takeover=True)
    before = store.sweep("digits"), store.events(sweep.id)
    message = "the sweep 'digits' was taken over by elsewhere:2:2, so elsewhere:1:1 wrote nothing"
    with pytest.raises(Superseded, match=message), writer.transaction() as tx:
        tx.add_trials([new_trial(0)])
    with pytest.raises(Superseded, match=message), writer.transaction() as tx:
        tx.set_state(SweepState.FAILED)
    with pytest.raises(Superseded, match=message):
        writer.release(SweepState.FINISHED, None)
    assert (store.sweep("digits"), store.events(sweep.id)) == before
    assert store.trials(sweep.id) == []


def test_a_driver_may_take_its_own_sweep_again_and_fences_its_former_self(take: Take):
    former, latter = take(), take()
    with latter.transaction() as tx:
        tx.add_trials([new_trial(0)])
    with pytest.raises(Superseded), former.transaction() as tx:
        tx.add_trials([new_trial(0)])


def test_a_released_sweep_is_free_and_its_writer_done(
    store: Store, sweep: SweepRecord, take: Take, writer: SweepWriter
):
    writer.release(SweepState.INTERRUPTED, "Ctrl-C")
    found = store.sweep("digits")
    assert (found.driver, found.lease_until, found.state, found.reason) == (
        None,
        None,
        SweepState.INTERRUPTED,
        "Ctrl-C",
    )
    assert store.events(sweep.id)[-1].detail == {"state": "interrupted", "reason": "Ctrl-C"}
    with pytest.raises(Superseded, match="was given back"), writer.transaction():
        pass
    take("elsewhere:2:2")


def test_a_sweep_that_does_not_exist_cannot_be_driven(store: Store, clock: Clock):
    with pytest.raises(StoreError, match="there is no sweep with id 41"):
        store.writer(41, driver="elsewhere:1:1", clock=clock)


def test_the_next_controller_finds_what_is_open(take: Take, writer: SweepWriter, clock: Clock):
    ids = [AttemptId(number, 0) for number in range(4)]
    with writer.transaction() as tx:
        tx.add_trials([new_trial(number) for number in range(6)])
        tx.send(ids)
        tx.started(ids[1], "w", "n", clock.seconds)
        tx.finished(ids[2], {"accuracy": ("objective", 1.0)}, clock.seconds)
        tx.failed(ids[3], "infrastructure", "gone", "", clock.seconds, again=True)
    with writer.transaction() as tx:
        tx.send([AttemptId(3, 1)])
    successor = take("elsewhere:2:2", takeover=True)
    assert successor.open_attempts() == writer.open_attempts()
    assert successor.open_attempts() == {
        AttemptId(0, 0): AttemptState.SENT,
        AttemptId(1, 0): AttemptState.RUNNING,
        AttemptId(3, 1): AttemptState.SENT,
    }
    assert successor.next_number() == 6
    assert [successor.attempt_count(number) for number in range(7)] == [1, 1, 1, 2, 0, 0, 0]
    with successor.transaction() as tx:
        assert tx.finished(AttemptId(3, 1), {"accuracy": ("objective", 0.5)}, clock.seconds)
        assert not tx.finished(AttemptId(2, 0), {"accuracy": ("objective", 0.0)}, clock.seconds)


def test_this_process_lives_and_those_elsewhere_are_not_judged():
    host, pid, birth = this_driver().rsplit(":", 2)
    assert host == socket.gethostname()
    assert lives(this_driver())
    assert lives(f"{host}:{pid}:{birth}1") is False, "a later process with the same pid is not the driver"
    assert lives(f"not-{host}:{pid}:1") is None
    assert lives("nonsense") is None
    assert lives(f"{host}:1:unknown") is None, "a living process whose start is unknown"


def test_a_driver_that_lives_on_this_host_keeps_its_sweep_however_long_a_trial_takes(
    store: Store, sweep: SweepRecord, take: Take, clock: Clock
):
    take(this_driver())
    clock.advance(3600)
    with pytest.raises(StoreError, match="is driven by"):
        take("elsewhere:2:2")


STALLED = """
import sys, time
from datetime import UTC, datetime
from sqlalchemy import Engine, event
from paretree.search.store import NewTrial, Store, this_driver
from paretree.workers.protocol import AttemptId

store = Store.open(sys.argv[1])
writer = store.writer(store.sweep("digits").id, driver=this_driver(), lease=3600, clock=lambda: datetime.now(UTC))
new = lambda number: NewTrial(number, {"lr": 0.1}, "0" * 64, {}, 0)
with writer.transaction() as tx:
    tx.add_trials([new(0)])
    tx.send([AttemptId(0, 0)])

def stall(connection):
    print("all is written but not committed", flush=True)
    time.sleep(600)

event.listen(Engine, "commit", stall)
with writer.transaction() as tx:
    tx.add_trials([new(1)])
    tx.finished(AttemptId(0, 0), {"accuracy": ("objective", 1.0)}, 0.0)
"""


def test_a_controller_killed_while_it_writes_leaves_a_clean_store_that_is_free_at_once(
    store: Store, sweep: SweepRecord, url: str, clock: Clock
):
    process = subprocess.Popen([sys.executable, "-c", STALLED, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "all is written but not committed\n"
        driver = store.sweep("digits").driver
        assert driver is not None
        assert lives(driver)
        assert len(store.trials(sweep.id)) == 1, "readers go on while the writer stalls"
        process.send_signal(signal.SIGKILL)
    assert lives(driver) is False

    reader = Store.open(url, readonly=True)
    assert len(reader.trials(sweep.id)) == 1
    reader.close()

    successor = store.writer(sweep.id, driver=this_driver(), clock=clock)
    assert successor.open_attempts() == {AttemptId(0, 0): AttemptState.SENT}
    assert successor.next_number() == 1
    assert store.trial(sweep.id, 0).values == {}
    if "://" not in url:
        assert execute(url, "PRAGMA integrity_check") == [("ok",)]
        assert execute(url, "PRAGMA foreign_key_check") == []


def test_a_killed_but_unburied_driver_counts_as_gone():
    script = "from paretree.search.store import this_driver; print(this_driver(), flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        driver = process.stdout.readline().strip()
        assert lives(driver)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
        assert lives(driver) is False
