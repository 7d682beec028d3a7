"""What is written comes back as it was."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from paretree.search.store import EventKind, Store, StoreError, SweepRecord, SweepState, SweepWriter, TrialState
from paretree.workers.protocol import AttemptId

from .conftest import NOON, Clock, beside, create_sweep, new_trial


def run_trials(writer: SweepWriter, count: int, first: int = 0) -> list[AttemptId]:
    ids = [AttemptId(number, 0) for number in range(first, first + count)]
    with writer.transaction() as tx:
        tx.add_trials([new_trial(id.trial) for id in ids])
        tx.send(ids)
    return ids


def finish(writer: SweepWriter, id: AttemptId, clock: Clock, **objectives: float) -> None:
    with writer.transaction() as tx:
        assert tx.finished(id, {name: ("objective", number) for name, number in objectives.items()}, clock.seconds)


def test_a_sweep_comes_back_as_created(store: Store):
    before = datetime.now(UTC)
    sweep = create_sweep(store)
    assert sweep == store.sweep("digits") == store.find_sweep("digits")
    assert sweep.state is SweepState.CREATED
    assert sweep.objectives[1] == {"name": "params", "direction": "minimize", "unit": "1"}
    assert sweep.constraints == [{"name": "latency_ms", "expression": "<= 5"}]
    assert (sweep.seed, sweep.entry_point, sweep.budget) == (7, "digits.py:sweep", {})
    assert (sweep.driver, sweep.lease_until, sweep.epoch) == (None, None, 0)
    assert sweep.created_at.tzinfo is UTC
    assert before <= sweep.created_at <= datetime.now(UTC)


def test_a_name_is_given_once(store: Store, sweep: SweepRecord):
    with pytest.raises(StoreError, match=r"there is a sweep 'digits' in .* already; resume it, or choose"):
        create_sweep(store)
    assert len(store.sweeps()) == 1


def test_a_missing_sweep_is_answered_with_those_that_are_there(store: Store):
    assert store.find_sweep("digits") is None
    with pytest.raises(StoreError, match=r"there is no sweep 'digits' in .*; it has no sweeps yet"):
        store.sweep("digits")
    create_sweep(store, "digits")
    create_sweep(store, "letters")
    with pytest.raises(StoreError, match=r"did you mean 'digits'\?"):
        store.sweep("digts")
    with pytest.raises(StoreError, match=r"there are: letters, digits$"):
        store.sweep("zzz")
    for number in range(9):
        create_sweep(store, f"more{number}")
    with pytest.raises(StoreError, match=r"there are: more8, .*, letters, \.\.\.$"):
        store.sweep("zzz")


def test_a_seed_too_large_for_a_database_is_refused(store: Store):
    with pytest.raises(StoreError, match=r"cannot hold this value .* give plain Python numbers"):
        store.create_sweep(
            name="big",
            space={},
            fingerprint="",
            objectives=[],
            constraints=[],
            sampler="",
            seed=2**70,
            entry_point=None,
        )


def test_a_trial_comes_back_as_it_went(store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock):
    with writer.transaction() as tx:
        tx.add_trials([new_trial(0)])
    with writer.transaction() as tx:
        tx.add_trials([new_trial(1, parent=0, priority=3)])
        tx.send([AttemptId(1, 0)])
    clock.advance(2)
    with writer.transaction() as tx:
        tx.started(AttemptId(1, 0), "worker-3", "node-a", clock.seconds)
    clock.advance(3)
    with writer.transaction() as tx:
        tx.finished(
            AttemptId(1, 0),
            {"accuracy": ("objective", 0.1 + 0.2), "latency_ms": ("constraint", 4.0), "loss": ("metric", 1.5)},
            clock.seconds,
        )
    trial = store.trial(sweep.id, 1)
    assert trial.configuration == {"lr": 0.1, "op": "conv", "bias": True, "pool": None, "width": 8}
    assert [type(decision) for decision in trial.configuration.values()] == [float, str, bool, type(None), int]
    assert trial.proposal == {"sampler": "random", "reason": "drawn", "detail": {"generation": 0}}
    assert (trial.key, trial.seed, trial.priority, trial.parent) == (f"{1:064x}", 1001, 3, 0)
    assert trial.state is TrialState.FINISHED
    assert trial.values == {"accuracy": 0.1 + 0.2, "latency_ms": 4.0, "loss": 1.5}
    assert (trial.worker, trial.node, trial.attempts, trial.cause, trial.message) == (
        "worker-3",
        "node-a",
        1,
        None,
        None,
    )
    assert trial.created_at == NOON
    assert trial.started_at == NOON + timedelta(seconds=2)
    assert trial.finished_at == NOON + timedelta(seconds=5)
    assert store.trials(sweep.id) == [store.trial(sweep.id, 0), trial]
    assert store.trial(sweep.id, 0).parent is None


def test_a_missing_trial_is_an_error(store: Store, sweep: SweepRecord):
    with pytest.raises(StoreError, match=r"there is no trial 5 in this sweep of .*; trials count from 0"):
        store.trial(sweep.id, 5)


NUMBERS = {"nan": math.nan, "inf": math.inf, "minus_inf": -math.inf, "tiny": 5e-324, "huge": 1.7976931348623157e308}


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def test_nan_and_infinity_are_kept_as_what_they_are(
    store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock
):
    (id,) = run_trials(writer, 1)
    with writer.transaction() as tx:
        tx.reported(id, 3, NUMBERS, clock.seconds)
    finish(writer, id, clock, **NUMBERS)
    values = store.trial(sweep.id, 0).values
    reports = {report.name: report.value for report in store.reports(sweep.id, 0)}
    for name, number in NUMBERS.items():
        assert same(values[name], number), f"value {name} came back as {values[name]}"
        assert same(reports[name], number), f"report {name} came back as {reports[name]}"


def test_text_that_no_database_takes_is_kept_as_an_escape(
    store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock
):
    (id,) = run_trials(writer, 1)
    with writer.transaction() as tx:
        tx.logged(id, "sch\u00f6n \ud800 \0", clock.seconds)
        tx.failed(id, "user", "bad \ud800 and \0", "<b>trace</b> \u00e4", clock.seconds, again=False)
    assert store.trial(sweep.id, 0).message == "bad \\ud800 and \\x00"
    assert store.attempts(sweep.id, 0)[0].traceback == "<b>trace</b> \u00e4"
    (line,) = store.events(sweep.id, kinds=["log"])
    assert line.detail["text"] == "sch\u00f6n \ud800 \0"


def test_reports_are_the_last_attempts_by_step(store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock):
    (id,) = run_trials(writer, 1)
    with writer.transaction() as tx:
        tx.reported(id, 9, {"loss": 9.0}, clock.seconds)
        tx.failed(id, "memory", "out of memory", "", clock.seconds, again=True)
    again = AttemptId(0, 1)
    with writer.transaction() as tx:
        tx.send([again])
    with writer.transaction() as tx:
        tx.reported(again, 1, {"loss": 2.0, "accuracy": 0.5}, clock.seconds)
        tx.reported(again, 0, {"loss": 3.0}, clock.seconds)
    reports = store.reports(sweep.id, 0)
    assert [(each.step, each.name, each.value) for each in reports] == [
        (0, "loss", 3.0),
        (1, "accuracy", 0.5),
        (1, "loss", 2.0),
    ]
    assert reports[0].at == NOON
    assert store.reports(sweep.id, 17) == []


def test_a_summary_counts_states_and_keeps_the_best_finite_values(
    store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock
):
    empty = create_sweep(store, "empty")
    ids = run_trials(writer, 7)
    with writer.transaction() as tx:
        tx.started(ids[0], "w", "n", clock.seconds + 1)
    finish(writer, ids[0], clock, accuracy=0.8, params=300.0)
    finish(writer, ids[1], clock, accuracy=0.9, params=500.0)
    finish(writer, ids[2], clock, accuracy=math.inf, params=math.nan)
    clock.advance(10)
    finish(writer, ids[3], clock, accuracy=math.nan, params=-math.inf)
    with writer.transaction() as tx:
        tx.stopped(ids[4], clock.seconds)
        tx.failed(ids[5], "user", "ValueError", "", clock.seconds, again=False)
    first, second = store.sweeps()
    assert first.sweep.name == "digits"
    assert first.best == {"accuracy": 0.9, "params": 300.0}
    assert first.counts == {
        TrialState.WAITING: 0,
        TrialState.RUNNING: 1,
        TrialState.FINISHED: 4,
        TrialState.STOPPED: 1,
        TrialState.FAILED: 1,
    }
    assert (first.first_activity, first.last_activity) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=10))
    assert second.sweep == empty
    assert (second.best, second.first_activity, second.last_activity) == ({}, None, None)
    assert set(second.counts.values()) == {0}


def test_sweeps_share_a_store_without_meeting(store: Store, writer: SweepWriter, sweep: SweepRecord, clock: Clock):
    other = create_sweep(store, "other")
    others = store.writer(other.id, driver="elsewhere:2:2", clock=clock)
    run_trials(writer, 2)
    (id,) = run_trials(others, 1)
    finish(others, id, clock, accuracy=1.0)
    assert [trial.number for trial in store.trials(sweep.id)] == [0, 1]
    assert [trial.number for trial in store.trials(other.id)] == [0]
    assert store.trial(sweep.id, 0).values == {}
    assert {event.id for event in store.events(sweep.id)}.isdisjoint(event.id for event in store.events(other.id))
    assert store.last_event() == max(store.last_event(sweep.id), store.last_event(other.id))


def test_the_event_feed_names_what_changed_since(store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock):
    ids = run_trials(writer, 5)
    seen = store.last_event(sweep.id)
    assert store.trials(sweep.id, after_event=seen) == []
    with writer.transaction() as tx:
        tx.started(ids[3], "w", "n", clock.seconds)
        tx.reported(ids[1], 0, {"loss": 1.0}, clock.seconds)
        tx.set_state(SweepState.RUNNING)
    assert [trial.number for trial in store.trials(sweep.id, after_event=seen)] == [1, 3]
    finish(writer, ids[3], clock, accuracy=0.5)
    finish(writer, ids[0], clock, accuracy=0.5)
    assert [trial.number for trial in store.trials(sweep.id, after_event=seen)] == [0, 1, 3]
    assert store.trials(sweep.id, after_event=seen)[2] == store.trial(sweep.id, 3)


def test_the_way_of_a_trial_can_be_read_from_its_events(
    store: Store, sweep: SweepRecord, writer: SweepWriter, clock: Clock
):
    (id,) = run_trials(writer, 1)
    with writer.transaction() as tx:
        tx.started(id, "w", "n", clock.seconds)
        for step in range(3):
            tx.reported(id, step, {"loss": 1.0, "accuracy": 0.5}, clock.seconds)
        tx.logged(id, "hello", clock.seconds)
        tx.failed(id, "user", "ValueError: no", "Traceback", clock.seconds, again=False)
    events = [event for event in store.events(sweep.id) if event.trial == 0]
    assert [(event.kind, event.detail) for event in events] == [
        (EventKind.TRIAL, {"state": "waiting"}),
        (EventKind.TRIAL, {"state": "running", "attempt": 0}),
        (EventKind.STARTED, {"attempt": 0, "worker": "w", "node": "n"}),
        (EventKind.REPORTED, {"attempt": 0}),
        (EventKind.LOG, {"attempt": 0, "line": 0, "stream": "log", "text": "hello"}),
        (EventKind.TRIAL, {"state": "failed", "attempt": 0, "cause": "user", "message": "ValueError: no"}),
    ]
    assert all(event.at == NOON for event in events)


def test_events_can_be_read_in_pages_and_by_kind(store: Store, sweep: SweepRecord, writer: SweepWriter):
    run_trials(writer, 3)
    everything = store.events(sweep.id)
    assert [event.id for event in everything] == sorted(event.id for event in everything)
    page = store.events(sweep.id, limit=3)
    assert page + store.events(sweep.id, after=page[-1].id) == everything
    assert [event.kind for event in store.events(sweep.id, kinds=["sweep", "driver"])] == ["sweep", "driver"]
    assert store.events(sweep.id, kinds=[]) == []
    assert everything[-1].id == store.last_event(sweep.id)


def test_a_budget_and_a_state_are_written_with_their_events(store: Store, sweep: SweepRecord, writer: SweepWriter):
    with writer.transaction() as tx:
        tx.set_budget({"trials": 100, "hours": None})
        tx.set_state(SweepState.FAILED, "20 trials failed in a row")
    found = store.sweep("digits")
    assert found.budget == {"trials": 100, "hours": None}
    assert (found.state, found.reason, found.updated_at) == (SweepState.FAILED, "20 trials failed in a row", NOON)
    details = [event.detail for event in store.events(sweep.id, kinds=["budget", "sweep"])]
    assert details == [
        {"state": "created"},
        {"trials": 100, "hours": None},
        {"state": "failed", "reason": "20 trials failed in a row"},
    ]


def test_a_reader_is_not_blocked_by_an_open_write_transaction(
    store: Store, url: str, sweep: SweepRecord, writer: SweepWriter
):
    run_trials(writer, 1)
    reader = Store.open(url, readonly=True)
    with beside(url) as blocker:
        blocker.exec_driver_sql("UPDATE trial SET state = 'failed'")
        assert [trial.state for trial in reader.trials(sweep.id)] == [TrialState.RUNNING]
        assert reader.sweeps()[0].counts[TrialState.RUNNING] == 1
    assert [trial.state for trial in reader.trials(sweep.id)] == [TrialState.FAILED]
    reader.close()
