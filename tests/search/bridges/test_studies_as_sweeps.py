"""Studies that Optuna makes in a store of ours: pitfalls of its storages, and what we see of them."""

from __future__ import annotations

import math
import threading
import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState as State
from optuna.trial import create_trial

from paretree.search import Store, StoreError, optuna_storage
from paretree.search.reports import importance_rows, read_results, sweep_details, trial_details
from paretree.search.store import TrialState
from paretree.spaces import Space


def objective(trial: optuna.Trial) -> float:
    x = trial.suggest_float("model/x", 0, 1)
    if trial.suggest_categorical("deep", [True, False]):
        return x + trial.suggest_int("depth", 1, 4)
    return x


def make_study(storage, name="theirs", **options):
    return optuna.create_study(study_name=name, storage=storage, **options)


def anew(storage, name="theirs"):
    """The study as another process reads it."""
    return optuna.load_study(study_name=name, storage=optuna_storage(storage._store))


def test_a_study_is_a_sweep_with_a_front(storage, store):
    study = make_study(storage, directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: (objective(trial), trial.number), n_trials=6)
    results = read_results(store, "theirs")
    assert results.goals.names == ["value_0", "value_1"]
    assert list(results.frame["value_1"]) == [0, 1, 2, 3, 4, 5]
    assert set(results.front["number"]) == {one.number for one in study.best_trials}


def test_its_space_is_what_was_suggested(storage, store):
    study = make_study(storage, sampler=optuna.samplers.RandomSampler(seed=0))
    assert Space.from_json(store.sweep("theirs").space).slots == ()
    study.optimize(objective, n_trials=12)
    space = Space.from_json(store.sweep("theirs").space)
    assert sorted(slot.path for slot in space.slots) == ["deep", "depth", "model/x"]
    assert space.fingerprint == store.sweep("theirs").fingerprint
    assert sweep_details(store, "theirs")["on_the_front"] == 1
    assert trial_details(store, "theirs", 0)["decisions"] == study.trials[0].params


def test_what_matters_can_be_told_of_it(storage, store):
    study = make_study(storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("y", 0, 1) / 100, n_trials=12)
    assert [row["decision"] for row in importance_rows(store, "theirs", "ped-anova")] == ["x", "y"]


def test_names_of_metrics_become_those_of_the_objectives(storage, store):
    study = make_study(storage, directions=["minimize", "minimize"])
    study.add_trial(create_trial(values=[1.0, 2.0]))
    running = study.ask()
    storage.set_trial_intermediate_value(running._trial_id, 0, 0.5)
    study.set_metric_names(["loss", "size"])
    study.tell(running, [3.0, 4.0])
    sweep = store.sweep("theirs")
    assert [trial.values for trial in store.trials(sweep.id)] == [
        {"loss": 1.0, "size": 2.0},
        {"loss": 3.0, "size": 4.0},
    ]
    assert [report.name for report in store.reports(sweep.id, 1)] == ["loss"]
    assert anew(storage).metric_names == ["loss", "size"]
    assert [one.values for one in anew(storage).trials] == [[1.0, 2.0], [3.0, 4.0]]


def test_names_of_metrics_that_meet_stay_a_note(storage, store):
    study = make_study(storage, directions=["minimize", "minimize"])
    study.set_metric_names(["loss", "loss"])
    assert [one["name"] for one in store.sweep("theirs").objectives] == ["value_0", "value_1"]
    assert anew(storage).metric_names == ["loss", "loss"]


def test_choices_that_are_more_than_plain_values_come_back(storage, store):
    def layered(trial: optuna.Trial) -> float:
        layers = trial.suggest_categorical("layers", [(8, 8), (16,), None, math.inf])
        assert layers in [(8, 8), (16,), None, math.inf]
        return 0.0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Optuna advises against such choices
        make_study(storage, sampler=optuna.samplers.RandomSampler(seed=1)).optimize(layered, n_trials=12)
    found = [one.params["layers"] for one in anew(storage).trials]
    assert [8, 8] in found, "a tuple is a list in JSON"
    assert math.inf in found
    decisions = {trial.configuration["layers"] for trial in store.trials(store.sweep("theirs").id)}
    assert decisions == {"json:[8, 8]", "json:[16]", None, "json:Infinity"}


def test_choices_that_no_json_can_hold_are_refused(storage):
    trial = make_study(storage).ask()
    with (
        pytest.warns(UserWarning, match="Choices for a categorical distribution"),
        pytest.raises(StoreError, match=r"parameter 'act' has choices that cannot be written down.*their names"),
    ):
        trial.suggest_categorical("act", [len, max])


def test_choices_that_are_equal_to_python_stay_apart(storage):
    for choice in (1, True, 1.0, "1"):
        study = make_study(storage, repr(choice))
        choices = CategoricalDistribution([choice, "x"])
        study.add_trial(create_trial(params={"c": choice}, distributions={"c": choices}, value=0.0))
        assert type(anew(storage, repr(choice)).trials[0].params["c"]) is type(choice)


NAMES = ["a/b", "build", "x[0]", "op=conv", "", "ä ö", "a\x00b", "_private", "'; DROP TABLE trial"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_that_of_a_parameter(storage, store, name):
    study = make_study(storage)
    study.optimize(lambda trial: trial.suggest_float(name, 0, 1), n_trials=2)
    assert [list(one.params) for one in anew(storage).trials] == [[name], [name]]
    Space.from_json(store.sweep("theirs").space)


def test_ranges_may_change_from_trial_to_trial(storage, store):
    study = make_study(storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1 + trial.number), n_trials=4)
    assert [one.distributions["x"].high for one in anew(storage).trials] == [1, 2, 3, 4]
    [slot] = Space.from_json(store.sweep("theirs").space).slots
    assert (slot.domain.low, slot.domain.high) == (0.0, 4.0), "the space has the widest range"


def test_a_parameter_cannot_change_its_kind(storage):
    study = make_study(storage)
    study.ask().suggest_float("x", 0, 1)
    with pytest.raises(ValueError, match=r"Parameter 'x' of 'theirs' is Float.* cannot be Int.*another name"):
        study.ask().suggest_int("x", 0, 1)


@pytest.mark.parametrize("options", [{"log": True}, {"step": 0.1}, {}])
def test_numbers_come_back_exactly(storage, options):
    study = make_study(storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0.1, 1.0, **options), n_trials=10)
    assert [one.params for one in anew(storage).trials] == [one.params for one in study.trials]
    assert [one.value for one in anew(storage).trials] == [one.value for one in study.trials]


def test_attributes_are_json(storage):
    study = make_study(storage)
    trial = study.ask()
    trial.set_user_attr("numpy", np.float64(0.5))
    trial.set_user_attr("keys", {1: {"a": (1, 2)}})
    trial.set_user_attr("none", None)
    trial.set_user_attr("odd", [math.nan, -math.inf, "\ud800"])
    found = anew(storage).trials[0].user_attrs
    assert found["numpy"] == 0.5
    assert found["keys"] == {"1": {"a": [1, 2]}}
    assert found["none"] is None
    assert math.isnan(found["odd"][0])
    assert found["odd"][1:] == [-math.inf, "\ud800"]
    with pytest.raises(StoreError, match="cannot hold this value"):
        trial.set_user_attr("object", object())
    assert "object" not in storage.get_trial(trial._trial_id).user_attrs, "what was not written is not known either"


def test_a_result_that_is_no_number_is_a_failure(storage, store):
    study = make_study(storage)
    study.optimize(lambda trial: math.nan, n_trials=1)
    study.optimize(lambda trial: math.inf, n_trials=1)
    assert [one.state for one in anew(storage).trials] == [State.FAIL, State.COMPLETE]
    assert anew(storage).trials[1].value == math.inf
    assert store.trial(store.sweep("theirs").id, 0).state is TrialState.FAILED


def test_pruned_trials_are_stopped_ones(storage, store):
    def pruned(trial: optuna.Trial) -> float:
        trial.report(0.5, 0)
        trial.report(math.nan, 1)
        raise optuna.TrialPruned

    make_study(storage).optimize(pruned, n_trials=1)
    [one] = anew(storage).trials
    assert one.state is State.PRUNED
    assert math.isnan(one.intermediate_values[1])
    assert store.trial(store.sweep("theirs").id, 0).state is TrialState.STOPPED


def test_constraints_bind_on_our_front(storage, store):
    study = make_study(storage)
    for value, violation in ((1.0, 0.5), (2.0, -0.5)):
        trial = study.ask()
        trial.set_constraint("memory", violation)
        study.tell(trial, value)
    results = read_results(store, "theirs")
    assert [constraint.name for constraint in results.goals.constraints] == ["memory"]
    assert list(results.front["number"]) == [1] == [study.best_trial.number]
    assert [one.constraints for one in anew(storage).trials] == [{"memory": 0.5}, {"memory": -0.5}]


def test_constraints_of_the_old_form_bind_on_our_front(storage, store):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # constraints_func is on its way out
        sampler = optuna.samplers.TPESampler(constraints_func=lambda trial: [trial.number - 1.5, -1.0], seed=0)
    make_study(storage, sampler=sampler).optimize(lambda trial: -trial.number, n_trials=4)
    results = read_results(store, "theirs")
    assert [constraint.name for constraint in results.goals.constraints] == ["constraint 0", "constraint 1"]
    assert list(results.front["number"]) == [1]


def test_a_waiting_trial_goes_to_one_process_only(storage):
    study, other = make_study(storage), optuna_storage(storage._store)
    study.enqueue_trial({"x": 0.5})
    [waiting] = study.trials
    assert storage.set_trial_state_values(waiting._trial_id, State.RUNNING)
    assert not other.set_trial_state_values(waiting._trial_id, State.RUNNING)


def test_what_another_process_says_of_a_running_trial_is_seen(storage):
    study = make_study(storage)
    trial, other = study.ask(), optuna_storage(storage._store)
    other.set_trial_user_attr(trial._trial_id, "host", "there")
    other.set_trial_param(trial._trial_id, "x", 0.5, FloatDistribution(0, 1))
    assert storage.get_trial(trial._trial_id).user_attrs == {"host": "there"}
    assert storage.get_trial(trial._trial_id).params == {"x": 0.5}
    other.set_trial_state_values(trial._trial_id, State.COMPLETE, [1.0])
    assert storage.get_trial(trial._trial_id).state is State.COMPLETE
    with pytest.raises(RuntimeError, match="Trial 0 of 'theirs' has ended as finished"):
        trial.report(0.5, 0)


def test_a_study_in_the_place_of_a_deleted_one_is_not_mistaken_for_it(storage):
    make_study(storage).optimize(lambda trial: 1.0, n_trials=3)
    other = optuna_storage(storage._store)
    id = other.get_study_id_from_name("theirs")
    assert len(other.get_all_trials(id)) == 3
    optuna.delete_study(study_name="theirs", storage=storage)
    with pytest.raises(KeyError, match=f"no study with id {id}"):
        other.get_all_trials(id)
    make_study(storage, "another").optimize(lambda trial: 1.0, n_trials=1)
    assert len(other.get_all_trials(other.get_study_id_from_name("another"))) == 1


def test_threads_share_a_study(storage, store):
    study = make_study(storage, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=30, n_jobs=4)
    assert [one.number for one in study.trials] == list(range(30))
    assert [one.params for one in anew(storage).trials] == [one.params for one in study.trials]
    assert threading.active_count() < 30
    assert {trial.state for trial in store.trials(store.sweep("theirs").id)} == {TrialState.FINISHED}


SAMPLERS = {
    "tpe": lambda: optuna.samplers.TPESampler(seed=0, n_startup_trials=3),
    "nsgaii": lambda: optuna.samplers.NSGAIISampler(seed=0, population_size=4),
    "qmc": lambda: optuna.samplers.QMCSampler(seed=0),
    "gp": lambda: optuna.samplers.GPSampler(seed=0, n_startup_trials=3),
    "grid": lambda: optuna.samplers.GridSampler({"x": [0.0, 0.5, 1.0], "k": [1, 2, 3]}, seed=0),
    "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=0),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_samplers_do_as_they_do_in_memory(storage, sampler):
    """Whatever a sampler keeps in attributes and reads of trials comes back as from Optuna's own storage."""

    def steady(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1, step=0.5) + trial.suggest_int("k", 1, 3)

    here = make_study(storage, sampler=SAMPLERS[sampler]())
    there = make_study(None, sampler=SAMPLERS[sampler]())
    for study in (here, there):
        study.optimize(steady, n_trials=8)
    assert [one.params for one in here.trials] == [one.params for one in there.trials]


def test_a_store_is_read_anew_from_its_url(storage, url):
    make_study(storage).optimize(objective, n_trials=2)
    assert len(optuna.load_study(study_name="theirs", storage=optuna_storage(Store.open(url))).trials) == 2
    with pytest.raises(StoreError, match="folder does not exist"):
        optuna_storage("sqlite:////nowhere/at/all.db")
