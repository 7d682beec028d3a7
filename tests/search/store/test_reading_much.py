"""A great many reports and trials stay usable: thinned and by columns, on reading, with nothing lost in the store."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, event, text

from paretree.search.analysis import trials_frame
from paretree.search.goals import Goals
from paretree.search.store import Store, SweepRecord, SweepWriter
from paretree.search.store.thin import thin
from paretree.workers.protocol import AttemptId

from .conftest import Clock, beside, new_trial

FIRST, SECOND = AttemptId(0, 0), AttemptId(0, 1)


def report(writer: SweepWriter, clock: Clock, id: AttemptId, steps: range, **values: float) -> None:
    with writer.transaction() as tx:
        for step in steps:
            tx.reported(id, step, {name: value + step for name, value in values.items()}, clock.seconds)


@pytest.fixture
def running(writer: SweepWriter) -> SweepWriter:
    with writer.transaction() as tx:
        tx.add_trials([new_trial(number) for number in range(3)])
        tx.send([AttemptId(number, 0) for number in range(3)])
    return writer


def test_thinning_keeps_the_peaks_and_the_ends_of_each_group():
    rng = np.random.default_rng(0)
    steps = np.tile(np.arange(5000), 2)
    groups = np.repeat([7, 3], 5000)
    values = rng.normal(size=10_000)
    values[1234], values[4321], values[9000], values[77] = 50.0, -50.0, 60.0, np.nan
    shuffled = rng.permutation(10_000)
    kept = shuffled[thin(groups[shuffled], steps[shuffled], values[shuffled], 100)]
    assert {1234, 4321, 9000, 0, 4999, 5000, 9999} <= set(kept.tolist())
    for group in (3, 7):
        mine = kept[groups[kept] == group]
        assert 80 <= len(mine) <= 100
        assert (np.diff(steps[mine]) > 0).all(), "the points of a group come by step"


def test_a_short_curve_is_not_thinned():
    assert thin(np.zeros(10, int), np.arange(10), np.zeros(10), 10).tolist() == list(range(10))
    assert thin(np.zeros(0, int), np.arange(0), np.zeros(0), 10).tolist() == []


def test_steps_far_apart_and_values_without_a_number_can_be_thinned():
    steps = np.array([-(2**62), *range(100), 2**62])
    kept = thin(np.zeros(102, int), steps, np.full(102, np.nan), 10)
    assert {0, 101} <= set(kept.tolist())
    assert len(kept) <= 10


def test_reports_can_be_read_with_fewer_points(store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock):
    report(running, clock, FIRST, range(1000), loss=0.5, accuracy=-3.0)
    with running.transaction() as tx:
        tx.reported(FIRST, 1000, {"loss": math.nan, "accuracy": math.inf, "once": 1.0}, clock.seconds)
    everything = store.reports(sweep.id, 0)
    assert len(everything) == 2003
    thinned = store.reports(sweep.id, 0, points=30)
    assert {"loss", "accuracy", "once"} == {each.name for each in thinned}
    assert 30 <= len(thinned) <= 61
    known = {(each.step, each.name): each for each in everything if not math.isnan(each.value)}
    assert all(known[each.step, each.name] == each for each in thinned if not math.isnan(each.value))
    assert [(each.step, each.name) for each in thinned] == sorted((each.step, each.name) for each in thinned)
    assert thinned[-1].step == 1000
    assert len(store.reports(sweep.id, 0, points=5000)) == 2003
    assert store.reports(sweep.id, 2, points=10) == []


def test_a_trial_that_went_on_from_a_checkpoint_has_one_curve(
    store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock
):
    report(running, clock, FIRST, range(8), loss=0.0)
    with running.transaction() as tx:
        tx.lost(FIRST, "gone", clock.seconds, again=True)
        tx.send([SECOND])
    assert [each.step for each in store.reports(sweep.id, 0)] == list(range(8)), "nothing new yet"
    report(running, clock, SECOND, range(5, 7), loss=100.0)
    curve = [(each.step, each.value) for each in store.reports(sweep.id, 0)]
    assert curve == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 105.0), (6, 106.0)]
    assert store.curves(sweep.id, "loss") == {0: curve}
    assert [(each.step, each.value) for each in store.reports(sweep.id, 0, points=100)] == curve


def test_curves_of_all_trials_come_together(store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock):
    for number in range(2):
        report(running, clock, AttemptId(number, 0), range(500), loss=float(number), other=9.0)
    curves = store.curves(sweep.id, "loss", points=50)
    assert list(curves) == [0, 1]
    assert all(30 <= len(curve) <= 50 for curve in curves.values())
    assert (curves[1][0], curves[1][-1]) == ((0, 1.0), (499, 500.0))
    assert store.curves(sweep.id, "nothing") == {}


GOALS = Goals.read(
    [
        {"name": "accuracy", "direction": "maximize", "unit": ""},
        {"name": "params", "direction": "minimize", "unit": "1"},
    ],
    [],
)


def test_a_table_is_the_same_frame_as_the_records(store: Store, sweep: SweepRecord, running: SweepWriter, clock: Clock):
    with running.transaction() as tx:
        tx.add_trials([new_trial(3, configuration={"only": "here"}, proposal={})])
        tx.started(FIRST, "w", "n", clock.seconds)
        tx.started(AttemptId(1, 0), "v", "n", clock.seconds + 0.5)
    clock.advance(2)
    values = {"accuracy": ("objective", math.nan), "params": ("objective", math.inf), "loss": ("metric", 0.25)}
    with running.transaction() as tx:
        tx.finished(FIRST, values, clock.seconds)
        tx.failed(AttemptId(1, 0), "user", "ValueError: \ud800", "", clock.seconds, again=True)
        tx.send([AttemptId(1, 1)])
    frame = trials_frame(store.table(sweep.id), GOALS)
    pd.testing.assert_frame_equal(frame, trials_frame(store.trials(sweep.id), GOALS))
    assert frame["attempts"].tolist() == [1, 2, 1, 0]
    assert frame["seconds"].tolist()[0] == 2.0
    assert frame["state"].tolist() == ["finished", "running", "running", "waiting"]
    assert frame["started_at"].dt.tz is not None


def test_the_table_of_an_empty_sweep_has_its_columns(store: Store, sweep: SweepRecord):
    frame = trials_frame(store.table(sweep.id), GOALS)
    pd.testing.assert_frame_equal(frame, trials_frame(store.trials(sweep.id), GOALS))
    assert list(frame.columns[:4]) == ["number", "state", "accuracy", "params"]


@pytest.mark.slow
def test_a_million_reports_of_one_trial_are_read_in_a_moment(
    store: Store, sweep: SweepRecord, running: SweepWriter, url: str
):
    with beside(url) as connection:
        numbers = "generate_series(0, 999999) AS n" if "://" in url else NUMBERS
        connection.execute(
            text(
                "INSERT INTO report (attempt_id, step, name, value, at) "
                f"SELECT 1, n, 'loss', n % 1000, '2026-03-01 12:00:00+00:00' FROM {numbers}"
            )
        )
    for read in (lambda: store.reports(sweep.id, 0, points=300), lambda: store.curves(sweep.id, "loss", 300)[0]):
        before = time.process_time()
        points = len(read())
        assert 200 <= points <= 300
        assert time.process_time() - before < 20, "a generous guard; it takes about two seconds"


NUMBERS = "(WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 999999) SELECT n FROM r)"


HOT: dict[str, Callable[[Store, int], object]] = {
    "a trial": lambda store, sweep: store.trial(sweep, 2),
    "trials touched since": lambda store, sweep: store.trials(sweep, after_event=999_999),
    "attempts": lambda store, sweep: store.attempts(sweep, 2),
    "reports": lambda store, sweep: store.reports(sweep, 2, points=10),
    "logs": lambda store, sweep: store.logs(sweep, 2),
    "events of a trial": lambda store, sweep: store.events(sweep, trial=2, kinds=["log"]),
    "events since": lambda store, sweep: store.events(sweep, after=999_999),
    "the last event": lambda store, sweep: store.last_event(sweep),
    "checkpoints": lambda store, sweep: store.checkpoints(sweep, 2),
    "artifacts": lambda store, sweep: store.artifacts(sweep, 2),
    "commands": lambda store, sweep: store.commands(sweep),
}


@pytest.mark.parametrize("what", HOT)
def test_no_reading_of_a_part_goes_through_a_whole_table(
    store: Store, sweep: SweepRecord, running: SweepWriter, url: str, what: str
):
    queries = heard(lambda: HOT[what](store, sweep.id))
    assert queries
    for statement, parameters in queries:
        plan = explain(url, statement, parameters)
        assert not [line for line in plan if re.search(SCANS, line)], "\n".join([statement, *plan])


def test_curves_compare_no_report_with_the_attempts_of_all_trials(
    store: Store, sweep: SweepRecord, running: SweepWriter
):
    for statement, _ in heard(lambda: store.curves(sweep.id, "loss")):
        assert not re.search(r"\bIN \(SELECT", statement), f"PostgreSQL may run it anew for each report:\n{statement}"


def heard(read: Callable[[], object]) -> list[tuple[str, Any]]:
    """The queries, and their parameters, that reach the database meanwhile."""
    said: list[tuple[str, Any]] = []

    def listen(connection: object, cursor: object, statement: str, parameters: Any, *rest: object) -> None:
        said.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        read()
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    return [(statement, parameters) for statement, parameters in said if statement.startswith("SELECT")]


TABLES = "trial|attempt|report|event|checkpoint|artifact|command|later|redone|parent"
SCANS = rf"Seq Scan on|SCAN ({TABLES})\b"


def explain(url: str, statement: str, parameters: Any) -> list[str]:
    """How the database goes about it, one step in a line; PostgreSQL would scan small tables out of choice."""
    with beside(url) as connection:
        if "://" in url:
            connection.exec_driver_sql("SET enable_seqscan = off")
            return [line for (line,) in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
        return [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
