"""A sweep driven by the caller's own loop."""

import copy
import math
import multiprocessing
import pickle
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

import paretree as pt
from paretree.search import ask_tell
from paretree.workers import InlineWorkers

SPACE = pt.Space(x=pt.Float(-1, 1), kind=pt.Choice(a={"k": pt.Int(1, 4)}, b={}))


def loss(config):
    return config.x**2 + (config["kind"] == "b")


def make(tmp_path, **options):
    defaults = {"space": SPACE, "objectives": {"f": "minimize"}, "sampler": "random", "seed": 1}
    options = defaults | options
    return pt.Sweep(
        "s",
        options.pop("space"),
        lambda trial: loss(trial.config),
        options.pop("objectives"),
        store=str(tmp_path / "s.db"),
        **options,
    )


def record(sweep):
    return sweep._store.sweep("s")


@pytest.mark.parametrize("sampler", ["random", "optuna:tpe", "auto"])
def test_a_loop_of_ask_and_tell_gives_the_trials_that_run_gives(tmp_path, sampler):
    ran = make(tmp_path, sampler=sampler)
    ran.run(trials=15, workers=InlineWorkers(), progress=False)
    (tmp_path / "told").mkdir()
    told = make(tmp_path / "told", sampler=sampler)
    with told.driving(trials=15) as session:
        for trial in session:
            trial.tell(loss(trial.config))
    columns = ["number", "state", "f", "x", "kind", "kind=a/k"]
    assert told.trials()[columns].equals(ran.trials()[columns])
    assert record(told).state == "finished"
    assert record(told).reason == "the budget is spent"


def test_reports_logs_and_ways_to_end_are_kept(tmp_path):
    sweep = make(tmp_path)
    with sweep.driving() as session:
        told, stopped, failed = session.ask(), session.ask(worker="lab bench"), session.ask()
        told.report(0, f=0.5)
        told.report(1, f=math.nan, other=3)
        told.log("looks", "good")
        told.tell({"f": 0.25, "seconds": 7})
        stopped.report(0, f=9)
        stopped.stop()
        failed.fail("the pump leaks", "Traceback: none")
    rows = sweep._store.trials(record(sweep).id)
    assert [row.state for row in rows] == ["finished", "stopped", "failed"]
    assert rows[0].values == {"f": 0.25, "seconds": 7}
    assert [row.worker for row in rows] == ["caller", "lab bench", "caller"]
    assert (rows[2].cause, rows[2].message) == ("user", "the pump leaks")
    reports = sweep._store.reports(record(sweep).id, 0)
    assert [(one.step, one.name) for one in reports] == [(0, "f"), (1, "f"), (1, "other")]
    assert math.isnan(reports[1].value)
    events = sweep._store.events(record(sweep).id, kinds=["trial", "started", "reported"])
    assert len([event for event in events if event.kind == "started"]) == 3


def test_a_batch_is_asked_for_at_once(tmp_path):
    with make(tmp_path).driving(trials=5) as session:
        first, second = session.ask_batch(3), session.ask_batch(3)
        assert [trial.number for trial in first + second] == [0, 1, 2, 3, 4], "the budget of 5 bounds the second batch"
        assert session.ask() is None
        assert session.exhausted == "the budget is spent"
        for trial in first + second:
            trial.tell(loss(trial.config))


def test_what_cannot_be_told_leaves_the_trial_open(tmp_path):
    sweep = make(tmp_path, objectives={"f": "minimize", "g": "maximize"})
    with sweep.driving() as session:
        trial = session.ask()
        for values in (1.0, {"f": 1.0}, {"f": "low", "g": 1}, None, {}):
            with pytest.raises(pt.SweepError, match="Trial 0 cannot be told that: ") as error:
                trial.tell(values)
            assert error.value.__cause__ is not None
        assert not trial.ended
        trial.tell({"f": 1.0, "g": 2.0})
    assert sweep.trials()["state"].tolist() == ["finished"]


def test_a_trial_that_has_ended_takes_nothing_more(tmp_path):
    with make(tmp_path).driving() as session:
        trial = session.ask()
        trial.tell(0.5)
        for again in (lambda: trial.tell(0.1), lambda: trial.report(3, f=1), trial.stop, lambda: trial.fail("no")):
            with pytest.raises(pt.SweepError, match="Trial 0 has ended or was given up"):
                again()
    assert make(tmp_path).trials()["f"].tolist() == [0.5]


def test_what_was_not_told_is_asked_for_again_first(tmp_path):
    with make(tmp_path).driving() as session:
        session.ask().tell(0.5)
        lost = session.ask()
    assert record(make(tmp_path)).state == "interrupted"
    assert record(make(tmp_path)).reason == "1 of the trials asked for were not told"
    sweep = make(tmp_path)
    with sweep.driving() as session:
        again = session.ask()
        assert (again.number, again.attempt, again.config, again.seed) == (1, 1, lost.config, lost.seed)
        assert session.ask().number == 2
        with pytest.raises(pt.SweepError, match="is not driven by this session"):
            lost.tell(0.0)
        again.tell(0.25)
    assert sweep.trials()["attempts"].tolist() == [1, 2, 1]


def test_a_loop_that_raises_leaves_the_sweep_resumable(tmp_path):
    sweep = make(tmp_path)

    def loop():
        with sweep.driving(trials=10) as session:
            for trial in session:
                if trial.number == 3:
                    raise ValueError("the pump leaks")
                trial.tell(1.0)

    with pytest.raises(ValueError, match="the pump leaks"):
        loop()
    assert (record(sweep).state, record(sweep).reason) == ("interrupted", "the pump leaks")
    sweep.run(trials=10, workers=InlineWorkers(), progress=False)
    assert sweep.trials()["state"].tolist() == ["finished"] * 10


def test_nobody_else_drives_the_sweep_meanwhile(tmp_path):
    with make(tmp_path).driving() as session:
        session.ask()
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        other = context.Process(target=try_to_drive, args=(str(tmp_path), answers))
        other.start()
        told = answers.get(timeout=60)
        other.join()
    assert "the sweep 's' is driven by" in told


def try_to_drive(folder, answers):
    try:
        with make(Path(folder)).driving():
            answers.put("it drives")
    except pt.StoreError as error:
        answers.put(str(error))


def test_the_lease_is_kept_while_the_caller_computes(tmp_path, monkeypatch):
    monkeypatch.setattr(ask_tell, "LOOK_EVERY", 0.05)
    sweep = make(tmp_path)
    with sweep.driving() as session:
        trial = session.ask()
        before = record(sweep).lease_until
        deadline = time.monotonic() + 30
        while record(sweep).lease_until <= before:
            assert time.monotonic() < deadline, "the lease was not renewed"
            time.sleep(0.05)
        trial.tell(1.0)


def test_a_session_that_was_taken_over_writes_nothing_more(tmp_path):
    sweep = make(tmp_path)

    def loop():
        with sweep.driving() as session:
            trial = session.ask()
            store, row = sweep._store, record(sweep)
            store.writer(row.id, driver="elsewhere:1:1", takeover=True, clock=lambda: datetime.now(UTC))
            trial.tell(0.5)

    with pytest.raises(pt.StoreError, match="drives it no more"):
        loop()
    assert sweep.trials()["state"].tolist() == ["running"]


def within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.02)


def test_what_is_asked_from_elsewhere_is_done(tmp_path, monkeypatch):
    monkeypatch.setattr(ask_tell, "LOOK_EVERY", 0.05)
    sweep = make(tmp_path)
    with sweep.driving(trials=10) as session:
        first = session.ask()
        sweep.pause()
        within(30, lambda: record(sweep).state == "paused")
        assert session.ask(wait=0.0) is None
        assert session.exhausted is None
        sweep.unpause()
        within(30, lambda: record(sweep).state == "running")
        sweep.enqueue({"x": 0.125, "kind": "b"})
        within(30, lambda: sweep.size() == 2)
        assert session.ask().config.x == 0.125
        sweep.stop_trial(first.number)
        within(30, lambda: first._stopping())
        with pytest.raises(pt.TrialStopped):
            first.report(0, f=1)
        first.stop()
        sweep.stop()
        within(30, lambda: session.exhausted is not None)
        assert session.ask() is None
    assert record(sweep).state == "interrupted"
    assert record(sweep).reason.startswith("stopped by")


def test_a_trial_that_is_tried_again_finds_its_checkpoint(tmp_path):
    sweep = make(tmp_path)
    with sweep.driving() as session, session.ask().checkpoint(3) as folder:
        (folder / "weights").write_text("good")
    with sweep.driving() as session:
        again = session.ask()
        assert (again.restore() / "weights").read_text() == "good"
        assert again.restored_step == 3
        again.tell(0.5)


def test_threads_share_a_session(tmp_path):
    sweep = make(tmp_path)

    def work(session):
        for trial in session:
            trial.report(0, f=1)
            trial.tell(loss(trial.config))

    with sweep.driving(trials=40) as session:
        threads = [threading.Thread(target=work, args=(session,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    frame = sweep.trials()
    assert frame["state"].tolist() == ["finished"] * 40
    assert frame["x"].nunique() == 40


def test_a_space_that_is_searched_ends_the_loop(tmp_path):
    sweep = make(tmp_path, space=pt.Space(x=pt.Choice(1, 2, 3), kind="a"), objectives={"f": "minimize"})
    with sweep.driving() as session:
        numbers = []
        for trial in session:
            numbers.append(trial.number)
            trial.tell(trial.config.x)
        assert session.exhausted == "the space is searched"
    assert numbers == [0, 1, 2]
    assert record(sweep).state == "finished"


def test_a_sampler_that_thinks_is_waited_for_only_so_long(tmp_path):
    class Slow:
        name, thinks = "slow", True

        def propose(self, space, trials, n, seed):
            time.sleep(0.5)
            return pt.search.RandomSampler().propose(space, trials, n, seed)

    with make(tmp_path, sampler=Slow()).driving() as session:
        assert session.ask(wait=0.0) is None
        assert session.exhausted is None
        assert session.ask().number == 0


def test_a_configuration_of_ones_own_can_be_tried_with_its_parent(tmp_path):
    sweep = make(tmp_path)
    with sweep.driving() as session:
        first = session.ask()
        first.tell(1.0)
        child = session.begin(SPACE.mutate(first.config, 3), sampler="by hand", reason="a hunch", parent=first.number)
        child.tell(0.5)
        with pytest.raises(pt.SweepError, match="another space"):
            session.begin(pt.Space(y=pt.Int(1, 2)).sample(0), sampler="by hand", reason="a hunch")
    row = sweep._store.trial(record(sweep).id, 1)
    assert (row.parent, row.proposal["sampler"], row.proposal["reason"]) == (0, "by hand", "a hunch")


def test_a_failed_trial_can_be_resumed_and_a_finished_one_not(tmp_path):
    sweep = make(tmp_path)
    with sweep.driving() as session:
        failed, finished = session.ask(worker="w"), session.ask()
        failed.fail("no")
        finished.tell(1.0)
        assert (session.last_of("w"), session.last_of("nobody")) == (0, None)
        again = session.resume(0, worker="w")
        assert (again.number, again.attempt) == (0, 1)
        again.tell(0.25)
        with pytest.raises(pt.SweepError, match="Trial 1 is finished"):
            session.resume(1)
    assert sweep.trials()["f"].tolist() == [0.25, 1.0]


def test_a_session_is_pickled_as_its_sweeps_name(tmp_path):
    sweep = make(tmp_path)
    with sweep.driving() as session:
        text = pickle.dumps(session)
        assert len(text) < 1000
        assert pickle.loads(text) is session
        assert copy.deepcopy(session) is session
    with pytest.raises(pt.SweepError, match="is not driven by this process"):
        pickle.loads(text)
    with sweep.driving() as later:
        assert pickle.loads(text) is later
