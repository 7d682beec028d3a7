"""Asking something of a sweep that somebody else drives: here a thread, with a controller and store of its own."""

import os
import socket
import threading
import time
from contextlib import contextmanager

import pytest

import paretree as pt
from paretree.search import Store
from paretree.search.orders import Order
from paretree.search.store import SweepState
from paretree.workers import InlineWorkers

HERE = f"{socket.gethostname()}:{os.getpid()}"
PATIENCE = 60.0  # seconds; a guard against hanging, not an expectation

SPACE = pt.Space(x=pt.Float(0, 1), op=pt.Choice(plain=1, rich=pt.Int(1, 4)))


class Driven:
    """A sweep of which a thread runs one trial after another; each waits for `go`, reporting all the while."""

    def __init__(self, tmp_path):
        self.place, self.go, self.runs = str(tmp_path / "s.db"), threading.Event(), []
        self.error = None

    def sweep(self, constraints=None, known=None):
        return pt.Sweep(
            "s", SPACE, self.train, {"loss": "minimize"}, sampler="random", store=self.place, seed=0,
            constraints=constraints, known=known,
        )  # fmt: skip

    def train(self, trial):
        self.runs.append(trial.number)
        step = 0
        while not self.go.wait(0.02):
            trial.report(step, alive=1.0)
            step += 1
        if trial.config.x == 0.625 and trial.attempt == 0:
            raise ValueError("as asked")
        return trial.config.x

    @contextmanager
    def running(self, trials=4, **options):
        """Let the thread drive the sweep until the end of the block, where all trials are let go."""
        thread = threading.Thread(target=self._run, args=[trials], kwargs=options)
        thread.start()
        try:
            self.until(lambda: self.runs)
            yield
        finally:
            self.go.set()
            thread.join(PATIENCE)
        assert not thread.is_alive(), "the run does not end"
        assert self.error is None, self.error

    def _run(self, trials, **options):
        try:
            self.sweep(**options).run(trials, workers=InlineWorkers(flush_seconds=0), progress=False)
        except BaseException as error:
            self.error = error

    def until(self, is_so):
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, "it does not come to that"
            time.sleep(0.02)

    @property
    def record(self):
        return Store.open(self.place, readonly=True).sweep("s")

    @property
    def states(self):
        return self.sweep().trials()["state"].tolist()


@pytest.fixture
def driven(tmp_path):
    return Driven(tmp_path)


def test_a_paused_sweep_ends_what_runs_and_starts_nothing_until_it_goes_on(driven):
    with driven.running():
        asked = driven.sweep().pause()
        assert asked.told(PATIENCE) == "Sweep 's': paused; what is under way goes on to its end (1 trial)."
        assert (driven.record.state, driven.record.reason.partition(" by ")[0]) == (SweepState.PAUSED, "paused")
        driven.go.set()
        driven.until(lambda: driven.states == ["finished"])
        time.sleep(0.5)
        assert driven.runs == [0], "a trial was started while the sweep was paused"
        assert driven.sweep().unpause().told(PATIENCE) == "Sweep 's': goes on."
        driven.until(lambda: len(driven.runs) == 4)
    assert driven.record.state == SweepState.FINISHED


def test_a_stopped_sweep_ends_what_runs_and_can_be_resumed(driven):
    with driven.running():
        assert driven.sweep().stop().told(PATIENCE) == "Sweep 's': stops once what is under way has ended (1 trial)."
        driven.go.set()
    assert driven.states == ["finished"]
    assert driven.record.state == SweepState.INTERRUPTED
    assert driven.record.reason.startswith("stopped by ")
    driven.sweep().resume(workers=InlineWorkers(), progress=False)
    assert driven.runs == [0, 1, 2, 3]


def test_whoever_runs_a_sweep_is_told_what_others_ask_of_it(driven, caplog):
    with driven.running():
        asked = driven.sweep().stop()
        asked.told(PATIENCE)
    said = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert said == [f"stop, asked for by {HERE}: stops once what is under way has ended (1 trial)"]


def test_a_sweep_that_is_stopped_now_runs_its_trials_again_when_it_is_resumed(driven):
    with driven.running():
        told = driven.sweep().stop(now=True).told(PATIENCE)
        assert told == "Sweep 's': stops; 1 trial under way will be run again when it is resumed."
        driven.until(lambda: driven.record.state == SweepState.INTERRUPTED)
        assert not driven.go.is_set(), "it waited for the trial"
    assert driven.states == ["waiting"]
    driven.sweep().resume(workers=InlineWorkers(), progress=False)
    assert driven.runs == [0, 0, 1, 2, 3]


def test_a_single_trial_can_be_ended_early_and_the_sweep_goes_on(driven):
    with driven.running(trials=2):
        assert driven.sweep().stop_trial(7).told(PATIENCE) == "Sweep 's': trial 7 is not running."
        assert driven.sweep().stop_trial(0).told(PATIENCE) == "Sweep 's': trial 0 is told to end at its next report."
        driven.until(lambda: len(driven.runs) == 2)
    assert driven.states == ["stopped", "finished"]


def test_an_enqueued_configuration_is_tried_before_what_the_sampler_proposes(driven):
    with driven.running():
        sweep = driven.sweep()
        asked = [
            sweep.enqueue({"x": 0.25, "op": "plain"}),
            sweep.enqueue(SPACE.configuration({"x": 0.75, "op": "rich", "op=rich": 3}), priority=5),
        ]
        assert [one.told(PATIENCE) for one in asked] == ["Sweep 's': is trial 1.", "Sweep 's': is trial 2."]
        again = sweep.enqueue({"x": 0.25, "op": "plain"}).told(PATIENCE)
        assert again == "Sweep 's': is trial 1 already, which is waiting."
    frame = driven.sweep().trials()
    assert driven.runs == [0, 2, 1, 3], "the one with the greater priority comes first"
    assert frame["x"].tolist()[1:3] == [0.25, 0.75]
    assert frame["sampler"].tolist() == ["random", "enqueued", "enqueued", "random"]
    assert len(frame) == 4, "enqueued trials count"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": 2.0, "op": "plain"}, r"^This cannot be enqueued in sweep 's': .*x"),
        ({"x": 0.5}, r"^This cannot be enqueued in sweep 's': .*'op'"),
        ({"x": 0.5, "op": "plain", "op=rich": 1}, r"^This cannot be enqueued in sweep 's': .*op=rich"),
    ],
)
def test_what_is_no_configuration_of_the_space_is_refused_before_it_is_stored(driven, values, message):
    driven.go.set()
    driven.sweep().run(1, workers=InlineWorkers(), progress=False)
    with pytest.raises(pt.SweepError, match=message):
        driven.sweep().enqueue(values)
    store = Store.open(driven.place)
    assert store.commands(store.sweep("s").id) == []


def test_what_breaks_a_known_constraint_is_not_enqueued(driven):
    limits = {"constraints": {"size": "<= 0.9"}, "known": {"size": lambda config: config.x}}
    with driven.running(**limits):
        told = driven.sweep(**limits).enqueue({"x": 0.95, "op": "plain"}).told(PATIENCE)
    assert told == "Sweep 's': was not enqueued: it breaks a known constraint."


def test_what_waits_for_the_next_run_says_so_and_is_done_then(driven):
    driven.go.set()
    sweep = driven.sweep()
    sweep.run(1, workers=InlineWorkers(), progress=False)
    told = sweep.enqueue({"x": 0.625, "op": "plain"}).told()
    assert told == "Nobody runs sweep 's' now; its next run will see to it."
    sweep.run(2, workers=InlineWorkers(), progress=False)
    assert driven.states == ["finished", "failed"]

    asked = sweep.retry()
    assert asked.outcome() is None
    sweep.run(2, workers=InlineWorkers(), progress=False)
    assert asked.outcome() == "1 trial will be run again"
    assert driven.states == ["finished", "finished"]
    assert driven.runs == [0, 1, 1]


def test_only_what_failed_or_was_stopped_is_retried(driven):
    driven.go.set()
    sweep = driven.sweep()
    sweep.run(2, workers=InlineWorkers(), progress=False)
    asked = sweep.retry([0, 9])
    sweep.run(3, workers=InlineWorkers(), progress=False)
    assert asked.outcome() == "0 trials will be run again, but not 0, 9: only failed and stopped trials are"


def test_a_negative_number_is_no_trial(driven):
    driven.go.set()
    sweep = driven.sweep()
    sweep.run(1, workers=InlineWorkers(), progress=False)
    sweep.enqueue({"x": 0.625, "op": "plain"})
    sweep.run(2, workers=InlineWorkers(), progress=False)
    asked = sweep.retry([-1])
    sweep.run(3, workers=InlineWorkers(), progress=False)
    assert asked.outcome() == "0 trials will be run again, but not -1: only failed and stopped trials are"
    assert sweep.trials()["attempts"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("ask", ["pause", "unpause", "stop"])
def test_what_is_about_a_run_is_refused_where_there_is_none(driven, ask):
    driven.go.set()
    sweep = driven.sweep()
    sweep.run(1, workers=InlineWorkers(), progress=False)
    with pytest.raises(pt.SweepError) as error:
        getattr(sweep, ask)()
    assert str(error.value) == f"Nobody runs sweep 's', so there is nothing to {ask}; it is finished."


def test_a_command_that_was_meant_for_an_earlier_run_is_put_aside(driven):
    driven.go.set()
    sweep = driven.sweep()
    sweep.run(1, workers=InlineWorkers(), progress=False)
    store = Store.open(driven.place)
    late = store.command(store.sweep("s").id, Order.STOP, {"now": True, "by": "somebody"})
    sweep.run(3, workers=InlineWorkers(), progress=False)
    assert driven.states == ["finished"] * 3
    [command] = [one for one in store.commands(store.sweep("s").id) if one.id == late]
    assert command.outcome == "came too late: the run that it was meant for had ended"


def test_a_command_that_nobody_understands_is_answered_and_harms_nothing(driven):
    with driven.running():
        store = Store.open(driven.place)
        store.command(store.sweep("s").id, "dance", {})
        store.command(store.sweep("s").id, Order.ENQUEUE, {"configuration": {"x": 9}, "priority": 0})
        driven.until(lambda: all(one.outcome for one in store.commands(store.sweep("s").id)))
    first, second = store.commands(store.sweep("s").id)
    assert first.outcome == "not understood: there is no command 'dance'"
    assert second.outcome.startswith("was not enqueued: ")
    assert driven.states == ["finished"] * 4
