"""Sweeps of ours, seen and gone on with through Optuna."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import optuna
import pytest
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState as State

import paretree as pt
from paretree.search import Store, StoreError, suggest
from paretree.search.bridges.parameters import parameters_of
from paretree.search.store import this_driver
from paretree.spaces import ConfigurationError
from paretree.workers import InlineWorkers

from .conftest import SPACE, measure, train


def go_on(trial: optuna.Trial) -> tuple[float, float]:
    found = measure(suggest(SPACE, trial).values)
    return found["loss"], found["size"]


def load(storage, name="ours", **options):
    return optuna.load_study(study_name=name, storage=storage, **options)


def test_a_sweep_is_a_study_with_the_same_numbers(make_sweep, storage):
    sweep = make_sweep()
    study, frame = load(storage), sweep.trials()
    assert [one.number for one in study.trials] == list(frame["number"])
    for one, (_, row) in zip(study.trials, frame.iterrows(), strict=True):
        assert one.state is State.COMPLETE
        assert one.values == [row["loss"], row["size"]]
        assert one.params == sweep.configuration(one.number).values
        assert one.user_attrs["latency"] == row["latency"], "another returned number is a user attribute"
        assert sorted(one.intermediate_values) == [0, 1, 2], "reports of the first objective are intermediate values"
        began = one.datetime_start.astimezone(UTC)
        assert abs(began - row["started_at"]) < timedelta(seconds=1), "times are local ones, as Optuna's are"
    assert study.metric_names == ["loss", "size"]
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MINIMIZE"]


def test_the_front_is_the_same_for_both(make_sweep, storage):
    sweep = make_sweep(trials=12)
    assert {one.number for one in load(storage).best_trials} == set(sweep.front()["number"])


def test_decisions_have_their_own_ranges_as_parameters():
    found = {path: parameter.distribution for path, parameter in parameters_of(SPACE).items()}
    assert found["lr"] == optuna.distributions.FloatDistribution(1e-3, 1.0, log=True)
    assert found["momentum"] == optuna.distributions.FloatDistribution(0.0, 0.9, step=0.1)
    assert found["width"] == optuna.distributions.IntDistribution(1, 9)
    assert found["op"] == optuna.distributions.CategoricalDistribution(("plain", "rich"))


def test_optuna_goes_on_with_a_finished_sweep_and_we_see_its_trials(make_sweep, storage):
    sweep = make_sweep()
    load(storage, sampler=optuna.samplers.TPESampler(seed=0)).optimize(go_on, n_trials=7)
    frame = sweep.trials()
    assert list(frame["number"]) == list(range(15))
    assert set(frame["state"]) == {"finished"}
    assert list(frame["sampler"][8:]) == ["optuna"] * 7
    assert set(sweep.front()["number"]) == {one.number for one in load(storage).best_trials}
    for number in range(8, 15):
        assert SPACE.contains(sweep.configuration(number)), "what Optuna tried is a configuration of the space"


def test_a_sweep_goes_on_here_after_optuna_went_on_with_it(make_sweep, storage):
    sweep = make_sweep(trials=3)
    load(storage).optimize(go_on, n_trials=3)
    sweep.run(9, workers=InlineWorkers(), progress=False)
    assert list(sweep.trials()["state"]) == ["finished"] * 9


def test_a_trial_that_optuna_left_in_the_middle_does_not_stop_the_sweep(make_sweep, storage):
    sweep = make_sweep(trials=3)
    abandoned = load(storage).ask()
    abandoned.suggest_int("width", 1, 9)
    interrupted = load(storage).ask()
    interrupted.suggest_float("lr", 1e-3, 1.0, log=True)
    load(storage).tell(interrupted, state=State.FAIL)
    sweep.run(6, workers=InlineWorkers(), progress=False)
    frame = sweep.trials()
    assert list(frame["state"]) == ["finished"] * 4 + ["failed", "finished"]
    assert frame["width"][3] == abandoned.params["width"], "what it decided stays decided"


def test_only_what_optuna_decided_is_a_parameter(make_sweep, storage):
    make_sweep(trials=1)
    trial = load(storage).ask()
    assert storage.get_trial(trial._trial_id).params == {}
    trial.suggest_int("width", 1, 9)
    assert list(storage.get_trial(trial._trial_id).params) == ["width"]


def test_what_optuna_queues_is_tried_here(make_sweep, storage):
    sweep = make_sweep(trials=2)
    load(storage).enqueue_trial({"width": 5, "op": "plain", "no such": 1})
    sweep.run(3, workers=InlineWorkers(), progress=False)
    last = sweep.trials().iloc[2]
    assert (last["width"], last["op"], last["state"]) == (5, "plain", "finished")


def test_what_optuna_queues_is_tried_by_optuna(make_sweep, storage):
    make_sweep(trials=2)
    load(storage).enqueue_trial({"width": 5, "op": "plain"})
    load(storage).optimize(go_on, n_trials=1)
    last = load(storage).trials[2]
    assert (last.params["width"], last.params["op"], last.state) == (5, "plain", State.COMPLETE)


def test_a_parameter_that_is_no_decision_is_refused(make_sweep, storage):
    make_sweep(trials=1)
    trial = load(storage).ask()
    with pytest.raises(StoreError, match=r"has no decision 'depth'; suggest its own: lr, momentum, width, op"):
        trial.suggest_int("depth", 1, 3)
    with pytest.raises(StoreError, match=r"decision 'width' of sweep 'ours' cannot be 12"):
        trial.suggest_int("width", 12, 12)
    with pytest.raises(ValueError, match=r"'op' of 'ours' is .* cannot be .*dynamic value space"):
        trial.suggest_categorical("op", ["plain", "poor"])


def test_a_narrower_range_is_kept_with_its_trial(make_sweep, storage, url):
    make_sweep(trials=1)
    trial = load(storage).ask()
    trial.suggest_int("width", 2, 3)
    again = pt.search.optuna_storage(url).get_trial(trial._trial_id)
    assert again.distributions["width"] == optuna.distributions.IntDistribution(2, 3)


def test_a_trial_cannot_be_completed_before_it_is_a_configuration(make_sweep, storage):
    sweep = make_sweep(trials=1)
    trial = load(storage).ask()
    trial.suggest_int("width", 1, 9)
    with pytest.raises(ConfigurationError, match="'lr' is missing"):
        load(storage).tell(trial, [1.0, 2.0])
    assert sweep.trials()["state"][1] == "running", "nothing of it was written"


def test_steps_are_written_as_they_are_typed(make_sweep, storage):
    sweep = make_sweep(trials=1)
    load(storage).enqueue_trial({"momentum": 0.1 + 0.2})
    load(storage).optimize(go_on, n_trials=1)
    assert sweep.configuration(1)["momentum"] == 0.3
    assert load(storage).trials[1].params["momentum"] == 0.3


def test_what_a_space_requires_binds_optuna_too(url, storage):
    space = pt.Space(a=pt.Int(0, 3), b=pt.Int(0, 3))
    space = space.require(space.parts["a"] + space.parts["b"] <= 3, "memory")
    sweep = pt.Sweep("bound", space, lambda trial: {"loss": trial.config.a}, {"loss": "minimize"}, store=url)
    sweep.run(1, workers=InlineWorkers(), progress=False)
    trial = load(storage, "bound").ask()
    trial.suggest_int("a", 3, 3)
    with pytest.raises(StoreError, match="fulfils what its space requires"):
        trial.suggest_int("b", 1, 3)


def test_constraints_are_optunas_and_come_back(make_sweep, storage):
    sweep = make_sweep(objectives={"loss": "minimize"}, constraints={"latency": "<= 2.5"})
    study = load(storage)
    for one, latency in zip(study.trials, sweep.trials()["latency"], strict=True):
        assert one.constraints == {"0": pytest.approx(latency - 2.5)}, "a list, which all tools of Optuna read"

    def objective(trial: optuna.Trial) -> float:
        found = measure(suggest(SPACE, trial).values)
        trial.set_constraint("latency", found["latency"] - 2.5)
        return found["loss"]

    load(storage, sampler=optuna.samplers.GPSampler(seed=0, n_startup_trials=1)).optimize(objective, n_trials=3)
    frame = sweep.trials()
    assert frame["latency"][8:].tolist() == pytest.approx([10 * lr for lr in frame["lr"][8:]])
    assert {one.number for one in study.best_trials} == set(sweep.front()["number"])


def test_a_trial_without_a_number_has_failed_for_optuna(make_sweep, storage):
    def broken(trial: pt.Trial) -> dict[str, float]:
        return {"loss": math.nan if trial.config.width > 4 else math.inf, "size": 1.0}

    sweep = make_sweep(train=broken)
    states = [one.state for one in load(storage).trials]
    assert states == [State.FAIL if width > 4 else State.COMPLETE for width in sweep.trials()["width"]]
    assert {State.FAIL, State.COMPLETE} == set(states), "the seed gives both"
    load(storage).optimize(go_on, n_trials=2)


def test_failed_trials_and_those_that_are_stopped_are_so_for_optuna(make_sweep, storage, store):
    def fragile(trial: pt.Trial) -> dict[str, float]:
        if trial.config.width > 4:
            raise ValueError("too wide")
        return train(trial)

    make_sweep(train=fragile)
    assert {one.state for one in load(storage).trials} == {State.FAIL, State.COMPLETE}
    writer = store.writer(store.sweep("ours").id, driver=this_driver(), clock=lambda: datetime.now(UTC))
    stop_one(writer)
    study = load(storage, sampler=optuna.samplers.TPESampler(n_startup_trials=1, seed=0))
    stopped = study.trials[8]
    assert (stopped.state, stopped.values, stopped.intermediate_values) == (State.PRUNED, None, {})
    study.optimize(go_on, n_trials=3)  # with a curve of the stopped trial, TPE would raise an error here


def stop_one(writer) -> None:
    """Add a trial to the sweep that reports once and is then stopped."""
    from paretree.search.store import NewTrial, SweepState
    from paretree.workers.protocol import AttemptId

    configuration, now = SPACE.sample(0), datetime.now(UTC).timestamp()
    id = AttemptId(writer.next_number(), 0)
    proposal = {"sampler": "random", "reason": "drawn"}
    with writer.transaction() as transaction:
        transaction.add_trials([NewTrial(id.trial, configuration.values, configuration.key, proposal, seed=0)])
    with writer.transaction() as transaction:
        transaction.send([id])
        transaction.started(id, "worker", "node", now)
        transaction.reported(id, 0, {"loss": 1.0}, now)
        transaction.stopped(id, now)
    writer.release(SweepState.INTERRUPTED, None)


def test_a_driven_sweep_can_be_read_but_not_changed(make_sweep, storage, store):
    make_sweep(trials=2)
    running = load(storage).ask()
    store.writer(store.sweep("ours").id, driver=this_driver(), clock=lambda: datetime.now(UTC))
    assert len(load(storage).trials) == 3
    driven = re.escape(f"the sweep 'ours' is driven by {this_driver()}, so Optuna can read but not change it")
    for change in (
        lambda: load(storage).ask(),
        lambda: running.suggest_int("width", 1, 9),
        lambda: running.set_user_attr("a", 1),
        lambda: load(storage).tell(running, state=State.FAIL),
        lambda: load(storage).set_user_attr("a", 1),
        lambda: load(storage).enqueue_trial({"width": 3}),
        lambda: optuna.delete_study(study_name="ours", storage=storage),
    ):
        with pytest.raises(StoreError, match=driven):
            change()


def test_a_sweep_whose_driver_died_is_free(make_sweep, storage, store):
    make_sweep(trials=1)
    dead = this_driver().rpartition(":")[0] + ":1"  # this process, had it been started at another time
    store.writer(store.sweep("ours").id, driver=dead, clock=lambda: datetime.now(UTC))
    load(storage).optimize(go_on, n_trials=1)
    assert len(load(storage).trials) == 2


def test_a_finished_trial_of_ours_cannot_be_changed(make_sweep, storage):
    make_sweep(trials=1)
    id = load(storage).trials[0]._trial_id
    with pytest.raises(UpdateFinishedTrialError, match="Trial 0 of 'ours' has ended as finished"):
        storage.set_trial_user_attr(id, "a", 1)


def test_a_store_that_is_read_only_shows_its_studies(make_sweep, url):
    make_sweep(trials=2)
    shown = pt.search.optuna_storage(Store.open(url, readonly=True))
    assert len(load(shown).trials) == 2
    with pytest.raises(StoreError, match="for reading only"):
        load(shown).ask()


def test_optunas_pictures_can_be_drawn(make_sweep, storage):
    pytest.importorskip("plotly")
    make_sweep(trials=12)
    make_sweep(trials=12, name="single", objectives={"loss": "minimize"})
    both, single, draw = load(storage), load(storage, "single"), optuna.visualization
    front = draw.plot_pareto_front(both)
    assert front.layout.xaxis.title.text == "loss"
    assert sum(len(trace.x) for trace in front.data) == 12
    assert len(draw.plot_optimization_history(single).data[0].x) == 12
    assert len(draw.plot_intermediate_values(single).data) == 12
    assert draw.plot_param_importances(single).data[0].y
    assert draw.plot_parallel_coordinate(single).data
    assert draw.plot_slice(single, params=["lr"]).data
