"""The controller, driven by workers that do exactly what a test tells them."""

import math
import random
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import paretree as pt
from paretree.search import Budget, Goals, KnownTrial, Proposal, RandomSampler, Store, Trials
from paretree.search.agenda import Agenda
from paretree.search.controller import Controller
from paretree.search.interrupts import Interrupts
from paretree.search.retries import Retries
from paretree.search.store import AttemptState, SweepState, TrialState, this_driver
from paretree.workers.protocol import (
    AttemptId,
    Cause,
    Checkpointed,
    Failed,
    Finished,
    Job,
    Logged,
    Reported,
    Saved,
    Started,
    Stopped,
)

SPACE = pt.Space(x=pt.Float(0, 1))


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        self.now += 0.001
        return self.now

    def datetime(self):
        return datetime.fromtimestamp(self.now, UTC)


class ScriptedWorkers:
    """Answers each assignment with what `script(assignment)` returns: events, or None to keep it running."""

    def __init__(self, script, size=1, held=(), twice=False):
        self.script, self.size, self.held, self.twice = script, size, frozenset(held), twice
        self.assignments, self.queue, self.stopped = [], [], []
        self.closed = self.abandoned = False

    def open(self, job):
        return self.held

    def submit(self, assignments):
        self.assignments.extend(assignments)
        self.queue.extend(assignments)

    def stop(self, id):
        self.stopped.append(id)

    def pump(self, handle, wait):
        events = [event for assignment in self.queue for event in self.script(assignment) or ()]
        self.queue.clear()
        for _ in range(2 if self.twice else 1):
            handle(tuple(events))

    def close(self):
        self.closed = True

    def abandon(self):
        self.abandoned = True


@pytest.fixture
def store(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/sweeps.db")
    yield store
    store.close()


def controller(store, workers, *, goals=None, space=SPACE, clock=None, **options):
    """A controller of the sweep "s", made anew or taken up from what is stored."""
    goals, clock = goals or Goals.of({"loss": "minimize"}), clock or Clock()
    record = store.find_sweep("s") or store.create_sweep(
        name="s", space=space.to_json(), fingerprint=space.fingerprint, objectives=goals.rows()[0],
        constraints=goals.rows()[1], sampler="random", seed=0, entry_point=None,
    )  # fmt: skip
    trials = Trials(goals)
    for row in store.trials(record.id):
        trial = KnownTrial(row.number, space.configuration(row.configuration), row.state, row.seed, row.priority)
        trials.put(trial.finished(goals, row.values) if row.state == "finished" else trial)
    writer = store.writer(record.id, driver=this_driver(), clock=clock.datetime)
    watch, sampler = options.pop("watch", lambda trials, out, spent: None), options.pop("sampler", RandomSampler())
    return Controller(space, trials, sampler, writer, workers, 0, clock, watch, timer=clock, **options)


def run(store, workers, trials=5, **options):
    goal = options.pop("budget", Budget(trials=trials))
    job = Job("s", options.get("space", SPACE), lambda trial: None)
    one = controller(store, workers, **options)
    one.run(job, goal)
    return one


def rows(store):
    return store.trials(store.sweep("s").id)


def finish(assignment, at=1.0, **values):
    return [Started(assignment.id, "w", "n", at), Finished(assignment.id, values or {"": 0.5}, at + 1)]


def fail(assignment, cause=Cause.USER, message="ValueError: no"):
    return [Started(assignment.id, "w", "n", 1.0), Failed(assignment.id, cause, message, "Traceback ...", 2.0)]


def test_a_sweep_runs_until_its_budget_is_spent_and_says_so(store):
    workers = ScriptedWorkers(finish)
    run(store, workers, trials=5)
    assert [row.state for row in rows(store)] == ["finished"] * 5
    assert (store.sweep("s").state, store.sweep("s").reason) == (SweepState.FINISHED, "the budget is spent")
    assert workers.closed


def test_an_attempt_is_stored_before_it_is_sent(store):
    states = []

    def look(assignment):
        states.append([a.state for a in store.attempts(store.sweep("s").id, assignment.id.trial)])
        return finish(assignment)

    run(store, ScriptedWorkers(look), trials=2)
    assert states == [[AttemptState.SENT]] * 2


def test_events_that_come_twice_change_nothing(store):
    def report(assignment):
        id = assignment.id
        return [Started(id, "w", "n", 1.0), Reported(id, 0, {"loss": 0.1}, 1.1), Finished(id, {"": 0.5}, 2.0)]

    run(store, ScriptedWorkers(report, twice=True), trials=3)
    assert [row.values for row in rows(store)] == [{"loss": 0.5}] * 3
    assert len(store.reports(store.sweep("s").id, 0)) == 1


def test_a_failed_trial_keeps_its_traceback_and_the_sweep_goes_on(store):
    run(store, ScriptedWorkers(lambda a: fail(a) if a.id.trial == 1 else finish(a)), trials=3)
    assert [row.state for row in rows(store)] == ["finished", "failed", "finished"]
    [attempt] = store.attempts(store.sweep("s").id, 1)
    assert (attempt.cause, attempt.message, attempt.traceback) == ("user", "ValueError: no", "Traceback ...")


@pytest.mark.parametrize("cause", [Cause.INFRASTRUCTURE, Cause.PREEMPTED])
def test_a_trial_whose_worker_died_is_run_again_first(store, cause):
    workers = ScriptedWorkers(lambda a: fail(a, cause) if a.id == (0, 0) else finish(a))
    run(store, workers, trials=2)
    assert [a.id for a in workers.assignments] == [(0, 0), (0, 1), (1, 0)]
    assert workers.assignments[0].values == workers.assignments[1].values
    assert workers.assignments[0].seed == workers.assignments[1].seed
    assert [row.state for row in rows(store)] == ["finished"] * 2


def test_a_trial_whose_worker_dies_every_time_fails_after_its_retries(store):
    workers = ScriptedWorkers(lambda a: fail(a, Cause.INFRASTRUCTURE) if a.id.trial == 0 else finish(a))
    run(store, workers, trials=2, retries=Retries(infrastructure=3))
    assert [row.state for row in rows(store)] == ["failed", "finished"]
    assert len(store.attempts(store.sweep("s").id, 0)) == 4


@pytest.mark.parametrize("cause", [Cause.USER, Cause.MEMORY, Cause.RESULT, Cause.TIMEOUT])
def test_what_is_the_trials_own_fault_is_not_tried_again(store, cause):
    run(store, ScriptedWorkers(lambda a: fail(a, cause) if a.id.trial == 1 else finish(a)), trials=2)
    assert rows(store)[1].attempts == 1


def test_each_cause_of_failure_has_retries_of_its_own(store):
    causes = [Cause.PREEMPTED, Cause.TIMEOUT, Cause.INFRASTRUCTURE, Cause.PREEMPTED, Cause.TIMEOUT, Cause.PREEMPTED]

    def script(assignment):
        number = assignment.id.attempt
        return fail(assignment, causes[number]) if number < len(causes) else finish(assignment)

    run(store, ScriptedWorkers(script), trials=1, retries=Retries(infrastructure=1, timeout=2))
    assert (rows(store)[0].state, rows(store)[0].attempts) == ("finished", 7)


def test_retries_are_counted_over_all_controllers(store):
    def dies_twice(assignment):
        if assignment.id == (0, 2):
            raise KeyboardInterrupt
        return fail(assignment, Cause.INFRASTRUCTURE) if assignment.id.trial == 0 else finish(assignment)

    with pytest.raises(KeyboardInterrupt):
        run(store, ScriptedWorkers(dies_twice), trials=1)
    run(store, ScriptedWorkers(lambda a: fail(a, Cause.INFRASTRUCTURE)), trials=1)
    causes = [attempt.cause for attempt in store.attempts(store.sweep("s").id, 0)]
    assert causes == ["infrastructure", "infrastructure", None, "infrastructure"]
    assert rows(store)[0].state == "failed"


def test_preemptions_are_no_failures_of_the_sweep(store):
    def script(assignment):
        return fail(assignment, Cause.PREEMPTED) if assignment.id.trial < 8 else finish(assignment)

    run(store, ScriptedWorkers(script), trials=10, max_failures=3, retries=Retries(preempted=0))
    assert [row.state for row in rows(store)] == ["failed"] * 8 + ["finished"] * 2
    assert store.sweep("s").state == SweepState.FINISHED


@pytest.mark.parametrize("often", [-1, 1.5, math.nan])
def test_retries_that_make_no_sense_are_refused(often):
    with pytest.raises(pt.SweepError, match=r"Retries\(memory=.*\) says not how often; give a whole number from 0"):
        Retries(memory=often)


def test_a_trial_that_is_run_again_goes_on_from_its_latest_checkpoint(store):
    def script(assignment):
        id = assignment.id
        if id.attempt == 2:
            return finish(assignment)
        step = 10 * id.attempt
        kept = [
            Checkpointed(id, step, f"mem://{step}", 5, "0" * 64, 1.1),
            Checkpointed(id, step + 1, f"mem://{step + 1}", 5, "0" * 64, 1.2, dropped=(f"mem://{step}",)),
            Saved(id, "plot.png", f"mem://plot-{id.attempt}", "image/png", 7, "0" * 64, 1.3),
        ]
        return [Started(id, "w", "n", 1.0), *kept, Failed(id, Cause.INFRASTRUCTURE, "gone", "", 2.0)]

    run(store, workers := ScriptedWorkers(script, twice=True), trials=1)
    assert [assignment.checkpoint for assignment in workers.assignments] == [None, "mem://1", "mem://11"]
    sweep_id = store.sweep("s").id
    assert [one.uri for one in store.checkpoints(sweep_id, 0)] == ["mem://11", "mem://1"], "one dropped is still there"
    assert [one.uri for one in store.artifacts(sweep_id, 0)] == ["mem://plot-1"]


def test_attempts_that_the_store_has_given_up_are_told_to_end_and_not_listened_to(store):
    zombies = [AttemptId(0, 0), AttemptId(7, 3)]

    class Haunted(ScriptedWorkers):
        def pump(self, handle, wait):
            handle(tuple(Finished(id, {"": 99.0}, 5.0) for id in zombies))
            super().pump(handle, wait)

    with pytest.raises(KeyboardInterrupt):
        run(store, ScriptedWorkers(interrupted_after(0)), trials=2)
    run(store, workers := Haunted(finish, held=zombies), trials=2)
    assert sorted(workers.stopped) == zombies
    assert [(row.state, row.attempts, row.values) for row in rows(store)] == [
        ("finished", 2, {"loss": 0.5}),
        ("finished", 1, {"loss": 0.5}),
    ]


def test_gpu_hours_end_the_sweep_over_all_its_runs(store):
    def hour_on_two(assignment):
        start = 7200.0 * assignment.id.trial
        return [Started(assignment.id, "w", "n", start, 2.0), Finished(assignment.id, {"": 0.5}, start + 3600)]

    run(store, ScriptedWorkers(hour_on_two), budget=Budget(gpu_hours=5.0))
    assert len(rows(store)) == 3, "after two trials 4 GPU hours were spent, after three 6"
    run(store, ScriptedWorkers(hour_on_two), budget=Budget(gpu_hours=7.0))
    assert len(rows(store)) == 4
    assert store.sweep("s").reason == "the budget is spent"


class Jumping(Clock):
    """A clock that somebody sets by days, back and forward."""

    def __call__(self):
        self.now += random.Random(self.now).choice([0.0, 0.0, 86_400.0, -86_400.0])
        return self.now


def test_a_clock_that_jumps_changes_neither_results_nor_the_time_that_a_run_may_take(store):
    wall, steady = Jumping(), Clock()

    def slow(assignment):
        steady.now += 1000
        at = wall()
        return [Started(assignment.id, "w", "n", at), Finished(assignment.id, {"": 0.5}, at + 1000)]

    one = controller(store, ScriptedWorkers(slow, size=2), clock=wall)
    one.timer = steady
    one.run(Job("s", SPACE, lambda trial: None), Budget(hours=2.0))
    assert [row.state for row in rows(store)] == ["finished"] * 8


def test_ctrl_c_waits_until_what_happened_is_written(store):
    def interrupted(assignment):
        if assignment.id.trial == 1:
            signal.raise_signal(signal.SIGINT)
        return finish(assignment)

    class Writing(ScriptedWorkers):
        def pump(self, handle, wait):
            with interrupts.held():
                super().pump(handle, wait)

    with Interrupts() as interrupts:
        one = controller(store, Writing(interrupted), uninterrupted=interrupts.held)
        with pytest.raises(KeyboardInterrupt):
            one.run(Job("s", SPACE, lambda trial: None), Budget(trials=9))
    assert [row.state for row in rows(store)] == ["finished"] * 2, "what ended when it was interrupted is lost"
    assert store.sweep("s").state == SweepState.INTERRUPTED


def test_what_has_ended_when_ctrl_c_comes_is_not_run_again(store):
    class Late(ScriptedWorkers):
        interrupts = 1

        def pump(self, handle, wait):
            if wait > 0 and len(self.assignments) == 3 and self.interrupts:
                self.interrupts = 0
                raise KeyboardInterrupt
            super().pump(handle, wait)

    with pytest.raises(KeyboardInterrupt):
        run(store, Late(finish), trials=9)
    assert [row.state for row in rows(store)] == ["finished"] * 3


def test_workers_may_become_more_and_fewer_while_a_sweep_runs(store):
    out, workers = [], ScriptedWorkers(finish, size=1)

    def resize(trials, n, spent):
        out.append((trials.ended, n))
        workers.size = 5 if 3 < trials.ended < 20 else 2

    run(store, workers, trials=40, watch=resize)
    assert max(n for ended, n in out if ended < 20) == 5
    assert max(n for ended, n in out if ended > 25) == 2


def test_too_many_failures_in_a_row_stop_the_sweep_with_the_last_reason(store):
    with pytest.raises(pt.SweepError, match=r"^The sweep stopped after 3 failed trials in a row; the last: ValueError"):
        run(store, ScriptedWorkers(lambda a: finish(a) if a.id.trial < 2 else fail(a)), trials=50, max_failures=3)
    assert [row.state for row in rows(store)] == ["finished", "finished", "failed", "failed", "failed"]
    assert store.sweep("s").state == SweepState.FAILED
    assert "3 failed trials in a row" in store.sweep("s").reason


def test_failures_are_counted_anew_after_a_success(store):
    run(store, ScriptedWorkers(lambda a: finish(a) if a.id.trial % 3 == 2 else fail(a)), trials=9, max_failures=3)
    assert store.sweep("s").state == SweepState.FINISHED


def test_a_missing_objective_stops_the_sweep_at_once_when_no_trial_ever_returned_it(store):
    with pytest.raises(pt.SweepError, match="trial 0, because train returned 'los', but not the objective 'loss'"):
        run(store, ScriptedWorkers(lambda a: finish(a, los=1.0)), trials=50)
    assert [row.state for row in rows(store)] == ["failed"]


def test_a_missing_objective_fails_only_its_trial_when_others_returned_it(store):
    run(store, ScriptedWorkers(lambda a: finish(a, los=1.0) if a.id.trial == 2 else finish(a, loss=1.0)), trials=4)
    assert [row.state for row in rows(store)] == ["finished", "finished", "failed", "finished"]


def test_nan_and_infinity_are_kept_as_they_are_and_said_aloud(store, caplog):
    values = [math.nan, math.inf, -math.inf, 1.0]
    run(store, ScriptedWorkers(lambda a: finish(a, loss=values[a.id.trial])), trials=4)
    kept = [row.values["loss"] for row in rows(store)]
    assert math.isnan(kept[0])
    assert kept[1:] == values[1:]
    assert "trial 0 returned loss=nan; it is kept, but stays off the front." in caplog.text


def test_stopped_trials_and_log_lines_are_kept(store):
    def stop(assignment):
        return [Started(assignment.id, "w", "n", 1.0), Logged(assignment.id, "hello", 1.5), Stopped(assignment.id, 2.0)]

    run(store, ScriptedWorkers(stop), trials=1)
    assert rows(store)[0].state == TrialState.STOPPED
    assert [event.detail["text"] for event in store.events(store.sweep("s").id, kinds=["log"])] == ["hello"]


def interrupted_after(n):
    def script(assignment):
        if assignment.id.trial == n:
            raise KeyboardInterrupt
        return finish(assignment)

    return script


def test_ctrl_c_leaves_what_was_under_way_waiting_and_the_sweep_free(store):
    with pytest.raises(KeyboardInterrupt):
        run(store, ScriptedWorkers(interrupted_after(3)), trials=10)
    assert [row.state for row in rows(store)] == ["finished"] * 3 + ["waiting"]
    assert store.sweep("s").state == SweepState.INTERRUPTED
    assert store.sweep("s").driver is None


def test_a_resumed_sweep_runs_what_waits_first_and_finished_trials_never_again(store):
    with pytest.raises(KeyboardInterrupt):
        run(store, ScriptedWorkers(interrupted_after(3)), trials=10)
    waiting = rows(store)[3]
    workers = ScriptedWorkers(finish)
    run(store, workers, trials=10)
    assert [a.id for a in workers.assignments] == [(3, 1), *((number, 0) for number in range(4, 10))]
    assert workers.assignments[0].values == waiting.configuration
    assert workers.assignments[0].seed == waiting.seed


def test_a_sweep_that_has_its_trials_starts_no_workers(store):
    run(store, ScriptedWorkers(finish), trials=3)
    workers = ScriptedWorkers(finish)
    workers.open = None
    run(store, workers, trials=3)
    assert (store.sweep("s").state, store.sweep("s").driver) == (SweepState.FINISHED, None)


def test_an_interrupted_sweep_proposes_what_an_uninterrupted_one_would_have(tmp_path):
    stores = [Store.open(str(tmp_path / name)) for name in ("a.db", "b.db")]
    run(stores[0], ScriptedWorkers(finish), trials=10)
    with pytest.raises(KeyboardInterrupt):
        run(stores[1], ScriptedWorkers(interrupted_after(4)), trials=10)
    run(stores[1], ScriptedWorkers(finish), trials=10)
    assert [row.key for row in rows(stores[0])] == [row.key for row in rows(stores[1])]


def test_attempts_that_workers_still_hold_go_on_and_those_they_lost_are_made_again(store):
    def dies(assignment):
        if assignment.id.trial == 1:
            raise SystemError("the controller's process is gone")
        return finish(assignment) if assignment.id.trial == 0 else None

    one = controller(store, workers := ScriptedWorkers(dies, size=3))
    one._leave = lambda state, reason: None  # a process that is gone writes nothing
    with pytest.raises(SystemError):
        one.run(Job("s", SPACE, lambda trial: None), Budget(trials=4))
    assert [a.id for a in workers.assignments] == [(0, 0), (1, 0), (2, 0)]

    held = AttemptId(2, 0)
    again = ScriptedWorkers(finish, size=3, held=[held])
    again.queue = [workers.assignments[2]]
    run(store, again, trials=4)
    assert sorted(a.id for a in again.assignments) == [(0, 1), (1, 1), (3, 0)]
    assert [row.state for row in rows(store)] == ["finished"] * 4
    assert [row.attempts for row in rows(store)] == [2, 2, 1, 1]


def test_how_long_trials_take_is_not_learned_from_those_that_an_earlier_controller_began():
    agenda = Agenda(Trials(Goals.of({"loss": "minimize"})))
    trial = KnownTrial(0, SPACE.sample(0), TrialState.RUNNING, 0)
    agenda.trials.put(trial)
    agenda.take_up([AttemptId(0, 0)], now=3600.0)
    agenda.ended(Finished(AttemptId(0, 0), {"": 0.5}, 3600.1), replace(trial, state=TrialState.FAILED))
    assert agenda.mean_seconds == math.inf


def test_what_workers_that_died_left_to_tell_is_heard_before_their_attempts_are_made_again(store):
    def dies(assignment):
        raise SystemError("the controller's process is gone")

    one = controller(store, ScriptedWorkers(dies))
    one._leave = lambda state, reason: None  # a process that is gone writes nothing
    with pytest.raises(SystemError):
        one.run(Job("s", SPACE, lambda trial: None), Budget(trials=1))

    left = [Started(AttemptId(0, 0), "w", "n", 1.0), Reported(AttemptId(0, 0), 7, {"loss": 0.25}, 2.0)]
    again = ScriptedWorkers(lambda assignment: left if assignment is None else finish(assignment))
    again.queue = [None]
    run(store, again, trials=1)
    assert [a.id for a in again.assignments] == [(0, 1)]
    assert [(report.step, report.value) for report in store.reports(store.sweep("s").id, 0)] == [(7, 0.25)]


def test_what_cannot_be_recorded_is_left_with_the_workers_for_the_next_controller(store):
    def trouble(assignment):
        if assignment.id.trial == 1:
            raise pt.StoreError("the disk is full")
        return finish(assignment)

    workers = ScriptedWorkers(trouble)
    with pytest.raises(pt.StoreError, match="the disk is full"):
        run(store, workers, trials=3)
    assert workers.abandoned
    sweep = store.sweep("s")
    assert (sweep.state, sweep.reason, sweep.driver) == ("interrupted", "the disk is full", None)
    assert [attempt.state for attempt in store.attempts(sweep.id, 1)] == ["sent"], "it may still be told of"


def test_the_budget_is_stored_before_workers_are_opened_so_that_a_run_that_dies_there_is_resumed_by_its_name(store):
    class Unavailable(ScriptedWorkers):
        def open(self, job):
            raise pt.workers.WorkersError("no cluster")

    with pytest.raises(pt.workers.WorkersError):
        run(store, Unavailable(finish), trials=3)
    assert store.sweep("s").budget["trials"] == 3


def test_a_small_space_is_searched_once_and_then_the_sweep_ends(store):
    space = pt.Space(a=pt.Choice(1, 2, 3), b=pt.Choice(1, 2, 3))
    run(store, ScriptedWorkers(finish, size=4), trials=50, space=space)
    assert len({row.key for row in rows(store)}) == len(rows(store)) == 9
    assert store.sweep("s").reason == "the space is searched"


def test_a_time_budget_ends_the_run_but_not_the_trials_under_way(store):
    clock = Clock()

    def slow(assignment):
        clock.now += 1000
        return finish(assignment)

    run(store, ScriptedWorkers(slow), budget=Budget(hours=1.0), clock=clock)
    assert [row.state for row in rows(store)] == ["finished"] * 4


def test_more_than_one_worker_gets_short_trials_ahead_but_never_a_single_one(store, tmp_path):
    def most_out(workers, store):
        out = []
        run(store, workers, trials=40, watch=lambda trials, n, spent: out.append(n))
        return max(out)

    def short(assignment):
        return [Started(assignment.id, "w", "n", 1.0), Finished(assignment.id, {"": 0.1}, 1.001)]

    assert most_out(ScriptedWorkers(short, size=1), store) == 1
    assert most_out(ScriptedWorkers(short, size=2), Store.open(str(tmp_path / "two.db"))) == 8
    assert most_out(ScriptedWorkers(finish, size=2), Store.open(str(tmp_path / "slow.db"))) == 2


def test_a_controller_that_was_taken_over_stops_and_writes_nothing_more(store):
    def lose_the_sweep(assignment):
        if assignment.id.trial == 2:
            store.writer(store.sweep("s").id, driver="other:1:1", takeover=True, clock=Clock().datetime)
        return finish(assignment)

    with pytest.raises(pt.StoreError, match="was taken over by other:1:1"):
        run(store, ScriptedWorkers(lose_the_sweep), trials=10)
    assert [row.state for row in rows(store)] == ["finished", "finished", "running"]
    assert store.sweep("s").driver == "other:1:1"


class Thinking:
    """Draws at random in a thread of its own; `hangs(trials)` says whether it never answers."""

    name, thinks = "thinking", True

    def __init__(self, hangs=lambda trials: False, fails=lambda trials: False):
        self.hangs, self.fails, self.asks, self.let_go = hangs, fails, [], threading.Event()

    def propose(self, space, trials, n, seed):
        self.asks.append([trial.state for trial in trials])
        if self.hangs(trials):
            self.let_go.wait(30)
        if self.fails(trials):
            raise ValueError("no model")
        draw = random.Random(seed)
        return [Proposal(space.sample(draw), self.name, "thought of") for _ in range(n)]


class LongTrials(ScriptedWorkers):
    """Trials last longer than the sampler thinks: one ends at each pump, once what it was asked for is answered."""

    def pump(self, handle, wait):
        self.driven._asking.wait(30)
        running, self.queue = self.queue, []
        if running:
            self.queue = running[1:]
            handle(tuple(self.script(running[0])))


def test_workers_never_wait_for_a_sampler_that_thinks_ahead(store):
    out, sampler, workers = [], Thinking(), LongTrials(finish, size=2)
    workers.driven = controller(store, workers, sampler=sampler, watch=lambda trials, n, spent: out.append(n))
    workers.driven.run(Job("s", SPACE, lambda trial: None), Budget(trials=20))
    assert out == [0] + [2] * 19 + [1, 0], "a worker was without a trial"
    assert {row.proposal["sampler"] for row in rows(store)} == {"thinking"}
    assert len({row.key for row in rows(store)}) == len(rows(store)) == 20
    assert all(states.count("running") == 2 for states in sampler.asks[1:]), "what runs was not known to the sampler"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_no_proposal_is_lost_or_tried_twice_whoever_is_slower(store, size):
    run(store, ScriptedWorkers(finish, size=size), trials=40, sampler=Thinking())
    assert [row.number for row in rows(store)] == list(range(40))
    assert len({row.key for row in rows(store)}) == 40
    assert {row.proposal["sampler"] for row in rows(store)} == {"thinking"}


def test_with_one_worker_nothing_is_asked_ahead_so_that_thinking_changes_nothing(tmp_path):
    quick, slow = Thinking(), Thinking()
    quick.thinks = False
    stores = [Store.open(str(tmp_path / name)) for name in ("quick.db", "slow.db")]
    for store, sampler in zip(stores, (quick, slow), strict=True):
        run(store, ScriptedWorkers(finish), trials=8, sampler=sampler)
    assert [row.key for row in rows(stores[0])] == [row.key for row in rows(stores[1])]
    assert quick.asks == slow.asks == [["finished"] * n for n in range(8)]


class Talking(ScriptedWorkers):
    """Trial 1 writes a line at each pump; `until()` says when it ends."""

    lines = -1

    def pump(self, handle, wait):
        super().pump(handle, wait)
        if any(assignment.id.trial == 1 for assignment in self.assignments):
            self.lines += 1
            handle((Logged(AttemptId(1, 0), "still at it", 1.0, self.lines),))
            if self.until():
                handle((Finished(AttemptId(1, 0), {"": 0.5}, 2.0),))


def test_events_are_taken_in_while_a_sampler_thinks(store):
    def lines():
        return len(store.events(store.sweep("s").id, kinds=["log"]))

    def until():
        if lines() == 3:
            sampler.let_go.set()
        return lines() >= 3

    sampler = Thinking(hangs=lambda trials: len(trials) == 2)
    workers = Talking(lambda assignment: None if assignment.id.trial == 1 else finish(assignment), size=2)
    workers.until = until
    run(store, workers, trials=3, sampler=sampler)
    assert lines() >= 3
    assert [row.state for row in rows(store)] == ["finished"] * 3


def test_a_sweep_goes_on_at_random_while_its_sampler_hangs(store, caplog):
    clock, sampler = Clock(), Thinking(hangs=lambda trials: len(trials) == 2)

    def pass_time(trials, out, spent):
        clock.now += 50.0

    run(store, ScriptedWorkers(finish), trials=6, sampler=sampler, clock=clock, watch=pass_time)
    sampler.let_go.set()
    assert [row.proposal["sampler"] for row in rows(store)] == ["thinking"] * 2 + ["random"] * 4
    assert caplog.text.count("thinking thought for over 60 s") == 1


def test_a_sampler_that_fails_again_and_again_stops_the_sweep_and_says_why(store):
    with pytest.raises(pt.SweepError, match="thinking failed 3 times in a row; the last: ValueError: no model"):
        run(store, ScriptedWorkers(finish), trials=9, sampler=Thinking(fails=lambda trials: len(trials) > 3))
    assert [row.state for row in rows(store)] == ["finished"] * 6
    assert store.sweep("s").state == SweepState.FAILED
    assert store.sweep("s").reason.endswith("ValueError: no model.")


def test_ctrl_c_ends_a_run_at_once_while_its_sampler_thinks(store):
    sampler = Thinking(hangs=lambda trials: len(trials) == 3)

    def interrupt(trials, out, spent):
        if len(sampler.asks) == 4:
            raise KeyboardInterrupt

    workers = ScriptedWorkers(finish)
    with pytest.raises(KeyboardInterrupt):
        run(store, workers, trials=9, sampler=sampler, watch=interrupt)
    assert workers.closed
    assert not sampler.let_go.is_set(), "the run waited for its sampler"
    assert store.sweep("s").state == SweepState.INTERRUPTED
    run(store, ScriptedWorkers(finish), trials=9, sampler=Thinking())
    sampler.let_go.set()
    assert [row.state for row in rows(store)] == ["finished"] * 9


def test_trials_whose_worker_died_are_run_again_also_where_a_sampler_thinks_ahead(store):
    def dies_once(assignment):
        return fail(assignment, Cause.INFRASTRUCTURE) if assignment.id.attempt == 0 else finish(assignment)

    run(store, ScriptedWorkers(dies_once, size=3), trials=12, sampler=Thinking())
    assert [(row.state, row.attempts) for row in rows(store)] == [("finished", 2)] * 12


KNOWN = Goals.of(
    {"loss": "minimize", "size": "minimize"}, {"width": "<= 0.5"},
    {"size": lambda config: 10 * config.x, "width": lambda config: config.x},
)  # fmt: skip


def test_what_is_known_need_not_be_returned_and_is_stored(store):
    run(store, ScriptedWorkers(lambda a: finish(a, loss=1.0)), trials=5, goals=KNOWN)
    for row in rows(store):
        x = row.configuration["x"]
        assert row.values == {"loss": 1.0, "size": 10 * x, "width": x}


def test_a_trial_that_would_break_a_known_constraint_is_never_started(store):
    run(store, workers := ScriptedWorkers(lambda a: finish(a, loss=1.0)), trials=20, goals=KNOWN)
    assert len(workers.assignments) == 20
    assert all(assignment.values["x"] <= 0.5 for assignment in workers.assignments)


def test_a_trial_that_contradicts_what_is_known_fails_and_says_how(store):
    def script(assignment):
        size = 10 * assignment.values["x"] + (assignment.id.trial == 1)
        return finish(assignment, loss=1.0, size=size)

    run(store, ScriptedWorkers(script), trials=3, goals=KNOWN)
    assert [row.state for row in rows(store)] == ["finished", "failed", "finished"]
    [attempt] = store.attempts(store.sweep("s").id, 1)
    assert attempt.message.endswith("correct one of the two, or return the other values only")


def test_a_trial_whose_known_value_cannot_be_computed_fails_with_its_reason_and_traceback(store):
    def size(config):
        return 1 / 0 if config.x > 0.5 else config.x

    goals = Goals.of({"loss": "minimize", "size": "minimize"}, {}, {"size": size})
    run(store, ScriptedWorkers(lambda a: finish(a, loss=1.0)), trials=12, goals=goals)
    failed = [row for row in rows(store) if row.configuration["x"] > 0.5]
    assert failed
    assert {row.number for row in rows(store) if row.state == "failed"} == {row.number for row in failed}
    [attempt] = store.attempts(store.sweep("s").id, failed[0].number)
    assert attempt.message == "computing the known 'size' raised ZeroDivisionError: division by zero"
    assert "return 1 / 0" in attempt.traceback


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "A run needs an end; give trials=100, hours=2.0, or both."),
        ({"trials": 0}, "trials=0 is no number of trials; give a whole number from 1."),
        ({"trials": 2.5}, "trials=2.5 is no number of trials; give a whole number from 1."),
        ({"hours": -1}, "hours=-1 is no time; give a number above 0."),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(pt.SweepError) as error:
        Budget(**arguments)
    assert str(error.value) == message
