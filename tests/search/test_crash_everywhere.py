"""The controller dies at each of its steps, and another one goes on with workers that never noticed.

A step is a commit (before its block, before and after it is written), a message to workers (before and after each), and
a look at them (before, before what they tell is taken in, and after). Nothing that has finished is lost, nothing is run
to its end twice, and nothing is forgotten.
"""

import random
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

import paretree as pt
from paretree.search import Budget, Goals, RandomSampler, Store, StoreError
from paretree.search.controller import Controller
from paretree.search.opening import known_trials
from paretree.search.store import SweepState, this_driver
from paretree.workers import Faults, SimulatedWorkers
from paretree.workers.protocol import Job

SPACE = pt.Space(x=pt.Float(0, 1))
GOALS = Goals.of({"loss": "minimize"})
TRIALS = 5
REPORTS = 2
LATE_AND_TWICE = Faults(late=0.3, delay=150.0, twice=0.5)
EVERYTHING = Faults(losses=2.0, preemptions=2.0, late=0.3, delay=150.0, twice=0.3)


class Killed(BaseException):
    """What a process that is gone does instead of anything else."""


class Fuse:
    """Lets a controller die at its `n`-th step; from then on it can neither write nor say anything."""

    def __init__(self, n=None):
        self.n, self.steps, self.dead = n, 0, False

    def step(self):
        self.steps += not self.dead
        self.dead = self.dead or self.steps == self.n
        if self.dead:
            raise Killed


class MortalWriter:
    def __init__(self, writer, fuse):
        self.writer, self.fuse = writer, fuse

    @contextmanager
    def transaction(self):
        self.fuse.step()
        with self.writer.transaction() as transaction:
            yield transaction
            self.fuse.step()
        self.fuse.step()

    def release(self, state, reason):
        self.fuse.step()
        self.writer.release(state, reason)
        self.fuse.step()

    def __getattr__(self, name):
        return getattr(self.writer, name)


class MortalWorkers:
    """A controller's way to workers that live on without it."""

    def __init__(self, workers, fuse):
        self.workers, self.fuse = workers, fuse

    @property
    def size(self):
        return self.workers.size

    def open(self, job):
        self.fuse.step()
        held = self.workers.open(job)
        self.fuse.step()
        return held

    def submit(self, assignments):
        for assignment in assignments:
            self.fuse.step()
            self.workers.submit([assignment])
        self.fuse.step()

    def stop(self, id):
        self.fuse.step()
        self.workers.stop(id)

    def pump(self, handle, wait):
        def record(events):
            self.fuse.step()
            handle(events)
            self.fuse.step()

        self.fuse.step()
        self.workers.pump(record, wait)
        self.fuse.step()

    def close(self):
        self.fuse.step()
        self.workers.close()

    def abandon(self):
        self.fuse.step()
        self.workers.abandon()


class Sweep:
    """A sweep in a store, the workers that outlive its controllers, and how often each trial was run."""

    def __init__(self, store, name, faults=None, seed=0):
        self.store, self.runs = store, Counter()
        self.record = store.create_sweep(
            name=name, space=SPACE.to_json(), fingerprint=SPACE.fingerprint, objectives=GOALS.rows()[0],
            constraints=[], sampler="random", seed=0, entry_point=None,
        )  # fmt: skip
        self.workers = SimulatedWorkers(3, duration=lambda a, part: 50.0 + a.seed % 50, faults=faults, seed=seed)

    def train(self, trial):
        self.runs[trial.number] += 1
        for step in range(REPORTS):
            trial.report(step, loss=trial.config.x)
        return trial.config.x

    def drive(self, fuse=None, driver=None, takeover=False, watch=lambda trials, out, spent: None):
        """Let a controller drive it: to its end, or until the fuse blows. Returns whether it came to its end."""
        fuse, clock = fuse or Fuse(), self.workers.clock
        writer = self.store.writer(
            self.record.id, driver=driver or this_driver(), takeover=takeover,
            clock=lambda: datetime.fromtimestamp(clock(), UTC),
        )  # fmt: skip
        known = known_trials(self.store, self.record, SPACE, GOALS)
        mortal = MortalWriter(writer, fuse), MortalWorkers(self.workers, fuse)
        controller = Controller(SPACE, known, RandomSampler(), *mortal, 0, clock, watch, timer=clock)
        try:
            controller.run(Job(self.record.name, SPACE, self.train), Budget(trials=TRIALS))
        except Killed:
            return False
        return True

    def check(self, where):
        """All that must be true of it in the end."""
        rows = self.store.trials(self.record.id)
        assert [row.state for row in rows] == ["finished"] * TRIALS, where
        assert len({row.key for row in rows}) == TRIALS, f"{where}: a configuration was tried twice"
        for row in rows:
            assert row.values == {"loss": row.configuration["x"]}, where
            attempts = self.store.attempts(self.record.id, row.number)
            ends = [attempt.state for attempt in attempts]
            assert ends.count("finished") == 1, f"{where}: trial {row.number} ended as {ends}"
            assert ends[-1] == "finished", where
            assert len(self.store.reports(self.record.id, row.number)) == REPORTS, f"{where}: a report was lost"
        assert self.store.sweep(self.record.name).state == SweepState.FINISHED, where


@pytest.fixture
def store(tmp_path):
    store = Store.open(str(tmp_path / "sweeps.db"))
    yield store
    store.close()


def steps_of_a_whole_run(store, faults=None):
    fuse = Fuse()
    whole = Sweep(store, "whole", faults)
    assert whole.drive(fuse)
    whole.check("not killed")
    return fuse.steps


@pytest.mark.slow
@pytest.mark.parametrize("faults", [None, LATE_AND_TWICE], ids=["quiet", "late-and-twice"])
def test_wherever_the_controller_dies_no_result_is_lost_and_no_trial_is_run_twice(store, faults):
    steps = steps_of_a_whole_run(store, faults)
    assert steps > 40, "the controller takes fewer steps than it should"
    for n in range(1, steps + 1):
        killed = Sweep(store, f"killed at {n}", faults)
        assert not killed.drive(Fuse(n)), f"the controller outlived step {n}"
        assert killed.drive(), "the second controller was killed"
        killed.check(f"killed at step {n} of {steps}")
        assert killed.runs == dict.fromkeys(range(TRIALS), 1), f"killed at step {n}: a trial was not run once"


def test_wherever_the_controller_dies_among_losses_and_preemptions_every_trial_is_finished_once(store):
    for n in range(1, 60, 2):
        killed = Sweep(store, f"killed at {n}", EVERYTHING, seed=n)
        killed.drive(Fuse(n))
        killed.drive()
        killed.check(f"killed at step {n}")


@pytest.mark.parametrize("seed", range(5))
def test_a_controller_that_dies_again_and_again_comes_to_an_end(store, seed):
    draw, deaths = random.Random(seed), 0
    sweep = Sweep(store, "often killed", LATE_AND_TWICE, seed)
    while not sweep.drive(Fuse(draw.randrange(12, 40))):
        deaths += 1
        assert deaths < 50, "it does not come forward"
    assert deaths >= 1
    sweep.check(f"killed {deaths} times")
    assert sweep.runs == dict.fromkeys(range(TRIALS), 1)


def test_a_second_controller_is_refused_while_the_first_one_lives(store):
    sweep, refusals = Sweep(store, "s"), []

    def intrude(trials, out, spent):
        if len(refusals) < 3:
            with pytest.raises(StoreError, match="is driven by") as error:
                sweep.drive(driver="elsewhere:1:1")
            refusals.append(str(error.value))

    assert sweep.drive(watch=intrude)
    assert len(refusals) == 3
    assert "take over with --takeover" in refusals[0]
    sweep.check("intruded")


def test_who_takes_a_sweep_over_goes_on_with_what_runs_and_the_first_controller_writes_nothing_more(store):
    sweep, takeovers = Sweep(store, "s"), []

    def take_over(trials, out, spent):
        if trials.ended == 2 and not takeovers:
            takeovers.append(out)
            assert sweep.drive(driver="elsewhere:1:1", takeover=True)

    with pytest.raises(StoreError, match=r"'s' was given back, so .* wrote nothing"):
        sweep.drive(watch=take_over)
    assert takeovers == [3], "nothing was under way when it was taken over"
    sweep.check("taken over")
    assert sweep.runs == dict.fromkeys(range(TRIALS), 1)
