"""What is particular to trials in this very process."""

import threading

import pytest

from paretree.spaces import Float, Space
from paretree.workers import InlineWorkers
from paretree.workers.protocol import Assignment, AttemptId, Finished, Job, Reported, Started


def test_trials_run_in_the_thread_that_pumps_so_that_breakpoints_work(drive):
    where = []
    drive(InlineWorkers(), lambda trial: where.append(threading.current_thread()) or 1.0)
    assert where == [threading.current_thread()]


def test_events_come_in_groups():
    groups = []
    workers = InlineWorkers(flush_seconds=3600)

    def train(trial):
        for step in range(100):
            trial.report(step, loss=step)
        return 1.0

    workers.open(Job("test", Space(x=Float(0, 1)), train))
    workers.submit([Assignment(AttemptId(0, 0), {"x": 0.5}, seed=0)])
    workers.pump(groups.append, wait=1.0)

    assert [len(group) for group in groups] == [1, 101], "what comes first at once, the rest together at the end"


def test_an_interrupt_passes_and_the_trial_it_hit_is_forgotten(collect):
    def train(trial):
        trial.report(0, loss=1.0)
        if trial.number == 0:
            raise KeyboardInterrupt
        return 1.0

    workers = InlineWorkers(flush_seconds=0)
    workers.open(Job("test", Space(x=Float(0, 1)), train))
    workers.submit([Assignment(AttemptId(number, 0), {"x": 0.5}, seed=0) for number in range(2)])
    with pytest.raises(KeyboardInterrupt):
        workers.pump(lambda events: None, wait=1.0)

    events = collect(workers, 1)
    assert [type(event) for event in events] == [Started, Reported, Finished]
    assert {event.id for event in events} == {AttemptId(1, 0)}, "the next trial runs, the interrupted one does not"


def test_torch_is_seeded_where_it_is_loaded(drive):
    torch = pytest.importorskip("torch")
    draws = [drive(InlineWorkers(), lambda trial: torch.rand(()))[-1].values for _ in range(2)]
    assert draws[0] == draws[1]
