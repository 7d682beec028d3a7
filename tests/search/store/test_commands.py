"""What a sweep's controller is asked for from elsewhere, and what its trials wrote."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paretree.search.store import Store, StoreError, SweepRecord, SweepState, SweepWriter
from paretree.workers.protocol import AttemptId

from .conftest import NOON, Clock, create_sweep, new_trial

FIRST, SECOND = AttemptId(0, 0), AttemptId(0, 1)


def test_a_command_waits_until_it_is_handled(store: Store, sweep: SweepRecord, writer: SweepWriter):
    stop = store.command(sweep.id, "stop", {"now": True})
    pause = store.command(sweep.id, "pause")
    assert [(command.id, command.kind, command.detail) for command in writer.commands()] == [
        (stop, "stop", {"now": True}),
        (pause, "pause", {}),
    ]
    with writer.transaction() as tx:
        tx.handled(stop, "3 trials were stopped")
        tx.set_state(SweepState.PAUSED)
    assert [command.id for command in writer.commands()] == [pause]
    first, second = store.commands(sweep.id)
    assert (first.handled_at, first.outcome) == (NOON, "3 trials were stopped")
    assert (second.handled_at, second.outcome) == (None, None)
    assert store.sweep("digits").state is SweepState.PAUSED


def test_a_command_is_an_event_when_it_is_given_and_when_it_is_handled(
    store: Store, sweep: SweepRecord, writer: SweepWriter
):
    id = store.command(sweep.id, "retry", {"numbers": [1]})
    for _ in range(2):
        with writer.transaction() as tx:
            tx.handled(id, "done")
    given = {"kind": "retry", "detail": {"numbers": [1]}}
    assert [event.detail for event in store.events(sweep.id, kinds=["command"])] == [
        given | {"outcome": None},
        given | {"outcome": "done"},
    ]


def test_a_command_is_handled_by_its_own_sweep_and_once(store: Store, sweep: SweepRecord, writer: SweepWriter):
    other = create_sweep(store, "other")
    id = store.command(other.id, "stop")
    with writer.transaction() as tx:
        tx.handled(id, "not mine")
        tx.handled(99, "nobody's")
    assert store.commands(other.id)[0].outcome is None
    assert writer.commands() == []


def test_a_sweep_that_does_not_exist_is_not_commanded(store: Store):
    with pytest.raises(StoreError, match="there is no sweep with id 41"):
        store.command(41, "stop")


@pytest.fixture
def running(writer: SweepWriter) -> SweepWriter:
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0), new_trial(1)])
        tx.send([FIRST, AttemptId(1, 0)])
    return writer


def texts(store: Store, sweep: SweepRecord, **which: int) -> list[str]:
    return [line.text for line in store.logs(sweep.id, 0, **which)]


def test_lines_come_back_in_order_each_with_its_stream(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    with running.transaction() as tx:
        tx.logged(FIRST, "a", clock.seconds, line=0, stream="stdout")
        tx.logged(AttemptId(1, 0), "of another", clock.seconds, line=0)
        tx.logged(FIRST, "b", clock.seconds, line=1)
    found = store.logs(sweep.id, 0)
    assert [(line.attempt, line.line, line.stream, line.text, line.at) for line in found] == [
        (0, 0, "stdout", "a", NOON),
        (0, 1, "log", "b", NOON),
    ]
    assert texts(store, sweep, after=found[0].id) == ["b"]
    assert texts(store, sweep, limit=1) == ["a"]


def test_a_line_delivered_again_is_not_written_again_even_by_the_next_controller(
    store: Store, sweep: SweepRecord, running: SweepWriter, take: Callable[..., SweepWriter], clock: Clock
):
    with running.transaction() as tx:
        for line in (0, 1, 1, 0):
            tx.logged(FIRST, f"line {line}", clock.seconds, line=line)
    with running.transaction() as tx:
        tx.logged(FIRST, "line 1", clock.seconds, line=1)
    successor = take("elsewhere:2:2", takeover=True)
    with successor.transaction() as tx:
        for line in (1, 2):
            tx.logged(FIRST, f"line {line}", clock.seconds, line=line)
        tx.logged(FIRST, "line 3", clock.seconds)
    assert texts(store, sweep) == ["line 0", "line 1", "line 2", "line 3"]


def test_each_attempt_counts_its_lines_anew(
    store: Store, sweep: SweepRecord, running: SweepWriter, take: Callable[..., SweepWriter], clock: Clock
):
    with running.transaction() as tx:
        for line in range(3):
            tx.logged(FIRST, f"first {line}", clock.seconds, line=line)
        tx.lost(FIRST, "gone", clock.seconds, again=True)
        tx.send([SECOND])
    successor = take("elsewhere:2:2", takeover=True)
    with successor.transaction() as tx:
        tx.logged(SECOND, "second 0", clock.seconds, line=0)
    assert texts(store, sweep, attempt=0) == ["first 0", "first 1", "first 2"]
    assert texts(store, sweep, attempt=1) == ["second 0"]
    assert texts(store, sweep, attempt=0, limit=2) == ["first 0", "first 1"]


def test_events_of_one_trial_can_be_read_alone(store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock):
    with running.transaction() as tx:
        tx.started(FIRST, "w", "n", clock.seconds)
    assert [event.kind for event in store.events(sweep.id, trial=0)] == ["trial", "trial", "started"]
    assert {event.trial for event in store.events(sweep.id, trial=1)} == {1}
