"""Checkpoints and artifacts: what is known of files that lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from paretree.search.store import EventKind, Store, SweepRecord, SweepWriter
from paretree.workers.protocol import AttemptId

from .conftest import NOON, Clock, create_sweep, new_trial

FIRST, SECOND = AttemptId(0, 0), AttemptId(0, 1)
SHA = "a" * 64


@pytest.fixture
def running(writer: SweepWriter, clock: Clock) -> SweepWriter:
    """A writer whose trial 0 runs."""
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0)])
        tx.send([FIRST])
        tx.started(FIRST, "w", "n", clock.seconds)
    return writer


def keep(writer: SweepWriter, clock: Clock, id: AttemptId, *steps: int) -> None:
    with writer.transaction() as tx:
        for step in steps:
            tx.checkpointed(id, step, f"file:///{id.attempt}/{step}", 100 + step, SHA, clock.seconds)


def steps(writer: SweepWriter) -> list[tuple[int, int]]:
    return [(checkpoint.attempt, checkpoint.step) for checkpoint in writer.checkpoints(0)]


def test_a_checkpoint_comes_back_as_it_was(store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock):
    keep(running, clock, FIRST, 5)
    (found,) = store.checkpoints(sweep.id, 0)
    assert (found.attempt, found.step, found.uri, found.size, found.sha256, found.created_at) == (
        0,
        5,
        "file:///0/5",
        105,
        SHA,
        NOON,
    )
    assert running.checkpoints(0) == [found]
    assert store.checkpoints(sweep.id, 9) == []
    (event,) = store.events(sweep.id, kinds=[EventKind.CHECKPOINT])
    assert (event.trial, event.detail) == (0, {"attempt": 0, "step": 5, "uri": "file:///0/5"})


def test_checkpoints_are_listed_over_all_attempts_the_newest_first(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    keep(running, clock, FIRST, 1, 2)
    with running.transaction() as tx:
        tx.lost(FIRST, "gone", clock.seconds, again=True)
        tx.send([SECOND])
    keep(running, clock, SECOND, 3)
    assert steps(running) == [(1, 3), (0, 2), (0, 1)]
    assert [attempt.checkpoint for attempt in store.attempts(sweep.id, 0)] == ["file:///0/2", "file:///1/3"]


def test_a_repeated_checkpoint_changes_nothing_even_after_it_was_thrown_away(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    keep(running, clock, FIRST, 1)
    keep(running, clock, FIRST, 2)
    with running.transaction() as tx:
        tx.forget_checkpoint("file:///0/1")
    before = store.events(sweep.id), store.attempts(sweep.id, 0)
    keep(running, clock, FIRST, 1, 2)
    assert steps(running) == [(0, 2)]
    assert (store.events(sweep.id), store.attempts(sweep.id, 0)) == before


def test_a_checkpoint_of_an_attempt_that_has_ended_is_not_taken(running: SweepWriter, clock: Clock):
    with running.transaction() as tx:
        tx.lost(FIRST, "gone", clock.seconds, again=True)
    keep(running, clock, FIRST, 1)
    assert steps(running) == []


def test_a_forgotten_checkpoint_is_forgotten_in_its_own_sweep_only(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    other = create_sweep(store, "other")
    others = store.writer(other.id, driver="elsewhere:2:2", clock=clock)
    with others.transaction() as tx:
        tx.add_trials([new_trial(0)])
        tx.send([FIRST])
    for writer in (running, others):
        keep(writer, clock, FIRST, 1)
    with running.transaction() as tx:
        tx.forget_checkpoint("file:///0/1")
    assert (steps(running), steps(others)) == ([], [(0, 1)])
    assert store.attempts(sweep.id, 0)[0].checkpoint is None
    assert store.attempts(other.id, 0)[0].checkpoint == "file:///0/1"


def save(writer: SweepWriter, clock: Clock, uri: str, name: str = "plot") -> None:
    with writer.transaction() as tx:
        tx.saved(FIRST, name, uri, "image/png", 7, SHA, clock.seconds)


def test_an_artifact_replaces_an_earlier_one_of_its_name(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    save(running, clock, "old")
    clock.advance(5)
    save(running, clock, "new")
    save(running, clock, "other", name="curve")
    before = store.last_event(sweep.id)
    save(running, clock, "new")
    assert store.last_event(sweep.id) == before, "delivered again, it is no news"
    curve, plot = store.artifacts(sweep.id, 0)
    assert (curve.name, curve.uri, plot.name, plot.uri) == ("curve", "other", "plot", "new")
    assert (plot.media_type, plot.size, plot.sha256) == ("image/png", 7, SHA)
    assert [event.detail for event in store.events(sweep.id, kinds=["artifact"])] == [
        {"name": "plot", "uri": "old"},
        {"name": "plot", "uri": "new"},
        {"name": "curve", "uri": "other"},
    ]


def test_an_artifact_saved_twice_in_one_transaction_is_the_later_one(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    with running.transaction() as tx:
        for uri in ("old", "new"):
            tx.saved(FIRST, "plot", uri, "image/png", 7, SHA, clock.seconds)
    assert [artifact.uri for artifact in store.artifacts(sweep.id, 0)] == ["new"]


def test_what_attempts_held_of_gpus_is_counted_when_they_end(
    store: Store, sweep: SweepRecord, take: Callable[..., SweepWriter], running: SweepWriter, clock: Clock
):
    other, third = AttemptId(1, 0), AttemptId(2, 0)
    with running.transaction() as tx:
        tx.add_trials([new_trial(1), new_trial(2)])
        tx.send([other, third])
        tx.started(other, "w", "n", clock.seconds, gpus=0.25)
        tx.started(third, "w", "n", clock.seconds, gpus=2.0)
        tx.finished(FIRST, {}, clock.seconds + 100)
    assert running.gpu_seconds() == 0.0
    with running.transaction() as tx:
        tx.finished(other, {}, clock.seconds + 100)
    assert running.gpu_seconds() == pytest.approx(25.0)
    assert [store.attempts(sweep.id, number)[0].gpus for number in range(3)] == [0.0, 0.25, 2.0]
    successor = take("elsewhere:2:2", takeover=True)
    assert successor.gpu_seconds() == pytest.approx(25.0)
    with successor.transaction() as tx:
        tx.lost(third, "gone", clock.seconds + 10, again=True)
    assert successor.gpu_seconds() == pytest.approx(45.0)
    assert take("elsewhere:3:3", takeover=True).gpu_seconds() == pytest.approx(45.0)
