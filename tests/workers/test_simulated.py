"""Simulated workers: the same protocol, on a clock that jumps, with faults that are the same for the same seed."""

import time
from collections import Counter, defaultdict

import pytest

import paretree as pt
from paretree.spaces import Float, Space
from paretree.workers import Faults, SimulatedWorkers, WorkersError
from paretree.workers.protocol import Assignment, AttemptId, Cause, Failed, Finished, Job, Reported, Started, Stopped

SPACE = Space(x=Float(0, 1))
ENDS = (Finished, Stopped, Failed)


def train(trial):
    for epoch in range(3):
        trial.report(epoch, loss=1 / (epoch + 1))
    return trial.config.x


def give(workers, numbers, attempt=0):
    workers.submit([Assignment(AttemptId(number, attempt), {"x": 0.5}, seed=number) for number in numbers])


def opened(*arguments, function=train, **options):
    workers = SimulatedWorkers(*arguments, **options)
    workers.open(Job("test", SPACE, function))
    return workers


def collect(workers, ends, handle=lambda events: None):
    seen = []
    while len({event.id for event in seen if isinstance(event, ENDS)}) < ends:
        workers.pump(lambda events: (handle(events), seen.extend(events)), wait=1.0)
    return seen


def test_reports_and_ends_take_the_time_they_are_said_to_take():
    workers = opened(1, duration=60.0)
    began = workers.clock()
    give(workers, [0, 1])
    events = collect(workers, 2)
    first = [(type(event), event.at - began) for event in events if event.id.trial == 0]
    assert first == [(Started, 0), (Reported, 60), (Reported, 120), (Reported, 180), (Finished, 240)]
    assert next(event.at for event in events if event.id.trial == 1) == began + 240, "one trial at a time"


def test_a_duration_may_depend_on_the_trial():
    workers = opened(2, duration=lambda assignment, part: 10.0 * (assignment.id.trial + 1) + part)
    began = workers.clock()
    give(workers, [0, 1])
    ends = {event.id.trial: event.at - began for event in collect(workers, 2) if isinstance(event, Finished)}
    assert ends == {0: 4 * 10 + 6, 1: 4 * 20 + 6}


def test_a_day_of_trials_takes_no_time():
    workers = opened(1, duration=24 * 3600.0, function=lambda trial: 0.0)
    give(workers, [0])
    began = time.monotonic()
    collect(workers, 1)
    assert time.monotonic() - began < 5


def test_a_trial_that_is_told_to_stop_ends_at_its_next_report_and_a_queued_one_is_not_begun():
    workers = opened(1, duration=60.0)
    give(workers, [0, 1])

    def stop_both(events):
        if any(isinstance(event, Reported) for event in events):
            workers.stop(AttemptId(0, 0))
            workers.stop(AttemptId(1, 0))

    events = collect(workers, 2, stop_both)
    kinds = [(event.id.trial, type(event)) for event in events]
    assert kinds == [(0, Started), (0, Reported), (0, Reported), (0, Stopped), (1, Started), (1, Stopped)]


def test_what_was_not_taken_in_is_told_again_and_still_held():
    workers = opened(1)
    give(workers, [0])

    def refuse(events):
        raise OSError("the store does not answer")

    with pytest.raises(OSError, match="does not answer"):
        workers.pump(refuse, wait=1.0)
    assert workers.open(Job("test", SPACE, train)) == {AttemptId(0, 0)}
    events = collect(workers, 1)
    assert [type(event) for event in events] == [Started, Reported, Reported, Reported, Finished]
    assert workers.open(Job("test", SPACE, train)) == frozenset()


def test_an_assignment_that_comes_twice_is_run_once():
    runs = Counter()
    workers = opened(1, function=lambda trial: float(runs.update([trial.number]) or 0))
    give(workers, [0])
    give(workers, [0])
    collect(workers, 1)
    assert runs == {0: 1}


def test_more_workers_can_join_and_leave_at_any_time():
    workers = opened(1, duration=100.0, function=lambda trial: 0.0)
    began = workers.clock()
    give(workers, range(6))
    workers.count = 3
    give(workers, [6])
    starts = {e.id.trial: e.at - began for e in collect(workers, 7) if isinstance(e, Started)}
    assert starts == {0: 0, 1: 0, 2: 0, 3: 100, 4: 100, 5: 100, 6: 200}


def lose(seed, **faults):
    workers = opened(10, duration=600.0, faults=Faults(**faults), seed=seed)
    give(workers, range(200))
    return collect(workers, 200)


def test_lost_workers_fail_their_trials_about_as_often_as_said():
    failed = [event for event in lose(0, losses=0.5, preemptions=0.5) if isinstance(event, Failed)]
    assert 60 < len(failed) < 140, "of 200 trials of 40 minutes each, some half should be lost"
    assert 20 < sum(event.cause is Cause.PREEMPTED for event in failed) < 80
    assert {event.cause for event in failed} == {Cause.PREEMPTED, Cause.INFRASTRUCTURE}


def test_late_messages_are_overtaken_by_those_of_others_but_not_by_their_own():
    events = lose(0, late=0.5, delay=2000.0)
    times = [event.at for event in events]
    assert times != sorted(times), "nothing came late"
    own = defaultdict(list)
    for event in events:
        own[event.id].append(event.at)
    assert all(found == sorted(found) for found in own.values())


def test_messages_that_come_twice_are_the_same_and_come_later():
    events = lose(0, twice=0.3, delay=30.0)
    counts = Counter(map(str, events))
    assert set(counts.values()) == {1, 2}


def test_the_same_seed_gives_the_same_log_and_another_one_another():
    faults = {"losses": 0.5, "late": 0.2, "twice": 0.2}
    assert lose(1, **faults) == lose(1, **faults)
    assert lose(1, **faults) != lose(2, **faults)


def test_no_workers_are_refused():
    with pytest.raises(WorkersError, match=r"SimulatedWorkers\(0\) runs nothing; give 1 or more"):
        SimulatedWorkers(0)


def sweep(tmp_path, name, workers, trials):
    space = pt.Space(x=pt.Float(0, 1), width=pt.Int(1, 1000))
    found = pt.Sweep(
        name, space, lambda trial: trial.config.x, {"loss": "minimize"}, sampler="random",
        store=str(tmp_path / f"{name}.db"), seed=0,
    )  # fmt: skip
    found.run(trials, workers=workers, progress=False)
    return found.trials()


def lognormal(assignment, part):
    return 600.0 * (1 + assignment.seed % 1000 / 500)


@pytest.mark.slow
def test_a_thousand_workers_run_thousands_of_trials_with_losses_in_a_short_time(tmp_path):
    faults = Faults(losses=0.2, preemptions=0.2, late=0.1, twice=0.1)
    began = time.monotonic()
    frame = sweep(tmp_path, "large", SimulatedWorkers(1000, lognormal, faults, poll=30.0), 5000)
    assert time.monotonic() - began < 120, "a guard: it takes a few seconds"
    assert len(frame) == 5000
    assert set(frame["state"]) == {"finished"} or (frame["state"] == "failed").mean() < 0.01
    assert (frame["attempts"] > 1).any(), "nothing was lost"


def test_a_simulated_sweep_repeats_itself_exactly_with_all_its_faults(tmp_path):
    faults = Faults(losses=0.5, preemptions=0.5, late=0.2, twice=0.2)
    frames = [
        sweep(tmp_path, name, SimulatedWorkers(20, lognormal, faults, seed=3), 100).drop(columns="number")
        for name in ("a", "b")
    ]
    assert frames[0].equals(frames[1])
    assert (frames[0]["attempts"] > 1).any()
