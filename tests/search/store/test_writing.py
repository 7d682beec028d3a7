"""The rules by which trials change: nothing late or repeated can overwrite a result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from paretree.search.store import (
    AttemptState,
    Store,
    StoreError,
    SweepRecord,
    SweepWriter,
    Transaction,
    TrialState,
)
from paretree.workers.protocol import AttemptId

from .conftest import NOON, Clock, execute, new_trial

FIRST = AttemptId(0, 0)
GOOD = {"accuracy": ("objective", 0.9)}
BAD = {"accuracy": ("objective", 0.1)}


@pytest.fixture
def sent(writer: SweepWriter) -> SweepWriter:
    """A writer whose trial 0 was sent."""
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0)])
        tx.send([FIRST])
    return writer


ENDINGS: dict[str, tuple[Callable[[Transaction, AttemptId], bool], AttemptState, TrialState]] = {
    "finished": (lambda tx, id: tx.finished(id, GOOD, 0.0), AttemptState.FINISHED, TrialState.FINISHED),
    "stopped": (lambda tx, id: tx.stopped(id, 0.0), AttemptState.STOPPED, TrialState.STOPPED),
    "failed": (
        lambda tx, id: tx.failed(id, "user", "m", "t", 0.0, again=False),
        AttemptState.FAILED,
        TrialState.FAILED,
    ),
    "failed, again": (
        lambda tx, id: tx.failed(id, "user", "m", "t", 0.0, again=True),
        AttemptState.FAILED,
        TrialState.WAITING,
    ),
    "lost": (lambda tx, id: tx.lost(id, "m", 0.0, again=False), AttemptState.LOST, TrialState.FAILED),
    "lost, again": (lambda tx, id: tx.lost(id, "m", 0.0, again=True), AttemptState.LOST, TrialState.WAITING),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_ends_the_attempt_and_moves_the_trial(
    store: Store, sweep: SweepRecord, sent: SweepWriter, ending: str
):
    end, attempt_state, trial_state = ENDINGS[ending]
    with sent.transaction() as tx:
        assert end(tx, FIRST)
    assert store.attempts(sweep.id, 0)[0].state is attempt_state
    trial = store.trial(sweep.id, 0)
    assert trial.state is trial_state
    assert (trial.finished_at is None) == (trial_state is TrialState.WAITING)
    assert sent.open_attempts() == {}


@pytest.mark.parametrize("second", ENDINGS)
@pytest.mark.parametrize("first", ENDINGS)
def test_a_second_ending_changes_nothing(
    store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock, first: str, second: str
):
    with sent.transaction() as tx:
        assert ENDINGS[first][0](tx, FIRST)
        assert not ENDINGS[second][0](tx, FIRST), "within one transaction"
    before = store.trial(sweep.id, 0), store.attempts(sweep.id, 0), store.events(sweep.id)
    with sent.transaction() as tx:
        assert not ENDINGS[second][0](tx, FIRST), "in a later one"
        tx.started(FIRST, "ghost", "ghost", clock.seconds)
        tx.reported(FIRST, 0, {"loss": 1.0}, clock.seconds)
        tx.logged(FIRST, "ghost", clock.seconds)
        tx.interrupted([FIRST], clock.seconds)
    assert (store.trial(sweep.id, 0), store.attempts(sweep.id, 0), store.events(sweep.id)) == before
    assert store.reports(sweep.id, 0) == []


def test_a_result_of_a_lost_attempt_does_not_touch_the_next_one(
    store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock
):
    with sent.transaction() as tx:
        tx.lost(FIRST, "the node is gone", clock.seconds, again=True)
    with sent.transaction() as tx:
        tx.send([AttemptId(0, 1)])
        assert not tx.finished(FIRST, BAD, clock.seconds)
    with sent.transaction() as tx:
        assert tx.finished(AttemptId(0, 1), GOOD, clock.seconds)
        assert not tx.finished(FIRST, BAD, clock.seconds)
    trial = store.trial(sweep.id, 0)
    assert (trial.values, trial.attempts, trial.message) == ({"accuracy": 0.9}, 2, None)
    assert [(each.state, each.message) for each in store.attempts(sweep.id, 0)] == [
        (AttemptState.LOST, "the node is gone"),
        (AttemptState.FINISHED, None),
    ]


def test_what_is_said_of_attempts_that_never_were_is_ignored(
    store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock
):
    before = store.trials(sweep.id), store.events(sweep.id)
    for never in (AttemptId(0, 1), AttemptId(99, 0)):
        with sent.transaction() as tx:
            assert not any(end(tx, never) for end, _, _ in ENDINGS.values())
            tx.started(never, "w", "n", clock.seconds)
            tx.reported(never, 0, {"loss": 1.0}, clock.seconds)
    assert (store.trials(sweep.id), store.events(sweep.id)) == before


def test_a_repeated_start_changes_nothing(store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock):
    with sent.transaction() as tx:
        tx.started(FIRST, "w", "n", clock.seconds)
    before = store.trial(sweep.id, 0), store.events(sweep.id)
    with sent.transaction() as tx:
        tx.started(FIRST, "other", "other", clock.seconds + 9)
    assert (store.trial(sweep.id, 0), store.events(sweep.id)) == before


def test_a_repeated_report_changes_nothing(store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock):
    with sent.transaction() as tx:
        tx.reported(FIRST, 1, {"loss": 1.0}, clock.seconds)
        tx.reported(FIRST, 1, {"loss": 2.0}, clock.seconds)
    before = store.reports(sweep.id, 0), store.events(sweep.id)
    assert [report.value for report in before[0]] == [1.0]
    with sent.transaction() as tx:
        tx.reported(FIRST, 1, {"loss": 3.0}, clock.seconds + 9)
    assert (store.reports(sweep.id, 0), store.events(sweep.id)) == before


def test_a_new_step_beside_a_repeated_one_is_written(store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock):
    for steps in ([0], [0, 1], [1, 2]):
        with sent.transaction() as tx:
            for step in steps:
                tx.reported(FIRST, step, {"loss": float(step)}, clock.seconds)
    assert [report.step for report in store.reports(sweep.id, 0)] == [0, 1, 2]
    assert len(store.events(sweep.id, kinds=["reported"])) == 3


def test_a_whole_trial_may_pass_in_one_transaction(store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock):
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0), new_trial(1)])
        for attempt in range(2):
            tx.send([AttemptId(0, attempt)])
            tx.started(AttemptId(0, attempt), "w", "n", clock.seconds + attempt)
            tx.reported(AttemptId(0, attempt), attempt, {"loss": 1.0}, clock.seconds)
            if attempt == 0:
                tx.failed(AttemptId(0, 0), "preempted", "gone", "", clock.seconds, again=True)
        tx.finished(AttemptId(0, 1), GOOD, clock.seconds + 5)
    trial = store.trial(sweep.id, 0)
    assert (trial.state, trial.attempts, trial.values) == (TrialState.FINISHED, 2, {"accuracy": 0.9})
    assert trial.started_at == NOON + timedelta(seconds=1)
    assert [report.step for report in store.reports(sweep.id, 0)] == [0, 1]
    assert [event.detail["state"] for event in store.events(sweep.id, kinds=["trial"]) if event.trial == 0] == [
        "waiting",
        "running",
        "waiting",
        "running",
        "finished",
    ]


def test_an_interrupted_trial_waits_and_its_next_attempt_counts_on(
    store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock
):
    with sent.transaction() as tx:
        tx.started(FIRST, "w", "n", clock.seconds)
    with sent.transaction() as tx:
        tx.interrupted(sent.open_attempts(), clock.seconds)
    assert store.trial(sweep.id, 0).state is TrialState.WAITING
    assert store.attempts(sweep.id, 0)[0].state is AttemptState.INTERRUPTED
    assert (sent.open_attempts(), sent.attempt_count(0)) == ({}, 1)
    with sent.transaction() as tx:
        tx.send([AttemptId(0, 1)])
    assert sent.open_attempts() == {AttemptId(0, 1): AttemptState.SENT}


def test_only_failed_and_stopped_trials_are_retried(store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock):
    with sent.transaction() as tx:
        tx.add_trials([new_trial(1), new_trial(2), new_trial(3)])
        tx.send([AttemptId(1, 0), AttemptId(3, 0)])
        tx.stopped(AttemptId(3, 0), clock.seconds)
        tx.failed(FIRST, "user", "ValueError: no", "Traceback", clock.seconds, again=False)
        tx.finished(AttemptId(1, 0), GOOD, clock.seconds)
    with sent.transaction() as tx:
        assert tx.retry([0, 1, 2, 3, 99]) == 2
    assert [trial.state for trial in store.trials(sweep.id)] == ["waiting", "finished", "waiting", "waiting"]
    assert store.trial(sweep.id, 0).finished_at is None
    assert sent.attempt_count(0) == 1


def test_only_the_next_attempt_at_a_waiting_trial_can_be_sent(sent: SweepWriter):
    message = "attempt 1 at trial 0 cannot be sent: the trial is running and its next attempt is 1; send only waiting"
    with pytest.raises(StoreError, match=message), sent.transaction() as tx:
        tx.send([AttemptId(0, 1)])
    with pytest.raises(StoreError, match="the trial is not there"), sent.transaction() as tx:
        tx.send([AttemptId(7, 0)])
    with sent.transaction() as tx:
        tx.add_trials([new_trial(1)])
    with pytest.raises(StoreError, match="the trial is waiting and its next attempt is 0"), sent.transaction() as tx:
        tx.send([AttemptId(1, 1)])


def test_a_number_is_given_once_and_numbers_count_on(sent: SweepWriter):
    with pytest.raises(StoreError, match="trial 0 exists already; number new ones from 1"), sent.transaction() as tx:
        tx.add_trials([new_trial(0)])
    assert sent.next_number() == 1
    with sent.transaction() as tx:
        tx.add_trials([new_trial(1), new_trial(2)])
    assert sent.next_number() == 3


def test_a_parent_must_be_stored(sent: SweepWriter):
    message = "trial 1 names trial 2 as its parent, which is not stored"
    with pytest.raises(StoreError, match=message), sent.transaction() as tx:
        tx.add_trials([new_trial(1, parent=2), new_trial(2)])


def test_a_block_that_raises_writes_nothing_and_forgets_all(
    store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock
):
    before = store.trials(sweep.id), store.events(sweep.id), sent.open_attempts()

    def stumble() -> None:
        with sent.transaction() as tx:
            tx.add_trials([new_trial(1)])
            tx.finished(FIRST, GOOD, clock.seconds)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert (store.trials(sweep.id), store.events(sweep.id), sent.open_attempts()) == before
    assert sent.next_number() == 1
    with sent.transaction() as tx:
        assert tx.finished(FIRST, GOOD, clock.seconds), "the same change can be made again"


def test_a_refused_value_writes_nothing_and_forgets_all(
    store: Store, sweep: SweepRecord, sent: SweepWriter, clock: Clock
):

    def report_at(step: int) -> None:
        with sent.transaction() as tx:
            tx.add_trials([new_trial(1)])
            tx.reported(FIRST, step, {"loss": 1.0}, clock.seconds)

    with pytest.raises(StoreError, match="cannot hold this value"):
        report_at(2**70)
    with pytest.raises(StoreError, match=r"cannot hold this value .*not JSON serializable"), sent.transaction() as tx:
        tx.add_trials([new_trial(1, configuration={"lr": object()})])
    assert sent.next_number() == 1
    assert [trial.number for trial in store.trials(sweep.id)] == [0]
    with sent.transaction() as tx:
        tx.add_trials([new_trial(1)])
        assert tx.finished(FIRST, GOOD, clock.seconds)


def test_rows_that_someone_else_changed_are_not_overwritten(
    store: Store, sweep: SweepRecord, sent: SweepWriter, url: str, clock: Clock
):
    execute(url, "UPDATE trial SET state = 'failed'")
    message = "1 rows of trial were changed by someone else than the sweep's controller, so nothing was written"
    with pytest.raises(StoreError, match=message), sent.transaction() as tx:
        tx.finished(FIRST, GOOD, clock.seconds)
    assert store.trial(sweep.id, 0).values == {}
    assert store.attempts(sweep.id, 0)[0].state is AttemptState.SENT
